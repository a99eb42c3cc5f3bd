//! Capture files as recorders write them, held against libpcap and against what was written.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

#[cfg(test)]
mod support;

use std::fs;
use std::io::Cursor;
use std::path::Path;

use geophone_sensor::capture::{
    CaptureError, CaptureFile, CaptureSet, FrameSource, LinkType, Losses,
};
use proptest::prelude::*;

/// Microseconds, octets, octets on the wire.
type Seen = (i64, Vec<u8>, u32);

fn all(source: &mut impl FrameSource) -> (Vec<(Seen, LinkType)>, Vec<CaptureError>) {
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => {
                let seen = (frame.time.micros(), frame.data.to_vec(), frame.wire_length);
                frames.push((seen, frame.link));
            }
            Ok(None) => return (frames, errors),
            Err(error) => errors.push(error),
        }
    }
}

fn read(octets: Vec<u8>) -> (Vec<(Seen, LinkType)>, Vec<CaptureError>) {
    match CaptureFile::from_reader(Path::new("memory"), Cursor::new(octets)) {
        Ok(mut file) => all(&mut file),
        Err(error) => (Vec::new(), vec![error]),
    }
}

fn frames(octets: Vec<u8>) -> Vec<Seen> {
    let (frames, errors) = read(octets);
    assert!(errors.is_empty(), "{errors:?}");
    frames.into_iter().map(|(seen, _)| seen).collect()
}

fn libpcap(path: &Path) -> Vec<Seen> {
    let mut capture = pcap::Capture::from_file(path).unwrap();
    let mut frames = Vec::new();
    while let Ok(packet) = capture.next_packet() {
        let (header, data) = (packet.header, packet.data.to_vec());
        frames.push((header.ts.tv_sec * 1_000_000 + header.ts.tv_usec, data, header.len));
    }
    frames
}

#[test]
fn recorded_captures_read_as_libpcap_reads_them() {
    let mut count = 0;
    for entry in fs::read_dir(support::recorded()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "pcap") {
            let (frames, errors) = all(&mut CaptureSet::new(std::slice::from_ref(&path)));
            assert!(errors.is_empty(), "{errors:?}");
            let frames: Vec<Seen> = frames.into_iter().map(|(seen, _)| seen).collect();
            assert!(frames == libpcap(&path), "{} differs", path.display());
            count += frames.len();
        }
    }
    assert!(count > 10_000, "{count} frames");
}

/// A pcap file of any dialect.
#[derive(Clone, Debug)]
struct Dialect {
    magic: u32,
    big: bool,
    version: (u16, u16),
    network: u32,
}

impl Dialect {
    fn bytes(&self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn half(&self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn write(&self, frames: &[(u32, u32, Vec<u8>, u32)]) -> Vec<u8> {
        let mut file = self.bytes(self.magic).to_vec();
        file.extend(self.half(self.version.0));
        file.extend(self.half(self.version.1));
        for word in [0, 0, 262_144, self.network] {
            file.extend(self.bytes(word));
        }
        for (seconds, fraction, data, wire) in frames {
            let captured = u32::try_from(data.len()).unwrap();
            let swapped = self.version.1 < 3 || self.version.0 == 543;
            let lengths = if swapped { [*wire, captured] } else { [captured, *wire] };
            for word in [*seconds, *fraction, lengths[0], lengths[1]] {
                file.extend(self.bytes(word));
            }
            if self.magic == 0xa1b2_cd34 {
                file.extend([1, 2, 3, 4, 5, 6, 7, 8]);
            }
            file.extend(data);
        }
        file
    }
}

fn dialects() -> Vec<Dialect> {
    let mut dialects = Vec::new();
    for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] {
        for big in [false, true] {
            for version in [(2, 0), (2, 2), (2, 3), (2, 4), (543, 0)] {
                for network in [1, 101, 0x5000_0001] {
                    dialects.push(Dialect { magic, big, version, network });
                }
            }
        }
    }
    dialects
}

#[test]
fn every_dialect_of_pcap_reads_as_libpcap_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let written = [
        (0, 0, vec![], 60),
        (1_700_000_000, 999_999, vec![1; 60], 60),
        (1_700_000_000, 999, (0..200).collect(), 1500),
        (i32::MAX.cast_unsigned(), 1, vec![7; 9000], 9000),
    ];
    for dialect in dialects() {
        fs::write(&path, dialect.write(&written)).unwrap();
        let (frames, errors) = all(&mut CaptureFile::open(&path).unwrap());
        assert!(errors.is_empty(), "{errors:?}");
        let link = if dialect.network == 101 { LinkType::RawIp } else { LinkType::Ethernet };
        assert!(frames.iter().all(|(_, other)| *other == link), "{dialect:?}");
        let frames: Vec<Seen> = frames.into_iter().map(|(seen, _)| seen).collect();
        assert_eq!(frames, libpcap(&path), "{dialect:?}");
        assert_eq!(frames.len(), written.len());
    }
}

/// libpcap 1.10 takes the seconds for signed where they are in its own byte order; the format and
/// later versions do not.
#[test]
fn stamps_reach_from_1970_to_2106() {
    for big in [false, true] {
        let dialect = Dialect { magic: 0xa1b2_c3d4, big, version: (2, 4), network: 1 };
        let file = dialect.write(&[(u32::MAX, 999_999, vec![1], 1), (1 << 31, 0, vec![], 1)]);
        let times: Vec<i64> = frames(file).iter().map(|(time, ..)| *time).collect();
        assert_eq!(times, [4_294_967_295_999_999, 2_147_483_648_000_000]);
    }
}

/// What a random pcapng file is made of.
#[derive(Clone, Debug)]
enum Part {
    /// A section header of this byte order, with so many octets of options.
    Section(bool, u8),
    /// An interface of link type, snap length, resolution and offset.
    Interface(u16, u32, Option<u8>, Option<i64>),
    /// A frame of one of the interfaces, in an enhanced or old block, with options.
    Frame(usize, bool, u64, Vec<u8>, u32, u8),
    /// A frame in a simple block.
    Simple(Vec<u8>, u32),
    /// Statistics of one of the interfaces.
    Statistics(usize, u64, u64),
    /// Any other block.
    Unknown(u32, Vec<u8>),
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let data = || prop::collection::vec(any::<u8>(), 0..100);
    let link = prop_oneof![Just(1_u16), Just(101), Just(276), Just(0)];
    let resolution = prop::option::of(prop_oneof![0_u8..13, 0x80_u8..0xc0, any::<u8>()]);
    let offset = prop::option::of(prop_oneof![-5_000_000_000_i64..5_000_000_000, any::<i64>()]);
    let snap = prop_oneof![Just(0), Just(50), Just(262_144)];
    let other = prop_oneof![Just(4_u32), Just(10), Just(0xbad), 0x4000_0000_u32..0x4fff_ffff];
    let part = prop_oneof![
        1 => (any::<bool>(), 0_u8..40).prop_map(|(big, options)| Part::Section(big, options)),
        2 => (link, snap, resolution, offset).prop_map(|(l, s, r, o)| Part::Interface(l, s, r, o)),
        8 => (any::<usize>(), any::<bool>(), any::<u64>(), data(), any::<u32>(), 0_u8..20)
            .prop_map(|(i, old, t, d, w, o)| Part::Frame(i, old, t, d, w, o)),
        2 => (data(), 0_u32..200).prop_map(|(data, wire)| Part::Simple(data, wire)),
        2 => (any::<usize>(), 0_u64..1000, 0_u64..1000)
            .prop_map(|(i, a, b)| Part::Statistics(i, a, b)),
        2 => (other, data()).prop_map(|(kind, data)| Part::Unknown(kind, data)),
    ];
    prop::collection::vec(part, 0..40)
}

/// Writes pcapng, and keeps what a reader should say.
#[derive(Default)]
struct Writer {
    file: Vec<u8>,
    big: bool,
    interfaces: Vec<(u16, u32, u8, i64, Losses)>,
    frames: Vec<(Seen, LinkType)>,
    /// Octets of the file at which each frame is complete.
    ends: Vec<usize>,
    settled: Losses,
    last: i64,
}

impl Writer {
    fn new(parts: &[Part]) -> Self {
        let mut writer = Self::default();
        writer.part(&Part::Section(false, 0));
        for part in parts {
            writer.part(part);
        }
        writer
    }

    fn word(&self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn half(&self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn long(&self, number: u64) -> [u8; 8] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn block(&mut self, kind: u32, mut body: Vec<u8>) {
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(body.len() + 12).unwrap();
        self.file.extend(self.word(kind));
        self.file.extend(self.word(length));
        self.file.extend(body);
        self.file.extend(self.word(length));
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut octets = self.half(code).to_vec();
        octets.extend(self.half(u16::try_from(value.len()).unwrap()));
        octets.extend(value);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    fn losses(&self) -> Losses {
        self.interfaces.iter().fold(self.settled, |sum, interface| Losses {
            kernel: sum.kernel + interface.4.kernel,
            interface: sum.interface + interface.4.interface,
        })
    }

    fn frame(&mut self, time: i64, link: u16, data: &[u8], wire: u32) {
        self.last = time;
        self.frames.push(((time, data.to_vec(), wire), LinkType::from_number(link)));
        self.ends.push(self.file.len());
    }

    /// The body of a frame block that has a stamp.
    fn stamped(
        &self,
        interface: usize,
        kind: u32,
        stamp: u64,
        data: &[u8],
        lengths: (u32, u8),
    ) -> Vec<u8> {
        let (wire, options) = lengths;
        let mut body = if kind == 2 {
            [self.half(u16::try_from(interface).unwrap()), [0xff, 0xff]].concat()
        } else {
            self.word(u32::try_from(interface).unwrap()).to_vec()
        };
        body.extend(self.word(u32::try_from(stamp >> 32).unwrap()));
        body.extend(self.word(u32::try_from(stamp & 0xffff_ffff).unwrap()));
        body.extend(self.word(u32::try_from(data.len()).unwrap()));
        body.extend(self.word(wire));
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.option(1, &vec![b'y'; usize::from(options)]));
        body
    }

    fn part(&mut self, part: &Part) {
        let count = self.interfaces.len();
        match part {
            Part::Section(big, options) => {
                self.settled = self.losses();
                self.interfaces.clear();
                self.big = *big;
                let mut body = self.word(0x1a2b_3c4d).to_vec();
                body.extend(self.half(1));
                body.extend(self.half(0));
                body.extend([0xff; 8]);
                body.extend(self.option(1, &vec![b'x'; usize::from(*options)]));
                self.block(0x0a0d_0d0a, body);
            }
            Part::Interface(link, snap, resolution, offset) => {
                let mut body = self.half(*link).to_vec();
                body.extend([0, 0]);
                body.extend(self.word(*snap));
                body.extend(self.option(2, b"eth0"));
                if let Some(resolution) = resolution {
                    body.extend(self.option(9, &[*resolution]));
                }
                if let Some(offset) = offset {
                    body.extend(self.option(14, &self.long(offset.cast_unsigned())));
                }
                body.extend(self.option(0, &[]));
                // What stands behind the end of options is not read.
                body.extend(self.option(9, &[1]));
                self.block(1, body);
                let (resolution, offset) = (resolution.unwrap_or(6), offset.unwrap_or(0));
                self.interfaces.push((*link, *snap, resolution, offset, Losses::default()));
            }
            Part::Frame(index, old, stamp, data, wire, options) if count > 0 => {
                let kind = if *old { 2 } else { 6 };
                let index = index % count;
                let (link, _, resolution, offset, _) = self.interfaces[index];
                let body = self.stamped(index, kind, *stamp, data, (*wire, *options));
                self.block(kind, body);
                self.frame(micros(*stamp, resolution, offset), link, data, *wire);
            }
            Part::Simple(data, wire) if count > 0 => {
                let (link, snap, ..) = self.interfaces[0];
                let snap = if snap == 0 { u32::MAX } else { snap };
                let length = usize::try_from(snap.min(*wire)).unwrap();
                let mut data = data.clone();
                data.resize(length, 0x5a);
                let mut body = self.word(*wire).to_vec();
                body.extend(&data);
                self.block(3, body);
                self.frame(self.last, link, &data, *wire);
            }
            Part::Statistics(index, interface, kernel) if count > 0 => {
                let index = index % count;
                let mut body = self.word(u32::try_from(index).unwrap()).to_vec();
                body.extend([0; 8]);
                body.extend(self.option(5, &self.long(*interface)));
                body.extend(self.option(7, &self.long(*kernel)));
                self.block(5, body);
                self.interfaces[index].4 = Losses { kernel: *kernel, interface: *interface };
            }
            Part::Unknown(kind, data) => self.block(*kind, data.clone()),
            _ => {}
        }
    }
}

/// The stamp in microseconds, by long division in the widest integers there are.
fn micros(stamp: u64, resolution: u8, offset: i64) -> i64 {
    let exponent = u32::from(resolution & 0x7f);
    let units = if resolution & 0x80 != 0 {
        2_u128.checked_pow(exponent)
    } else {
        10_u128.checked_pow(exponent)
    };
    let micros = units.map_or(0, |units| u128::from(stamp) * 1_000_000 / units);
    let all = i128::try_from(micros).unwrap() + i128::from(offset) * 1_000_000;
    let ends = (i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(all.clamp(ends.0, ends.1)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_as_pcapng_is_read(parts in parts()) {
        let writer = Writer::new(&parts);
        let mut file =
            CaptureFile::from_reader(Path::new("memory"), Cursor::new(writer.file.clone())).unwrap();
        let (frames, errors) = all(&mut file);
        prop_assert!(errors.is_empty(), "{:?}", errors);
        prop_assert_eq!(&frames, &writer.frames);
        prop_assert_eq!(file.losses(), writer.losses());
        prop_assert_eq!(file.frames(), u64::try_from(frames.len()).unwrap());
    }

    #[test]
    fn every_truncation_keeps_the_frames_before_it(parts in parts(), cut in any::<prop::sample::Index>()) {
        let writer = Writer::new(&parts);
        let cut = cut.index(writer.file.len());
        let whole = writer.ends.iter().filter(|end| **end <= cut).count();
        let (frames, errors) = read(writer.file[..cut].to_vec());
        prop_assert_eq!(&frames[..], &writer.frames[..whole]);
        prop_assert!(errors.len() <= 1, "{:?}", errors);
        for error in errors {
            let text = error.to_string();
            prop_assert!(text.contains("truncated") || text.contains("empty"), "{}", text);
        }
    }

    #[test]
    fn flipped_octets_keep_the_frames_before_them(
        parts in parts(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let writer = Writer::new(&parts);
        let mut file = writer.file.clone();
        let mut first = file.len();
        for (at, mask) in flips {
            let at = at.index(file.len());
            file[at] ^= mask;
            first = first.min(at);
        }
        let whole = writer.ends.iter().filter(|end| **end <= first).count();
        let (frames, errors) = read(file);
        prop_assert!(frames.len() >= whole && frames[..whole] == writer.frames[..whole]);
        prop_assert!(errors.len() <= 1 + frames.len());
    }

    #[test]
    fn pcap_that_is_cut_or_flipped_keeps_the_frames_before(
        dialect in prop::sample::select(dialects()),
        lengths in prop::collection::vec(0_u8..150, 0..8),
        at in any::<prop::sample::Index>(),
        mask in any::<u8>(),
    ) {
        let written: Vec<_> = lengths
            .iter()
            .map(|length| (u32::from(*length), 7, vec![*length; usize::from(*length)], 200))
            .collect();
        let mut file = dialect.write(&written);
        let expected = frames(file.clone());
        let at = at.index(file.len());
        if mask == 0 {
            file.truncate(at);
        } else {
            file[at] ^= mask;
        }
        let header = if dialect.magic == 0xa1b2_cd34 { 24 } else { 16 };
        let mut end = 24;
        let whole = lengths
            .iter()
            .take_while(|length| { end += header + usize::from(**length); end <= at })
            .count();
        let (frames, errors) = read(file);
        let frames: Vec<Seen> = frames.into_iter().map(|(seen, _)| seen).collect();
        prop_assert!(frames.len() >= whole && frames[..whole] == expected[..whole]);
        prop_assert!(errors.len() <= 2);
    }
}

#[test]
fn a_link_type_that_is_not_read_is_told_once_and_its_frames_are_delivered() {
    let parts = [
        Part::Interface(1, 0, None, None),
        Part::Interface(147, 0, None, None),
        Part::Interface(147, 0, None, None),
        Part::Interface(148, 0, None, None),
        Part::Frame(0, false, 1, vec![1], 1, 0),
        Part::Frame(1, false, 2, vec![2], 1, 0),
        Part::Frame(2, false, 3, vec![3], 1, 0),
        Part::Frame(3, false, 4, vec![4], 1, 0),
        Part::Frame(0, false, 5, vec![5], 1, 0),
    ];
    let (frames, errors) = read(Writer::new(&parts).file);
    assert_eq!(frames.len(), 5);
    assert_eq!(frames[1].1, LinkType::Other(147));
    let numbers: Vec<u16> = errors
        .iter()
        .map(|error| match error {
            CaptureError::LinkType { number, .. } => *number,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(numbers, [147, 148]);
    for frames in [&[][..], &[(1, 1, vec![1], 1), (2, 2, vec![2], 1)]] {
        let pcap = Dialect { magic: 0xa1b2_c3d4, big: true, version: (2, 4), network: 147 };
        let (read, errors) = read(pcap.write(frames));
        assert_eq!((read.len(), errors.len()), (frames.len(), 1));
        assert!(errors[0].to_string().contains("link type 147"), "{errors:?}");
    }
}

#[test]
fn damage_names_the_frame_the_cause_and_the_cure() {
    let frame = |length| Part::Frame(0, false, 1, vec![1; length], 1, 0);
    let whole = Writer::new(&[Part::Interface(1, 0, None, None), frame(98), frame(98)]);
    let end = whole.ends[0];
    let damaged = |at: usize, number: u32| {
        let mut file = whole.file.clone();
        file[end + at..end + at + 4].copy_from_slice(&number.to_le_bytes());
        file
    };
    let pcap = Dialect { magic: 0xa1b2_c3d4, big: false, version: (2, 4), network: 1 };
    let pcap = pcap.write(&[(1, 1, vec![1; 98], 98)]);
    let cut = |octets: &[u8], at: usize| octets[..at].to_vec();
    for (file, text) in [
        (cut(&whole.file, end + 40), "truncated: 40 of 136 octets of frame 2 are there"),
        (
            cut(&whole.file, end + 9),
            "truncated: 9 of 12 octets of a block (type 0x6) before frame 2",
        ),
        (damaged(4, 30), "(type 0x6) before or around frame 2 claims 30 octets"),
        (damaged(4, 0), "(type 0x6) before or around frame 2 claims 0 octets"),
        (damaged(132, 140), "begins with the length 136 and ends with the length 140"),
        (damaged(8, 7), "frame 2 is of interface 7, but 1 are described"),
        (damaged(20, 200), "frame 2 has 200 octets in a block that has room for 104 octets"),
        (damaged(20, 1 << 25), "frame 2 has 33554432 octets, more than any frame"),
        (cut(&pcap, 24 + 16 + 40), "truncated: 40 of 98 octets of frame 1 are there"),
        (cut(&pcap, 24 + 7), "truncated: 7 of 16 octets of the header of frame 1 are there"),
    ] {
        let (_, errors) = read(file);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains(text), "{text}: {told:?}");
        assert!(told[0].contains("again") && told[0].contains("\"memory\""), "{told:?}");
    }
}

#[test]
fn what_is_no_capture_is_told_with_the_cure() {
    let version = |octets: [u8; 4]| {
        let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1];
        file.extend(octets);
        file.extend([0; 16]);
        file
    };
    for (file, text) in [
        (b"".to_vec(), "is empty (0 bytes)"),
        (b"Hello, world".to_vec(), "unknown file format; it must be pcap or pcapng"),
        (vec![0xd4, 0xc3], "its header is cut short, 2 of 24 octets are there"),
        (vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0], "its header is cut short, 6 of 24 octets are there"),
        (version([2, 0, 5, 0]), "pcap version 2.5 is not known"),
        (
            Writer::new(&[]).file[..20].to_vec(),
            "its header is cut short, 20 of 28 octets are there",
        ),
    ] {
        let (_, errors) = read(file);
        assert!(errors.len() == 1 && errors[0].to_string().contains(text), "{errors:?}");
    }
}

#[test]
fn losses_are_summed_over_files_and_the_latest_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for index in 0..3_u64 {
        let path = folder.path().join(format!("{index}.pcapng"));
        let frame = |time| Part::Frame(0, false, time, vec![1], 1, 0);
        let parts = [
            Part::Interface(1, 0, None, None),
            Part::Interface(1, 0, None, None),
            frame(index),
            Part::Statistics(0, 1, 2),
            frame(index + 10),
            Part::Statistics(0, 10, 20),
            Part::Statistics(1, 100, 200),
        ];
        fs::write(&path, Writer::new(&parts).file).unwrap();
        paths.push(path);
    }
    let mut set = CaptureSet::new(&paths);
    let (frames, errors) = all(&mut set);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(frames.len(), 6);
    assert_eq!(set.losses(), Losses { interface: 330, kernel: 660 });
    let mut one = CaptureSet::new(&paths[..1]);
    all(&mut one);
    assert_eq!(one.losses(), Losses { interface: 110, kernel: 220 });
}

/// Adding up what all interfaces lost for each block of statistics, this took minutes; packed, such
/// a file has a few kilobytes.
#[test]
fn many_interfaces_and_many_statistics_are_read_in_one_pass() {
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let mut file = Writer::new(&[]).file;
    let little = file[8..12] == [0x4d, 0x3c, 0x2b, 0x1a];
    assert!(little, "the blocks here are written least octet first");
    let statistics = [&[0; 12][..], &[5, 0, 8, 0], &7_u64.to_le_bytes()].concat();
    file.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0]).repeat(65_536));
    file.extend(block(5, &statistics).repeat(200_000));
    let mut file = CaptureFile::from_reader(Path::new("memory"), Cursor::new(file)).unwrap();
    assert!(file.next_frame().unwrap().is_none());
    assert_eq!(file.losses(), Losses { kernel: 0, interface: 7 });
}
