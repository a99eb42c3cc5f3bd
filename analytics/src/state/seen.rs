//! Which names were seen before: a filter that forgets whole days, not single names.

use std::time::Duration;

use geophone_sensor::time::Timestamp;

/// Words of a block: one cache line.
const WORDS: usize = 8;
/// Names per block: 512 bits over 40 names are 12.8 bits a name, under 1 % false positives.
const NAMES_PER_BLOCK: u64 = 40;

/// A split block Bloom filter (Putze, Sanders, Singler 2007) in two generations.
///
/// A name counts as seen if either generation has it. When the span is over or the younger
/// generation is full, the older one is forgotten. A false positive makes a novel name look
/// repeated and so prices it too low; the share is bounded by the fill.
pub struct SeenFilter {
    young: Vec<[u64; WORDS]>,
    old: Vec<[u64; WORDS]>,
    names: u64,
    capacity: u64,
    /// Microseconds that a generation lasts at most.
    span: u64,
    began: Option<Timestamp>,
    /// Generations that ended because they were full, not because they were old.
    pub early_turns: u64,
}

impl SeenFilter {
    /// Makes a filter for `names` names a generation, each lasting at most `span`.
    #[must_use]
    pub fn new(names: u32, span: Duration) -> Self {
        let blocks =
            usize::try_from(u64::from(names).div_ceil(NAMES_PER_BLOCK)).unwrap_or(1).max(1);
        Self {
            young: vec![[0; WORDS]; blocks],
            old: vec![[0; WORDS]; blocks],
            names: 0,
            capacity: u64::from(names),
            span: u64::try_from(span.as_micros()).unwrap_or(u64::MAX),
            began: None,
            early_turns: 0,
        }
    }

    /// Octets of both generations.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of_val(self.young.as_slice()) + size_of_val(self.old.as_slice())
    }

    /// Remembers `hash` and tells whether it is novel.
    pub fn insert(&mut self, hash: u64, time: Timestamp) -> bool {
        self.turn(time);
        let block = self.block_of(hash);
        let masks = masks(hash);
        if has(&self.young, block, &masks) {
            return false;
        }
        if let Some(block) = self.young.get_mut(block) {
            for (word, mask) in block.iter_mut().zip(&masks) {
                *word |= mask;
            }
        }
        self.names += 1;
        !has(&self.old, block, &masks)
    }

    /// Returns both generations and what stands beside them, as words.
    pub(crate) fn words(&self) -> Vec<u64> {
        let began = self.began.map_or(0, |time| time.micros().cast_unsigned());
        let head = [self.names, u64::from(self.began.is_some()), began];
        let blocks = self.young.iter().chain(&self.old);
        head.into_iter().chain(blocks.flatten().copied()).collect()
    }

    /// Takes words over, if there are as many as this filter has; tells whether it did.
    pub(crate) fn restore(&mut self, words: &[u64]) -> bool {
        let blocks = self.young.len();
        let Some(([names, known, began], rest)) = words.split_first_chunk() else { return false };
        if rest.len() != 2 * blocks * WORDS {
            return false;
        }
        self.names = *names;
        self.began = (*known == 1).then(|| Timestamp(began.cast_signed()));
        let cells = self.young.iter_mut().chain(&mut self.old).flatten();
        cells.zip(rest).for_each(|(cell, word)| *cell = *word);
        true
    }

    /// Returns the number of words that this filter has.
    pub(crate) fn n_words(&self) -> u64 {
        u64::try_from(3 + 2 * self.young.len() * WORDS).unwrap_or(u64::MAX)
    }

    fn turn(&mut self, time: Timestamp) {
        let began = *self.began.get_or_insert(time);
        let full = self.names >= self.capacity;
        if full || time.micros_since(began) >= self.span {
            self.early_turns += u64::from(full);
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.fill([0; WORDS]);
            self.names = 0;
            self.began = Some(time);
        }
    }

    fn block_of(&self, hash: u64) -> usize {
        let blocks = u64::try_from(self.young.len()).unwrap_or(1);
        usize::try_from(((hash >> 32) * blocks) >> 32).unwrap_or_default()
    }
}

fn masks(hash: u64) -> [u64; WORDS] {
    // The upper half chose the block; spread the whole for the bits.
    let mut bits = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    std::array::from_fn(|_| {
        let mask = 1 << (bits >> 58);
        bits = bits.wrapping_shl(6);
        mask
    })
}

fn has(blocks: &[[u64; WORDS]], block: usize, masks: &[u64; WORDS]) -> bool {
    blocks
        .get(block)
        .is_some_and(|block| block.iter().zip(masks).all(|(word, mask)| word & mask != 0))
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use super::*;

    #[test]
    fn a_name_is_novel_once_a_day_and_false_alarms_are_rare() {
        let mut seen = SeenFilter::new(10_000, Duration::from_secs(86_400));
        let hasher = FixedState::with_seed(3);
        let mut missed = 0;
        for n in 0..10_000_u32 {
            missed += u32::from(!seen.insert(hasher.hash_one(n), Timestamp(0)));
        }
        assert!(missed <= 100, "{missed} of 10000 novel names looked repeated");
        assert!((0..9_000_u32).all(|n| !seen.insert(hasher.hash_one(n), Timestamp(1))));
        let two_days = Timestamp(2 * 86_400_000_000);
        seen.insert(0, Timestamp(86_400_000_000));
        assert!(seen.insert(hasher.hash_one(5_u32), two_days), "forgotten after two generations");
    }

    #[test]
    fn a_full_generation_ends_early_and_is_counted() {
        let mut seen = SeenFilter::new(100, Duration::from_secs(86_400));
        let hasher = FixedState::with_seed(3);
        for n in 0..1_000_u32 {
            seen.insert(hasher.hash_one(n), Timestamp(0));
        }
        assert!(seen.early_turns >= 9);
    }
}
