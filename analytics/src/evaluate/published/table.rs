//! What the methods share: bounded tables, names of the last while, and who was told what.

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::FixedState;
use geophone_sensor::limited::LimitedMap;
use geophone_sensor::record::{Status, Transaction};
use geophone_sensor::time::Timestamp;

use super::PublishedScore;

/// Keys every hash here: results must not depend on the run.
pub(super) const SEED: u64 = 0x9e0f_03e5;

/// The largest number below one.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON;

/// (client, domain) pairs whose best score is remembered.
const MOST_TOLD: u32 = 65_536;

/// A map of bounded size that makes room by forgetting the entry longest untouched.
pub(super) struct Table<K, V> {
    map: LimitedMap<K, Option<V>>,
}

impl<K: Eq + Hash + Clone, V> Table<K, V> {
    pub(super) fn new(capacity: u32) -> Self {
        Self { map: LimitedMap::new(capacity, SEED) }
    }

    /// Returns the value of `key`, made where there is none, and touches it.
    ///
    /// Never `None`: the table has room for one entry at least.
    pub(super) fn at(&mut self, key: &K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let slot = if let Some(slot) = self.map.find(key) {
            self.map.touch(slot);
            slot
        } else {
            if self.map.is_full() {
                self.take_oldest();
            }
            let (slot, value) = self.map.claim(key.clone())?;
            *value = Some(make());
            slot
        };
        self.map.value_mut(slot)?.as_mut()
    }

    /// Tells whether the next new key would push out another.
    pub(super) fn is_full(&self) -> bool {
        self.map.is_full()
    }

    /// Tells whether `key` is in the table.
    pub(super) fn has(&self, key: &K) -> bool {
        self.map.find(key).is_some()
    }

    /// Removes the entry longest untouched.
    pub(super) fn take_oldest(&mut self) -> Option<(K, V)> {
        let slot = self.map.oldest()?;
        let key = self.map.key(slot)?.clone();
        let value = self.map.value_mut(slot)?.take()?;
        self.map.release(slot);
        Some((key, value))
    }

    /// Returns the entry longest untouched.
    pub(super) fn oldest(&self) -> Option<&V> {
        self.map.value(self.map.oldest()?)?.as_ref()
    }

    /// Walks the entries, the longest untouched first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map
            .slots()
            .filter_map(|slot| Some((self.map.key(slot)?, self.map.value(slot)?.as_ref()?)))
    }
}

/// Hashes met within a span of time, at most so many: the longest unmet gives way.
pub(super) struct Recent {
    times: LimitedMap<u64, Timestamp>,
    span: Duration,
}

impl Recent {
    pub(super) fn new(capacity: u32, span: Duration) -> Self {
        Self { times: LimitedMap::new(capacity, SEED), span }
    }

    /// Notes `hash` and returns how many were met in the span before `time`.
    pub(super) fn add(&mut self, hash: u64, time: Timestamp) -> usize {
        while let Some(oldest) = self.times.oldest() {
            let met = self.times.value(oldest).copied().unwrap_or_default();
            if time.since(met) <= self.span {
                break;
            }
            self.times.release(oldest);
        }
        match self.times.find(&hash) {
            Some(slot) => {
                self.times.touch(slot);
                if let Some(met) = self.times.value_mut(slot) {
                    *met = time.max(*met);
                }
            }
            None => {
                if self.times.is_full()
                    && let Some(oldest) = self.times.oldest()
                {
                    self.times.release(oldest);
                }
                if let Some((_, met)) = self.times.claim(hash) {
                    *met = time;
                }
            }
        }
        self.times.len()
    }
}

/// The best score told for each (client, domain).
pub(super) struct Told {
    best: Table<(Option<IpAddr>, String), f64>,
}

impl Default for Told {
    fn default() -> Self {
        Self { best: Table::new(MOST_TOLD) }
    }
}

impl Told {
    /// Hands `score` on if it is the best so far and above nought.
    pub(super) fn tell(&mut self, score: PublishedScore, tell: &mut dyn FnMut(PublishedScore)) {
        let key = (score.client, score.domain);
        if let Some(best) = self.best.at(&key, || 0.0)
            && score.score > *best
        {
            *best = score.score;
            tell(PublishedScore { client: key.0, domain: key.1, ..score });
        }
    }
}

/// Tells whether our detection scores such a transaction, so that all see the same input.
pub(super) fn is_scored(transaction: &Transaction) -> bool {
    transaction.status != Status::Continued
        && !(transaction.qtype == 0 && transaction.qname.is_root())
}

/// Makes the score of a transaction's client and domain.
pub(super) fn scored(transaction: &Transaction, score: f64) -> PublishedScore {
    PublishedScore {
        client: Some(transaction.client),
        domain: transaction.domain_text(),
        time: transaction.time,
        score,
    }
}

/// Hashes the query name, letters folded.
pub(super) fn name_hash(transaction: &Transaction) -> u64 {
    hash(&transaction.qname.wire().to_ascii_lowercase())
}

/// Hashes anything with the seed of this module.
pub(super) fn hash<T: Hash + ?Sized>(of: &T) -> u64 {
    FixedState::with_seed(SEED).hash_one(of)
}

/// Returns the subdomain as text in the case it was asked, empty where there is none.
pub(super) fn subdomain_text(transaction: &Transaction) -> String {
    transaction.qname.text_until(usize::from(transaction.domain_at))
}

/// Returns `value` in units of a limit that must be exceeded: at least one where it is.
pub(super) fn above(value: f64, limit: f64) -> f64 {
    if value > limit { value / limit } else { (value / limit).min(BELOW_ONE) }
}

/// Returns a count as a number; beyond 2^32 it stays there.
pub(super) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A generator of even numbers without a state worth hiding (splitmix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, 0 where that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u128::try_from(bound).unwrap_or_default();
        usize::try_from((u128::from(self.next()) * bound) >> 64).unwrap_or_default()
    }

    /// Returns a number from 0 up to but without 1.
    pub(super) fn unit(&mut self) -> f64 {
        let upper = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(upper) / 4_294_967_296.0
    }
}

/// Transactions made by hand.
#[cfg(test)]
pub(super) mod made {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use geophone_sensor::feature::NameReader;
    use geophone_sensor::name::Name;

    use super::super::Published;
    use super::*;

    /// Makes a query at a second, by the client 10.0.0.`client`.
    pub(crate) fn ask(second: i64, client: u8, name: &str, qtype: u16) -> Transaction {
        let qname = Name::parse(name).unwrap();
        let (domain_at, name) = NameReader::default().read(&qname);
        Transaction {
            time: Timestamp::from_parts(second, 0),
            status: Status::Answered,
            client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, client)),
            qname,
            domain_at,
            qtype,
            name,
            ..Transaction::default()
        }
    }

    /// Runs a method to the end; returns the best score of each domain.
    pub(crate) fn best(method: &mut dyn Published, asked: &[Transaction]) -> BTreeMap<String, f64> {
        let mut best = BTreeMap::new();
        let mut note = |score: PublishedScore| {
            let known = best.entry(score.domain).or_insert(score.score);
            *known = score.score.max(*known);
        };
        for transaction in asked {
            method.transaction(transaction, &mut note);
        }
        method.finish(&mut note);
        best
    }

    /// Tells whether a method raises an alarm about `example.com`.
    pub(crate) fn alarms(method: &mut dyn Published, asked: &[Transaction]) -> bool {
        let best = best(method, asked);
        best.get("example.com").is_some_and(|score| *score >= method.threshold())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_the_span_and_the_oldest_gives_way() {
        let mut recent = Recent::new(3, Duration::from_secs(10));
        let at = |second| Timestamp::from_parts(second, 0);
        assert_eq!([recent.add(1, at(0)), recent.add(2, at(5)), recent.add(1, at(6))], [1, 2, 2]);
        assert_eq!(recent.add(3, at(16)), 2, "2 is gone, 1 was met again");
        assert_eq!([recent.add(4, at(16)), recent.add(5, at(16))], [3, 3]);
    }

    #[test]
    fn only_a_higher_score_is_told() {
        let (mut told, mut heard) = (Told::default(), Vec::new());
        for score in [0.0, 2.0, 1.0, 2.0, 3.0] {
            let score = PublishedScore {
                client: None,
                domain: "a.b".to_owned(),
                time: Timestamp(0),
                score,
            };
            told.tell(score, &mut |score| heard.push(score.score));
        }
        assert_eq!(heard, [2.0, 3.0]);
    }

    #[test]
    fn a_limit_that_is_met_is_not_exceeded() {
        assert!(above(3.5, 3.5) < 1.0 && above(3.501, 3.5) >= 1.0 && above(9.0, 8.0) > 1.0);
    }
}
