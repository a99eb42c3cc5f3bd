//! Labels that everybody uses, priced by their rank.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::bits::Bits;

/// Flattens the head of the rank law, so that `www` does not take a third of the code.
const HEAD: u32 = 4;

/// Seed of the table's hash; the words come from a file of our own, so it need not be secret.
const SEED: u64 = 1;

/// Ranked labels: the code's share of rank r is 1/((r + HEAD)·H), Zipf's law.
pub(super) struct Dictionary {
    table: HashTable<(&'static [u8], Bits)>,
    hasher: FixedState,
}

impl Dictionary {
    /// Builds the dictionary from `labels`, most common first.
    pub(super) fn train(labels: impl Iterator<Item = &'static str> + Clone) -> Self {
        let weights = (HEAD..).map(|rank| 1.0 / f64::from(rank));
        let mut n = 0;
        let mut whole = 0.0;
        for (weight, _) in weights.clone().zip(labels.clone()) {
            (n, whole) = (n + 1, whole + weight);
        }
        let table = HashTable::with_capacity(n);
        let mut dictionary = Self { table, hasher: FixedState::with_seed(SEED) };
        for (label, weight) in labels.zip(weights) {
            dictionary.insert(label.as_bytes(), Bits::of_share(weight / whole));
        }
        dictionary
    }

    /// A label that stands twice keeps its better rank.
    fn insert(&mut self, label: &'static [u8], bits: Bits) {
        let Self { table, hasher } = self;
        let hash = hasher.hash_one(label);
        if table.find(hash, |(other, _)| *other == label).is_none() {
            table.insert_unique(hash, (label, bits), |(label, _)| hasher.hash_one(*label));
        }
    }

    /// Returns the price of a label in lower case, without the expert's share.
    pub(super) fn price(&self, lower: &[u8]) -> Option<Bits> {
        let hash = self.hasher.hash_one(lower);
        self.table.find(hash, |(label, _)| *label == lower).map(|(_, bits)| *bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_words_sum_to_at_most_one() {
        let labels = ["www", "mail", "api", "www"];
        let dictionary = Dictionary::train(labels.into_iter());
        let sum: f64 = ["www", "mail", "api"]
            .iter()
            .filter_map(|label| dictionary.price(label.as_bytes()))
            .map(|bits| (-bits.as_f64()).exp2())
            .sum();
        assert!(sum <= 1.0, "{sum}");
        assert_eq!(dictionary.price(b"ftp"), None);
    }
}
