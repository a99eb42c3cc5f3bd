//! A file that is read while somebody writes it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::directory::{Directory, Id, head};

/// Octets of a file; at its end, reading waits until there are more or none will come.
///
/// None will come when another file is there and this one did not grow since that was seen, when
/// this one was truncated or written anew, or when the waiting is stopped.
pub(super) struct Growing {
    file: File,
    id: Id,
    directory: Arc<Mutex<Directory>>,
    progress: Arc<Progress>,
    /// It was read once more after the waiting was stopped.
    last: bool,
    over: bool,
}

/// How far a file has been read.
#[derive(Default)]
pub(super) struct Progress {
    octets: AtomicU64,
    /// What it began with when its end was last seen.
    head: Mutex<Vec<u8>>,
}

impl Progress {
    /// Returns the octets read.
    pub(super) fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    /// Returns what `file` began with while it was read; what it was overwritten with since, never.
    pub(super) fn head(&self, file: &File) -> Vec<u8> {
        let mut known = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let now = head(file, usize::try_from(self.octets()).unwrap_or(usize::MAX));
        if now.starts_with(&known) {
            *known = now;
        }
        known.clone()
    }
}

impl Growing {
    /// Reads `file`, which is `id` of `directory`, and tells `progress` how far.
    pub(super) fn new(
        file: File,
        id: Id,
        directory: Arc<Mutex<Directory>>,
        progress: Arc<Progress>,
    ) -> Self {
        Self { file, id, directory, progress, last: false, over: false }
    }

    /// At the end: waits for more; tells whether reading again is worth it.
    fn wait(&mut self) -> io::Result<bool> {
        let read = self.progress.octets();
        let mut directory = lock(&self.directory);
        if directory.stopped() {
            return Ok(!std::mem::replace(&mut self.last, true));
        }
        if directory.is_left(self.id, read) {
            return Ok(false);
        }
        let before = self.progress.head(&self.file);
        directory.wait();
        let same = head(&self.file, before.len()) == before;
        Ok(same && self.file.metadata()?.len() >= read)
    }
}

impl Read for Growing {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while !self.over && !room.is_empty() {
            let count = self.file.read(room)?;
            if count > 0 {
                let octets = u64::try_from(count).unwrap_or(0);
                self.progress.octets.fetch_add(octets, Ordering::Relaxed);
                return Ok(count);
            }
            self.over = !self.wait()?;
        }
        Ok(0)
    }
}

/// A panic elsewhere does not make the directory unreadable.
pub(super) fn lock(directory: &Mutex<Directory>) -> MutexGuard<'_, Directory> {
    directory.lock().unwrap_or_else(PoisonError::into_inner)
}
