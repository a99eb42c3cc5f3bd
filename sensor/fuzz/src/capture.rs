//! One capture file, read at once and in small pieces.
//!
//! The first octet is the most that a read gives, the rest is the file. It gives the same frames
//! and the same complaint however its octets arrive; only of a compressed layer that is damaged
//! the decoders drop more or less of what stands before the damage.

use std::io::{self, Read};
use std::path::Path;

use geophone_sensor::capture::{CaptureFile, FrameSource};

use crate::octets::Octets;

/// Frames that are compared: a few octets can stand for millions when compressed.
const MOST_FRAMES: u64 = 10_000;

/// A reader that gives little at a time.
struct Drip {
    octets: Vec<u8>,
    at: usize,
    most: usize,
}

impl Read for Drip {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let count = rest.len().min(room.len()).min(self.most);
        room[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// What came of a file.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    frames: u64,
    octets: u64,
    /// Sum over times, link types, lengths and first octets, in which order counts.
    digest: u64,
    told: Vec<String>,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut input = Octets(data);
    let most = usize::from(input.u8()) + 1;
    let at_once = read(input.0, usize::MAX);
    let dripped = read(input.0, most);
    if at_once.told.iter().chain(&dripped.told).all(|words| !words.contains(" layer is ")) {
        assert_eq!(dripped, at_once, "in reads of at most {most} octets");
    }
}

fn read(octets: &[u8], most: usize) -> Outcome {
    let mut outcome = Outcome { frames: 0, octets: 0, digest: 0, told: Vec::new() };
    let input = Drip { octets: octets.to_vec(), at: 0, most };
    let mut file = match CaptureFile::from_reader(Path::new("input"), input) {
        Ok(file) => file,
        Err(error) => {
            outcome.told.push(error.to_string());
            return outcome;
        }
    };
    loop {
        match file.next_frame() {
            Ok(Some(frame)) => {
                outcome.frames += 1;
                outcome.octets += u64::try_from(frame.data.len()).unwrap_or(u64::MAX);
                let first = frame.data.iter().take(16).map(|octet| u64::from(*octet));
                let head = [
                    u64::from(frame.link.number()),
                    u64::from(frame.wire_length),
                    frame.time.micros().cast_unsigned(),
                ];
                for word in head.into_iter().chain(first) {
                    outcome.digest = outcome.digest.wrapping_mul(0x100_0000_01b3) ^ word;
                }
            }
            Ok(None) => break,
            Err(error) => outcome.told.push(error.to_string()),
        }
        if outcome.frames == MOST_FRAMES {
            break;
        }
    }
    assert_eq!(outcome.frames, file.frames());
    let losses = file.losses();
    outcome.digest ^= losses.kernel.rotate_left(1) ^ losses.interface;
    outcome
}
