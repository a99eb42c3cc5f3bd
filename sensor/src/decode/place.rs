//! Where a TCP stream is read: the next octet, and what waits around it.

use crate::decode::foreign::Protocol;
use crate::time::Timestamp;

/// A sequence number further off than this is not of the same place (the largest window is 1 GiB,
/// but no DNS exchange comes near it).
pub(super) const FAR: u32 = 1 << 22;

/// A place in a stream.
#[derive(Default)]
pub(super) struct Place {
    /// Sequence number of the next octet to read.
    pub(super) next: u32,
    /// Whether the next octet begins a message or continues the one in `partial`.
    pub(super) in_step: bool,
    /// The beginning of a message whose rest has not come.
    pub(super) partial: Vec<u8>,
    /// Segments behind a hole, in the order they came.
    pub(super) ahead: Vec<Ahead>,
    /// Whether its first octet is known and no message was read or octet lost yet.
    pub(super) untouched: bool,
    /// The protocol that it carries instead of DNS.
    pub(super) foreign: Option<Protocol>,
    /// Octets of that protocol not told yet.
    pub(super) untold: u64,
    /// Segments that came here when they were due.
    pub(super) reads: u8,
}

/// A segment that came early.
pub(super) struct Ahead {
    pub(super) sequence: u32,
    pub(super) time: Timestamp,
    pub(super) data: Vec<u8>,
}

impl Ahead {
    /// Returns the sequence number behind its last octet.
    pub(super) fn end(&self) -> u32 {
        self.sequence.wrapping_add(u32::try_from(self.data.len()).unwrap_or_default())
    }
}

impl Place {
    /// Forgets everything but memory.
    pub(super) fn reset(&mut self) {
        self.next = 0;
        self.in_step = false;
        self.partial.clear();
        self.ahead.clear();
        self.untouched = false;
        self.foreign = None;
        self.untold = 0;
        self.reads = 0;
    }

    /// Tells whether nothing waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.partial.is_empty() && self.ahead.is_empty()
    }

    /// Tells whether the stream went on here after it had come here.
    pub(super) const fn went_on(&self) -> bool {
        self.reads > 1
    }

    /// Tells whether `sequence` is neither a little before nor a little behind.
    pub(super) fn is_far(&self, sequence: u32) -> bool {
        (FAR..u32::MAX - FAR).contains(&sequence.wrapping_sub(self.next))
    }

    /// Tells whether a segment that waits has all of `data`.
    pub(super) fn has_ahead(&self, sequence: u32, data: &[u8]) -> bool {
        self.ahead.iter().any(|a| a.sequence == sequence && a.data.len() >= data.len())
    }

    /// Returns the sequence number of the first segment that waits.
    pub(super) fn first_ahead(&self) -> Option<u32> {
        self.ahead.get(self.earliest()?).map(|ahead| ahead.sequence)
    }

    /// Returns the place in the list of a segment before which no hole is left.
    pub(super) fn due(&self) -> Option<usize> {
        let index = self.earliest()?;
        let off = self.ahead.get(index)?.sequence.wrapping_sub(self.next);
        (off == 0 || off >= FAR).then_some(index)
    }

    fn earliest(&self) -> Option<usize> {
        // Distance from a point well behind `next`, so that segments partly seen come first.
        let from = self.next.wrapping_sub(FAR);
        let waiting = self.ahead.iter().enumerate();
        waiting.min_by_key(|(_, ahead)| ahead.sequence.wrapping_sub(from)).map(|(index, _)| index)
    }
}
