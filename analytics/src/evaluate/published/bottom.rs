//! How many distinct things there were, from the smallest of their hashes.
//!
//! Source: Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002; the
//! estimate (k − 1) / v of Beyer et al., SIGMOD 2007, for the k-th smallest hash v as a share of all.

use std::collections::BTreeSet;

use super::table::number;

/// Hashes kept: a standard error of some 6 %; exact below.
const KEPT: usize = 256;

/// The smallest hashes met.
#[derive(Clone, Default)]
pub(super) struct Bottom {
    hashes: BTreeSet<u64>,
}

impl Bottom {
    pub(super) fn add(&mut self, hash: u64) {
        self.hashes.insert(hash);
        if self.hashes.len() > KEPT {
            self.hashes.pop_last();
        }
    }

    /// Takes in what another met.
    pub(super) fn merge(&mut self, other: &Self) {
        for hash in &other.hashes {
            self.add(*hash);
        }
    }

    /// Returns the number of distinct things.
    pub(super) fn distinct(&self) -> f64 {
        let n = self.hashes.len();
        match self.hashes.last() {
            Some(largest) if n >= KEPT => {
                let upper = u32::try_from(*largest >> 32).unwrap_or_default();
                number(n - 1) * 4_294_967_296.0 / f64::from(upper).max(1.0)
            }
            _ => number(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::hash;
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated_whichever_way_they_are_split() {
        for n in [0_u32, 5, 256, 1_000, 100_000] {
            let (mut left, mut right) = (Bottom::default(), Bottom::default());
            for thing in 0..n {
                if thing % 3 == 0 {
                    left.add(hash(&thing));
                }
                right.add(hash(&thing));
            }
            left.merge(&right);
            let error = (left.distinct() - f64::from(n)).abs();
            let allowed = if n < 256 { 1e-9 } else { f64::from(n) * 0.2 };
            assert!(error <= allowed, "{n}: {}", left.distinct());
        }
    }
}
