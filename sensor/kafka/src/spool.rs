//! Messages on disk while the brokers are away: a directory of files, bounded, in order.
//!
//! A message is a frame of its length, its CRC-32 and itself. A killed process leaves at most a torn
//! frame at the end of the last file, which the next start cuts off and counts. A file goes when
//! every message in it was delivered, not when it was read: what is read twice has the same
//! sequence number twice. Written without waiting for the disk, so a power failure may cost the
//! last seconds; a killed process costs nothing that was written. Where the disk is full, what is there
//! stays, up to 64 KiB wait in memory, and what comes then is refused.

mod ending;
mod segment;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use self::segment::{FRAME_HEAD, Segment, frame, read_frame, scan};

/// The number of the first file; messages that come back get lower ones.
const FIRST: u64 = 1 << 32;
/// Octets from which a file is followed by the next, at most an eighth of the limit.
const SEGMENT: u64 = 8 << 20;
/// Octets that are written together.
const TOGETHER: usize = 1 << 16;
/// The file of a message that reached none.
const MEMORY: u64 = 0;
/// What keeps two processes from one directory.
const LOCK: &str = "lock";
/// What file names end in.
const ENDING: &str = "spool";

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// A file that cannot be read or written.
    #[error("cannot use the spool \"{path}\": {source}{}", cure(source))]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is damaged, or was changed by somebody else.
    #[error("the spool file \"{0}\" is damaged")]
    Damaged(PathBuf),
    /// Another process has it.
    #[error("the spool \"{0}\" is in use: give every sensor a directory of its own")]
    InUse(PathBuf),
}

/// What helps against it, where that is not plain.
fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; who captures is the user of --user by then (nobody): make the directory and give it to \
             that user"
        }
        io::ErrorKind::StorageFull => "; make room there",
        _ => "",
    }
}

/// What a start found in the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whole messages.
    pub messages: u64,
    /// Octets cut off behind the last whole message of a file.
    pub torn_bytes: u64,
}

/// Messages on disk.
pub struct Spool {
    dir: PathBuf,
    lock: File,
    limit: u64,
    /// Octets of all files.
    bytes: u64,
    segments: BTreeMap<u64, Segment>,
    writer: Option<(u64, File)>,
    /// Whole frames for that file that are not in it yet, and how many.
    unwritten: Vec<u8>,
    n_unwritten: u64,
    reader: Option<(u64, BufReader<File>)>,
}

impl Spool {
    /// Opens or makes the directory `dir`, which may take `limit` octets, and reads what a former
    /// process left in it.
    ///
    /// # Errors
    /// A directory that cannot be used, or that another process uses.
    pub fn open(dir: &Path, limit: u64) -> Result<(Self, Recovered), SpoolError> {
        let failed = |source| SpoolError::File { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = File::create(dir.join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|_| SpoolError::InUse(dir.to_owned()))?;
        let mut spool = Self {
            dir: dir.to_owned(),
            lock,
            limit,
            bytes: 0,
            segments: BTreeMap::new(),
            writer: None,
            unwritten: Vec::new(),
            n_unwritten: 0,
            reader: None,
        };
        let mut recovered = Recovered::default();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(number) = number_of(&path) else { continue };
            let failed = |source| SpoolError::File { path: path.clone(), source };
            let (segment, torn) = scan(&path).map_err(failed)?;
            recovered.messages += segment.messages;
            recovered.torn_bytes += torn;
            spool.bytes += segment.bytes;
            spool.segments.insert(number, segment);
            spool.drop_if_done(number)?;
        }
        Ok((spool, recovered))
    }

    /// Octets on disk, and on their way there.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Messages that were not delivered yet.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.segments.values().map(|segment| segment.messages - segment.settled).sum()
    }

    /// Tells whether there is something to read.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.segments.values().any(|segment| segment.read < segment.messages)
    }

    /// Appends a message; `false` where there is no room for it.
    ///
    /// # Errors
    /// A file that cannot be written; the message is not in the spool.
    pub fn append(&mut self, message: &[u8]) -> Result<bool, SpoolError> {
        let octets = FRAME_HEAD + length(message);
        if self.bytes + octets > self.limit {
            return Ok(false);
        }
        let size = SEGMENT.min(self.limit / 8);
        let full = |number| self.segments.get(number).is_some_and(|now| now.bytes >= size);
        if self.writer.as_ref().is_some_and(|(number, _)| full(number)) {
            self.end_file()?;
        }
        let number = match &self.writer {
            Some((number, _)) => *number,
            None => self.begin_file()?,
        };
        if self.unwritten.len() >= TOGETHER {
            self.flush()?;
        }
        let before = self.unwritten.len();
        if let Err(source) = frame(message, &mut self.unwritten) {
            self.unwritten.truncate(before);
            return Err(SpoolError::File { path: self.path(number), source });
        }
        self.n_unwritten += 1;
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.bytes += octets;
            segment.messages += 1;
        }
        self.bytes += octets;
        Ok(true)
    }

    /// Hands what was appended to the system, where a kill of this process does not reach it.
    ///
    /// # Errors
    /// A file that cannot be written: what is not in it waits in memory, for the next time.
    pub fn flush(&mut self) -> Result<(), SpoolError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let Some((number, file)) = &mut self.writer else { return Ok(()) };
        if let Err(source) = file.write_all(&self.unwritten) {
            // A part of it may be there, and is cut off: behind half a frame nothing can be read.
            let whole = self.segments.get(number).map_or(0, |segment| segment.bytes);
            let whole = whole.saturating_sub(length(&self.unwritten));
            let path = self.dir.join(name_of(*number));
            file.set_len(whole)
                .map_err(|source| SpoolError::File { path: path.clone(), source })?;
            return Err(SpoolError::File { path, source });
        }
        self.unwritten.clear();
        self.n_unwritten = 0;
        Ok(())
    }

    /// Reads the next message into `message`; returns the number of its file, `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read, or was changed by somebody else.
    pub fn next(&mut self, message: &mut Vec<u8>) -> Result<Option<u64>, SpoolError> {
        let Some(number) = self.first_unread() else { return Ok(None) };
        let writing = self.writer.as_ref().is_some_and(|(writing, _)| *writing == number);
        let segment = self.segments.get(&number).copied().unwrap_or_default();
        let there = segment.messages - if writing { self.n_unwritten } else { 0 };
        if segment.read >= there && self.flush().is_err() {
            return Ok(self.next_unwritten(number, message).then_some(MEMORY));
        }
        let path = self.path(number);
        let failed = |source| SpoolError::File { path: path.clone(), source };
        if self.reader.as_ref().is_none_or(|(reading, _)| *reading != number) {
            let file = File::open(&path).map_err(failed)?;
            self.reader = Some((number, BufReader::with_capacity(TOGETHER, file)));
        }
        let Some((_, reader)) = &mut self.reader else { return Ok(None) };
        if !read_frame(reader, message).map_err(failed)? {
            return Err(SpoolError::Damaged(path));
        }
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.read += 1;
        }
        Ok(Some(number))
    }

    /// Takes the first message that has no place on disk, out of memory.
    fn next_unwritten(&mut self, number: u64, message: &mut Vec<u8>) -> bool {
        let mut rest = self.unwritten.as_slice();
        if !read_frame(&mut rest.by_ref(), message).unwrap_or(false) {
            return false;
        }
        let taken = self.unwritten.len() - rest.len();
        self.forget_unwritten(number, taken, 1);
        let _ = self.drop_if_done(number);
        true
    }

    /// Forgets the first octets that wait to be written, so many messages.
    fn forget_unwritten(&mut self, number: u64, octets: usize, messages: u64) {
        let taken: Vec<u8> = self.unwritten.drain(..octets).collect();
        self.n_unwritten -= messages;
        self.bytes -= length(&taken);
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.bytes -= length(&taken);
            segment.messages -= messages;
        }
    }

    /// Takes note that a message of file `number` needs no place any more; a file all of whose
    /// messages are settled goes.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn settle(&mut self, number: u64) -> Result<(), SpoolError> {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.settled += 1;
        }
        self.drop_if_done(number)
    }

    /// Gives up what cannot be read of file `number`; returns how many messages that costs.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn give_up(&mut self, number: u64) -> Result<u64, SpoolError> {
        let Some(segment) = self.segments.get_mut(&number) else { return Ok(0) };
        let lost = segment.messages - segment.read;
        (segment.read, segment.settled) = (segment.messages, segment.settled + lost);
        self.drop_if_done(number)?;
        Ok(lost)
    }

    /// Tells whether file `number` is still there: not all of its messages are settled.
    #[must_use]
    pub fn has_file(&self, number: u64) -> bool {
        self.segments.contains_key(&number)
    }

    /// Returns the first file with something to read.
    #[must_use]
    pub fn first_unread(&self) -> Option<u64> {
        self.segments.iter().find(|(_, segment)| segment.read < segment.messages).map(|(n, _)| *n)
    }

    fn begin_file(&mut self) -> Result<u64, SpoolError> {
        let number = self.segments.keys().next_back().map_or(FIRST, |last| last + 1);
        let path = self.path(number);
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = file.map_err(|source| SpoolError::File { path, source })?;
        self.writer = Some((number, file));
        self.segments.insert(number, Segment::default());
        Ok(number)
    }

    fn end_file(&mut self) -> Result<(), SpoolError> {
        self.flush()?;
        let Some((number, _)) = self.writer.take() else { return Ok(()) };
        self.drop_if_done(number)
    }

    fn drop_if_done(&mut self, number: u64) -> Result<(), SpoolError> {
        let Some(segment) = self.segments.get(&number) else { return Ok(()) };
        if segment.settled < segment.messages {
            return Ok(());
        }
        self.bytes -= segment.bytes;
        self.segments.remove(&number);
        self.writer = self.writer.take().filter(|(writing, _)| *writing != number);
        self.reader = self.reader.take().filter(|(reading, _)| *reading != number);
        let path = self.path(number);
        fs::remove_file(&path).map_err(|source| SpoolError::File { path, source })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(name_of(number))
    }
}

impl Drop for Spool {
    /// Gives the lock back at once: a process that was just forked may still hold the file.
    fn drop(&mut self) {
        let _ = self.flush();
        let _ = self.lock.unlock();
    }
}

fn name_of(number: u64) -> String {
    format!("{number:020}.{ENDING}")
}

fn number_of(path: &Path) -> Option<u64> {
    let is_ours = path.extension().is_some_and(|ending| ending == ENDING);
    path.file_stem().filter(|_| is_ours)?.to_str()?.parse().ok()
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn read_all(spool: &mut Spool) -> Vec<Vec<u8>> {
        let (mut all, mut message) = (Vec::new(), Vec::new());
        while spool.next(&mut message).unwrap().is_some() {
            all.push(message.clone());
        }
        all
    }

    #[test]
    fn what_goes_in_comes_out_in_order_and_the_files_go_when_all_is_settled() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, found) = Spool::open(dir.path(), 4_000).unwrap();
        assert_eq!(found, Recovered::default());
        let all: Vec<Vec<u8>> = (0..60_u8).map(|n| vec![n; 20]).collect();
        for message in &all {
            assert!(spool.append(message).unwrap());
        }
        let (mut read, mut message) = (Vec::new(), Vec::new());
        while let Some(number) = spool.next(&mut message).unwrap() {
            read.push((number, message.clone()));
        }
        assert!(read.iter().map(|(_, message)| message).eq(&all));
        assert!(read.first().unwrap().0 < read.last().unwrap().0, "several files");
        assert_eq!(spool.unsettled(), 60);
        for (number, _) in read.iter().rev() {
            spool.settle(*number).unwrap();
        }
        assert_eq!((spool.unsettled(), spool.bytes()), (0, 0));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the lock is left");
        assert!(spool.append(b"again").unwrap());
    }

    #[test]
    fn the_bound_holds_and_a_place_that_is_taken_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), 1_000).unwrap();
        let taken = (0..100).filter(|_| spool.append(&[7; 92]).unwrap()).count();
        assert_eq!((taken, spool.bytes()), (10, 1_000));
        let error = Spool::open(dir.path(), 1_000).err().unwrap().to_string();
        assert!(error.contains("is in use"), "{error}");
    }

    #[test]
    fn a_torn_end_is_cut_off_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), 100_000).unwrap();
        for n in 0..10_u8 {
            spool.append(&[n; 50]).unwrap();
        }
        spool.flush().unwrap();
        drop(spool);
        let path = dir.path().join(name_of(FIRST));
        let whole = fs::read(&path).unwrap();
        for cut in 1..=58 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut spool, found) = Spool::open(dir.path(), 100_000).unwrap();
            let torn = 58 - u64::try_from(cut).unwrap();
            assert_eq!(found, Recovered { messages: 9, torn_bytes: torn });
            assert_eq!(read_all(&mut spool).last().unwrap(), &vec![8; 50]);
        }
        // A bit that fell over costs what is behind it, too: nobody knows where that begins.
        let mut wrong = whole;
        wrong[58 * 4 + 20] ^= 1;
        fs::write(&path, &wrong).unwrap();
        let (_, found) = Spool::open(dir.path(), 100_000).unwrap();
        assert_eq!(found, Recovered { messages: 4, torn_bytes: 58 * 6 });
    }

    /// What a full disk does: nothing that is written arrives.
    fn fill_disk(spool: &mut Spool) -> File {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        std::mem::replace(&mut spool.writer.as_mut().unwrap().1, full)
    }

    #[test]
    fn a_full_disk_costs_nothing_that_is_there_and_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), 100 << 20).unwrap();
        for _ in 0..100 {
            assert!(spool.append(&[1; 1000]).unwrap());
        }
        spool.flush().unwrap();
        let disk = fill_disk(&mut spool);
        let taken = (0..1_000).filter(|_| spool.append(&[2; 1000]).is_ok()).count();
        assert!(taken < 80, "{taken} are held in memory");
        assert!(spool.flush().is_err());
        // All of it is read, in order, from the disk and from memory.
        let (mut read, mut message) = (Vec::new(), Vec::new());
        while let Some(number) = spool.next(&mut message).unwrap() {
            read.push(message[0]);
            if read.len() == 120 {
                // There is room again.
                spool.writer.as_mut().unwrap().1 = disk.try_clone().unwrap();
            }
            spool.settle(number).unwrap();
        }
        assert_eq!(read, [vec![1; 100], vec![2; taken]].concat());
        assert_eq!((spool.unsettled(), spool.bytes()), (0, 0));
    }

    #[test]
    fn what_waits_in_memory_is_counted_where_it_cannot_be_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), 100 << 20).unwrap();
        spool.append(b"there").unwrap();
        spool.flush().unwrap();
        fill_disk(&mut spool);
        spool.append(b"in memory").unwrap();
        assert_eq!((spool.abandon(), spool.unsettled()), (1, 1));
        drop(spool);
        let (_, found) = Spool::open(dir.path(), 100 << 20).unwrap();
        assert_eq!(found, Recovered { messages: 1, torn_bytes: 0 });
    }

    #[test]
    fn a_file_that_somebody_shortened_is_an_error_and_can_be_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), 100_000).unwrap();
        for n in 0..10_u8 {
            spool.append(&[n; 50]).unwrap();
        }
        spool.flush().unwrap();
        let path = dir.path().join(name_of(FIRST));
        OpenOptions::new().write(true).open(&path).unwrap().set_len(100).unwrap();
        let mut message = Vec::new();
        assert_eq!(spool.next(&mut message).unwrap(), Some(FIRST));
        assert!(spool.next(&mut message).is_err());
        assert_eq!(spool.give_up(FIRST).unwrap(), 9);
        assert!(!spool.has_unread());
        spool.settle(FIRST).unwrap();
        assert_eq!(spool.bytes(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Appends (0), reads (1), settles the oldest that was read (2), ends and begins again (3).
        #[test]
        fn nothing_is_lost_or_moved_whatever_is_done(steps in proptest::collection::vec(0..4_u8, 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let (mut spool, _) = Spool::open(dir.path(), 3_000).unwrap();
            let (mut expected, mut read) = (VecDeque::new(), VecDeque::new());
            let (mut n, mut message) = (0_u32, Vec::new());
            for step in steps {
                match step {
                    0 => {
                        let text = n.to_be_bytes().repeat(5);
                        if spool.append(&text).unwrap() {
                            expected.push_back(text);
                        }
                        n += 1;
                    }
                    1 => match spool.next(&mut message).unwrap() {
                        Some(number) => {
                            prop_assert_eq!(Some(&message), expected.front());
                            read.push_back((number, expected.pop_front().unwrap()));
                        }
                        None => prop_assert!(expected.is_empty()),
                    },
                    2 => if let Some((number, _)) = read.pop_front() {
                        spool.settle(number).unwrap();
                    },
                    _ => {
                        let back: Vec<_> = read.drain(..).map(|(_, message)| message).collect();
                        prop_assert_eq!(spool.put_back(&back).unwrap(), 0);
                        for message in back.into_iter().rev() {
                            expected.push_front(message);
                        }
                        drop(spool);
                        let (again, found) = Spool::open(dir.path(), 3_000).unwrap();
                        spool = again;
                        prop_assert_eq!(found.torn_bytes, 0);
                        prop_assert_eq!(found.messages, u64::try_from(expected.len()).unwrap());
                    }
                }
                prop_assert_eq!(spool.unsettled(), u64::try_from(expected.len() + read.len()).unwrap());
            }
            prop_assert!(read_all(&mut spool).iter().eq(&expected));
        }
    }
}
