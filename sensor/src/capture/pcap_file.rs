//! The classic pcap format, in all its dialects.
//!
//! Source: draft-ietf-opsawg-pcap; for the dialects, libpcap's `sf-pcap.c`.

use std::io::Read;

use super::fault::Fault;
use super::link::LinkType;
use super::order::Order;
use super::savefile::{Head, MAX_FRAME};
use super::window::Window;
use crate::time::Timestamp;

/// Octets of the file header.
pub(super) const FILE_HEADER: usize = 24;

/// What the file header says about the frames.
#[derive(Debug)]
pub(super) struct PcapFile {
    order: Order,
    link: LinkType,
    /// Octets before each frame.
    header: usize,
    nanoseconds: bool,
    lengths: Lengths,
}

/// Where the captured length stands; files before version 2.3 had it behind the length on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured length, then length on the wire.
    CapturedFirst,
    /// Length on the wire, then captured length.
    CapturedLast,
    /// The smaller is the captured one: programs of version 2.3 wrote both orders.
    SmallerIsCaptured,
}

impl PcapFile {
    /// Reads a file header; `Err` is the cause where it is none of a known version.
    pub(super) fn from_header(octets: &[u8; FILE_HEADER]) -> Result<Self, String> {
        let (order, header, nanoseconds) = match octets.first_chunk() {
            Some([0xa1, 0xb2, 0xc3, 0xd4]) => (Order::Big, 16, false),
            Some([0xd4, 0xc3, 0xb2, 0xa1]) => (Order::Little, 16, false),
            Some([0xa1, 0xb2, 0x3c, 0x4d]) => (Order::Big, 16, true),
            Some([0x4d, 0x3c, 0xb2, 0xa1]) => (Order::Little, 16, true),
            // Alexey Kuznetzov's: interface, protocol and packet type behind the lengths.
            Some([0xa1, 0xb2, 0xcd, 0x34]) => (Order::Big, 24, false),
            Some([0x34, 0xcd, 0xb2, 0xa1]) => (Order::Little, 24, false),
            _ => return Err("unknown file format".to_owned()),
        };
        let lengths = match (order.u16(octets, 4), order.u16(octets, 6)) {
            // 543.0: tcpdump of DG/UX.
            (2, 0..=2) | (543, 0) => Lengths::CapturedLast,
            (2, 3) => Lengths::SmallerIsCaptured,
            (2, 4) => Lengths::CapturedFirst,
            (major, minor) => return Err(format!("pcap version {major}.{minor} is not known")),
        };
        // 16 bits of link type; those above are reserved or tell the length of the FCS.
        let link = LinkType::from_number(order.low_u16(octets, 20));
        Ok(Self { order, link, header, nanoseconds, lengths })
    }

    /// Returns how all frames are to be read.
    pub(super) const fn link(&self) -> LinkType {
        self.link
    }

    /// Makes sure that the next frame is in the window; `None` at the end.
    #[inline]
    pub(super) fn peek<R: Read>(&self, window: &mut Window<R>) -> Result<Option<Head>, Fault> {
        let octets = window.have(self.header)?;
        let Some(header) = octets.first_chunk::<16>().filter(|_| octets.len() >= self.header)
        else {
            return match octets.len() {
                0 => Ok(None),
                there => Err(Fault::CutHeader { there, needed: self.header }),
            };
        };
        let (first, second) = (self.order.u32(header, 8), self.order.u32(header, 12));
        let (captured, wire_length) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::SmallerIsCaptured if first <= second => (first, second),
            _ => (second, first),
        };
        let fraction = i64::from(self.order.u32(header, 4));
        let time = Timestamp::from_parts(
            i64::from(self.order.u32(header, 0)),
            if self.nanoseconds { fraction / 1000 } else { fraction },
        );
        let length = usize::try_from(captured).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(Fault::FrameTooLong { length: captured });
        }
        let there = window.have(self.header + length)?.len() - self.header;
        if there < length {
            return Err(Fault::CutFrame { there, needed: length });
        }
        Ok(Some(Head { time, link: self.link, wire_length, before: self.header, length, after: 0 }))
    }
}
