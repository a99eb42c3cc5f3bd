//! The pcapng format: blocks, in sections with interfaces of their own.
//!
//! Source: draft-ietf-opsawg-pcapng. Blocks that are neither frames nor descriptions are stepped
//! over, never kept.

use std::fmt;
use std::io::Read;

use super::fault::Fault;
use super::interface::{Interface, Statistics};
use super::order::Order;
use super::savefile::{Head, MAX_FRAME, NoCapture, few};
use super::window::Window;
use super::{LinkType, Losses};
use crate::time::Timestamp;

/// First octets of a file, and the type of the block that begins a section; the same both ways round.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Interfaces one section may describe: what the oldest frame block can number.
pub(super) const MAX_INTERFACES: usize = 65_536;

/// Octets of a description block that are searched for options; the rest is stepped over.
const MAX_OPTIONS: usize = 1024 * 1024;

/// Octets a block around a frame may have: the frame and ample options.
const MAX_FRAME_BLOCK: usize = MAX_FRAME + MAX_OPTIONS;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Where a reader is in a pcapng file.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Time of the last frame, for frames that carry none.
    last: Timestamp,
    /// Losses of all sections.
    losses: Losses,
}

/// Why a section cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Its byte order magic is none.
    Order,
    /// Its version is not 1.0 (or 1.2, which some programs wrote for the same).
    Version(u16, u16),
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => f.write_str("a section header without byte order mark"),
            Self::Version(major, minor) => {
                write!(f, "pcapng version {major}.{minor} is not known")
            }
        }
    }
}

/// Type and length of a block, its length checked.
#[derive(Clone, Copy)]
struct Block {
    kind: u32,
    length: u32,
}

impl Block {
    /// Octets as a number of memory.
    fn size(self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }
}

/// Where the stamp, the frame's lengths and the frame stand in both blocks that have a stamp.
const STAMP: usize = 12;
const LENGTHS: usize = 20;
const FRAME: usize = 28;

impl Pcapng {
    /// Reads the first section header.
    pub(super) fn start<R: Read>(window: &mut Window<R>) -> Result<Self, NoCapture> {
        let mut file = Self {
            order: Order::Little,
            interfaces: Vec::new(),
            last: Timestamp::default(),
            losses: Losses::default(),
        };
        let head = window.have(28).map_err(NoCapture::Input)?;
        if head.len() < 28 {
            return Err(NoCapture::Short(few(head.len(), 28)));
        }
        match file.section(window) {
            Ok(()) => Ok(file),
            Err(Fault::Input(error)) => Err(NoCapture::Input(error)),
            Err(Fault::CutBlock { there, needed, .. }) => Err(NoCapture::Short(few(
                usize::try_from(there).unwrap_or(usize::MAX),
                usize::try_from(needed).unwrap_or(usize::MAX),
            ))),
            Err(fault) => Err(NoCapture::Other { cause: fault.cause(1), head: MAGIC.to_vec() }),
        }
    }

    /// Steps over blocks to the next frame, and makes sure that it is in the window.
    #[inline]
    pub(super) fn peek<R: Read>(&mut self, window: &mut Window<R>) -> Result<Option<Head>, Fault> {
        loop {
            let octets = window.have(28)?;
            if let Some(head) = octets.first_chunk::<28>()
                && self.order.u32(head, 0) == ENHANCED_PACKET
            {
                let block = Block { kind: ENHANCED_PACKET, length: self.order.u32(head, 4) };
                let interface = self.order.u32(head, 8);
                return self.stamped(window, block, interface).map(Some);
            }
            if octets.is_empty() {
                return Ok(None);
            }
            if octets.len() < 12 {
                return Err(self.cut(octets));
            }
            let (kind, length) = (self.order.u32(octets, 0), self.order.u32(octets, 4));
            let interface = u32::from(self.order.u16(octets, 8));
            let block = Block { kind, length };
            match kind {
                SECTION => self.section(window)?,
                ENHANCED_PACKET => {
                    check(block, 32)?;
                    return Err(Fault::CutFrame { there: octets.len(), needed: block.size() });
                }
                PACKET => return self.stamped(window, block, interface).map(Some),
                SIMPLE_PACKET => return self.simple(window, block).map(Some),
                INTERFACE => self.describe(window, block)?,
                STATISTICS => self.count(window, block)?,
                _ => {
                    check(block, 12)?;
                    self.step_over(window, block)?;
                }
            }
        }
    }

    /// Returns what the interfaces of all sections dropped.
    pub(super) fn losses(&self) -> Losses {
        self.losses
    }

    /// What is left of a file is too short to be a block.
    fn cut(&self, octets: &[u8]) -> Fault {
        let kind = if octets.len() < 4 { 0 } else { self.order.u32(octets, 0) };
        Fault::CutBlock { there: u64::try_from(octets.len()).unwrap_or(u64::MAX), needed: 12, kind }
    }

    /// A frame with time and interface: enhanced packet block, or packet block, whose fields stand
    /// in the same places but for the 16-bit interface.
    #[inline]
    fn stamped<R: Read>(
        &mut self,
        window: &mut Window<R>,
        block: Block,
        interface: u32,
    ) -> Result<Head, Fault> {
        let octets = whole(window, self.order, block, 32)?;
        let high = u64::from(self.order.u32(octets, STAMP));
        let low = u64::from(self.order.u32(octets, STAMP + 4));
        let captured = self.order.u32(octets, LENGTHS);
        let wire_length = self.order.u32(octets, LENGTHS + 4);
        let room = octets.len() - FRAME - 4;
        let length = fits(captured, room)?;
        let known = self.interfaces.len();
        let Some(interface) =
            usize::try_from(interface).ok().and_then(|index| self.interfaces.get(index))
        else {
            return Err(Fault::NoInterface { interface, known });
        };
        let time = interface.time(high << 32 | low);
        self.last = time;
        Ok(Head {
            time,
            link: interface.link,
            wire_length,
            before: FRAME,
            length,
            after: room - length + 4,
        })
    }

    /// A frame without time, of the first interface; as long as the snap length leaves it.
    fn simple<R: Read>(&self, window: &mut Window<R>, block: Block) -> Result<Head, Fault> {
        let octets = whole(window, self.order, block, 16)?;
        let wire_length = self.order.u32(octets, 8);
        let room = octets.len() - 16;
        let Some(interface) = self.interfaces.first() else {
            return Err(Fault::NoInterface { interface: 0, known: 0 });
        };
        let captured = match interface.snap_length {
            0 => wire_length,
            snap_length => wire_length.min(snap_length),
        };
        let length = fits(captured, room)?;
        Ok(Head {
            time: self.last,
            link: interface.link,
            wire_length,
            before: 12,
            length,
            after: room - length + 4,
        })
    }

    /// A section header: its byte order holds until the next, interfaces are numbered anew.
    fn section<R: Read>(&mut self, window: &mut Window<R>) -> Result<(), Fault> {
        let octets = window.have(28)?;
        self.order = match octets.get(8..12) {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => Order::Big,
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => Order::Little,
            Some(_) => return Err(Fault::Section(Section::Order)),
            None => return Err(self.cut(octets)),
        };
        let block = Block { kind: SECTION, length: self.order.u32(octets, 4) };
        check(block, 28)?;
        let (there, needed) = (octets.len(), u64::from(block.length));
        if there < 28 {
            let there = u64::try_from(there).unwrap_or(u64::MAX);
            return Err(Fault::CutBlock { there, needed, kind: SECTION });
        }
        match (self.order.u16(octets, 12), self.order.u16(octets, 14)) {
            (1, 0 | 2) => {}
            (major, minor) => return Err(Fault::Section(Section::Version(major, minor))),
        }
        self.interfaces.clear();
        self.step_over(window, block)
    }

    /// An interface description.
    fn describe<R: Read>(&mut self, window: &mut Window<R>, block: Block) -> Result<(), Fault> {
        check(block, 20)?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Fault::Interfaces);
        }
        let octets = options(window, block)?;
        let link = LinkType::from_number(self.order.u16(octets, 8));
        let snap_length = self.order.u32(octets, 12);
        let options = octets.get(16..).unwrap_or_default();
        self.interfaces.push(Interface::new(link, snap_length, self.order, options));
        self.step_over(window, block)
    }

    /// Interface statistics: cumulative, so the latest replace those before.
    fn count<R: Read>(&mut self, window: &mut Window<R>, block: Block) -> Result<(), Fault> {
        check(block, 24)?;
        let order = self.order;
        let octets = options(window, block)?;
        let interface = usize::try_from(order.u32(octets, 8)).unwrap_or(usize::MAX);
        let statistics = Statistics::read(order, octets.get(20..).unwrap_or_default());
        if let Some(interface) = self.interfaces.get_mut(interface) {
            // Not added up anew: a section may have 65,536 interfaces and a block for each frame.
            let before = interface.losses;
            interface.note(&statistics);
            self.losses = self.losses.without(before).with(interface.losses);
        }
        self.step_over(window, block)
    }

    /// Steps over a block and holds its two lengths against each other.
    fn step_over<R: Read>(&self, window: &mut Window<R>, block: Block) -> Result<(), Fault> {
        let Block { kind, length } = block;
        let needed = u64::from(length);
        let there = window.skip(needed.saturating_sub(4))?;
        let octets = window.have(4)?;
        if octets.len() < 4 {
            let there = there + u64::try_from(octets.len()).unwrap_or(0);
            return Err(Fault::CutBlock { there, needed, kind });
        }
        let trailer = self.order.u32(octets, 0);
        if trailer != length {
            return Err(Fault::Trailer { length, trailer, kind });
        }
        window.take(4);
        Ok(())
    }
}

/// Refuses a length that is smaller than the fixed part of the block, or no multiple of four.
#[inline]
fn check(block: Block, least: u32) -> Result<(), Fault> {
    if block.length < least || !block.length.is_multiple_of(4) {
        return Err(Fault::Length { length: block.length, kind: block.kind });
    }
    Ok(())
}

/// Returns a whole block around a frame, its two lengths checked.
#[inline]
fn whole<R: Read>(
    window: &mut Window<R>,
    order: Order,
    block: Block,
    least: u32,
) -> Result<&[u8], Fault> {
    check(block, least)?;
    let needed = block.size();
    if needed > MAX_FRAME_BLOCK {
        return Err(Fault::FrameTooLong { length: block.length });
    }
    let octets = window.have(needed)?;
    let Some(octets) = octets.get(..needed) else {
        return Err(Fault::CutFrame { there: octets.len(), needed });
    };
    let trailer = order.u32(octets, needed - 4);
    if trailer != block.length {
        return Err(Fault::Trailer { length: block.length, trailer, kind: block.kind });
    }
    Ok(octets)
}

/// Returns the captured length of a frame that fits into its block.
#[inline]
fn fits(captured: u32, room: usize) -> Result<usize, Fault> {
    let length = usize::try_from(captured).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(Fault::FrameTooLong { length: captured });
    }
    if length > room {
        return Err(Fault::FrameExceedsBlock { length: captured, room });
    }
    Ok(length)
}

/// Returns a description block without its trailer, as far as options are searched.
fn options<R: Read>(window: &mut Window<R>, block: Block) -> Result<&[u8], Fault> {
    let wanted = block.size().min(MAX_OPTIONS) - 4;
    let octets = window.have(wanted)?;
    octets.get(..wanted).ok_or_else(|| Fault::CutBlock {
        there: u64::try_from(octets.len()).unwrap_or(u64::MAX),
        needed: u64::from(block.length),
        kind: block.kind,
    })
}
