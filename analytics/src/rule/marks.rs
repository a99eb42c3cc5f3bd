//! A look before a search: a few thousand bits that say of most hashes that they are not there.

/// Words of marks: 4,096 bits for the few hundred domains of the allowances.
const WORDS: usize = 64;

/// Which values of their last twelve bits the hashes of a set have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks([u64; WORDS]);

impl Default for Marks {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl Marks {
    /// Adds `hash` to the set.
    pub(super) fn set(&mut self, hash: u64) {
        if let Some(word) = self.0.get_mut(word_of(hash)) {
            *word |= 1 << (hash % 64);
        }
    }

    /// Tells whether `hash` may be in the set; where it does not, it is not.
    pub(super) fn has(&self, hash: u64) -> bool {
        self.0.get(word_of(hash)).is_some_and(|word| word >> (hash % 64) & 1 == 1)
    }
}

fn word_of(hash: u64) -> usize {
    usize::try_from(hash / 64).unwrap_or_default() % WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_there_and_most_of_the_rest_is_not() {
        let mut marks = Marks::default();
        let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        (0..300).for_each(|n| marks.set(spread(n)));
        assert!((0..300).all(|n| marks.has(spread(n))));
        let wrong = (300..10_300).filter(|n| marks.has(spread(*n))).count();
        assert!(wrong < 1_000, "{wrong}");
    }
}
