//! How many different things there were: exactly while they are few, estimated beyond.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::watch::Moment;

/// Hashes that are kept one by one.
const EXACT: usize = 32;
/// Registers of the estimate, a power of two.
const REGISTERS: usize = 256;
/// What corrects the estimate for so many registers (Flajolet, Fusy, Gandouet, Meunier 2007).
const ALPHA: f64 = 0.7213 / (1.0 + 1.079 / 256.0);

/// A count of distinct hashes. Up to 32 it is exact; beyond it is `HyperLogLog`'s with 256 registers,
/// whose standard error is 6.5 %.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Distinct {
    /// The first one: most cases of a flood never have another.
    first: Option<NonZeroU64>,
    few: Vec<u64>,
    registers: Vec<u8>,
}

impl Distinct {
    /// The most octets that one may hold beside itself.
    pub(crate) const HEAP: usize = EXACT * 8 + REGISTERS;

    /// Adds a hash whose bits are all spread; tells whether it is new as far as that is known.
    pub(crate) fn add(&mut self, hash: u64) -> bool {
        if self.registers.is_empty() {
            let hash = NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN);
            if self.first.is_none() {
                self.first = Some(hash);
                return true;
            }
            if self.first == Some(hash) || self.few.contains(&hash.get()) {
                return false;
            }
            if self.few.len() < EXACT - 1 {
                self.few.push(hash.get());
                return true;
            }
            self.registers = vec![0; REGISTERS];
            for known in
                self.first.map(NonZeroU64::get).into_iter().chain(std::mem::take(&mut self.few))
            {
                self.register(known);
            }
        }
        self.register(hash)
    }

    /// Tells whether adding `hash` would change nothing.
    fn has(&self, hash: u64) -> bool {
        let (index, rank) = place_of(hash);
        self.first.is_some_and(|first| first.get() == hash)
            || self.few.contains(&hash)
            || self.registers.get(index).is_some_and(|known| *known >= rank)
    }

    fn register(&mut self, hash: u64) -> bool {
        let (index, rank) = place_of(hash);
        let Some(register) = self.registers.get_mut(index) else { return false };
        let higher = rank > *register;
        *register = rank.max(*register);
        higher
    }

    /// Tells whether there were more than `few`, which is below 32.
    pub(crate) fn is_over(&self, few: u32) -> bool {
        !self.registers.is_empty() || self.count() > few
    }

    /// Returns how many there were.
    pub(crate) fn count(&self) -> u32 {
        if self.registers.is_empty() {
            let others = u32::try_from(self.few.len()).unwrap_or(u32::MAX);
            return others.saturating_add(u32::from(self.first.is_some()));
        }
        let m = 256.0;
        let sum: f64 = self.registers.iter().map(|rank| half_to_the(*rank)).sum();
        let raw = ALPHA * m * m / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        let empty = f64::from(u32::try_from(empty).unwrap_or_default());
        let estimate = if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw };
        whole(estimate)
    }

    /// Adds all that `other` knows.
    fn add_all(&mut self, other: &Self) {
        for hash in other.first.map(NonZeroU64::get).iter().chain(&other.few) {
            self.add(*hash);
        }
        if other.registers.is_empty() {
            return;
        }
        if self.registers.is_empty() {
            let few = std::mem::take(&mut self.few);
            self.registers.clone_from(&other.registers);
            for hash in self.first.map(NonZeroU64::get).into_iter().chain(few) {
                self.register(hash);
            }
        } else {
            for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
                *mine = (*mine).max(*theirs);
            }
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.first = None;
        self.few.clear();
        self.registers.clear();
    }
}

/// A count of the distinct hashes of the window at hand and the one before: what is asked for again
/// and again over days does not add up to a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lately {
    /// The number of the window at hand since the epoch.
    window: i64,
    now: Distinct,
    before: Distinct,
}

impl Lately {
    /// The most octets that one may hold beside itself.
    pub(crate) const HEAP: usize = 2 * Distinct::HEAP;

    /// Adds a hash whose bits are all spread; tells whether it is new as far as that is known. Time
    /// that runs backwards adds to the window at hand.
    pub(crate) fn add(&mut self, hash: u64, moment: Moment) -> bool {
        let passed = moment.number().saturating_sub(self.window);
        if passed > 0 {
            let last = std::mem::take(&mut self.now);
            self.before = if passed == 1 { last } else { Distinct::default() };
            self.window = moment.number();
        }
        self.now.add(hash) && !self.before.has(hash)
    }

    /// Returns how many there were up to the last one added.
    pub(crate) fn count(&self) -> u32 {
        if self.before == Distinct::default() {
            return self.now.count();
        }
        let mut all = self.before.clone();
        all.add_all(&self.now);
        all.count()
    }
}

/// 2 to the power of -`rank`, by its exponent alone.
const fn half_to_the(rank: u8) -> f64 {
    f64::from_bits((1_023 - rank as u64) << 52)
}

/// A hash's register and what it says there.
fn place_of(hash: u64) -> (usize, u8) {
    let index = usize::try_from(hash % 256).unwrap_or_default();
    (index, u8::try_from((hash >> 8).trailing_zeros().min(56) + 1).unwrap_or(u8::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate is not negative, and saturates"
)]
fn whole(estimate: f64) -> u32 {
    estimate.round() as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use geophone_sensor::record::hash_of;
    use geophone_sensor::time::Timestamp;

    use super::*;

    #[test]
    fn few_are_exact_and_many_are_close() {
        let mut distinct = Distinct::default();
        for n in 0..100_000_u32 {
            if n <= 32 || n.is_power_of_two() {
                let (known, n) = (f64::from(distinct.count()), f64::from(n));
                let allowed = if n <= 32.0 { 0.1 } else { n * 0.2 };
                assert!((known - n).abs() < allowed, "{known} of {n}");
            }
            distinct.add(hash_of(&n.to_be_bytes(), 1));
            distinct.add(hash_of(&(n / 2).to_be_bytes(), 1));
        }
        assert!(distinct.registers.capacity() + distinct.few.capacity() * 8 <= Distinct::HEAP);
        distinct.clear();
        assert_eq!(distinct.count(), 0);
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        let mut lately = Lately::default();
        let hour = Duration::from_secs(3600);
        let mut day = |per_hour: u32| {
            for n in 0..24 * per_hour {
                let at = Timestamp(i64::from(n) * 3_600_000_000 / i64::from(per_hour));
                lately.add(hash_of(&n.to_be_bytes(), 1), Moment { at, window: hour });
            }
            std::mem::take(&mut lately).count()
        };
        assert_eq!((day(1), day(16)), (2, 32));
        let many = day(1_000);
        assert!((1_700..2_300).contains(&many), "{many}");
    }

    #[test]
    fn two_windows_know_each_other() {
        let mut lately = Lately::default();
        let at = |minutes: i64| Moment {
            at: Timestamp(minutes * 60_000_000),
            window: Duration::from_secs(60),
        };
        assert!(lately.add(7, at(0)) && !lately.add(7, at(1)) && lately.add(8, at(1)));
        assert_eq!(lately.count(), 2);
        assert!(!lately.add(8, at(2)), "the window before is remembered");
        assert!(lately.add(7, at(3)), "what was before that is not");
        assert!(lately.add(9, at(9)) && lately.count() == 1);
    }

    #[test]
    fn it_says_what_is_new() {
        let mut distinct = Distinct::default();
        assert!(distinct.add(7) && !distinct.add(7) && distinct.add(8));
    }
}
