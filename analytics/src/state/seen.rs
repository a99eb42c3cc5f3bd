//! Which names were seen before: a filter that forgets whole days, not single names.

use std::time::Duration;

use geophone_sensor::time::Timestamp;

use serde::{Deserialize, Serialize};

use super::image::OtherSizes;
use super::lines::{LINE, Lines};

/// Names per block: 512 bits over 40 names are 12.8 bits a name, under 1 % false positives.
const NAMES_PER_BLOCK: u64 = 40;
/// Bits that a name sets in its block, 9 bits of the hash each. Eight would err half as often and
/// cost twice as much to look at.
const BITS: usize = 5;

/// A blocked Bloom filter (Putze, Sanders, Singler 2007) in two generations.
///
/// A name counts as seen if either generation has it. When the span is over or the younger
/// generation is full, the older one is forgotten. A false positive makes a novel name look
/// repeated and so prices it too low; the share is bounded by the fill.
pub struct SeenFilter {
    /// Of each block one cache line a generation, side by side.
    lines: Lines,
    blocks: usize,
    /// Which of the two lines is the younger generation's.
    young: usize,
    names: u64,
    capacity: u64,
    /// Microseconds that a generation lasts at most.
    span: u64,
    began: Option<Timestamp>,
    /// Generations that ended because they were full, not because they were old.
    pub early_turns: u64,
}

/// An image of the filter: the lines that hold anything.
#[derive(Serialize, Deserialize)]
pub(crate) struct SeenImage {
    blocks: usize,
    young: usize,
    names: u64,
    began: Option<Timestamp>,
    early_turns: u64,
    lines: Vec<(usize, [u64; LINE])>,
}

impl SeenFilter {
    /// Returns an image of the filter.
    pub(crate) fn image(&self) -> SeenImage {
        let lines = self.lines.lines().iter().copied().enumerate();
        SeenImage {
            blocks: self.blocks,
            young: self.young,
            names: self.names,
            began: self.began,
            early_turns: self.early_turns,
            lines: lines.filter(|(_, line)| *line != [0; LINE]).collect(),
        }
    }

    /// Puts an image into a filter that is empty.
    pub(crate) fn put(&mut self, image: SeenImage) -> Result<(), OtherSizes> {
        if image.blocks != self.blocks {
            return Err(OtherSizes);
        }
        for (at, line) in image.lines {
            *self.lines.lines_mut().get_mut(at).ok_or(OtherSizes)? = line;
        }
        (self.young, self.names) = (image.young & 1, image.names);
        (self.began, self.early_turns) = (image.began, image.early_turns);
        Ok(())
    }

    /// Makes a filter for `names` names a generation, each lasting at most `span`.
    #[must_use]
    pub fn new(names: u32, span: Duration) -> Self {
        let blocks =
            usize::try_from(u64::from(names).div_ceil(NAMES_PER_BLOCK)).unwrap_or(1).max(1);
        Self {
            lines: Lines::new(2 * blocks),
            blocks,
            young: 0,
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
        self.lines.memory()
    }

    /// Returns a word of each generation near `hash`, so that both lines are on their way when it
    /// is inserted.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        let block = self.lines.lines().as_chunks().0.get(self.block_of(hash));
        block.map_or(0, |[[a, ..], [b, ..]]: &[[u64; LINE]; 2]| a ^ b)
    }

    /// Remembers `hash` and tells whether it is novel.
    pub fn insert(&mut self, hash: u64, time: Timestamp) -> bool {
        self.turn(time);
        let (at, young) = (self.block_of(hash), self.young);
        let Some(block) = self.lines.lines_mut().as_chunks_mut().0.get_mut(at) else { return true };
        let [first, second]: &mut [[u64; LINE]; 2] = block;
        let (young, old) = if young == 0 { (first, second) } else { (second, first) };
        let bits = Bits::of(hash);
        if bits.are_in(young) {
            return false;
        }
        bits.set_in(young);
        self.names += 1;
        !bits.are_in(old)
    }

    /// Returns both generations, the younger first, and what stands beside them, as words.
    pub(crate) fn words(&self) -> Vec<u64> {
        let began = self.began.map_or(0, |time| time.micros().cast_unsigned());
        let head = [self.names, u64::from(self.began.is_some()), began];
        let generation = |first: usize| self.lines.lines().iter().skip(first).step_by(2).flatten();
        let blocks = generation(self.young).chain(generation(1 - self.young));
        head.into_iter().chain(blocks.copied()).collect()
    }

    /// Takes words over, if there are as many as this filter has; tells whether it did.
    pub(crate) fn restore(&mut self, words: &[u64]) -> bool {
        let Some(([names, known, began], rest)) = words.split_first_chunk() else { return false };
        if rest.len() != 2 * self.blocks * LINE {
            return false;
        }
        self.names = *names;
        self.began = (*known == 1).then(|| Timestamp(began.cast_signed()));
        self.young = 0;
        let (young, old) = rest.split_at(self.blocks * LINE);
        for (first, words) in [(0, young), (1, old)] {
            let cells = self.lines.lines_mut().iter_mut().skip(first).step_by(2).flatten();
            cells.zip(words).for_each(|(cell, word)| *cell = *word);
        }
        true
    }

    /// Returns the number of words that this filter has.
    pub(crate) fn n_words(&self) -> u64 {
        u64::try_from(3 + 2 * self.blocks * LINE).unwrap_or(u64::MAX)
    }

    fn turn(&mut self, time: Timestamp) {
        let began = *self.began.get_or_insert(time);
        let full = self.names >= self.capacity;
        if full || time.micros_since(began) >= self.span {
            self.early_turns += u64::from(full);
            self.young = 1 - self.young;
            let lines = self.lines.lines_mut().iter_mut().skip(self.young).step_by(2);
            lines.for_each(|line| *line = [0; LINE]);
            self.names = 0;
            self.began = Some(time);
        }
    }

    fn block_of(&self, hash: u64) -> usize {
        let blocks = u64::try_from(self.blocks).unwrap_or(1);
        usize::try_from(((hash >> 32) * blocks) >> 32).unwrap_or_default()
    }
}

/// The bits of a name in its block: nine of the hash say which word and which of its bits.
#[derive(Clone, Copy)]
struct Bits(u64);

impl Bits {
    /// The upper half of the hash chose the block; spreads the whole for the bits.
    const fn of(hash: u64) -> Self {
        Self(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn each(self) -> impl Iterator<Item = (usize, u64)> {
        (0..BITS).map(move |n| {
            let spread = self.0 << (9 * n);
            (usize::try_from(spread >> 61).unwrap_or_default(), 1 << (spread >> 55 & 63))
        })
    }

    fn are_in(self, line: &[u64; LINE]) -> bool {
        self.each().all(|(word, mask)| line.get(word).is_some_and(|held| held & mask != 0))
    }

    fn set_in(self, line: &mut [u64; LINE]) {
        for (word, mask) in self.each() {
            if let Some(held) = line.get_mut(word) {
                *held |= mask;
            }
        }
    }
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
