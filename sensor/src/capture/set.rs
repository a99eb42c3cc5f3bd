//! Several captures as one stream in time order.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::file::CaptureFile;
use super::{CaptureError, Frame, FrameSource, LinkType, Losses, STDIN};
use crate::time::Timestamp;

/// Capture files merged by the time of their frames.
///
/// A file is opened when its first frame is due, so a thousand files rotated by one recorder need
/// one or two descriptors. Frames of equal time come in the order the files were named. Order
/// inside a file is kept as it is: a file that jumps back in time is not sorted.
pub struct CaptureSet {
    /// The only input: read without copying.
    single: Option<CaptureFile>,
    waiting: VecDeque<Waiting>,
    open: Vec<Open>,
    /// The open file whose head was handed out by the last call.
    taken: Option<usize>,
    errors: VecDeque<CaptureError>,
    /// What the files read so far say was dropped; the single one tells itself.
    losses: Losses,
}

struct Waiting {
    first: Timestamp,
    order: usize,
    path: PathBuf,
}

struct Open {
    file: CaptureFile,
    order: usize,
    time: Timestamp,
    link: LinkType,
    wire_length: u32,
    data: Vec<u8>,
}

impl CaptureSet {
    /// Prepares `paths`; what cannot be opened is told by the first calls of `next_frame`.
    #[must_use]
    pub fn new(paths: &[PathBuf]) -> Self {
        let mut set = Self {
            single: None,
            waiting: VecDeque::new(),
            open: Vec::new(),
            taken: None,
            errors: VecDeque::new(),
            losses: Losses::default(),
        };
        if let [path] = paths {
            match CaptureFile::open(path) {
                Ok(file) => set.single = Some(file),
                Err(error) => set.errors.push_back(error),
            }
            return set;
        }
        let mut waiting = Vec::new();
        for (order, path) in paths.iter().enumerate() {
            set.prepare(path, order, &mut waiting);
        }
        waiting.sort_by_key(|file| (file.first, file.order));
        set.waiting = waiting.into();
        set
    }

    /// Finds the time of the first frame; what cannot be read twice (standard input, a named pipe)
    /// is opened once and stays open.
    fn prepare(&mut self, path: &Path, order: usize, waiting: &mut Vec<Waiting>) {
        let (told, losses) = (self.errors.len(), self.losses);
        if let Some(open) = self.head_of(path, order) {
            if path.as_os_str() == STDIN || !path.is_file() {
                self.open.push(open);
            } else {
                // It is read from its beginning when it is due, and tells everything then.
                self.errors.truncate(told);
                self.losses = losses;
                waiting.push(Waiting { first: open.time, order, path: path.to_owned() });
            }
        }
    }

    /// Opens a file and reads its first frame.
    fn head_of(&mut self, path: &Path, order: usize) -> Option<Open> {
        let file = match CaptureFile::open(path) {
            Ok(file) => file,
            Err(error) => {
                self.errors.push_back(error);
                return None;
            }
        };
        let mut open = Open {
            file,
            order,
            time: Timestamp::default(),
            link: LinkType::Ethernet,
            wire_length: 0,
            data: Vec::new(),
        };
        self.advance(&mut open).then_some(open)
    }

    /// Reads the next frame of `open` into its buffer; tells whether there was one.
    fn advance(&mut self, open: &mut Open) -> bool {
        let before = open.file.losses();
        let found = loop {
            match open.file.next_frame() {
                Ok(Some(frame)) => {
                    open.time = frame.time;
                    open.link = frame.link;
                    open.wire_length = frame.wire_length;
                    open.data.clear();
                    open.data.extend_from_slice(frame.data);
                    break true;
                }
                Ok(None) => break false,
                // After a link type that is not read come its frames; after damage, the end.
                Err(error) => self.errors.push_back(error),
            }
        };
        let after = open.file.losses();
        if after != before {
            self.losses = self.losses.without(before).with(after);
        }
        found
    }

    /// Opens every waiting file whose first frame is not later than all open heads.
    fn open_due(&mut self) {
        while let Some(next) = self.waiting.front() {
            let earliest = self.open.iter().map(|open| open.time).min();
            if earliest.is_some_and(|earliest| earliest < next.first) {
                return;
            }
            let Some(next) = self.waiting.pop_front() else { return };
            if let Some(open) = self.head_of(&next.path, next.order) {
                self.open.push(open);
            }
        }
    }

    fn release_taken(&mut self) {
        let Some(index) = self.taken.take() else { return };
        if index < self.open.len() {
            let mut open = self.open.swap_remove(index);
            if self.advance(&mut open) {
                self.open.push(open);
            }
        }
    }
}

impl FrameSource for CaptureSet {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        if self.single.is_some() {
            return self.single.as_mut().map_or(Ok(None), CaptureFile::next_frame);
        }
        self.release_taken();
        self.open_due();
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        let earliest = self.open.iter().enumerate().min_by_key(|(_, open)| (open.time, open.order));
        let Some((index, open)) = earliest else { return Ok(None) };
        self.taken = Some(index);
        Ok(Some(Frame {
            time: open.time,
            link: open.link,
            data: &open.data,
            wire_length: open.wire_length,
        }))
    }

    fn losses(&self) -> Losses {
        self.single.as_ref().map_or(self.losses, FrameSource::losses)
    }
}
