//! A directory into which somebody records, read as it grows.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::directory::{Directory, Due, Id, Mark, Resume};
use super::growing::{Growing, Progress, lock};
use super::{CaptureError, CaptureFile, Frame, FrameSource, Losses};

/// Time between two looks at a directory in which nothing is left to read.
const PERIOD: Duration = Duration::from_millis(200);

/// The capture files of a directory, one after the other, those that appear later too.
///
/// Files come in the order of their first frame's time, then in natural order of their names
/// (file2 before file10), and are not merged: they are meant to be of one recorder that rotates
/// (`tcpdump -C`, `-G`, `-W`, `-z`). The file that is still written is read as it grows. It is left
/// when another one is there and it has not grown since that was seen; should it grow later all
/// the same, it is read again from its beginning and the frames that were handed out are passed
/// over. A file that is truncated or written anew under its old name is read anew. No frame is
/// handed out twice: a renamed file is the same file, and a compressed file whose name without
/// `.gz`, `.lz4`, `.xz` or `.zst` is one that is read is left out.
///
/// Memory: one open file, and about a kilobyte for each file in the directory.
pub struct FollowedDirectory {
    directory: Arc<Mutex<Directory>>,
    current: Option<Current>,
    errors: VecDeque<CaptureError>,
    /// Losses of the files that have been read.
    losses: Losses,
}

struct Current {
    id: Id,
    capture: CaptureFile,
    /// Second handle of the file, to see what became of it.
    file: File,
    progress: Arc<Progress>,
    /// Frames that were handed out when it was read before.
    skip: u64,
}

impl FollowedDirectory {
    /// Follows `directory` until `stop` is set; looks five times a second when nothing is left.
    ///
    /// When `stop` is set, what is there is read without waiting for more, then `next_frame`
    /// returns `None`; a frame whose rest has not come is then no damage.
    ///
    /// # Errors
    /// Where the directory cannot be listed.
    pub fn new(directory: &Path, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        Self::with_wait(directory, move || {
            if !stop.load(Ordering::Relaxed) {
                pause();
            }
            !stop.load(Ordering::Relaxed)
        })
    }

    /// Follows `directory` until `wait`, called whenever nothing is left to read, returns `false`.
    ///
    /// # Errors
    /// Where the directory cannot be listed.
    pub fn with_wait(
        directory: &Path,
        wait: impl FnMut() -> bool + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let directory = Directory::new(directory, Box::new(wait))?;
        Ok(Self {
            directory: Arc::new(Mutex::new(directory)),
            current: None,
            errors: VecDeque::new(),
            losses: Losses::default(),
        })
    }

    /// Opens the next file; tells whether there will be one.
    fn open_next(&mut self) -> bool {
        let mut directory = lock(&self.directory);
        let due = directory.next_due();
        self.errors.extend(directory.take_notices());
        let Some(due) = due else {
            if directory.stopped() {
                return false;
            }
            directory.wait();
            self.errors.extend(directory.take_notices());
            return true;
        };
        let (file, handle) =
            match File::open(&due.path).and_then(|file| Ok((file.try_clone()?, file))) {
                Ok(opened) => opened,
                Err(source) => {
                    if source.kind() == std::io::ErrorKind::NotFound {
                        directory.gone(due.id, due.resume);
                    } else {
                        directory.done(due.id, Mark::of_unreadable(&due.path));
                        self.errors.push_back(CaptureError::Open { path: due.path, source });
                    }
                    return true;
                }
            };
        drop(directory);
        self.open(&due, file, handle);
        true
    }

    fn open(&mut self, due: &Due, file: File, handle: File) {
        let progress = Arc::new(Progress::default());
        let growing =
            Growing::new(file, due.id, Arc::clone(&self.directory), Arc::clone(&progress));
        self.losses = self.losses.without(due.resume.losses);
        match CaptureFile::from_reader(&due.path, growing) {
            Ok(capture) => {
                let skip = due.resume.frames;
                self.current = Some(Current { id: due.id, capture, file: handle, progress, skip });
            }
            Err(error) => {
                let mut directory = lock(&self.directory);
                if !directory.stopped() || directory.has_due() {
                    self.errors.push_back(error);
                }
                let mark = mark(&handle, &progress, Resume::default(), false);
                directory.done(due.id, mark);
            }
        }
    }

    /// Closes the current file, after its end or damage.
    fn close(&mut self, damaged: bool) {
        let Some(current) = self.current.take() else { return };
        let resume = Resume { frames: current.capture.frames(), losses: current.capture.losses() };
        self.losses = self.losses.with(resume.losses);
        let mark = mark(&current.file, &current.progress, resume, damaged);
        lock(&self.directory).done(current.id, mark);
    }

    /// Takes note of an error of the current file.
    fn trouble(&mut self, error: CaptureError) {
        let Some(current) = &self.current else { return };
        if matches!(error, CaptureError::LinkType { .. }) {
            // What was handed out before was told before.
            if current.skip <= current.capture.frames() {
                self.errors.push_back(error);
            }
            return;
        }
        let cut = current.capture.broke_off();
        let directory = lock(&self.directory);
        let unfinished = cut && directory.stopped() && !directory.has_due();
        drop(directory);
        if !unfinished {
            self.errors.push_back(error);
        }
        self.close(!cut);
    }
}

impl FrameSource for FollowedDirectory {
    /// Returns the next frame; waits for it. `None` when the waiting was stopped.
    ///
    /// # Errors
    /// Those of the files, and `LeftOut` once for each file that is not read. All are notices:
    /// the next call goes on.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let head = loop {
            if let Some(error) = self.errors.pop_front() {
                return Err(error);
            }
            let Some(current) = &mut self.current else {
                if !self.open_next() {
                    return Ok(None);
                }
                continue;
            };
            match current.capture.peek() {
                Ok(Some(head)) if current.skip > current.capture.frames() => {
                    current.capture.take(&head);
                }
                Ok(Some(head)) => break head,
                Ok(None) => self.close(false),
                Err(error) => self.trouble(error),
            }
        };
        Ok(self.current.as_mut().map(|current| current.capture.take(&head)))
    }

    fn losses(&self) -> Losses {
        let current = self.current.as_ref().map(|current| current.capture.losses());
        self.losses.with(current.unwrap_or_default())
    }
}

/// Notes how a file is that has been read.
fn mark(file: &File, progress: &Progress, resume: Resume, damaged: bool) -> Mark {
    let metadata = file.metadata().ok();
    let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    let there = metadata.map_or(0, |metadata| metadata.len());
    let read = progress.octets();
    let length = if damaged { read.max(there) } else { read };
    Mark { length, modified, head: progress.head(file), resume, damaged }
}

/// The one place where capture files are waited for: a recorder cannot be asked to call back.
fn pause() {
    std::thread::sleep(PERIOD);
}
