//! The longest meaningful word inside a label.
//!
//! Words are the alphabetic labels of three and more letters that the price learns from, so both
//! sides know the same dictionary.

/// The labels compiled in; `#` begins a comment.
const LABELS: &str = include_str!("../../../../datasets/names/labels.txt");

/// Words shorter than this mean nothing.
const SHORTEST: usize = 3;

/// A dictionary in alphabetical order.
pub(super) struct Words {
    sorted: Vec<&'static [u8]>,
}

impl Words {
    pub(super) fn new() -> Self {
        let mut sorted: Vec<_> = LABELS
            .lines()
            .map(str::trim)
            .filter(|word| word.len() >= SHORTEST && word.bytes().all(|b| b.is_ascii_lowercase()))
            .map(str::as_bytes)
            .collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted }
    }

    /// Returns the length of the longest word that stands in `text`, which is in lower case.
    pub(super) fn longest_in(&self, text: &[u8]) -> usize {
        let starts = (0..text.len()).filter_map(|at| text.get(at..));
        starts.map(|text| self.longest_at_begin(text)).max().unwrap_or(0)
    }

    fn longest_at_begin(&self, text: &[u8]) -> usize {
        let mut words = self.sorted.as_slice();
        let mut longest = 0;
        for (depth, byte) in text.iter().enumerate() {
            // All words here begin alike, so the next letter orders them.
            let from = words.partition_point(|word| word.get(depth) < Some(byte));
            let to = words.partition_point(|word| word.get(depth) <= Some(byte));
            words = words.get(from..to).unwrap_or_default();
            match words.first() {
                None => break,
                // The shortest of words that begin alike comes first.
                Some(word) if word.len() == depth + 1 => longest = word.len(),
                Some(_) => {}
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_anywhere_and_the_longest_counts() {
        let words = Words::new();
        assert!(words.sorted.len() > 5_000);
        for (text, longest) in [("x9images7", 6), ("staticx", 6), ("q7z9", 0), ("", 0)] {
            assert_eq!(words.longest_in(text.as_bytes()), longest, "{text}");
        }
    }
}
