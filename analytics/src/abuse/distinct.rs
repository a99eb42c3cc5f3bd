//! How many different things there were: exactly while they are few, estimated beyond.

use serde::{Deserialize, Serialize};

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
    few: Vec<u64>,
    registers: Vec<u8>,
}

impl Distinct {
    /// The most octets that one may hold beside itself.
    pub(crate) const HEAP: usize = EXACT * 8 + REGISTERS;

    /// Adds a hash whose bits are all spread; tells whether it is new as far as that is known.
    pub(crate) fn add(&mut self, hash: u64) -> bool {
        if self.registers.is_empty() {
            if self.few.contains(&hash) {
                return false;
            }
            if self.few.len() < EXACT {
                self.few.push(hash);
                return true;
            }
            self.registers = vec![0; REGISTERS];
            for known in std::mem::take(&mut self.few) {
                self.register(known);
            }
        }
        self.register(hash)
    }

    fn register(&mut self, hash: u64) -> bool {
        let index = usize::try_from(hash % 256).unwrap_or_default();
        let rank = u8::try_from((hash >> 8).trailing_zeros().min(56) + 1).unwrap_or(u8::MAX);
        let Some(register) = self.registers.get_mut(index) else { return false };
        let higher = rank > *register;
        *register = rank.max(*register);
        higher
    }

    /// Returns how many there were.
    pub(crate) fn count(&self) -> u32 {
        if self.registers.is_empty() {
            return u32::try_from(self.few.len()).unwrap_or(u32::MAX);
        }
        let m = 256.0;
        let sum: f64 = self.registers.iter().map(|rank| 2.0_f64.powi(-i32::from(*rank))).sum();
        let raw = ALPHA * m * m / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        let empty = f64::from(u32::try_from(empty).unwrap_or_default());
        let estimate = if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw };
        whole(estimate)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.few.clear();
        self.registers.clear();
    }
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
    use geophone_sensor::record::hash_of;

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
    fn it_says_what_is_new() {
        let mut distinct = Distinct::default();
        assert!(distinct.add(7) && !distinct.add(7) && distinct.add(8));
    }
}
