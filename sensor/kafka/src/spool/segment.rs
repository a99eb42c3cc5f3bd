//! One file of a spool: frames, one behind the other.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

/// Octets before a message: its length and its CRC-32.
pub(super) const FRAME_HEAD: u64 = 8;
/// Octets a message may have; a length beyond it is damage.
const LONGEST: u32 = 64 << 20;

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment {
    /// Octets of its whole frames.
    pub(super) bytes: u64,
    /// Messages in it.
    pub(super) messages: u64,
    /// Of these, messages that were read.
    pub(super) read: u64,
    /// Of these, messages that need no place any more.
    pub(super) settled: u64,
}

/// Writes `message` as a frame.
pub(super) fn frame(message: &[u8], out: &mut impl Write) -> io::Result<()> {
    let length = u32::try_from(message.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&crc32fast::hash(message).to_be_bytes())?;
    out.write_all(message)
}

/// Reads a frame into `message`; `false` at the end, or where no whole frame follows.
pub(super) fn read_frame(file: &mut impl Read, message: &mut Vec<u8>) -> io::Result<bool> {
    let mut head = [0; 8];
    if !fill(file, &mut head)? {
        return Ok(false);
    }
    let [a, b, c, d, sum @ ..] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    if length > LONGEST {
        return Ok(false);
    }
    message.clear();
    file.take(u64::from(length)).read_to_end(message)?;
    let whole = u32::try_from(message.len()) == Ok(length);
    Ok(whole && crc32fast::hash(message) == u32::from_be_bytes(sum))
}

/// Reads `path` to its last whole frame and cuts off what is behind; returns how much that was.
pub(super) fn scan(path: &Path) -> io::Result<(Segment, u64)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let found = file.metadata()?.len();
    let (mut segment, mut message) = (Segment::default(), Vec::new());
    let mut reader = BufReader::with_capacity(1 << 16, &file);
    while read_frame(&mut reader, &mut message)? {
        segment.messages += 1;
        segment.bytes += FRAME_HEAD + u64::try_from(message.len()).unwrap_or(u64::MAX);
    }
    let torn = found.saturating_sub(segment.bytes);
    if torn > 0 {
        cut(&file, segment.bytes)?;
    }
    Ok((segment, torn))
}

fn cut(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)
}

/// Fills `octets`; `false` where the file ends before.
fn fill(file: &mut impl Read, octets: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(octets) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
