//! A HyperLogLog that adds up the weights of distinct things instead of counting them.
//!
//! As in the published method, a thing of weight w is inserted as w things of weight one. Drawing
//! one rank for all w would be cheaper, but puts them into a single register: right for large sums,
//! and wrong by a factor of w where most registers are empty, which is where the threshold lies.

use super::table::Random;

/// Bits that choose the register: 4,096 registers, a standard error of 1.6 %.
const P: u32 = 12;
const REGISTERS: u16 = 1 << P;
/// The largest rank: 52 bits are left for it.
const MAX_RANK: usize = 64 - 12 + 1;
/// Rounds after which the two series of the estimator have long converged.
const ROUNDS: u32 = 64;

/// A sum of weights over distinct things, in 4 KiB.
pub(super) struct Weighted {
    registers: Vec<u8>,
    /// How many registers hold each rank.
    ranks: [u16; MAX_RANK + 1],
}

impl Weighted {
    pub(super) fn new() -> Self {
        let mut ranks = [0; MAX_RANK + 1];
        if let Some(empty) = ranks.first_mut() {
            *empty = REGISTERS;
        }
        Self { registers: vec![0; usize::from(REGISTERS)], ranks }
    }

    /// Adds a thing by its hash; tells whether the sum changed.
    pub(super) fn add(&mut self, hash: u64, weight: u8) -> bool {
        let mut random = Random(hash);
        let mut moved = false;
        for _ in 0..weight {
            let bits = random.next();
            let register = usize::try_from(bits >> (64 - P)).unwrap_or_default();
            let rank = u8::try_from((bits << P).leading_zeros().min(64 - P) + 1).unwrap_or(u8::MAX);
            moved |= self.raise(register, rank);
        }
        moved
    }

    fn raise(&mut self, register: usize, rank: u8) -> bool {
        let Some(held) = self.registers.get_mut(register).filter(|held| **held < rank) else {
            return false;
        };
        if let Some(n) = self.ranks.get_mut(usize::from(*held)) {
            *n -= 1;
        }
        if let Some(n) = self.ranks.get_mut(usize::from(rank)) {
            *n += 1;
        }
        *held = rank;
        true
    }

    /// Returns the sum (the improved raw estimator of Ertl, arXiv:1702.01284, algorithm 6).
    pub(super) fn sum(&self) -> f64 {
        let m = f64::from(REGISTERS);
        let share = |rank: usize| f64::from(self.ranks.get(rank).copied().unwrap_or_default());
        let mut z = m * tau(1.0 - share(MAX_RANK) / m);
        for rank in (1..MAX_RANK).rev() {
            z = 0.5 * (z + share(rank));
        }
        z += m * sigma(share(0) / m);
        m * m / (2.0 * std::f64::consts::LN_2 * z)
    }
}

/// What empty registers tell: x + Σ x^(2^k)·2^(k−1); without end where all are empty.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    for _ in 0..ROUNDS {
        x *= x;
        z += x * y;
        y += y;
    }
    z
}

/// What full registers tell: (1 − x − Σ (1 − x^(2^−k))²·2^−k) / 3.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    for _ in 0..ROUNDS {
        x = x.sqrt();
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
    }
    z / 3.0
}

#[cfg(test)]
mod tests {
    use super::super::table::hash;
    use super::*;

    #[test]
    fn the_sum_is_within_a_few_percent_from_one_name_to_many() {
        for (names, weight) in [(1_u32, 20_u8), (3, 28), (40, 60), (2_000, 100), (8_000, 200)] {
            let mut weighted = Weighted::new();
            for name in 0..names {
                weighted.add(hash(&name), weight);
                weighted.add(hash(&name), weight);
            }
            let truth = f64::from(names * u32::from(weight));
            let error = (weighted.sum() - truth).abs() / truth;
            assert!(error < 0.06, "{names} names of {weight}: {} for {truth}", weighted.sum());
        }
        assert!(Weighted::new().sum().abs() < f64::EPSILON);
    }
}
