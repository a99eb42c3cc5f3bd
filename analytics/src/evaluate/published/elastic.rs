//! Elastic's rule "Potential DNS Tunneling via Long and Unique Subdomains".
//!
//! Source: `elastic/detection-rules`,
//! `rules/network/command_and_control_dns_tunneling_long_labels.toml` (pull request 6684): queries
//! whose subdomain has at least 50 characters, no PTR and nothing under .arpa, by client and
//! registered domain in five minutes by the clock; an alarm at 25 such queries of 15 distinct
//! names. The score is the lesser share of the two. A proposal to add NULL and long TXT queries
//! (pull request 6851) was not merged when this was written and is not here.
//!
//! Known to miss: names under 50 characters, whatever their number.

use std::collections::BTreeSet;
use std::net::IpAddr;

use geophone_sensor::record::Transaction;

use super::table::{Table, Told, is_scored, name_hash, number, scored};
use super::{Published, PublishedScore};

/// Octets of a subdomain with its inner dots that make a query count.
const LONG: u8 = 50;
/// Microseconds of a bucket.
const BUCKET: i64 = 300_000_000;
const QUERIES: f64 = 25.0;
const NAMES: usize = 15;
const PTR: u16 = 12;

/// (client, domain) pairs kept, a kilobyte each at most.
const PAIRS: u32 = 65_536;

/// The rule.
pub struct Elastic {
    pairs: Table<(IpAddr, String), Pair>,
    told: Told,
}

struct Pair {
    bucket: i64,
    queries: u32,
    /// At most as many as matter.
    names: BTreeSet<u64>,
}

impl Default for Elastic {
    fn default() -> Self {
        Self { pairs: Table::new(PAIRS), told: Told::default() }
    }
}

impl Published for Elastic {
    fn name(&self) -> &'static str {
        "elastic"
    }

    fn threshold(&self) -> f64 {
        1.0
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        let domain = transaction.domain_text();
        if !is_scored(transaction)
            || transaction.domain_at.saturating_sub(1) < LONG
            || transaction.qtype == PTR
            || domain.ends_with(".arpa")
        {
            return;
        }
        let bucket = transaction.time.micros().div_euclid(BUCKET);
        let new = || Pair { bucket, queries: 0, names: BTreeSet::new() };
        let Some(pair) = self.pairs.at(&(transaction.client, domain), new) else { return };
        if pair.bucket != bucket {
            *pair = new();
        }
        pair.queries = pair.queries.saturating_add(1);
        if pair.names.len() < NAMES {
            pair.names.insert(name_hash(transaction));
        }
        let names = number(pair.names.len()) / number(NAMES);
        let score = (f64::from(pair.queries) / QUERIES).min(names);
        self.told.tell(scored(transaction, score), tell);
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

#[cfg(test)]
mod tests {
    use super::super::table::made::{alarms, ask};
    use super::*;

    /// Queries a second apart, for so many names of so many characters in turn.
    fn queries(n: i64, names: i64, width: usize) -> Vec<Transaction> {
        let name = |n: i64| format!("{:0width$}.example.com", n % names);
        (0..n).map(|n| ask(n, 1, &name(n), 1)).collect()
    }

    #[test]
    fn it_fires_at_25_long_queries_of_15_names_and_is_silent_below() {
        assert!(alarms(&mut Elastic::default(), &queries(25, 15, 50)));
        assert!(!alarms(&mut Elastic::default(), &queries(24, 15, 50)));
        assert!(!alarms(&mut Elastic::default(), &queries(25, 14, 50)));
    }

    #[test]
    fn names_of_49_characters_are_never_seen() {
        assert!(!alarms(&mut Elastic::default(), &queries(5_000, 5_000, 49)));
    }

    #[test]
    fn another_five_minutes_begin_anew() {
        let mut asked = queries(25, 25, 50);
        asked.iter_mut().skip(13).for_each(|asked| {
            asked.time = geophone_sensor::time::Timestamp(asked.time.micros() + BUCKET);
        });
        assert!(!alarms(&mut Elastic::default(), &asked));
    }
}
