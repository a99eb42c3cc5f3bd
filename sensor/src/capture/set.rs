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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    /// A pcap file of frames at these seconds, each with a mark in it.
    fn capture(link: u8, mark: u8, seconds: &[u32]) -> Vec<u8> {
        let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        file.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, link, 0, 0, 0]);
        for second in seconds {
            file.extend([*second, 0, 1, 1].map(u32::to_le_bytes).concat());
            file.push(mark);
        }
        file
    }

    fn read(set: &mut CaptureSet) -> (Vec<(i64, u8)>, Vec<String>) {
        let (mut frames, mut told) = (Vec::new(), Vec::new());
        loop {
            match set.next_frame() {
                Ok(Some(frame)) => frames.push((frame.time.micros() / 1_000_000, frame.data[0])),
                Ok(None) => return (frames, told),
                Err(error) => told.push(error.to_string()),
            }
        }
    }

    /// Writes files of these octets and reads them as a set.
    fn set(files: &[Vec<u8>]) -> (Vec<(i64, u8)>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> =
            (0..files.len()).map(|index| folder.path().join(format!("{index}"))).collect();
        for (path, octets) in paths.iter().zip(files) {
            fs::write(path, octets).unwrap();
        }
        read(&mut CaptureSet::new(&paths))
    }

    #[test]
    fn frames_of_several_files_come_by_time_then_by_the_order_of_files() {
        let (frames, told) = set(&[
            capture(1, b'a', &[5, 7, 7]),
            capture(1, b'b', &[1, 7, 9]),
            capture(1, b'c', &[7, 8]),
        ]);
        let expected = [
            (1, b'b'),
            (5, b'a'),
            (7, b'a'),
            (7, b'a'),
            (7, b'b'),
            (7, b'c'),
            (8, b'c'),
            (9, b'b'),
        ];
        assert_eq!(frames, expected);
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn a_file_that_jumps_back_keeps_its_order() {
        let (frames, _) = set(&[capture(1, b'a', &[5, 2, 6]), capture(1, b'b', &[4, 7])]);
        assert_eq!(frames, [(4, b'b'), (5, b'a'), (2, b'a'), (6, b'a'), (7, b'b')]);
    }

    #[test]
    fn one_bad_file_among_others_is_told_once_and_the_others_are_read() {
        let mut cut = capture(1, b'c', &[3, 4]);
        cut.pop();
        let mut cut_at_once = capture(1, b'd', &[3]);
        cut_at_once.pop();
        let (frames, told) = set(&[
            capture(1, b'a', &[1, 5]),
            cut,
            cut_at_once,
            b"no capture".to_vec(),
            Vec::new(),
            capture(1, b'e', &[]),
            capture(147, b'f', &[2, 6]),
        ]);
        assert_eq!(frames, [(1, b'a'), (2, b'f'), (3, b'c'), (5, b'a'), (6, b'f')]);
        for (part, count) in [
            ("after frame 1", 1),
            ("after frame 0", 1),
            ("unknown file format", 1),
            ("is empty", 1),
            ("link type 147", 1),
        ] {
            let found = told.iter().filter(|text| text.contains(part)).count();
            assert_eq!(found, count, "{part}: {told:?}");
        }
        assert_eq!(told.len(), 5, "{told:?}");
    }

    #[test]
    fn a_thousand_rotated_files_need_two_descriptors() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> =
            (0..1000).map(|index| folder.path().join(format!("{index}"))).collect();
        for (index, path) in (0..).zip(&paths) {
            fs::write(path, capture(1, 0, &[index, index + 1])).unwrap();
        }
        let mut set = CaptureSet::new(&paths);
        let mut count = 0;
        while set.next_frame().unwrap().is_some() {
            assert!(set.open.len() <= 3, "{} files are open", set.open.len());
            count += 1;
        }
        assert_eq!(count, 2000);
    }

    #[test]
    fn compressed_and_plain_files_are_one_stream() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other.gz"));
        fs::write(&one, capture(1, b'a', &[1, 3])).unwrap();
        let file = File::create(&other).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &capture(1, b'b', &[2, 4])).unwrap();
        encoder.finish().unwrap();
        let (frames, told) = read(&mut CaptureSet::new(&[one, other]));
        assert_eq!(frames, [(1, b'a'), (2, b'b'), (3, b'a'), (4, b'b')]);
        assert_eq!(told, [""; 0]);
    }
}
