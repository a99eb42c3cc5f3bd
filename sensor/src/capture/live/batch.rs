//! Frames on their way from a worker to the merge, in memory that is used again.

use crate::capture::{CaptureError, Frame, LinkType};
use crate::time::Timestamp;

/// Octets a batch keeps room for between two uses; a burst of jumbo frames may need more.
const KEPT_BYTES: usize = 512 * 1024;

/// Frames of one handle in the order of its ring, and what is to be told behind them.
pub(super) struct Batch {
    /// The link type of all frames in it.
    pub(super) link: LinkType,
    /// No frame of this handle before this time comes in a later batch, as far as is known.
    pub(super) promise: Option<Timestamp>,
    /// What became of the interface behind the frames.
    pub(super) notice: Option<CaptureError>,
    /// Whether the worker ends behind this batch.
    pub(super) last: bool,
    heads: Vec<Head>,
    data: Vec<u8>,
}

struct Head {
    time: Timestamp,
    wire_length: u32,
    end: usize,
}

impl Batch {
    /// Makes an empty batch.
    pub(super) const fn new() -> Self {
        Self {
            link: LinkType::Ethernet,
            promise: None,
            notice: None,
            last: false,
            heads: Vec::new(),
            data: Vec::new(),
        }
    }

    /// Empties the batch and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.promise = None;
        self.notice = None;
        self.last = false;
        self.heads.clear();
        self.data.clear();
        self.data.shrink_to(KEPT_BYTES);
    }

    /// Copies one frame in.
    pub(super) fn push(&mut self, time: Timestamp, wire_length: u32, data: &[u8]) {
        self.data.extend_from_slice(data);
        self.heads.push(Head { time, wire_length, end: self.data.len() });
    }

    /// Returns how many frames there are.
    pub(super) const fn len(&self) -> usize {
        self.heads.len()
    }

    /// Returns the octets of all frames.
    pub(super) const fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Returns the time of the frame at `index`.
    pub(super) fn time(&self, index: usize) -> Option<Timestamp> {
        self.heads.get(index).map(|head| head.time)
    }

    /// Returns the frame at `index`.
    pub(super) fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let head = self.heads.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.heads.get(before)?.end,
            None => 0,
        };
        Some(Frame {
            time: head.time,
            link: self.link,
            data: self.data.get(start..head.end)?,
            wire_length: head.wire_length,
        })
    }

    /// Returns the time up to which the handle has told everything, once the frames are taken.
    pub(super) fn told_up_to(&self) -> Option<Timestamp> {
        self.heads.last().map(|head| head.time).max(self.promise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_and_memory_is_kept() {
        let mut batch = Batch::new();
        batch.push(Timestamp(5), 90, b"abc");
        batch.push(Timestamp(6), 0, b"");
        batch.push(Timestamp(7), 2, b"de");
        let all: Vec<(i64, Vec<u8>, u32)> = (0..batch.len())
            .filter_map(|index| batch.frame(index))
            .map(|frame| (frame.time.micros(), frame.data.to_vec(), frame.wire_length))
            .collect();
        assert_eq!(all, [(5, b"abc".to_vec(), 90), (6, vec![], 0), (7, b"de".to_vec(), 2)]);
        assert_eq!(batch.told_up_to(), Some(Timestamp(7)));
        let room = batch.data.capacity();
        batch.clear();
        assert_eq!((batch.len(), batch.data.capacity()), (0, room));
        assert_eq!(batch.told_up_to(), None);
    }
}
