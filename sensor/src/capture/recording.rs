//! What a live capture saw, as a pcapng file, so that a replay sees the same in the same order.
//!
//! Blocks: section header, one interface description for each interface, an enhanced packet for
//! each frame, and interface statistics where losses became more
//! (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 4.6). Losses are known for all interfaces
//! together only; they stand with the first. libpcap reads a file with several interfaces where
//! they have one link type.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{CaptureError, Frame, LinkType, Losses};
use crate::time::Timestamp;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
/// Written as it is, so that a reader sees the byte order.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// The length of a section that is written to its end.
const LENGTH_UNKNOWN: u64 = u64::MAX;
const OPTION_END: u16 = 0;
const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_INTERFACE_DROPS: u16 = 5;
const OPTION_KERNEL_DROPS: u16 = 7;
/// Time stamps are powers of ten of a second: microseconds.
const MICROSECONDS: u8 = 6;
/// Only the owner reads a recording: it holds who asked for what.
const MODE: u32 = 0o600;

/// An interface as it was opened and as a recording describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedInterface {
    /// Its name.
    pub name: String,
    /// How its frames are to be read.
    pub link: LinkType,
    /// Octets kept of a frame.
    pub snaplen: u32,
}

/// Writes frames to `W`, keeping the first failure until somebody asks; nothing is written after
/// it.
pub struct Recording<W> {
    out: W,
    /// What is described so far, with the place of the interface it is.
    described: Vec<(usize, LinkType)>,
    interfaces: Vec<CapturedInterface>,
    block: Vec<u8>,
    latest: Timestamp,
    losses: Losses,
    failed: Option<io::Error>,
}

impl Recording<BufWriter<std::fs::File>> {
    /// Begins a recording in a new file at `path`, or over an old one.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn create(path: &Path, interfaces: &[CapturedInterface]) -> Result<Self, CaptureError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(MODE);
        let mut recording = options
            .open(path)
            .map(|file| Self::new(BufWriter::with_capacity(1 << 16, file), interfaces))
            .map_err(|source| CaptureError::Record { path: path.to_owned(), source })?;
        match recording.check() {
            Ok(()) => Ok(recording),
            Err(source) => Err(CaptureError::Record { path: path.to_owned(), source }),
        }
    }
}

impl<W: Write> Recording<W> {
    /// Begins a recording; `out` should be buffered.
    #[must_use]
    pub fn new(out: W, interfaces: &[CapturedInterface]) -> Self {
        let mut recording = Self {
            out,
            described: Vec::new(),
            interfaces: interfaces.to_vec(),
            block: Vec::new(),
            latest: Timestamp(0),
            losses: Losses::default(),
            failed: None,
        };
        recording.begin(SECTION);
        recording.put(&BYTE_ORDER.to_le_bytes());
        recording.put(&1u16.to_le_bytes());
        recording.put(&0u16.to_le_bytes());
        recording.put(&LENGTH_UNKNOWN.to_le_bytes());
        recording.end();
        for (place, known) in interfaces.iter().enumerate() {
            recording.describe(place, known.link);
        }
        recording
    }

    /// Writes one frame of the interface at `place` unless an earlier write failed.
    pub fn write(&mut self, place: usize, frame: &Frame<'_>) {
        if self.failed.is_some() {
            return;
        }
        let known = self.described.iter().position(|known| *known == (place, frame.link));
        // An interface may come back as something else; then it is described again.
        let number = known.unwrap_or_else(|| self.describe(place, frame.link));
        self.latest = frame.time;
        self.begin(PACKET);
        self.put(&to_u32(number).to_le_bytes());
        self.put_time();
        self.put(&to_u32(frame.data.len()).to_le_bytes());
        self.put(&frame.wire_length.to_le_bytes());
        self.put(frame.data);
        self.pad();
        self.end();
    }

    /// Writes how much is missing so far, where that became more.
    pub fn losses(&mut self, losses: Losses) {
        if losses == self.losses || self.described.is_empty() || self.failed.is_some() {
            return;
        }
        self.losses = losses;
        self.begin(STATISTICS);
        self.put(&0u32.to_le_bytes());
        self.put_time();
        self.option(OPTION_INTERFACE_DROPS, &losses.interface.to_le_bytes());
        self.option(OPTION_KERNEL_DROPS, &losses.kernel.to_le_bytes());
        self.option(OPTION_END, &[]);
        self.end();
    }

    /// Writes out what is buffered and returns the first failure.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn check(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// Tells whether a write failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Describes the interface at `place`; returns its number in the file.
    fn describe(&mut self, place: usize, link: LinkType) -> usize {
        let (name, snaplen) = match self.interfaces.get(place) {
            Some(known) => (known.name.clone(), known.snaplen),
            None => (format!("interface {place}"), 0),
        };
        self.begin(INTERFACE);
        self.put(&link.number().to_le_bytes());
        self.put(&0u16.to_le_bytes());
        self.put(&snaplen.to_le_bytes());
        self.option(OPTION_NAME, name.as_bytes());
        self.option(OPTION_RESOLUTION, &[MICROSECONDS]);
        self.option(OPTION_END, &[]);
        self.end();
        self.described.push((place, link));
        self.described.len() - 1
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.put(&kind.to_le_bytes());
        // The length, known at the end.
        self.put(&[0; 4]);
    }

    fn put(&mut self, octets: &[u8]) {
        self.block.extend_from_slice(octets);
    }

    fn put_time(&mut self) {
        // The format has no time before 1970.
        let micros = u64::try_from(self.latest.micros()).unwrap_or(0);
        let [a, b, c, d, high @ ..] = micros.to_le_bytes();
        self.put(&high);
        self.put(&[a, b, c, d]);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.put(&code.to_le_bytes());
        self.put(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.put(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Writes the length at both ends, then the block.
    fn end(&mut self) {
        let length = to_u32(self.block.len() + 4).to_le_bytes();
        self.put(&length);
        if let Some(place) = self.block.get_mut(4..8) {
            place.copy_from_slice(&length);
        }
        if self.failed.is_none() {
            self.failed = self.out.write_all(&self.block).err();
        }
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureSet, FrameSource as _};

    fn interfaces() -> Vec<CapturedInterface> {
        ["eth0", "a name"]
            .map(|name| CapturedInterface {
                name: name.to_owned(),
                link: LinkType::Ethernet,
                snaplen: 262_144,
            })
            .to_vec()
    }

    fn frame(time: i64, data: &[u8]) -> Frame<'_> {
        Frame { time: Timestamp(time), link: LinkType::Ethernet, data, wire_length: 1500 }
    }

    #[test]
    fn libpcap_reads_a_recording_back_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recording.pcapng");
        let mut recording = Recording::create(&path, &interfaces()).unwrap();
        // Not in order of time: the order of the live run is what counts.
        let frames = [(1_700_000_000_000_007, "abcde"), (5, ""), (1_700_000_000_000_001, "abcd")];
        for (number, (time, data)) in frames.iter().enumerate() {
            recording.write(number % 2, &frame(*time, data.as_bytes()));
            recording.losses(Losses { kernel: 3, interface: 0 });
        }
        recording.check().unwrap();
        let mut replay = CaptureSet::new(&[path]);
        for (time, data) in frames {
            let frame = replay.next_frame().unwrap().unwrap();
            assert_eq!((frame.time.micros(), frame.data), (time, data.as_bytes()));
            assert_eq!((frame.wire_length, frame.link), (1500, LinkType::Ethernet));
        }
        assert!(replay.next_frame().unwrap().is_none());
    }

    #[test]
    fn losses_are_written_when_they_change_with_both_figures() {
        let mut recording = Recording::new(Vec::new(), &interfaces());
        let before = recording.out.len();
        recording.losses(Losses::default());
        assert_eq!(recording.out.len(), before);
        let losses = Losses { kernel: 0x0102, interface: 0x0304 };
        recording.losses(losses);
        recording.losses(losses);
        let block = recording.out[before..].to_vec();
        assert_eq!(block.len(), 52, "written once");
        assert_eq!(block[..8], [5, 0, 0, 0, 52, 0, 0, 0]);
        assert_eq!(block[20..28], [5, 0, 8, 0, 4, 3, 0, 0], "isb_ifdrop");
        assert_eq!(block[32..40], [7, 0, 8, 0, 2, 1, 0, 0], "isb_osdrop");
        assert_eq!(block[48..], [52, 0, 0, 0]);
    }

    #[test]
    fn a_failure_is_kept_until_somebody_asks() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut recording = Recording::new(Full, &interfaces());
        recording.write(0, &frame(1, b"x"));
        assert!(recording.has_failed());
        assert_eq!(recording.check().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn every_link_type_maps_to_its_number_and_back() {
        for number in 0..300 {
            let link = LinkType::from_number(number);
            assert_eq!(LinkType::from_number(link.number()), link, "{number}");
        }
    }
}
