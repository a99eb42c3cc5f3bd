//! Tunnels on the DNS port that speak no DNS: iodine's raw mode.
//!
//! iodine leaves DNS where client and server reach each other directly, and then nothing of the
//! names and types is left to weigh: its datagrams begin with 0x10d19e, a command of four bits and
//! the user (`doc/proto_00000502.txt`, section 2, in yarrick/iodine). They are counted by (client,
//! server), and weighed by the same scorecards as everything else. Other protocols on the port are
//! only counted here.

use std::hash::BuildHasher;

use geophone_sensor::decode::foreign::Protocol;
use geophone_sensor::record::{NotDns, Transaction, Transport};

use super::suspicion::Weighed;
use super::{Analytics, Fill};
use crate::alert::{Alert, Suspect};
use crate::detect::Features;
use crate::state::{KeyState, Scope, Tier};

impl Analytics {
    /// Takes a payload that is not DNS; opens, updates or leaves the alert about its sender.
    pub(super) fn foreign(&mut self, record: &NotDns, sink: &mut impl FnMut(&Alert<'_>)) {
        self.counters.records_not_dns += 1;
        if !is_raw_iodine(record) {
            return;
        }
        self.now = record.time;
        self.close_idle(sink);
        let key = self.hasher.hash_one((record.client, record.server, "iodine raw"));
        let samples = usize::try_from(self.config.alert.samples).unwrap_or_default();
        if self.suspects.find(key).is_none()
            && let Some(gone) = self.suspects.insert(key, Suspect::of_payload(record))
        {
            self.close(gone, "evicted: more suspects than the table holds", sink);
        }
        if let Some(suspect) = self.suspects.find(key) {
            suspect.add_payload(record, samples);
        }
        self.judge_payload(key, record, sink);
    }

    fn judge_payload(&mut self, key: u64, record: &NotDns, sink: &mut impl FnMut(&Alert<'_>)) {
        let Some(suspect) = self.suspects.find(key) else { return };
        let state = figures_of(suspect);
        let nothing_asked = Transaction::default();
        let features = Features::new(&state, 0.0, &nothing_asked).with(suspect.signs());
        let fullest = Fill { scope: Scope::ClientDomain, tier: Tier(0), share: 0.0 };
        let (state, features, time) = (&state, &features, record.time);
        self.weigh(&Weighed { key, state, features, fullest, time }, sink);
    }
}

/// The header, and one of the three commands: login, data, ping.
fn is_raw_iodine(record: &NotDns) -> bool {
    let command = record.head.get(3).map(|byte| byte >> 4);
    record.protocol == Protocol::IodineRaw
        && record.transport == Transport::Udp
        && command.is_some_and(|command| (1..=3).contains(&command))
}

/// What a key would hold: datagrams for queries, and all that went up as what could have leaked.
fn figures_of(suspect: &Suspect) -> KeyState {
    let datagrams = suspect.tool.raw();
    let total_bits = u32::try_from(suspect.bytes_up.saturating_mul(8)).unwrap_or(u32::MAX);
    let mut state = KeyState::default();
    state.account.first = suspect.first;
    (state.figures.queries, state.account.total_queries) = (datagrams, datagrams);
    state.account.total_bits = total_bits;
    state
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use geophone_sensor::record::Record;
    use geophone_sensor::time::Timestamp;

    use super::*;
    use crate::alert::{Action, Style, to_ecs, to_table};
    use crate::config::Config;
    use crate::rule::Rules;

    fn datagram(n: i64, command: u8) -> NotDns {
        NotDns {
            time: Timestamp(n * 10_000),
            transport: Transport::Udp,
            client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)),
            server: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            client_port: 40_000,
            server_port: 53,
            from_client: n % 2 == 0,
            path: geophone_sensor::decode::path::Path::default(),
            protocol: Protocol::IodineRaw,
            bytes: 200,
            head: vec![0x10, 0xd1, 0x9e, command << 4 | 1, 7, 8, 9],
        }
    }

    #[test]
    fn raw_iodine_is_one_alert_that_adds_up_and_closes() {
        let mut analytics = Analytics::new(Config::default(), Rules::builtin().unwrap());
        let mut told = Vec::new();
        let mut sink = |alert: &Alert<'_>| {
            let sum: i32 = alert.evidence.iter().map(|evidence| evidence.points).sum();
            assert_eq!(sum, alert.score);
            told.push((alert.action, to_ecs(alert), to_table(alert, Style::Plain)));
        };
        for n in 0..200 {
            analytics.record(&Record::NotDns(&datagram(n, 1 + u8::from(n > 1))), &mut sink);
        }
        analytics.finish(&mut sink);
        assert_eq!(analytics.counters().imbalance(), None);
        let (action, ecs, table) = &told[0];
        assert_eq!(*action, Action::Open);
        assert_eq!(ecs["rule"]["id"], "dns-tunnel");
        assert_eq!(ecs["geophone"]["tool"], "iodine raw mode");
        assert_eq!(ecs["geophone"]["queries"], 4);
        assert_eq!(ecs["geophone"]["samples"][0]["qname"], "10d19e11070809");
        assert!(table.contains("datagrams") && table.contains("iodine raw mode"), "{table}");
        let (action, ecs, _) = told.last().unwrap();
        assert_eq!(*action, Action::Close);
        assert_eq!(ecs["geophone"]["leak_bytes"], 100 * 200);
    }

    #[test]
    fn a_few_datagrams_and_other_payloads_are_not_told() {
        let mut analytics = Analytics::new(Config::default(), Rules::builtin().unwrap());
        let mut sink = |alert: &Alert<'_>| {
            assert_ne!(alert.detector.id, "dns-tunnel", "{}", alert.score);
        };
        for n in 0..3 {
            analytics.record(&Record::NotDns(&datagram(n, 1)), &mut sink);
        }
        for n in 3..100 {
            let other = NotDns { protocol: Protocol::Openvpn, ..datagram(n, 2) };
            analytics.record(&Record::NotDns(&other), &mut sink);
            analytics.record(&Record::NotDns(&datagram(n, 9)), &mut sink);
        }
    }
}
