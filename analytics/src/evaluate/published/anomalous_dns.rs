//! Zeek package anomalous-dns: unique queries per domain, sizes, query types.
//!
//! Source: `jbaggs/anomalous-dns`, `scripts/main.zeek`, `an-dns-domain.zeek`,
//! `an-dns-oversized.zeek`, `an-dns-query_type.zeek` as shipped: more than 8 unique queries for a
//! domain in 60 minutes (12 by recursive resolvers) outside in-addr.arpa and ip6.arpa; names over
//! 90 characters but for PTR, NB and a few patterns; messages over 544 octets (3,584 to local
//! servers); query types 10 and 65399. Each is one notice, so the score is in units of the limit
//! that is exceeded and an alarm from one on.
//!
//! Two differences: trust anchor telemetry (`_ta-xxxx`, type 10) is exempt for everybody, not for
//! listed servers only, since the shipped list of servers is empty; and connections over 45 s or 12
//! packets are left out, since a transaction is not a connection.
//!
//! Known to miss: 8 names an hour, for ever. Known to raise: every domain with nine hosts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::record::Transaction;

use super::table::{Recent, Table, Told, above, hash, is_scored, name_hash, number, scored};
use super::{Published, PublishedScore};

/// `domain_query_limit`.
const QUERIES: f64 = 8.0;
/// `recursive_domain_query_limit`.
const RESOLVER_QUERIES: f64 = 12.0;
/// `query_period`.
const PERIOD: Duration = Duration::from_secs(3_600);
/// `oversize_query`, in characters.
const QUERY: f64 = 90.0;
/// `oversize_response`, in octets.
const RESPONSE: f64 = 544.0;
/// `server_oversize_response`, in octets.
const SERVER_RESPONSE: f64 = 3_584.0;
/// `query_type_blacklist`.
const TYPES: [u16; 2] = [10, 65_399];
/// `oversize_ignore_qtypes`.
const SIZE_IGNORED_TYPES: [u16; 2] = [12, 32];
/// `server_ignore_qtypes`.
const SERVER_IGNORED_TYPES: [u16; 3] = [12, 43, 48];

/// Domains kept; with their names at most 30 MB.
const DOMAINS: u32 = 8_192;
/// Names kept for a domain: eight times the limit.
const NAMES: u32 = 64;

/// The package with the resolvers it was told of.
pub struct AnomalousDns {
    resolvers: BTreeSet<IpAddr>,
    /// Unique queries per domain, counted apart for resolvers.
    domains: Table<(u64, bool), Recent>,
    told: Told,
}

impl Default for AnomalousDns {
    /// As shipped: without a list of resolvers.
    fn default() -> Self {
        Self::new(BTreeSet::new())
    }
}

impl AnomalousDns {
    /// Makes the package with its list of recursive resolvers filled in.
    #[must_use]
    pub fn new(resolvers: BTreeSet<IpAddr>) -> Self {
        Self { resolvers, domains: Table::new(DOMAINS), told: Told::default() }
    }

    fn unique(&mut self, transaction: &Transaction, name: &str, resolver: bool) -> f64 {
        let ignored = name.ends_with(".in-addr.arpa")
            || name.ends_with(".ip6.arpa")
            || resolver
                && (SERVER_IGNORED_TYPES.contains(&transaction.qtype) || name.starts_with("_."));
        if ignored {
            return 0.0;
        }
        let key = (hash(&transaction.domain_text()), resolver);
        let limit = if resolver { RESOLVER_QUERIES } else { QUERIES };
        self.domains.at(&key, || Recent::new(NAMES, PERIOD)).map_or(0.0, |names| {
            above(number(names.add(name_hash(transaction), transaction.time)), limit)
        })
    }
}

impl Published for AnomalousDns {
    fn name(&self) -> &'static str {
        "zeek-anomalous-dns"
    }

    fn threshold(&self) -> f64 {
        1.0
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if !is_scored(transaction) {
            return;
        }
        let name = transaction.qname.to_string().to_ascii_lowercase();
        let resolver = self.resolvers.contains(&transaction.client);
        let score = self
            .unique(transaction, &name, resolver)
            .max(oversized_query(transaction, &name))
            .max(oversized_message(transaction, resolver))
            .max(if is_bad_type(transaction.qtype, &name) { 1.0 } else { 0.0 });
        self.told.tell(scored(transaction, score), tell);
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

fn oversized_query(transaction: &Transaction, name: &str) -> f64 {
    let ignored = ["wpad", "isatap", "autodiscover", "domains._msdcs"];
    if SIZE_IGNORED_TYPES.contains(&transaction.qtype)
        || ignored.iter().any(|part| name.contains(part))
        || ["gstatic.com", "mcafee.com"].iter().any(|end| name.ends_with(end))
    {
        return 0.0;
    }
    above(f64::from(transaction.name.length), QUERY)
}

fn oversized_message(transaction: &Transaction, resolver: bool) -> f64 {
    if resolver && SERVER_IGNORED_TYPES.contains(&transaction.qtype) {
        return 0.0;
    }
    let octets = f64::from(transaction.query_bytes.max(transaction.answer_bytes));
    above(octets, if resolver { SERVER_RESPONSE } else { RESPONSE })
}

fn is_bad_type(qtype: u16, name: &str) -> bool {
    TYPES.contains(&qtype) && !(qtype == 10 && is_trust_anchor_telemetry(name))
}

/// Tells whether a name is trust anchor telemetry (RFC 8145 section 5.1).
fn is_trust_anchor_telemetry(name: &str) -> bool {
    name.strip_prefix("_ta-").is_some_and(|tags| {
        tags.split('-').all(|tag| tag.len() == 4 && tag.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::made::{alarms, ask, best};
    use super::*;

    fn names(n: i64, gap: i64) -> Vec<Transaction> {
        (0..n).map(|n| ask(n * gap, 1, &format!("n{n}.example.com"), 1)).collect()
    }

    #[test]
    fn it_fires_at_the_ninth_name_in_an_hour_and_is_silent_below() {
        assert!(!alarms(&mut AnomalousDns::default(), &names(8, 60)));
        assert!(alarms(&mut AnomalousDns::default(), &names(9, 60)));
        let resolvers = BTreeSet::from(["10.0.0.1".parse().unwrap()]);
        assert!(!alarms(&mut AnomalousDns::new(resolvers.clone()), &names(12, 60)));
        assert!(alarms(&mut AnomalousDns::new(resolvers), &names(13, 60)));
    }

    #[test]
    fn eight_names_an_hour_are_never_seen() {
        assert!(!alarms(&mut AnomalousDns::default(), &names(5_000, 460)));
    }

    #[test]
    fn long_names_large_messages_and_odd_types_are_notices_of_their_own() {
        let one = |name: &str, qtype| vec![ask(0, 1, name, qtype)];
        let label = "a".repeat(39);
        let long = |more| format!("{label}.{label}{more}.example.com");
        assert_eq!(long("").len(), 91);
        assert!(alarms(&mut AnomalousDns::default(), &one(&long(""), 1)));
        assert!(!alarms(&mut AnomalousDns::default(), &one(&long("").split_off(1), 1)));
        assert!(!alarms(&mut AnomalousDns::default(), &one(&long(""), 12)));
        assert!(alarms(&mut AnomalousDns::default(), &one("a.example.com", 10)));
        let telemetry = best(&mut AnomalousDns::default(), &one("_ta-4f66-9728", 10));
        assert!(telemetry.values().all(|score| *score < 1.0));
        let mut large = one("a.example.com", 1);
        large[0].answer_bytes = 545;
        assert!(alarms(&mut AnomalousDns::default(), &large));
        large[0].answer_bytes = 544;
        assert!(!alarms(&mut AnomalousDns::default(), &large));
    }
}
