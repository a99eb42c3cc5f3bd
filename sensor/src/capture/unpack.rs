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

/// Octets asked of the xz decoder at once: it drops those of a call that fails.
const XZ_STEP: usize = 4096;

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
    Gzip(GzDecoder<Source>),
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
            Stage::Gzip(decoder) => (decoder.into_inner(), true),
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
            Packing::Gzip => Self::Gzip(GzDecoder::new(source)),
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
                Stage::Gzip(decoder) => decoder.read(room),
                Stage::Lz4(decoder) => decoder.read(room),
                Stage::Xz(decoder) => {
                    let step = room.len().min(XZ_STEP);
                    decoder.read(room.get_mut(..step).unwrap_or_default())
                }
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
