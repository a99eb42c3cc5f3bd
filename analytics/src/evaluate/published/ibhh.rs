//! Information-based heavy hitters: octets of distinct subdomains per domain in two minutes.
//!
//! Source: Ozery, Nadler, Shabtai, "Information based heavy hitters for real-time DNS data
//! exfiltration detection", NDSS 2024, and its repository
//! `akamai/Information-based-Heavy-Hitters-for-Real-Time-DNS-Exfiltration-Detection` (`config.py`,
//! `main_wt.py`, `ibHH/`, `WeightedHyperLogLog/`): k = 1000 domains kept by the least hash of any
//! (subdomain, domain) seen, a weighted HyperLogLog of p = 12 for each, everything reset after
//! 120 s, the subdomain in the case and with the dots it came in.
//!
//! The published threshold is not a constant: it is calibrated in "peace time" for an accepted
//! false positive rate (the repository ships 0.01; the paper reports 0.7 B/s at a rate under
//! 0.004), and every domain that crossed it then is allowed for good, with a list of popular
//! domains. Here it is the reported 0.7 B/s, which is 84 octets a window, and nobody is allowed.
//!
//! Known to miss: whatever stays under 84 octets in two minutes, for ever.

use std::collections::{BTreeMap, BTreeSet};

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::table::{Told, hash, is_scored, subdomain_text};
use super::weighted::Weighted;
use super::{Published, PublishedScore};

/// Domains kept (`config.py`: k).
const DOMAINS: usize = 1000;
/// Microseconds until everything is forgotten (`config.py`: `time_window`).
const WINDOW: u64 = 120_000_000;
/// Octets a window: 0.7 B/s over 120 s.
const THRESHOLD: f64 = 84.0;

/// ibHH; at most 1,001 domains of 4 KiB.
#[derive(Default)]
pub struct Ibhh {
    began: Option<Timestamp>,
    domains: BTreeMap<String, (u64, Weighted)>,
    /// The domains by their least hash.
    least: BTreeSet<(u64, String)>,
    /// Domains whose least hash is not below this do not get in; `None` while there is room.
    bar: Option<u64>,
    told: Told,
}

impl Published for Ibhh {
    fn name(&self) -> &'static str {
        "ibhh"
    }

    fn threshold(&self) -> f64 {
        THRESHOLD
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if !is_scored(transaction) {
            return;
        }
        let time = transaction.time;
        if time.micros_since(*self.began.get_or_insert(time)) > WINDOW {
            self.domains.clear();
            self.least.clear();
            self.bar = None;
            self.began = Some(time);
        }
        let domain = transaction.domain_text();
        if let Some(score) = self.add(&domain, &subdomain_text(transaction), octets(transaction)) {
            self.told.tell(PublishedScore { client: None, domain, time, score }, tell);
        }
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

impl Ibhh {
    /// Adds a pair; returns the domain's sum where it changed.
    fn add(&mut self, domain: &str, subdomain: &str, weight: u8) -> Option<f64> {
        let pair = hash(&(subdomain, domain));
        if let Some((least, _)) = self.domains.get_mut(domain) {
            if pair < *least {
                self.least.remove(&(*least, domain.to_owned()));
                self.least.insert((pair, domain.to_owned()));
                *least = pair;
            }
        } else if self.bar.is_none_or(|bar| pair < bar) {
            self.domains.insert(domain.to_owned(), (pair, Weighted::new()));
            self.least.insert((pair, domain.to_owned()));
        } else {
            return None;
        }
        let (_, weighted) = self.domains.get_mut(domain)?;
        let sum = weighted.add(hash(subdomain), weight).then(|| weighted.sum());
        if self.domains.len() > DOMAINS
            && let Some((largest, gone)) = self.least.pop_last()
        {
            self.domains.remove(&gone);
            self.bar = Some(largest);
        }
        sum
    }
}

/// Octets of the subdomain with its inner dots.
fn octets(transaction: &Transaction) -> u8 {
    transaction.domain_at.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::table::made::{alarms, ask, best};
    use super::*;

    /// Names of 28 octets every so many seconds.
    fn every(seconds: i64, n: i64) -> Vec<Transaction> {
        let name = |n: i64| format!("{n:07}abcdefghijklmnopqrstu.example.com");
        (0..n).map(|n| ask(n * seconds, 1, &name(n), 1)).collect()
    }

    #[test]
    fn it_fires_at_84_octets_in_a_window_and_is_silent_below() {
        assert!(!alarms(&mut Ibhh::default(), &every(1, 2)));
        assert!(alarms(&mut Ibhh::default(), &every(1, 4)));
        let repeated: Vec<_> =
            (0..60).map(|n| ask(n, 1, "one-and-the-same.example.com", 1)).collect();
        assert!(!alarms(&mut Ibhh::default(), &repeated), "distinct names count");
    }

    #[test]
    fn a_query_a_minute_is_never_seen() {
        let slow = every(61, 10_000);
        assert!(!alarms(&mut Ibhh::default(), &slow), "280 kB in a week");
    }

    #[test]
    fn at_most_a_thousand_domains_are_kept_and_a_heavy_one_stays() {
        let mut asked = Vec::new();
        for n in 0..3_000 {
            asked.push(ask(0, 1, &format!("www.d{n}.com"), 1));
            asked.push(ask(0, 2, &format!("{n:040}.example.com"), 1));
        }
        let mut ibhh = Ibhh::default();
        let found = best(&mut ibhh, &asked);
        assert_eq!((ibhh.domains.len(), ibhh.least.len()), (DOMAINS, DOMAINS));
        let octets = found.get("example.com").copied().unwrap();
        assert!((octets - 120_000.0).abs() < 12_000.0, "{octets}");
    }
}
