//! Which file of the spool a message on its way came from.

use std::collections::VecDeque;

/// Stretches of messages from one file each, or from none, oldest first.
///
/// A message is known by its number. What stands before all stretches comes from no file.
#[derive(Default)]
pub(super) struct Runs(VecDeque<(usize, Option<u64>)>);

impl Runs {
    /// Takes note that message `number` and those behind it come from `file`, and forgets files
    /// that `is_there` says are gone: none of their messages is on its way any more.
    pub(super) fn note(
        &mut self,
        number: usize,
        file: Option<u64>,
        is_there: impl Fn(u64) -> bool,
    ) {
        if self.0.back().and_then(|(_, last)| *last) == file {
            return;
        }
        while self.0.front().is_some_and(|(_, file)| !file.is_some_and(&is_there)) {
            self.0.pop_front();
        }
        self.0.push_back((number, file));
    }

    /// Returns the file that message `number` came from.
    pub(super) fn file_of(&self, number: usize) -> Option<u64> {
        let behind = self.0.partition_point(|(first, _)| *first <= number);
        behind.checked_sub(1).and_then(|index| self.0.get(index)).and_then(|(_, file)| *file)
    }

    /// Forgets everything: nothing is on its way.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_finds_its_file_and_what_is_gone_is_forgotten() {
        let mut runs = Runs::default();
        for (number, file) in [(0, None), (5, Some(1)), (9, Some(2)), (12, None), (20, Some(3))] {
            runs.note(number, file, |_| true);
        }
        let files = [0, 5, 8, 9, 11, 12, 19, 20, 99].map(|number| runs.file_of(number));
        let expected = [None, Some(1), Some(1), Some(2), Some(2), None, None, Some(3), Some(3)];
        assert_eq!(files, expected);
        runs.note(100, None, |file| file == 3);
        assert_eq!((runs.0.len(), runs.file_of(50), runs.file_of(100)), (2, Some(3), None));
    }
}
