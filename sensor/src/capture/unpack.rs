//! Compressed captures: gzip, zstd, xz and LZ4 frames, unpacked as they are read.
//!
//! Told by their first octets. Every checksum is verified. Memory is bounded by `MAX_WINDOW`
//! whatever a file claims. Files of several members (streams, frames) are read to the last.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use lzma_rust2::XzReader;

use super::unpack_zstd::Zstd;

/// Octets of history (zstd window, xz dictionary) a file may ask for: what `zstd` unpacks without
/// `--long`, twice what `xz -9` asks for. gzip asks for 32 KiB, LZ4 for at most 12 MiB.
pub(super) const MAX_WINDOW: u32 = 128 * 1024 * 1024;

/// What an LZMA2 decoder needs beside its dictionary, in KiB, with room to spare.
const XZ_OVERHEAD_KIB: u32 = 256;

/// Octets asked of the gzip and xz decoders at once: they drop those of a call that fails.
const STEP: usize = 4096;

/// Octets read from the file at once.
const READ: usize = 64 * 1024;

/// What the octets of a file are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Lz4,
    Xz,
    Zstd,
}

impl Packing {
    /// Tells a packing by the first octets of a file.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// A fault of the compressed layer; the inner error of the `io::Error`s of `Unpacked`.
#[derive(Debug, thiserror::Error)]
enum PackingError {
    /// It contradicts itself, or asks for more memory than it gets.
    #[error("its {0} layer is damaged: {1}")]
    Damaged(Packing, io::Error),
    /// It ends in the middle.
    #[error("its {0} layer is truncated")]
    Truncated(Packing),
    /// Something else follows the last member.
    #[error("its {0} layer is followed by something else")]
    Trailing(Packing),
}

impl From<PackingError> for io::Error {
    fn from(error: PackingError) -> Self {
        let kind = match error {
            PackingError::Truncated(_) => io::ErrorKind::UnexpectedEof,
            PackingError::Damaged(..) | PackingError::Trailing(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// The octets of a file without its packing, if it has one.
pub(super) struct Unpacked {
    packing: Option<Packing>,
    stage: Stage,
}

enum Stage {
    Plain(Source),
    Gzip(Box<GzDecoder<Source>>),
    Lz4(Box<Lz4Decoder<Source>>),
    Xz(Box<XzReader<Source>>),
    Zstd(Box<Zstd<Source>>),
    /// The last member has been read, or an error been told.
    Over,
}

impl Unpacked {
    /// Looks at the first octets of `input`.
    ///
    /// # Errors
    /// Of the input, and where the header of the packing is damaged.
    pub(super) fn new(input: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut source = Source::new(input);
        let packing = Packing::of(source.peek()?);
        let stage = match packing {
            None => Stage::Plain(source),
            Some(packing) => Stage::new(packing, source)?,
        };
        Ok(Self { packing, stage })
    }

    /// Returns what the file is packed with.
    pub(super) fn packing(&self) -> Option<Packing> {
        self.packing
    }

    /// Goes from the end of a member to the next one; tells whether there is one.
    fn next_member(&mut self, packing: Packing) -> io::Result<bool> {
        let (mut source, whole) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Plain(_) | Stage::Over => return Ok(false),
            Stage::Gzip(decoder) => ((*decoder).into_inner(), true),
            Stage::Xz(decoder) => (decoder.into_inner(), true),
            Stage::Zstd(decoder) => (decoder.into_source(), true),
            Stage::Lz4(decoder) => {
                // The decoder takes a file that ends between two blocks for a whole one.
                let source = decoder.into_inner();
                let whole = !source.ended;
                (source, whole)
            }
        };
        if !whole {
            return Err(PackingError::Truncated(packing).into());
        }
        loop {
            match source.peek()? {
                [] => return Ok(false),
                // 0x184d2a50 to 0x184d2a5f: a frame of something else, of both zstd and LZ4.
                [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
                    if matches!(packing, Packing::Zstd | Packing::Lz4) =>
                {
                    source.skip_frame(packing)?;
                }
                // Tapes and xz pad with zeros.
                [0, ..] if matches!(packing, Packing::Gzip | Packing::Xz) => source.skip(1)?,
                head if Packing::of(head) == Some(packing) => {
                    self.stage = Stage::new(packing, source)?;
                    return Ok(true);
                }
                _ => return Err(PackingError::Trailing(packing).into()),
            }
        }
    }
}

impl Stage {
    fn new(packing: Packing, source: Source) -> io::Result<Self> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(Box::new(GzDecoder::new(source))),
            Packing::Lz4 => Self::Lz4(Box::new(Lz4Decoder::new(source))),
            Packing::Xz => {
                let limit = MAX_WINDOW / 1024 + XZ_OVERHEAD_KIB;
                Self::Xz(Box::new(XzReader::new_mem_limit(source, false, limit)))
            }
            Packing::Zstd => {
                Self::Zstd(Box::new(Zstd::new(source).map_err(|error| layer(packing, error))?))
            }
        })
    }
}

impl Read for Unpacked {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(packing) = self.packing else {
            return match &mut self.stage {
                Stage::Plain(source) => source.read(room),
                _ => Ok(0),
            };
        };
        if room.is_empty() {
            return Ok(0);
        }
        loop {
            let result = match &mut self.stage {
                Stage::Plain(_) | Stage::Over => return Ok(0),
                Stage::Gzip(decoder) => decoder.read(first(room, STEP)),
                Stage::Lz4(decoder) => decoder.read(room),
                Stage::Xz(decoder) => decoder.read(first(room, STEP)),
                Stage::Zstd(decoder) => decoder.read(room),
            };
            match result {
                Ok(0) => {
                    if !self.next_member(packing)? {
                        return Ok(0);
                    }
                }
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.stage = Stage::Over;
                    return Err(layer(packing, error));
                }
            }
        }
    }
}

/// Returns at most `most` octets of `room`.
fn first(room: &mut [u8], most: usize) -> &mut [u8] {
    let most = room.len().min(most);
    room.get_mut(..most).unwrap_or_default()
}

/// Puts the name of the layer before what its decoder says; errors of the disk pass unchanged.
fn layer(packing: Packing, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        PackingError::Truncated(packing).into()
    } else if error.raw_os_error().is_some() {
        error
    } else {
        PackingError::Damaged(packing, error).into()
    }
}

/// Buffered octets of a file, of which the first can be looked at.
struct Source {
    head: [u8; Self::HEAD],
    at: usize,
    end: usize,
    input: BufReader<Box<dyn Read + Send>>,
    /// The input ended.
    ended: bool,
}

impl Source {
    /// Octets of the longest magic.
    const HEAD: usize = 6;

    fn new(input: Box<dyn Read + Send>) -> Self {
        let input = BufReader::with_capacity(READ, input);
        Self { head: [0; Self::HEAD], at: 0, end: 0, input, ended: false }
    }

    /// Returns the next octets, fewer than six only at the end.
    fn peek(&mut self) -> io::Result<&[u8]> {
        self.head.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        while let Some(room) = self.head.get_mut(self.end..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) => break,
                Ok(count) => self.end += count.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.head.get(..self.end).unwrap_or_default())
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(length), &mut io::sink())?;
        if skipped < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Steps over a skippable frame: magic, length, content.
    fn skip_frame(&mut self, packing: Packing) -> io::Result<()> {
        let mut header = [0; 8];
        let [_, _, _, _, length @ ..] = &mut header;
        let result = self.skip(4).and_then(|()| self.read_exact(length));
        let length = u64::from(u32::from_le_bytes(*length));
        result.and_then(|()| self.skip(length)).map_err(|error| layer(packing, error))
    }
}

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.at < self.end {
            let mut head = self.head.get(self.at..self.end).unwrap_or_default();
            let count = head.read(room)?;
            self.at += count;
            return Ok(count);
        }
        let count = self.input.read(room)?;
        self.ended = count == 0 && !room.is_empty();
        Ok(count)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.end {
            return Ok(self.head.get(self.at..self.end).unwrap_or_default());
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let head = count.min(self.end - self.at);
        self.at += head;
        self.input.consume(count - head);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use lzma_rust2::{CheckType, XzOptions, XzWriter};
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    const ALL: [Packing; 4] = [Packing::Gzip, Packing::Lz4, Packing::Xz, Packing::Zstd];

    fn pack(packing: Packing, octets: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(octets).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Lz4 => {
                let info = FrameInfo::new()
                    .block_mode(BlockMode::Linked)
                    .block_size(BlockSize::Max64KB)
                    .block_checksums(true)
                    .content_checksum(true);
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(octets).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Xz => {
                let mut options = XzOptions::with_preset(1);
                options.set_check_sum_type(CheckType::Crc64);
                let mut encoder = XzWriter::new(Vec::new(), options).unwrap();
                encoder.write_all(octets).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => compress_to_vec(octets, CompressionLevel::Fastest),
        }
    }

    /// What comes out before the end or an error.
    fn unpack(octets: Vec<u8>) -> (Vec<u8>, io::Result<()>) {
        let mut out = Vec::new();
        let result = Unpacked::new(Box::new(Cursor::new(octets)))
            .and_then(|mut unpacked| unpacked.read_to_end(&mut out).map(|_| ()));
        (out, result)
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..u32::MAX)
            .flat_map(|word| (word / 3).wrapping_mul(word).to_le_bytes())
            .take(length)
            .collect()
    }

    #[test]
    fn members_follow_one_another() {
        let (one, other) = (sample(300_000), b"another".to_vec());
        for packing in ALL {
            let octets = [pack(packing, &one), pack(packing, b""), pack(packing, &other)].concat();
            let (out, result) = unpack(octets);
            result.unwrap();
            assert!(out == [one.clone(), other.clone()].concat(), "{packing}");
        }
    }

    #[test]
    fn what_is_not_packed_passes() {
        for length in [0, 1, 5, 6, 7, 200_000] {
            let octets = sample(length);
            let (out, result) = unpack(octets.clone());
            result.unwrap();
            assert!(out == octets);
        }
    }

    /// Written by gzip 1.12, zstd 1.5, xz 5.4 and lz4 1.9.
    #[test]
    fn files_of_the_usual_programs_are_read() {
        for hex in [
            "1f8b0800000000000003bb7278d3422606160618f8ff9f8181910182998098058a13939253000017e785\
             2c000000",
            "28b52ffd04580d0100a8d4c3b2a102000400ffff000001000200006162636404002040cf3b76a310800b\
             10788d31",
            "fd377a585a000004e6d6b4460200210116000000742fe5a3e0002b001c5d006a30d1c87d8bf8099bad94\
             4b8af2fffacad65162ad5b8d462bd8f57700526e2937d77d460c0001382c3365c1051fb6f37d01000000\
             0004595a",
            "fd377a585a00000ae1fb0ca10200210116000000742fe5a3e0002b001c5d006a30d1c87d8bf8099bad94\
             4b8af2fffacad65162ad5b8d462bd8f57700f7a6a1266bdaf126a6e7eb902b87c48686aff91e1649ed38\
             9786a1a6226dece30001502c9c84e5a8189b4b9a01000000000a595a",
            "04224d186440a72300000084d4c3b2a102000400010062ffff000001000400310200001a008004000000\
             61626364000000002601b3cb",
        ] {
            let digits: Vec<u8> = hex.bytes().map(|digit| (digit - b'0') % 39).collect();
            let octets: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
            let whole = octets.len();
            let (out, result) = unpack(octets.clone());
            result.unwrap();
            assert_eq!((out.len(), &out[40..]), (44, b"abcd".as_slice()));
            for at in 0..whole {
                let (out, result) = unpack(octets[..at].to_vec());
                assert!(result.is_err() || Packing::of(&octets[..at]).is_none() && out.len() == at);
            }
        }
    }

    #[test]
    fn every_truncation_is_told_as_one() {
        for packing in ALL {
            let octets = pack(packing, &sample(900));
            for at in 6..octets.len() {
                let (out, result) = unpack(octets[..at].to_vec());
                let error = result.expect_err("told");
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{packing} {at}: {error}");
                assert_eq!(error.to_string(), format!("its {packing} layer is truncated"));
                assert!(sample(900).starts_with(&out));
            }
        }
    }

    #[test]
    fn what_stands_before_a_truncation_comes_out() {
        for packing in ALL {
            let octets = pack(packing, &sample(400_000));
            let (out, result) = unpack(octets[..octets.len() * 3 / 4].to_vec());
            assert!(result.is_err());
            assert!(out.len() > 130_000, "{packing}: {}", out.len());
            assert!(sample(400_000).starts_with(&out));
        }
    }

    #[test]
    fn a_wrong_checksum_is_damage() {
        for (packing, from_end) in
            [(Packing::Gzip, 8), (Packing::Lz4, 1), (Packing::Xz, 24), (Packing::Zstd, 1)]
        {
            let mut octets = pack(packing, b"some octets that are checked");
            let at = octets.len() - from_end;
            octets[at] ^= 1;
            let error = unpack(octets).1.expect_err("told");
            assert!(error.to_string().contains("is damaged"), "{packing}: {error}");
        }
    }

    #[test]
    fn padding_and_skippable_frames_are_passed_over_and_anything_else_is_told() {
        let skippable = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        for packing in ALL {
            let member = pack(packing, b"abc");
            let filler: &[u8] =
                if matches!(packing, Packing::Gzip | Packing::Xz) { &[0; 8] } else { &skippable };
            let (out, result) = unpack([&member, filler, &member, filler].concat());
            result.unwrap();
            assert_eq!(out, b"abcabc");
            let (out, result) = unpack([&member, b"rest".as_slice()].concat());
            assert_eq!(out, b"abc");
            let error = result.expect_err("told");
            assert_eq!(
                error.to_string(),
                format!("its {packing} layer is followed by something else")
            );
        }
    }

    #[test]
    fn a_window_beyond_the_bound_is_refused_before_it_is_taken() {
        // zstd: a window of 2 GiB. xz: a dictionary of 1.5 GiB, its header with its checksum.
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 1, 0, 0];
        let mut xz = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 4, 0xe6, 0xd6, 0xb4, 0x46];
        let header = [2, 0, 0x21, 1, 37, 0, 0, 0];
        let mut checksum = flate2::Crc::new();
        checksum.update(&header);
        xz.extend(header);
        xz.extend(checksum.sum().to_le_bytes());
        xz.extend([0; 64]);
        for octets in [zstd.to_vec(), xz] {
            let error = unpack(octets).1.expect_err("told").to_string();
            assert!(error.contains("is damaged"), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn flipped_octets_never_panic_and_never_come_out_as_whole(
            packing in prop::sample::select(ALL.to_vec()),
            length in 0_usize..40_000,
            flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
        ) {
            let whole = sample(length);
            let mut octets = pack(packing, &whole);
            for (at, mask) in flips {
                let at = at.index(octets.len());
                octets[at] ^= mask;
            }
            let (out, result) = unpack(octets.clone());
            // A flip in the magic makes it a file that is not packed.
            if Packing::of(&octets) == Some(packing) && result.is_ok() {
                prop_assert!(out == whole, "{} octets of {}", out.len(), whole.len());
            }
        }

        #[test]
        fn any_octets_behind_a_magic_end(
            magic in prop::sample::select(vec![
                vec![0x1f, 0x8b, 8, 0],
                vec![0x04, 0x22, 0x4d, 0x18, 0x40],
                vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1, 0x69, 0x22, 0xde, 0x36],
                vec![0x28, 0xb5, 0x2f, 0xfd, 0x24],
            ]),
            octets in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let (out, _) = unpack([magic, octets].concat());
            prop_assert!(out.len() < 64 * 1024 * 1024);
        }
    }
}
