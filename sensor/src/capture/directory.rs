//! What is known of the files of a followed directory: which are to be read, which have been.
//!
//! Files are told apart by device and inode, so a renamed one is not read again. Nothing here
//! reads frames, but for the time of a file's first one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::{Look, look};
use super::natural::natural;
use super::{CaptureError, Losses};
use crate::time::Timestamp;

/// Endings of compressed files.
const PACKED: [&str; 4] = ["gz", "lz4", "xz", "zst"];

/// Octets by which a file that was written anew is told from one that grew: they hold the time of
/// its first frame in all but captures with more than this of comments before it.
const HEAD: usize = 1024;

/// Device and inode.
pub(super) type Id = (u64, u64);

/// A directory as it was when it was last looked at.
pub(super) struct Directory {
    path: PathBuf,
    files: BTreeMap<Id, Known>,
    /// Asked whenever there is nothing to read; `false` ends the waiting for good.
    wait: Box<dyn FnMut() -> bool + Send>,
    stopped: bool,
    /// The directory could not be listed, and that has been told.
    missing: bool,
    /// What is to be told.
    notices: Vec<CaptureError>,
}

#[derive(Debug)]
struct Known {
    path: PathBuf,
    /// Octets it had when the directory was last looked at; `None` where it was gone.
    length: Option<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// To be read.
    Due { first: Option<Timestamp>, resume: Resume },
    /// Open.
    Reading,
    /// Read as far as it went.
    Read(Mark),
    /// Not read, or not twice.
    LeftOut,
    /// Holds the same as the file without its ending.
    PackedTwin,
}

/// What has been read of a file before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resume {
    /// Frames handed out.
    pub(super) frames: u64,
    /// Losses counted.
    pub(super) losses: Losses,
}

/// How a file was when it had been read.
#[derive(Debug)]
pub(super) struct Mark {
    /// Octets read.
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) head: Vec<u8>,
    pub(super) resume: Resume,
    /// It is damaged in the middle: what is written behind that cannot be read.
    pub(super) damaged: bool,
}

impl Mark {
    /// Of a file that cannot be opened: not tried again, told once.
    pub(super) fn of_unreadable(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        Self {
            length: metadata.as_ref().map_or(0, Metadata::len),
            modified: metadata.and_then(|metadata| metadata.modified().ok()),
            head: Vec::new(),
            resume: Resume::default(),
            damaged: true,
        }
    }
}

/// A file that is due.
pub(super) struct Due {
    pub(super) id: Id,
    pub(super) path: PathBuf,
    pub(super) resume: Resume,
}

impl Directory {
    /// Looks at a directory for the first time.
    ///
    /// # Errors
    /// Where it cannot be listed.
    pub(super) fn new(
        path: &Path,
        wait: Box<dyn FnMut() -> bool + Send>,
    ) -> Result<Self, CaptureError> {
        let mut directory = Self {
            path: path.to_owned(),
            files: BTreeMap::new(),
            wait,
            stopped: false,
            missing: false,
            notices: Vec::new(),
        };
        directory.scan();
        match directory.notices.pop() {
            Some(error) if directory.missing => Err(error),
            other => {
                directory.notices.extend(other);
                Ok(directory)
            }
        }
    }

    /// Waits, then looks again.
    pub(super) fn wait(&mut self) {
        if !self.stopped {
            self.stopped = !(self.wait)();
            self.scan();
        }
    }

    /// Tells whether nothing is waited for any more.
    pub(super) const fn stopped(&self) -> bool {
        self.stopped
    }

    /// Tells whether `id` had `length` octets, or was gone, when the directory was last looked at,
    /// and another file is there to be read: its writer has gone on to that.
    pub(super) fn is_left(&self, id: Id, length: u64) -> bool {
        let then = self.files.get(&id).and_then(|file| file.length);
        then.is_none_or(|then| then == length) && self.has_due()
    }

    /// Tells whether a file is there to be read.
    pub(super) fn has_due(&self) -> bool {
        self.files.values().any(|file| matches!(file.state, State::Due { .. }))
    }

    pub(super) fn take_notices(&mut self) -> Vec<CaptureError> {
        std::mem::take(&mut self.notices)
    }

    /// Returns the file to read next: by the time of the first frame, those without one last, then
    /// by natural order of names.
    pub(super) fn next_due(&mut self) -> Option<Due> {
        let mut best: Option<(Id, Option<Timestamp>, PathBuf, Resume)> = None;
        for (id, file) in &mut self.files {
            let State::Due { first, resume } = &mut file.state else { continue };
            let resume = *resume;
            if first.is_none() {
                match look(&file.path) {
                    Look::Capture(time) => *first = time,
                    Look::Unknown => {}
                    Look::Other(error) => {
                        self.notices.push(left_out(&file.path, error));
                        file.state = State::LeftOut;
                        continue;
                    }
                }
            }
            let first = *first;
            let earlier = best.as_ref().is_none_or(|(_, other, path, _)| {
                let key = |time: Option<Timestamp>| (time.is_none(), time);
                key(first).cmp(&key(*other)).then_with(|| natural(&file.path, path)).is_lt()
            });
            if earlier {
                best = Some((*id, first, file.path.clone(), resume));
            }
        }
        let (id, _, path, resume) = best?;
        if let Some(file) = self.files.get_mut(&id) {
            file.state = State::Reading;
        }
        Some(Due { id, path, resume })
    }

    /// Notes that a file has been read.
    pub(super) fn done(&mut self, id: Id, mark: Mark) {
        if let Some(file) = self.files.get_mut(&id) {
            file.state = State::Read(mark);
        }
    }

    /// Notes that a file was gone when it was to be opened: the next look tells what became of it.
    pub(super) fn gone(&mut self, id: Id, resume: Resume) {
        if let Some(file) = self.files.get_mut(&id) {
            file.state = State::Due { first: None, resume };
        }
        self.scan();
    }

    /// Lists the directory and notes what is new, has grown, was written anew or is gone.
    pub(super) fn scan(&mut self) {
        let found = match list(&self.path) {
            Ok(found) => found,
            Err(source) if !self.missing => {
                self.missing = true;
                self.notices.push(CaptureError::Open { path: self.path.clone(), source });
                return;
            }
            Err(_) => return,
        };
        self.missing = false;
        let names: BTreeSet<PathBuf> = found
            .values()
            .map(|(path, _)| path.clone())
            .chain(self.files.values().map(|file| file.path.clone()))
            .collect();
        let unread = self.forget(&found);
        for (id, (path, metadata)) in found {
            if let Some(file) = self.files.get_mut(&id)
                && file.update(&path, &metadata)
            {
                continue;
            }
            let plain = path.with_extension("");
            let state = if is_packed(&path) && names.contains(&plain) && !unread.contains(&plain) {
                let cause = "it is the compressed form of a file that is read".to_owned();
                self.notices.push(CaptureError::LeftOut { path: path.clone(), cause });
                State::PackedTwin
            } else {
                State::anew()
            };
            self.files.insert(id, Known { path, length: Some(metadata.len()), state });
        }
    }

    /// Forgets files that are gone and returns those that were not read: of these, the compressed
    /// form is due.
    fn forget(&mut self, found: &BTreeMap<Id, (PathBuf, Metadata)>) -> BTreeSet<PathBuf> {
        let mut unread = BTreeSet::new();
        self.files.retain(|id, file| {
            let there = found.contains_key(id);
            match file.state {
                State::Reading if !there => file.length = None,
                State::Due { .. } if !there => {
                    unread.insert(file.path.clone());
                }
                _ => {}
            }
            there || matches!(file.state, State::Reading)
        });
        for file in self.files.values_mut() {
            if matches!(file.state, State::PackedTwin)
                && unread.contains(&file.path.with_extension(""))
            {
                file.state = State::anew();
            }
        }
        unread
    }
}

impl State {
    /// To be read from its beginning.
    const fn anew() -> Self {
        Self::Due { first: None, resume: Resume { frames: 0, losses: Losses::NONE } }
    }
}

impl Known {
    /// Compares a file with what it is now; tells whether it can be the same one: where a file
    /// that is not read has another name, the inode may have been used again.
    fn update(&mut self, path: &Path, metadata: &Metadata) -> bool {
        if self.path != path && matches!(self.state, State::LeftOut | State::PackedTwin) {
            return false;
        }
        path.clone_into(&mut self.path);
        let length = metadata.len();
        self.length = Some(length);
        let State::Read(mark) = &mut self.state else { return true };
        let modified = metadata.modified().ok();
        if length == mark.length && modified == mark.modified {
            return true;
        }
        let anew = length < mark.length
            || File::open(path).is_ok_and(|file| head(&file, mark.head.len()) != mark.head);
        if anew {
            self.state = State::anew();
        } else if length > mark.length && !mark.damaged {
            self.state = State::Due { first: None, resume: mark.resume };
        } else {
            mark.modified = modified;
            mark.length = length;
        }
        true
    }
}

/// Returns the first octets of a file, at most `length` and `HEAD`.
pub(super) fn head(file: &File, length: usize) -> Vec<u8> {
    let mut head = vec![0; length.min(HEAD)];
    let mut end = 0;
    while let Some(room) = head.get_mut(end..).filter(|room| !room.is_empty()) {
        match file.read_at(room, u64::try_from(end).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(count) => end += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    head.truncate(end);
    head
}

/// Lists the regular files of a directory whose names do not begin with a dot, which are those of
/// programs that copy a file and rename it.
fn list(directory: &Path) -> io::Result<BTreeMap<Id, (PathBuf, Metadata)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        // What vanishes between the two calls is not there.
        if let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
            && !hidden
        {
            found.insert((metadata.dev(), metadata.ino()), (path, metadata));
        }
    }
    Ok(found)
}

fn is_packed(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|ending| PACKED.contains(&ending))
}

fn left_out(path: &Path, error: CaptureError) -> CaptureError {
    let cause = match error {
        CaptureError::NotACapture { cause, .. } => format!("it is no capture ({cause})"),
        other => other.to_string(),
    };
    CaptureError::LeftOut { path: path.to_owned(), cause }
}
