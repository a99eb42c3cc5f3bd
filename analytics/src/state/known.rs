//! Since when domains are known, and whether many ask them: 16 octets a domain.
//!
//! Everybody keeps this of all domains, so it is the one table that does not grow smaller when the
//! work is shared.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::image::OtherSizes;
use super::lines::{LINE, Lines};

/// What a domain is known for, in one word: the lowest bit tells whether many ask it, the others
/// since when it is known, to two microseconds and never too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known(u64);

impl Known {
    pub(crate) const fn new(first: Timestamp, crowded: bool) -> Self {
        let micros = first.micros();
        let even = micros.saturating_add(micros & 1) & !1;
        Self(even.cast_unsigned() | crowded as u64)
    }

    /// Returns since when the domain is known.
    pub(crate) const fn first(self) -> Timestamp {
        Timestamp((self.0 & !1).cast_signed())
    }

    /// Tells whether many ask the domain.
    pub(crate) const fn is_crowded(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Domains by their hash, bounded. A set of eight takes two cache lines, one of tags and one of
/// words, in the order in which they were told last: the last one gives way.
pub(crate) struct KnownDomains {
    lines: Lines,
    mask: usize,
}

/// An image of the table.
#[derive(Serialize, Deserialize)]
pub(crate) struct KnownImage {
    mask: usize,
    /// Tags and words; of a set the one told first stands first.
    told: Vec<(u64, u64)>,
}

type Set = [[u64; LINE]; 2];

impl KnownDomains {
    /// Makes room for `domains` domains, rounded up to a power of two of sets.
    pub(crate) fn new(domains: u32) -> Self {
        let sets = usize::try_from(domains).unwrap_or(LINE).div_ceil(LINE).next_power_of_two();
        Self { lines: Lines::new(2 * sets), mask: sets - 1 }
    }

    /// Octets of the table.
    pub(crate) fn memory(&self) -> usize {
        self.lines.memory()
    }

    /// Returns a word of each line near `hash`, so that both are on their way when it is asked for.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        self.set(hash).map_or(0, |[[tag, ..], [word, ..]]| tag ^ word)
    }

    /// Returns what the domain of `hash` is known for.
    pub(crate) fn find(&self, hash: u64) -> Option<Known> {
        let [tags, words] = self.set(hash)?;
        let way = tags.iter().position(|tag| *tag == tag_of(hash))?;
        words.get(way).map(|word| Known(*word))
    }

    /// Knows of a domain; where its set is full, the one told longest ago is forgotten.
    pub(crate) fn learn(&mut self, hash: u64, known: Known) {
        self.put_first(tag_of(hash), known.0);
    }

    fn put_first(&mut self, tag: u64, word: u64) {
        let at = self.set_of(tag);
        let sets: &mut [Set] = self.lines.lines_mut().as_chunks_mut().0;
        let Some([tags, words]) = sets.get_mut(at) else { return };
        // Its old place, or the first free one, or the last.
        let place = tags.iter().position(|held| *held == tag || *held == 0).unwrap_or(LINE - 1);
        for (line, first) in [(tags, tag), (words, word)] {
            if let Some(part) = line.get_mut(..=place) {
                part.rotate_right(1);
                part.first_mut().into_iter().for_each(|cell| *cell = first);
            }
        }
    }

    /// Returns an image of the table.
    pub(crate) fn image(&self) -> KnownImage {
        let sets: &[Set] = self.lines.lines().as_chunks().0;
        let pairs = |set: &Set| {
            let [tags, words] = *set;
            tags.into_iter().zip(words).rev().filter(|(tag, _)| *tag != 0)
        };
        KnownImage { mask: self.mask, told: sets.iter().flat_map(pairs).collect() }
    }

    /// Puts an image into a table that is empty.
    pub(crate) fn put(&mut self, image: KnownImage) -> Result<(), OtherSizes> {
        if image.mask != self.mask {
            return Err(OtherSizes);
        }
        for (tag, word) in image.told {
            self.put_first(tag, word);
        }
        Ok(())
    }

    fn set(&self, hash: u64) -> Option<&Set> {
        self.lines.lines().as_chunks().0.get(self.set_of(tag_of(hash)))
    }

    fn set_of(&self, tag: u64) -> usize {
        usize::try_from(tag).unwrap_or_default() & self.mask
    }
}

/// 0 stands for none.
fn tag_of(hash: u64) -> u64 {
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(second: i64) -> Known {
        Known::new(Timestamp(second * 1_000_000), second % 2 == 1)
    }

    #[test]
    fn a_word_keeps_both_and_never_an_earlier_time() {
        for micros in [i64::MIN, -3, -2, -1, 0, 1, 2, 1_700_000_000_000_001, i64::MAX - 1] {
            for crowded in [false, true] {
                let known = Known::new(Timestamp(micros), crowded);
                let late = known.first().micros() - micros;
                assert!((0..=1).contains(&late), "{micros} {late}");
                assert_eq!(known.is_crowded(), crowded);
            }
        }
    }

    #[test]
    fn the_one_told_longest_ago_gives_way() {
        let mut domains = KnownDomains::new(8);
        for hash in 1..=8_u64 {
            domains.learn(hash, known(i64::try_from(hash).unwrap()));
        }
        domains.learn(1, known(100));
        domains.learn(9, known(9));
        assert_eq!(domains.find(2), None);
        assert_eq!((domains.find(1), domains.find(9)), (Some(known(100)), Some(known(9))));
        assert!((3..=8_i64).all(|n| domains.find(n.cast_unsigned()) == Some(known(n))));
        assert_eq!(domains.memory(), 8 * 16);
    }

    #[test]
    fn an_image_forgets_what_the_table_would_have_forgotten() {
        let mut domains = KnownDomains::new(16);
        for n in 0..100_u64 {
            domains.learn(n * 7 % 23, known(i64::try_from(n).unwrap()));
        }
        let mut back = KnownDomains::new(16);
        back.put(domains.image()).unwrap();
        for n in 100..140_u64 {
            for table in [&mut domains, &mut back] {
                table.learn(n, known(1));
            }
            assert!((0..140).all(|hash| domains.find(hash) == back.find(hash)), "{n}");
        }
        assert!(KnownDomains::new(32).put(domains.image()).is_err());
    }
}
