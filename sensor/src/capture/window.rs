//! The stretch of an input that is in memory: one buffer, filled in large reads and lent in slices.
//!
//! Nothing here knows what the octets mean.

use std::io::{self, Read};

/// Octets of the first read; most files of a set are opened only to see their first frame.
const FIRST_ROOM: usize = 16 * 1024;

/// Octets a buffer grows to by itself: fits the second level cache, makes reads rare.
const USUAL_ROOM: usize = 256 * 1024;

/// A window that slides over an input.
///
/// The buffer grows to 256 KiB as the input fills it, and beyond only to what `have` is asked for
/// and only as octets arrive: a length that lies costs no memory.
pub(super) struct Window<R> {
    input: R,
    octets: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Window<R> {
    /// Starts at the beginning of `input`.
    pub(super) fn new(input: R) -> Self {
        Self { input, octets: vec![0; FIRST_ROOM], start: 0, end: 0 }
    }

    /// Returns what is in memory, at least `length` octets unless the input ends before.
    ///
    /// # Errors
    /// Of the input; what is in memory stays there.
    #[inline]
    pub(super) fn have(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.end - self.start < length {
            self.fill(length)?;
        }
        Ok(self.octets.get(self.start..self.end).unwrap_or_default())
    }

    /// Steps over up to `length` octets that are in memory and returns them.
    #[inline]
    pub(super) fn take(&mut self, length: usize) -> &[u8] {
        let from = self.start;
        self.start = from.saturating_add(length).min(self.end);
        self.octets.get(from..self.start).unwrap_or_default()
    }

    /// Steps over `length` octets; returns how many there were.
    ///
    /// # Errors
    /// Of the input.
    pub(super) fn skip(&mut self, length: u64) -> io::Result<u64> {
        let mut left = length;
        while left > 0 {
            if self.start == self.end {
                self.fill(1)?;
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            if step == 0 {
                break;
            }
            self.start += step;
            left = left.saturating_sub(u64::try_from(step).unwrap_or(u64::MAX));
        }
        Ok(length - left)
    }

    /// Reads until `length` octets are in memory or the input ends.
    #[cold]
    fn fill(&mut self, length: usize) -> io::Result<()> {
        let full = self.end == self.octets.len();
        self.octets.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if full && self.octets.len() < USUAL_ROOM {
            self.octets.resize(self.octets.len() * 2, 0);
        }
        while self.end < length {
            if self.end == self.octets.len() {
                self.octets.resize(length.min(self.octets.len() * 2), 0);
            }
            let room = self.octets.get_mut(self.end..).unwrap_or_default();
            match self.input.read(room) {
                Ok(0) => break,
                Ok(count) => self.end += count.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the octets of memory in use.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.octets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out at most `step` octets a call, as a pipe does.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(room.len());
            self.0.read(&mut room[..length])
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_octet_comes_once_and_in_order(
            length in 0usize..600_000,
            step in 1usize..100_000,
            cuts in proptest::collection::vec((0usize..70_000, any::<bool>()), 0..40),
        ) {
            let octets: Vec<u8> = (0..=250).cycle().take(length).collect();
            let mut window = Window::new(Dribble(&octets, step));
            let mut at = 0;
            for (cut, skip) in cuts {
                let there = cut.min(length - at);
                if skip {
                    prop_assert_eq!(window.skip(cut as u64).unwrap(), there as u64);
                } else {
                    prop_assert!(window.have(cut).unwrap().len() >= there);
                    prop_assert_eq!(window.take(cut), &octets[at..at + there]);
                }
                at += there;
            }
        }
    }

    #[test]
    fn a_length_that_lies_costs_no_memory() {
        let mut window = Window::new(Dribble(&[7; 40_000], 1000));
        assert_eq!(window.have(usize::MAX).unwrap().len(), 40_000);
        assert!(window.room() <= 2 * 65_536, "{}", window.room());
    }
}
