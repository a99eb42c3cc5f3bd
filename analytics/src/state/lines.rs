//! Words in cache lines.

/// Words of a line of 64 octets.
pub(crate) const LINE: usize = 8;

/// Lines of words, all zero at first and each in a cache line of its own.
///
/// Zeroed memory comes from the system page by page when it is first written, so a large table
/// costs what is used of it.
pub(crate) struct Lines {
    words: Vec<u64>,
    /// Words before the first whole line.
    skip: usize,
}

impl Lines {
    /// Makes `lines` lines.
    pub(crate) fn new(lines: usize) -> Self {
        let words = vec![0; (lines + 1) * LINE];
        let skip = words.as_ptr().align_offset(LINE * size_of::<u64>()).min(LINE);
        let mut made = Self { words, skip };
        // The vector is never grown: where it stands, it stays.
        made.words.truncate(skip + lines * LINE);
        made
    }

    /// Octets of all lines.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(self.lines())
    }

    /// Returns the lines.
    pub(crate) fn lines(&self) -> &[[u64; LINE]] {
        self.words.get(self.skip..).unwrap_or_default().as_chunks().0
    }

    /// Returns the lines to be changed.
    pub(crate) fn lines_mut(&mut self) -> &mut [[u64; LINE]] {
        self.words.get_mut(self.skip..).unwrap_or_default().as_chunks_mut().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_begins_where_a_cache_line_does() {
        for n in [0, 1, 3, 1000] {
            let mut lines = Lines::new(n);
            assert_eq!((lines.lines().len(), lines.memory()), (n, n * 64));
            for line in lines.lines_mut() {
                assert_eq!(line.as_ptr().align_offset(64), 0);
                *line = [7; LINE];
            }
        }
    }
}
