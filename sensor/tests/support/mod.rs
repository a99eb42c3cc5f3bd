//! Captures made by hand.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part of this module"
)]

pub(crate) mod wrapped;

use std::path::PathBuf;

use etherparse::PacketBuilder;
use geophone_sensor::capture::{CaptureError, Frame, FrameSource, LinkType};
use geophone_sensor::time::Timestamp;

/// Frames from memory, in the order they stand.
pub(crate) struct Frames {
    frames: Vec<(Timestamp, Vec<u8>)>,
    next: usize,
}

impl Frames {
    pub(crate) fn new(frames: Vec<(Timestamp, Vec<u8>)>) -> Self {
        Self { frames, next: 0 }
    }
}

impl FrameSource for Frames {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        self.next += 1;
        Ok(self.frames.get(self.next - 1).map(|(time, data)| Frame {
            time: *time,
            link: LinkType::Ethernet,
            data,
            wire_length: u32::try_from(data.len()).unwrap(),
        }))
    }
}

/// A DNS query for `labels`.
pub(crate) fn query(id: u16, labels: &[&[u8]], qtype: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in labels {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(*label);
    }
    message.push(0);
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    message
}

/// The answer to `query` with one record of `rdata`.
pub(crate) fn answer(query: &[u8], kind: u16, rdata: &[u8]) -> Vec<u8> {
    let mut message = query.to_vec();
    message[2] = 0x81;
    message[3] = 0x80;
    message[7] = 1;
    message.extend([0xc0, 0x0c]);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 60]);
    message.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
    message.extend(rdata);
    message
}

/// An Ethernet frame with a UDP datagram from the client (or, reversed, from the server).
pub(crate) fn udp(client: [u8; 4], port: u16, payload: &[u8], reversed: bool) -> Vec<u8> {
    let server = [10, 0, 0, 53];
    let (from, to, source, destination) =
        if reversed { (server, client, 53, port) } else { (client, server, port, 53) };
    let builder =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64).udp(source, destination);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

/// A pcap file (microseconds, little-endian) of `link` with `frames`.
pub(crate) fn pcap(link: u32, frames: &[(Timestamp, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    for word in [0, 0, 262_144, link] {
        file.extend(word.to_le_bytes());
    }
    for (time, data) in frames {
        let length = u32::try_from(data.len()).unwrap();
        let seconds = u32::try_from(time.micros() / 1_000_000).unwrap();
        let micros = u32::try_from(time.micros() % 1_000_000).unwrap();
        for word in [seconds, micros, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(data);
    }
    file
}

/// The folder of recorded captures.
pub(crate) fn recorded() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures")
}
