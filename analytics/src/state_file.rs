//! The files in which what is remembered outlives the program.
//!
//! Two files take turns, so that one is whole whenever the program is killed. Both are opened at
//! the start, before a live capture gives its rights up.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use geophone_sensor::time::Timestamp;

use crate::pipeline::Analytics;
use crate::state::SavedError;

/// State that cannot be saved or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the saved state \"{path}\": {source}")]
pub struct StateFileError {
    path: PathBuf,
    source: SavedError,
}

/// Where what is remembered is saved.
pub struct StateFile {
    slots: [Slot; 2],
    /// Which is written next.
    next: usize,
    every: Duration,
    last: Option<Timestamp>,
}

struct Slot {
    path: PathBuf,
    file: File,
}

impl StateFile {
    /// Opens `path` and the file beside it whose name ends in `.other`, making them where there are
    /// none; `every` is how much capture time lies between two savings.
    ///
    /// # Errors
    /// A file that cannot be opened for reading and writing.
    pub fn open(path: &Path, every: Duration) -> Result<Self, StateFileError> {
        let mut other = path.as_os_str().to_owned();
        other.push(".other");
        let slot = |path: PathBuf| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            match options.open(&path) {
                Ok(file) => Ok(Slot { path, file }),
                Err(error) => Err(StateFileError { path, source: error.into() }),
            }
        };
        let slots = [slot(path.to_owned())?, slot(other.into())?];
        Ok(Self { slots, next: 0, every, last: None })
    }

    /// Reads the newest of the two that is whole into `analytics`, whose tables must be empty;
    /// returns when it was saved, nothing where both are empty. Tells of one that is not whole
    /// through `tell`.
    ///
    /// # Errors
    /// Neither is whole, and one is not empty.
    pub fn load(
        &mut self,
        analytics: &mut Analytics,
        tell: &mut impl FnMut(&str),
    ) -> Result<Option<Timestamp>, StateFileError> {
        let mut best: Option<(usize, Timestamp)> = None;
        let mut wrong = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            match slot.read(&mut analytics.blank()) {
                Ok(Some(time)) if best.is_none_or(|(_, newest)| time > newest) => {
                    best = Some((index, time));
                }
                Ok(_) => {}
                Err(error) => wrong = Some(error),
            }
        }
        let Some((index, time)) = best else { return wrong.map_or(Ok(None), Err) };
        if let Some(error) = wrong {
            tell(&format!("{error}; the one saved at {time} is used"));
        }
        if let Some(slot) = self.slots.get_mut(index) {
            slot.read(analytics)?;
        }
        self.next = 1 - index;
        Ok(Some(time))
    }

    /// Saves `analytics` if the time has come.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_if_due(&mut self, analytics: &Analytics) -> Result<(), StateFileError> {
        let now = analytics.now();
        let last = *self.last.get_or_insert(now);
        if now.since(last) < self.every {
            return Ok(());
        }
        self.save(analytics)
    }

    /// Saves `analytics`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&mut self, analytics: &Analytics) -> Result<(), StateFileError> {
        self.last = Some(analytics.now());
        let Some(slot) = self.slots.get_mut(self.next) else { return Ok(()) };
        slot.write(analytics)
            .map_err(|source| StateFileError { path: slot.path.clone(), source })?;
        self.next = 1 - self.next;
        Ok(())
    }
}

impl Slot {
    fn read(&mut self, analytics: &mut Analytics) -> Result<Option<Timestamp>, StateFileError> {
        self.read_into(analytics)
            .map_err(|source| StateFileError { path: self.path.clone(), source })
    }

    fn read_into(&mut self, analytics: &mut Analytics) -> Result<Option<Timestamp>, SavedError> {
        self.file.rewind()?;
        if self.file.metadata()?.len() == 0 {
            return Ok(None);
        }
        analytics.load(&mut BufReader::with_capacity(1 << 16, &self.file)).map(Some)
    }

    fn write(&mut self, analytics: &Analytics) -> Result<(), SavedError> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        let mut out = BufWriter::with_capacity(1 << 16, &self.file);
        analytics.save(&mut out)?;
        out.flush()?;
        let done: io::Result<()> = self.file.sync_data();
        Ok(done?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::rule::Rules;

    fn analytics() -> Analytics {
        let mut config = Config::default();
        (config.state.keys, config.state.seen_names, config.state.domains) = (64, 400, 64);
        Analytics::new(config, Rules::builtin().unwrap())
    }

    #[test]
    fn a_killed_program_finds_the_last_whole_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let every = Duration::from_secs(60);
        let mut said = Vec::new();
        let mut tell = |text: &str| said.push(text.to_owned());
        let mut files = StateFile::open(&path, every).unwrap();
        assert_eq!(files.load(&mut analytics(), &mut tell).unwrap(), None);
        files.save(&analytics()).unwrap();
        files.save(&analytics()).unwrap();
        // Killed in the middle of the next one: the first is cut, the other is whole.
        let length = std::fs::metadata(&path).unwrap().len();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
        let mut files = StateFile::open(&path, every).unwrap();
        assert!(files.load(&mut analytics(), &mut tell).unwrap().is_some());
        assert_eq!(files.next, 0, "the broken one is written next");
        assert!(said.len() == 1 && said[0].contains("too early"), "{said:?}");
        std::fs::write(folder.path().join("state.other"), "nonsense").unwrap();
        let mut files = StateFile::open(&path, every).unwrap();
        let error = files.load(&mut analytics(), &mut tell_nothing).unwrap_err().to_string();
        assert!(error.contains("remove it to begin anew"), "{error}");
    }

    fn tell_nothing(_: &str) {}
}
