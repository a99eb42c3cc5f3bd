//! Whether the site is cut off: nothing that is asked gets an answer, whatever it is about.
//!
//! Where the uplink is gone, every name fails, and what names a zone has look like a flood of it. A
//! flood leaves the names of one zone without an answer, an outage those of all.

use geophone_sensor::record::{Status, Transaction};
use serde::{Deserialize, Serialize};

/// The response code of a server that gave up.
const SERVFAIL: u16 = 2;
/// What a second keeps of the one before: ten seconds are remembered.
const KEEPS: f64 = 0.9;
const SECOND: i64 = 1_000_000;
/// Zones share these places by their hash.
const PLACES: usize = 64;
/// Failures from which there is something to tell.
const LEAST: f64 = 40.0;
/// The share of all that must fail.
const FAILS: f64 = 0.5;
/// The share of the failures that one zone may have where all fail; below it four zones can be
/// flooded and look like an outage, as long as their servers are silent.
const ONE_ZONE: f64 = 0.25;

/// What came of the questions of the last seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outage {
    second: i64,
    all: f64,
    failed: f64,
    /// Failures by zone; empty before the first.
    zones: Vec<f64>,
}

impl Outage {
    /// Takes an exchange; tells whether it failed as all do.
    pub(crate) fn meet(&mut self, asked: &Transaction) -> bool {
        let failed = match asked.status {
            Status::Answered => asked.answer.rcode == SERVFAIL,
            Status::Unanswered => true,
            Status::Unsolicited | Status::Continued => return false,
        };
        self.turn(asked.time.micros().div_euclid(SECOND));
        self.all += 1.0;
        if !failed {
            return false;
        }
        self.failed += 1.0;
        self.zones.resize(PLACES, 0.0);
        let Some(zone) = self.zones.get_mut(place_of(asked)) else { return false };
        *zone += 1.0;
        self.failed >= LEAST && self.failed >= FAILS * self.all && *zone < ONE_ZONE * self.failed
    }

    fn turn(&mut self, second: i64) {
        let passed = second.saturating_sub(self.second);
        if passed <= 0 {
            return;
        }
        let kept = i32::try_from(passed).map_or(0.0, |passed| KEEPS.powi(passed));
        let figures = self.zones.iter_mut().chain([&mut self.all, &mut self.failed]);
        figures.for_each(|figure| *figure *= kept);
        self.second = second;
    }
}

/// The place of the zone that a name stands in. Asked of every failure, so it is no better a hash than
/// it has to be (FNV-1a), of octets in lower case or what that leaves of others.
fn place_of(asked: &Transaction) -> usize {
    let zone = asked.qname.wire().get(usize::from(asked.domain_at)..).unwrap_or_default();
    let hash = zone.iter().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(octet | 0x20)).wrapping_mul(0x0100_0193)
    });
    usize::try_from(hash >> 16).unwrap_or_default() % PLACES
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;
    use geophone_sensor::time::Timestamp;

    use super::*;

    /// How many of the last hundred failures look like an outage, where `zones` zones fail.
    fn cut_off(zones: i64, answered: i64) -> usize {
        let mut outage = Outage::default();
        let mut ask = |n: i64, status| {
            let qname = Name::parse(&format!("zone{}.com", n % zones)).unwrap();
            let time = Timestamp(1_800_000_000 * SECOND + n * 10_000);
            outage.meet(&Transaction { status, qname, time, ..Transaction::default() })
        };
        for n in 0..1_000 {
            (0..answered).for_each(|_| assert!(!ask(n, Status::Answered)));
            ask(n, Status::Unanswered);
        }
        (1_000..1_100).filter(|n| ask(*n, Status::Unanswered)).count()
    }

    #[test]
    fn all_zones_fail_in_an_outage_and_one_in_a_flood() {
        assert_eq!(cut_off(300, 0), 100);
        assert_eq!(cut_off(1, 0), 0, "a flood of one zone");
        assert_eq!(cut_off(300, 20), 0, "most are answered");
    }
}
