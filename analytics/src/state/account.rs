//! What a key owes to the leak contract: 64 octets a key with its tag, for as many keys as can be.

use geophone_sensor::time::Timestamp;

use super::image::OtherSizes;
use super::leak::{Buckets, Levels};
use super::lines::{LINE, Lines};
use super::sets::{Claim, Sets, SetsImage};

/// Words of an account.
const WORDS: usize = LINE - 1;

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
    /// Novel names since then, excused ones too.
    pub total_novel: u32,
    /// Price of the novel names since then, in bits; of excused ones what the allowance left.
    pub total_bits: u32,
}

/// The accounts of one scope, bounded; each in a cache line with its tag.
///
/// A new key in a full set replaces the one that owes least and starts with what that one owed in
/// every bucket (Space-Saving, Metwally 2005): a level is never below the truth, and above it by
/// at most what was inherited, so eviction causes no miss. The error is kept, shown and counted.
/// What a key owes is the level of its slowest bucket: no other of its buckets holds more, and as
/// that drains alike for every key, who owed least still would when it comes back.
///
/// Kept as words, all zero where there is no account: a table that is asked for so costs nothing
/// until it is used.
pub struct Ledger {
    sets: Sets<Lines>,
    worst_inherited: f32,
}

/// An account before and after it was charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charged {
    /// Novel names before.
    pub(crate) distinct: u32,
    /// When it was charged before; of one that was begun, now.
    pub(crate) last: Timestamp,
    /// What it is now.
    pub(crate) account: Account,
    /// Whether it was begun.
    pub(crate) fresh: bool,
}

impl Account {
    /// Returns the later of `time` and the last time the key was met: time that runs backwards
    /// drains nothing, so disorder can only make a level too high.
    pub(crate) fn now(&self, time: Timestamp) -> Timestamp {
        self.last.max(time)
    }

    /// Begins the account of a key in whose favour this one gives way at `time`: with what it
    /// owes in every bucket.
    fn give_way(&self, time: Timestamp, buckets: &Buckets) -> Self {
        let owed = buckets.highest(&self.levels, self.now(time));
        let mut levels = Levels::default();
        if owed > 0.0 {
            buckets.pour(&mut levels, self.now(time), owed);
        }
        #[expect(clippy::cast_possible_truncation, reason = "an error bar needs no more digits")]
        let inherited = owed as f32;
        Self { levels, last: time, first: time, inherited, ..Self::default() }
    }

    /// Adds a query of `time`, a novel name of so many bits, and what of it is charged.
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

    /// Asks for the line of `hash`.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        self.sets.touch(hash)
    }

    /// Finds or begins the account of `hash` and adds a query of `time`, a novel name of so many
    /// bits, and what of it is charged.
    pub(crate) fn charge(
        &mut self,
        hash: u64,
        time: Timestamp,
        novel: Option<u32>,
        charged: f64,
        buckets: &Buckets,
    ) -> Option<Charged> {
        let worth = |line: &[u64; LINE]| {
            let account = Account::unpack(words_of(line));
            buckets.highest(&account.levels, account.now(time))
        };
        let (line, claim) = self.sets.claim(hash, worth)?;
        let fresh = !matches!(claim, Claim::Known);
        let mut account = match claim {
            Claim::Known => Account::unpack(words_of(line)),
            Claim::Fresh => Account { last: time, first: time, ..Account::default() },
            Claim::Evicted(gone) => {
                let begun = Account::unpack(words_of(&gone)).give_way(time, buckets);
                self.worst_inherited = self.worst_inherited.max(begun.inherited);
                begun
            }
        };
        let (distinct, last) = (account.total_novel, account.last);
        account.add(time, novel, charged, buckets);
        set_words(line, account.pack());
        Some(Charged { distinct, last, account, fresh })
    }

    /// Returns the account of `hash` if there is one.
    #[cfg(test)]
    pub(crate) fn find(&self, hash: u64) -> Option<Account> {
        self.sets.find(hash).map(|line| Account::unpack(words_of(line)))
    }

    /// Walks accounts as words, each behind its hash.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[u64; LINE]> {
        self.sets.iter()
    }

    /// Returns an image of the accounts.
    pub(crate) fn image(&self) -> (SetsImage<[u64; LINE]>, f32) {
        (self.sets.image(|line| *line), self.worst_inherited)
    }

    /// Puts an image into a table that is empty.
    pub(crate) fn put(
        &mut self,
        (image, worst): (SetsImage<[u64; LINE]>, f32),
    ) -> Result<(), OtherSizes> {
        self.worst_inherited = worst;
        let tag = |[tag, ..]: &[u64; LINE]| *tag;
        self.sets.put(image, tag, |line, held| *held = line)
    }

    /// Puts back an account that was saved as words; in a smaller table the one that owes least
    /// gives way, and who stands in its place owes no less.
    pub(crate) fn restore(&mut self, hash: u64, words: [u64; WORDS]) {
        let inherited = Account::unpack(&words).inherited;
        self.worst_inherited = self.worst_inherited.max(inherited);
        let Some((line, claim)) = self.sets.claim(hash, empty_at) else { return };
        let mut account = Account::unpack(&words);
        if let Claim::Evicted(gone) = claim {
            let gone = Account::unpack(words_of(&gone));
            let levels = account.levels.0.iter_mut().zip(gone.levels.0);
            levels.for_each(|(level, gone)| *level = (*level).max(gone));
        }
        set_words(line, account.pack());
    }
}

/// Returns the words behind the tag.
fn words_of(line: &[u64; LINE]) -> &[u64; WORDS] {
    line.last_chunk().unwrap_or(&[0; WORDS])
}

fn set_words(line: &mut [u64; LINE], words: [u64; WORDS]) {
    if let Some(held) = line.last_chunk_mut() {
        *held = words;
    }
}

/// Orders saved accounts by when the slowest bucket is empty.
#[expect(clippy::cast_precision_loss, reason = "the order of times, not their value")]
fn empty_at(line: &[u64; LINE]) -> f64 {
    let account = Account::unpack(words_of(line));
    account.levels.0.into_iter().max().unwrap_or(i64::MIN) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            let bytes = 100.0 + f64::from(key);
            ledger.charge(hash, Timestamp(0), Some(80), bytes, &buckets).unwrap();
        }
        let newest = ledger.find(72).unwrap();
        assert!((buckets.highest(&newest.levels, Timestamp(0)) - 208.0).abs() < 0.01);
        assert!((newest.inherited - 100.0).abs() < 0.01 && ledger.evicted() == 1);
        assert!((ledger.worst_inherited() - 100.0).abs() < 0.01);
    }

    fn three() -> Buckets {
        let bucket = |burst_bytes, bytes_per_second| {
            let (name, severity) = (String::new(), Severity::Low);
            Some(Bucket { name, burst_bytes, bytes_per_second, severity })
        };
        Buckets { tiers: [bucket(512.0, 4.0), bucket(768.0, 0.1), bucket(1024.0, 0.006)] }
    }

    /// The fast bucket of many is full for a moment, the slow one of the leak for days.
    #[test]
    fn a_slow_leak_is_not_forgotten_for_keys_that_are_full_for_a_moment() {
        let (buckets, mut ledger) = (three(), Ledger::new(8));
        let mut pour = |key: u64, seconds: i64, bytes: f64| {
            let now = Timestamp(seconds * 1_000_000);
            let charged = ledger.charge(8 * key, now, Some(8), bytes, &buckets).unwrap();
            buckets.highest(&charged.account.levels, now)
        };
        pour(1, 0, 300.0);
        (2..=8).for_each(|other| assert!(pour(other, 200, 200.0) > 199.0));
        pour(9, 200, 1.0);
        assert!(pour(1, 300, 1.0) >= 299.0);
    }

    proptest! {
        /// Sixteen keys in a set of eight, three buckets that drain at rates far apart.
        #[test]
        fn whatever_gives_way_no_level_is_below_the_truth(
            steps in prop::collection::vec((0_u8..16, 0_i64..20_000, 0_u16..400), 1..200),
        ) {
            let buckets = three();
            let (mut ledger, mut truth) = (Ledger::new(8), [Levels::default(); 16]);
            let mut now = Timestamp(0);
            for (key, gap, bytes) in steps {
                now = Timestamp(now.micros() + gap * 1_000_000);
                let hash = 8 * (u64::from(key) + 1);
                let charged = ledger.charge(hash, now, Some(8), bytes.into(), &buckets).unwrap();
                let own = &mut truth[usize::from(key)];
                buckets.pour(own, now, bytes.into());
                for (held, own) in charged.account.levels.0.iter().zip(own.0) {
                    // Ten microseconds are what rounding may take.
                    prop_assert!(own <= now.micros() || *held >= own - 10, "{held} before {own}");
                }
            }
        }
    }

    #[test]
    fn a_smaller_table_keeps_those_that_owe_most_and_forgets_no_level() {
        let (buckets, mut saved, mut small) = (three(), Ledger::new(64), Ledger::new(8));
        let now = Timestamp(0);
        for key in 1..=16_u32 {
            let bytes = f64::from(key * 7 % 17) * 10.0;
            saved.charge(u64::from(key), now, Some(8), bytes, &buckets).unwrap();
        }
        for line in saved.words() {
            small.restore(line[0], *words_of(line));
        }
        for key in 1..=16_u32 {
            let charged = small.charge(u64::from(key), now, None, 0.0, &buckets).unwrap();
            let owed = f64::from(key * 7 % 17) * 10.0;
            assert!(
                buckets.highest(&charged.account.levels, now) >= owed - 0.01,
                "{key} owed {owed}"
            );
        }
    }
}
