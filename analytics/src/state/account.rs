//! What a key owes to the leak contract: 64 octets a key with its tag, for as many keys as can be.

use geophone_sensor::time::Timestamp;

use super::leak::{Buckets, Levels};
use super::sets::{Claim, Place, Sets};

/// Words of an account.
const WORDS: usize = 7;

/// One key of the contract: 56 octets, beside 8 of its tag.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    pub(crate) levels: Levels,
    pub(crate) last: Timestamp,
    pub(crate) first: Timestamp,
    /// Bytes in the buckets that an evicted key left behind: the error of the levels.
    pub(crate) inherited: f32,
    /// Queries since the key was first met.
    pub total_queries: u32,
    /// Novel names since then.
    pub total_novel: u32,
    /// Price of the novel names since then, in bits.
    pub total_bits: u32,
}

/// The accounts of one scope, bounded.
///
/// A new key in a full set replaces the one whose buckets are emptiest and starts with the levels
/// that one left (Space-Saving, Metwally 2005): a level is never below the truth, and above it by
/// at most what was inherited, so eviction causes no miss. The error is kept, shown and counted.
///
/// Kept as words, all zero where there is no account: a table that is asked for so costs nothing
/// until it is used.
pub struct Ledger {
    sets: Sets<[u64; WORDS]>,
    worst_inherited: f32,
}

/// An account that was found or begun, and where it stands.
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) fresh: bool,
}

impl Account {
    /// Returns the later of `time` and the last time the key was met: time that runs backwards
    /// drains nothing, so disorder can only make a level too high.
    pub(crate) fn now(&self, time: Timestamp) -> Timestamp {
        self.last.max(time)
    }

    /// Adds a query of `time`, a novel name of `bits`, and what of it is charged.
    pub(crate) fn add(
        &mut self,
        time: Timestamp,
        novel: Option<u32>,
        charged: f64,
        buckets: &Buckets,
    ) {
        self.last = self.now(time);
        self.total_queries = self.total_queries.saturating_add(1);
        if let Some(bits) = novel {
            self.total_novel = self.total_novel.saturating_add(1);
            self.total_bits = self.total_bits.saturating_add(bits);
        }
        if charged > 0.0 {
            buckets.pour(&mut self.levels, self.last, charged);
        }
    }
}

impl Account {
    /// Returns the account as words; an empty one is all zero.
    pub(crate) fn pack(&self) -> [u64; WORDS] {
        let [fast, mid, slow] = self.levels.0.map(|empty| empty.cast_unsigned() ^ (1 << 63));
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        [
            fast,
            mid,
            slow,
            self.last.micros().cast_unsigned(),
            self.first.micros().cast_unsigned(),
            pair(self.inherited.to_bits(), self.total_queries),
            pair(self.total_novel, self.total_bits),
        ]
    }

    /// Reads words back.
    pub(crate) fn unpack(words: &[u64; WORDS]) -> Self {
        let [fast, mid, slow, last, first, sixth, seventh] = *words;
        let high = |word: u64| u32::try_from(word >> 32).unwrap_or_default();
        let low = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default();
        Self {
            levels: Levels([fast, mid, slow].map(|word| (word ^ (1 << 63)).cast_signed())),
            last: Timestamp(last.cast_signed()),
            first: Timestamp(first.cast_signed()),
            inherited: f32::from_bits(high(sixth)),
            total_queries: low(sixth),
            total_novel: high(seventh),
            total_bits: low(seventh),
        }
    }
}

impl Ledger {
    /// Makes room for `keys` accounts, rounded up to a power of two of eights.
    #[must_use]
    pub fn new(keys: u32) -> Self {
        Self { sets: Sets::new(keys), worst_inherited: 0.0 }
    }

    /// Octets of the table.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.sets.memory()
    }

    /// Keys in the table.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.sets.used()
    }

    /// Keys that gave way to others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.sets.evicted()
    }

    /// The most bytes that any key ever took over from an evicted one: no level is further above
    /// the truth.
    #[must_use]
    pub const fn worst_inherited(&self) -> f32 {
        self.worst_inherited
    }

    /// Finds or begins the account of `hash`.
    pub(crate) fn claim(&mut self, hash: u64, time: Timestamp, buckets: &Buckets) -> Option<Entry> {
        let fill = |words: &[u64; WORDS]| {
            let account = Account::unpack(words);
            buckets.fullest(&account.levels, account.now(time)).1
        };
        let (place, claim) = self.sets.claim(hash, fill)?;
        let left = match claim {
            Claim::Known => return Some(Entry { place, fresh: false }),
            Claim::Fresh => Account::default(),
            Claim::Evicted(words) => Account::unpack(&words),
        };
        #[expect(clippy::cast_possible_truncation, reason = "an error bar needs no more digits")]
        let inherited = buckets.highest(&left.levels, left.now(time)) as f32;
        self.worst_inherited = self.worst_inherited.max(inherited);
        let levels = left.levels;
        let begun = Account { levels, last: time, first: time, inherited, ..Account::default() };
        *self.sets.at(place)? = begun.pack();
        Some(Entry { place, fresh: true })
    }

    /// Changes the account at `place` and returns what it was and what it is.
    pub(crate) fn change(
        &mut self,
        place: Place,
        change: impl FnOnce(&mut Account),
    ) -> Option<(Account, Account)> {
        let words = self.sets.at(place)?;
        let before = Account::unpack(words);
        let mut after = before;
        change(&mut after);
        *words = after.pack();
        Some((before, after))
    }

    /// Returns the account of `hash` if there is one.
    #[cfg(test)]
    pub(crate) fn find(&self, hash: u64) -> Option<Account> {
        self.sets.find(hash).map(Account::unpack)
    }

    /// Walks hashes and accounts as words, in the order of the table.
    pub(crate) fn words(&self) -> impl Iterator<Item = (u64, &[u64; WORDS])> {
        self.sets.iter()
    }

    /// Puts back an account that was saved as words.
    pub(crate) fn restore(&mut self, hash: u64, words: [u64; WORDS]) {
        let inherited = Account::unpack(&words).inherited;
        self.worst_inherited = self.worst_inherited.max(inherited);
        if let Some((place, _)) = self.sets.claim(hash, |_| 0.0)
            && let Some(held) = self.sets.at(place)
        {
            *held = words;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::severity::Severity;
    use crate::state::Bucket;

    #[test]
    fn a_key_of_the_contract_and_its_tag_take_64_octets() {
        assert_eq!(size_of::<Account>() + size_of::<u64>(), 64);
        assert_eq!(Ledger::new(1 << 10).memory(), 64 << 10);
    }

    #[test]
    fn an_account_survives_its_words_and_an_empty_one_is_zero() {
        assert_eq!(Account::default().pack(), [0; WORDS]);
        let account = Account {
            levels: Levels([-5, 0, i64::MAX]),
            last: Timestamp(-7),
            first: Timestamp(9),
            inherited: 1.5,
            total_queries: 1,
            total_novel: u32::MAX,
            total_bits: 3,
        };
        assert_eq!(Account::unpack(&account.pack()), account);
    }

    #[test]
    fn an_evicted_key_leaves_its_level_as_an_error_that_is_known() {
        let bucket = Bucket {
            name: "slow".to_owned(),
            burst_bytes: 1024.0,
            bytes_per_second: 0.01,
            severity: Severity::Low,
        };
        let buckets = Buckets { tiers: [Some(bucket), None, None] };
        let mut ledger = Ledger::new(8);
        for key in 0..9_u8 {
            let hash = 8 * (u64::from(key) + 1);
            let entry = ledger.claim(hash, Timestamp(0), &buckets).unwrap();
            let bytes = 100.0 + f64::from(key);
            let add = |account: &mut Account| account.add(Timestamp(0), Some(80), bytes, &buckets);
            ledger.change(entry.place, add).unwrap();
        }
        let newest = ledger.find(72).unwrap();
        assert!((buckets.highest(&newest.levels, Timestamp(0)) - 208.0).abs() < 0.01);
        assert!((newest.inherited - 100.0).abs() < 0.01 && ledger.evicted() == 1);
        assert!((ledger.worst_inherited() - 100.0).abs() < 0.01);
    }
}
