//! A directory into which somebody records, read as it grows.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::directory::{Directory, Due, Id, Mark, Resume, head};
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
    /// Follows the one directory in `paths` until `stop` is set; looks five times a second when
    /// nothing is left, and calls `idle` before, which is the moment to write out what is buffered.
    ///
    /// When `stop` is set, what is there is read without waiting for more, then `next_frame`
    /// returns `None`; a frame whose rest has not come is then no damage.
    ///
    /// # Errors
    /// Where `paths` is anything but one directory, or it cannot be listed.
    pub fn open(
        paths: &[PathBuf],
        stop: Arc<AtomicBool>,
        mut idle: impl FnMut() + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let [directory] = paths else {
            return Err(CaptureError::NotFollowed { what: format!("{} paths", paths.len()) });
        };
        if directory.exists() && !directory.is_dir() {
            return Err(CaptureError::NotFollowed { what: directory.display().to_string() });
        }
        Self::with_wait(directory, move || {
            idle();
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
        self.begin(&due, file, handle);
        true
    }

    fn begin(&mut self, due: &Due, file: File, handle: File) {
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

/// Notes how a file is that has been read; where it has been written anew since, as changed.
fn mark(file: &File, progress: &Progress, resume: Resume, damaged: bool) -> Mark {
    let known = progress.head(file);
    let same = head(file, known.len()) == known;
    let metadata = file.metadata().ok().filter(|_| same);
    let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    let there = metadata.map_or(0, |metadata| metadata.len());
    let read = progress.octets();
    let length = if damaged { read.max(there) } else { read };
    Mark { length, modified, head: known, resume, damaged }
}

/// The one place where capture files are waited for: a recorder cannot be asked to call back.
fn pause() {
    std::thread::sleep(PERIOD);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    type Step = Box<dyn FnMut(&Path) + Send>;

    /// The header of a pcap file.
    const HEADER: [u8; 24] =
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];

    /// A frame of 50 octets at a second.
    fn frame(second: u32) -> Vec<u8> {
        let words = [second, 0, 50, 50].map(u32::to_le_bytes).concat();
        [words, vec![7; 50]].concat()
    }

    fn capture(seconds: &[u32]) -> Vec<u8> {
        let frames: Vec<u8> = seconds.iter().flat_map(|second| frame(*second)).collect();
        [HEADER.to_vec(), frames].concat()
    }

    fn put(folder: &Path, name: &str, octets: &[u8]) {
        fs::write(folder.join(name), octets).unwrap();
    }

    fn add(folder: &Path, name: &str, octets: &[u8]) {
        let path = folder.join(name);
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(octets).unwrap();
    }

    fn step(step: impl FnMut(&Path) + Send + 'static) -> Step {
        Box::new(step)
    }

    /// Follows a folder in which a step is done at each wait; when none is left, it ends.
    fn follow(first: impl FnOnce(&Path), steps: Vec<Step>) -> (Vec<i64>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().to_owned();
        first(&path);
        let mut steps = VecDeque::from(steps);
        let inside = path.clone();
        let mut source = FollowedDirectory::with_wait(&path, move || {
            let Some(mut step) = steps.pop_front() else { return false };
            step(&inside);
            true
        })
        .unwrap();
        let (mut seconds, mut told) = (Vec::new(), Vec::new());
        loop {
            match source.next_frame() {
                Ok(Some(frame)) => {
                    assert_eq!(frame.data, [7; 50]);
                    seconds.push(frame.time.micros() / 1_000_000);
                }
                Ok(None) => {
                    assert!(source.next_frame().unwrap().is_none(), "it stays at the end");
                    return (seconds, told);
                }
                Err(error) => told.push(error.to_string()),
            }
        }
    }

    #[test]
    fn files_come_by_the_time_of_their_first_frame_then_by_natural_order() {
        let (seconds, told) = follow(
            |folder| {
                put(folder, "z", &capture(&[1, 2]));
                put(folder, "file10", &capture(&[5, 7]));
                put(folder, "file2", &capture(&[5, 6]));
                put(folder, "a", &capture(&[8]));
            },
            vec![],
        );
        assert_eq!(seconds, [1, 2, 5, 6, 5, 7, 8]);
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn a_file_is_read_as_it_grows_and_left_for_a_newer_one() {
        let (seconds, told) = follow(
            |_| {},
            vec![
                step(|_| {}),
                step(|folder| put(folder, "0", &[])),
                step(|folder| add(folder, "0", &HEADER[..10])),
                step(|folder| add(folder, "0", &HEADER[10..])),
                step(|folder| add(folder, "0", &frame(1)[..20])),
                step(|folder| add(folder, "0", &frame(1)[20..])),
                step(|folder| add(folder, "0", &[frame(2), frame(3)].concat())),
                // The recorder goes on to the next file when this one is complete.
                step(|folder| {
                    add(folder, "0", &frame(4));
                    put(folder, "1", &HEADER);
                }),
                step(|folder| add(folder, "1", &frame(5))),
                step(|folder| add(folder, "1", &frame(6)[..30])),
            ],
        );
        assert_eq!(seconds, [1, 2, 3, 4, 5]);
        assert_eq!(told, [""; 0], "a frame that is being written when all ends is no damage");
    }

    #[test]
    fn a_frame_whose_rest_never_comes_is_damage() {
        let (seconds, told) = follow(
            |folder| put(folder, "0", &capture(&[1, 2])[..24 + 66 + 40]),
            vec![step(|_| {}), step(|folder| put(folder, "1", &capture(&[3]))), step(|_| {})],
        );
        assert_eq!(seconds, [1, 3]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("truncated: 24 of 50 octets of frame 2 are there"), "{told:?}");
    }

    #[test]
    fn a_file_that_grows_after_it_was_left_is_read_on() {
        let (seconds, told) = follow(
            |folder| {
                put(folder, "0", &capture(&[1, 2]));
                put(folder, "1", &capture(&[10]));
            },
            vec![
                step(|folder| add(folder, "0", &[frame(3), frame(4)].concat())),
                step(|folder| add(folder, "1", &frame(11))),
                step(|folder| add(folder, "1", &frame(12))),
            ],
        );
        assert_eq!(seconds, [1, 2, 10, 3, 4, 11, 12]);
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn a_ring_that_takes_its_old_names_is_read_anew() {
        // Shorter, longer, and of the same length as before; by truncation and by another file.
        for seconds_anew in [vec![20], vec![20, 21], vec![20, 21, 22, 23]] {
            for replace in [false, true] {
                let written = seconds_anew.clone();
                let (seconds, told) = follow(
                    |folder| {
                        put(folder, "0", &capture(&[1, 2]));
                        put(folder, "1", &capture(&[10]));
                    },
                    vec![
                        step(move |folder| {
                            if replace {
                                put(folder, ".new", &capture(&written));
                                fs::rename(folder.join(".new"), folder.join("0")).unwrap();
                            } else {
                                put(folder, "0", &capture(&written));
                            }
                        }),
                        step(|_| {}),
                        step(|folder| put(folder, "2", &capture(&[30]))),
                    ],
                );
                let expected: Vec<i64> = [&[1, 2, 10], &seconds_anew[..], &[30]]
                    .concat()
                    .into_iter()
                    .map(i64::from)
                    .collect();
                assert_eq!(seconds, expected, "{replace}");
                assert_eq!(told, [""; 0]);
            }
        }
    }

    #[test]
    fn the_open_file_may_be_truncated_and_written_anew() {
        for anew in [&[20][..], &[20, 21], &[20, 21, 22]] {
            let (seconds, told) = follow(
                |folder| put(folder, "0", &capture(&[1, 2])),
                vec![step(move |folder| put(folder, "0", &capture(anew))), step(|_| {})],
            );
            let anew = anew.iter().map(|second| i64::from(*second));
            assert_eq!(seconds, [1, 2].into_iter().chain(anew).collect::<Vec<_>>());
            assert_eq!(told, [""; 0]);
        }
    }

    #[test]
    fn a_file_that_is_removed_while_it_is_read_is_left() {
        let (seconds, told) = follow(
            |folder| put(folder, "0", &capture(&[1, 2])),
            vec![
                step(|folder| {
                    add(folder, "0", &frame(3));
                    fs::remove_file(folder.join("0")).unwrap();
                }),
                step(|folder| put(folder, "1", &capture(&[4]))),
                step(|_| {}),
            ],
        );
        assert_eq!(seconds, [1, 2, 3, 4]);
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn a_renamed_file_is_not_read_again() {
        let (seconds, _) = follow(
            |folder| {
                put(folder, "0", &capture(&[1]));
                put(folder, "1", &capture(&[2]));
            },
            vec![step(|folder| fs::rename(folder.join("0"), folder.join("old")).unwrap())],
        );
        assert_eq!(seconds, [1, 2]);
    }

    fn gzip(octets: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(octets).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_files_are_read_once() {
        let (seconds, told) = follow(
            |folder| {
                put(folder, "a.gz", &gzip(&capture(&[1])));
                put(folder, "b", &capture(&[2]));
                put(folder, "c", &capture(&[3]));
            },
            vec![
                // What `tcpdump -z gzip` does with a file it has left.
                step(|folder| {
                    put(folder, "b.gz", &gzip(&capture(&[2])));
                    fs::remove_file(folder.join("b")).unwrap();
                }),
                step(|folder| {
                    let packed = gzip(&capture(&[4, 5]));
                    put(folder, "d.gz", &packed[..30]);
                }),
                step(|folder| {
                    let packed = gzip(&capture(&[4, 5]));
                    add(folder, "d.gz", &packed[30..]);
                }),
            ],
        );
        assert_eq!(seconds, [1, 2, 3, 4, 5]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("b.gz") && told[0].contains("compressed form"), "{told:?}");
    }

    #[test]
    fn the_compressed_form_stands_in_for_a_file_that_is_gone_before_it_was_read() {
        let (seconds, told) = follow(
            |folder| {
                put(folder, "a", &capture(&[1]));
                put(folder, "b.gz", &gzip(&capture(&[2])));
                put(folder, "b", &capture(&[2]));
            },
            vec![],
        );
        assert_eq!((seconds.as_slice(), told.len()), ([1, 2].as_slice(), 1));
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "b", &capture(&[2]));
        put(folder.path(), "b.gz", &gzip(&capture(&[2])));
        let mut source = FollowedDirectory::with_wait(folder.path(), || false).unwrap();
        fs::remove_file(folder.path().join("b")).unwrap();
        assert!(matches!(source.next_frame(), Err(CaptureError::LeftOut { .. })));
        assert_eq!(source.next_frame().unwrap().unwrap().time.micros(), 2_000_000);
    }

    #[test]
    fn what_is_no_capture_is_left_out_with_one_notice() {
        let (seconds, told) = follow(
            |folder| {
                put(folder, "notes.txt", b"not a capture");
                put(folder, ".hidden", &capture(&[9]));
                fs::create_dir(folder.join("sub")).unwrap();
                put(folder, "0", &capture(&[1]));
            },
            vec![step(|_| {}), step(|_| {}), step(|folder| put(folder, "1", &capture(&[2])))],
        );
        assert_eq!(seconds, [1, 2]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("left out") && told[0].contains("notes.txt"), "{told:?}");
    }

    #[test]
    fn damage_in_the_middle_is_told_once_however_the_file_grows() {
        let mut damaged = capture(&[1, 2]);
        damaged[24 + 66 + 11] = 0xff;
        let (seconds, told) = follow(
            |folder| put(folder, "0", &damaged),
            vec![
                step(|folder| add(folder, "0", &frame(3))),
                step(|folder| add(folder, "0", &frame(4))),
                step(|folder| put(folder, "1", &capture(&[5]))),
            ],
        );
        assert_eq!((seconds.as_slice(), told.len()), ([1, 5].as_slice(), 1), "{told:?}");
    }

    #[test]
    fn the_stop_flag_ends_the_waiting_after_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "0", &capture(&[1]));
        put(folder.path(), "1", &capture(&[2, 3])[..24 + 66 + 30]);
        let stop = Arc::new(AtomicBool::new(true));
        let mut source = FollowedDirectory::open(&[folder.path().to_owned()], stop, || {}).unwrap();
        assert!(source.next_frame().unwrap().is_some());
        assert!(source.next_frame().unwrap().is_some());
        assert!(source.next_frame().unwrap().is_none());
    }

    #[test]
    fn a_directory_that_is_missing_is_an_error_at_once() {
        let result = FollowedDirectory::with_wait(Path::new("/nonexistent"), || false);
        assert!(result.is_err_and(|error| error.to_string().contains("/nonexistent")));
    }
}
