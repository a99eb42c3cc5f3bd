//! One direction of a TCP connection: its octets put in order, its messages cut out.
//!
//! Segments may come late, twice or overlapping; a stream may be seen from its middle on. Every
//! payload octet ends in a counter. Keeps no table.

mod places;

use crate::counter::Counters;
use crate::decode::foreign::{self, Protocol};
use crate::decode::framing::{JUDGED, begins_message, frames, may_begin_message};
use crate::decode::heard::{Heard, Output, count};
use crate::decode::path::Path;
use crate::decode::place::{Ahead, FAR, Place};
use crate::decode::segment::{Segment, TcpFacts};
use crate::decode::streams::StreamLimits;
use crate::time::Timestamp;

/// Octets of a stream of another protocol after which it is told again.
const TOLD_AGAIN: u64 = 1 << 20;

/// Octets that a slot may keep allocated whatever it holds.
const SLOT_OCTETS: usize = 1024;

/// One direction of a connection.
///
/// A sender can say that its stream goes on elsewhere and its receiver will not believe it: a
/// segment far off, a SYN amid a connection (RFC 5961 section 4), a reset with another number than
/// the next (section 3). So where the stream was left is remembered, and it goes on there as soon
/// as a segment does.
#[derive(Default)]
pub(super) struct Stream {
    /// Where it is read.
    here: Place,
    /// Where it was read before.
    left: Option<Box<Place>>,
    /// Whether `here` is known.
    started: bool,
    /// Where a handshake says that it begins, and where another one says so since.
    start: Option<u32>,
    start_anew: Option<u32>,
    last: Timestamp,
    /// Sequence number behind the last octet, once the sender told it.
    end: Option<u32>,
    /// Nothing came since its end.
    ended: bool,
    pub(super) path: Path,
}

impl Stream {
    pub(super) fn reset(&mut self) {
        self.here.reset();
        self.left = None;
        self.started = false;
        (self.start, self.start_anew) = (None, None);
        self.end = None;
        self.ended = false;
    }

    /// Tells whether nothing waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.here.is_idle() && self.left.as_ref().is_none_or(|left| left.is_idle())
    }

    /// Returns the segments that wait behind a hole.
    pub(super) fn segments(&self) -> usize {
        self.here.ahead.len() + self.left.as_ref().map_or(0, |left| left.ahead.len())
    }

    /// Returns when the first segment came that waits behind a hole.
    pub(super) fn waits_since(&self) -> Option<Timestamp> {
        self.here.ahead.iter().map(|ahead| ahead.time).min()
    }

    /// Returns the octets and segments that are allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> (usize, usize) {
        (self.here.partial.capacity(), self.here.ahead.capacity())
    }

    /// Begins at a sequence number that a handshake told.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.here.reset();
        (self.here.next, self.here.in_step, self.here.untouched) = (sequence, true, true);
        self.started = true;
        (self.start, self.start_anew) = (Some(sequence), None);
    }

    pub(super) fn take<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        segment: &Segment<'_>,
        facts: TcpFacts,
        limits: &StreamLimits,
        out: &mut Output<'_, F>,
    ) {
        let sequence = facts.sequence.wrapping_add(u32::from(facts.syn));
        if facts.fin {
            let length = u32::try_from(segment.payload.len()).unwrap_or_default();
            self.end = Some(sequence.wrapping_add(length));
        }
        if !segment.payload.is_empty() {
            self.data(sequence, segment, limits, out);
        }
        // The octets before the last may still be on their way.
        if self.end == Some(self.here.next) {
            self.end(out);
        }
        self.shrink();
    }

    /// Gives back what a large message or a long hole took; a slot keeps a little for the next.
    fn shrink(&mut self) {
        let Place { partial, ahead, .. } = &mut self.here;
        if partial.capacity() > SLOT_OCTETS.max(partial.len() * 2) {
            partial.shrink_to(SLOT_OCTETS);
        }
        if ahead.is_empty() {
            *ahead = Vec::new();
        }
    }

    fn data<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        sequence: u32,
        segment: &Segment<'_>,
        limits: &StreamLimits,
        out: &mut Output<'_, F>,
    ) {
        self.last = segment.time;
        self.ended = false;
        if !self.started {
            self.started = true;
            self.here.next = sequence;
        } else if sequence != self.here.next {
            self.find_place(sequence, out);
        }
        self.place(sequence, segment.time, segment.payload, limits, out);
        self.take_ahead(out);
    }

    /// Reads `data` if it is due, keeps it if it is early, counts it if it was seen.
    fn place<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        sequence: u32,
        time: Timestamp,
        data: &[u8],
        limits: &StreamLimits,
        out: &mut Output<'_, F>,
    ) {
        let off = sequence.wrapping_sub(self.here.next);
        if off == 0 {
            self.here.reads = self.here.reads.saturating_add(1);
            self.read(time, data, out);
        } else if off >= FAR {
            let seen = usize::try_from(off.wrapping_neg()).unwrap_or(usize::MAX).min(data.len());
            let (old, new) = data.split_at_checked(seen).unwrap_or((data, &[]));
            out.counters.tcp_octets_duplicate += count(old);
            if !new.is_empty() {
                self.read(time, new, out);
            }
        } else if self.here.has_ahead(sequence, data) {
            out.counters.tcp_octets_duplicate += count(data);
        } else {
            let ahead = &mut self.here.ahead;
            let kept: usize = ahead.iter().map(|ahead| ahead.data.len()).sum();
            out.counters.tcp_octets_pending += count(data);
            ahead.push(Ahead { sequence, time, data: data.to_vec() });
            if kept + data.len() > limits.ahead_bytes || ahead.len() > limits.ahead_segments {
                self.pass_hole(out);
            }
        }
    }

    /// Reads what waited, as far as no hole is left before it.
    fn take_ahead<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        while let Some(index) = self.here.due() {
            self.read_ahead(index, out);
        }
    }

    /// Gives up the octets that are missing before the earliest waiting segment.
    fn jump_hole<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        let Some(sequence) = self.here.first_ahead() else { return };
        out.counters.tcp_gaps += 1;
        self.drop_partial(out);
        self.here.in_step = false;
        self.here.untouched = false;
        self.here.next = sequence;
        self.take_ahead(out);
    }

    fn read_ahead<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        index: usize,
        out: &mut Output<'_, F>,
    ) {
        let ahead = self.here.ahead.swap_remove(index);
        out.counters.tcp_octets_pending -= count(&ahead.data);
        let off = self.here.next.wrapping_sub(ahead.sequence);
        let seen = usize::try_from(off).unwrap_or(usize::MAX).min(ahead.data.len());
        let (old, new) = ahead.data.split_at_checked(seen).unwrap_or((&ahead.data, &[]));
        out.counters.tcp_octets_duplicate += count(old);
        if !new.is_empty() {
            self.read(ahead.time, new, out);
        }
    }

    /// Reads octets that are next in line.
    fn read<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        data: &[u8],
        out: &mut Output<'_, F>,
    ) {
        self.here.next = self.here.next.wrapping_add(u32::try_from(data.len()).unwrap_or_default());
        if self.here.foreign.is_some() {
            self.pass_foreign(time, data, out);
            return;
        }
        if !self.here.in_step || (self.here.untouched && self.here.partial.len() < JUDGED) {
            let head: Vec<u8> =
                self.here.partial.iter().chain(data).take(JUDGED).copied().collect();
            if let Some(protocol) = foreign::stream(&head).filter(|_| head.len() == JUDGED) {
                self.turn_foreign(time, protocol, data, out);
                return;
            }
        }
        if !self.here.in_step && !self.find_step(data, out) {
            return;
        }
        if self.here.partial.is_empty() {
            let rest = frames(data, |message| out.message(time, message));
            self.here.untouched &= rest.len() == data.len();
            out.counters.tcp_octets_pending += count(rest);
            self.here.partial.extend_from_slice(rest);
            return;
        }
        out.counters.tcp_octets_pending -= count(&self.here.partial);
        self.here.partial.extend_from_slice(data);
        let rest = frames(&self.here.partial, |message| out.message(time, message)).len();
        let read = self.here.partial.len() - rest;
        self.here.untouched &= read == 0;
        self.here.partial.drain(..read);
        out.counters.tcp_octets_pending += count(&self.here.partial);
    }

    /// Gives the stream up as DNS, what waits of it included.
    fn turn_foreign<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        protocol: Protocol,
        data: &[u8],
        out: &mut Output<'_, F>,
    ) {
        let octets = count(&self.here.partial) + count(data);
        out.counters.tcp_octets_pending -= count(&self.here.partial);
        out.counters.tcp_octets_foreign += octets;
        let head = if self.here.partial.is_empty() { data } else { &self.here.partial };
        out.foreign(time, protocol, octets, head);
        self.here.foreign = Some(protocol);
        self.here.partial.clear();
    }

    fn pass_foreign<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        data: &[u8],
        out: &mut Output<'_, F>,
    ) {
        out.counters.tcp_octets_foreign += count(data);
        self.here.untold += count(data);
        if self.here.untold >= TOLD_AGAIN {
            self.tell_rest(time, data, out);
        }
    }

    fn tell_rest<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        head: &[u8],
        out: &mut Output<'_, F>,
    ) {
        if let Some(protocol) = self.here.foreign.filter(|_| self.here.untold > 0) {
            out.foreign(time, protocol, std::mem::take(&mut self.here.untold), head);
        }
    }

    /// Looks for the beginning of a message in a stream seen from its middle on.
    ///
    /// Senders write the length field apart, even octet by octet, so what is too short to judge
    /// waits. Tells whether `data` may be read on.
    fn find_step<F>(&mut self, data: &[u8], out: &mut Output<'_, F>) -> bool {
        let kept = self.here.partial.len();
        let head: Vec<u8> = self.here.partial.iter().chain(data).take(JUDGED).copied().collect();
        if head.len() < JUDGED {
            out.counters.tcp_octets_pending += count(data);
            self.here.partial.extend_from_slice(data);
            return false;
        }
        if kept > 0 && begins_message(&head) {
            self.here.in_step = true;
            return true;
        }
        self.drop_partial(out);
        self.here.in_step = begins_message(data);
        if !self.here.in_step {
            out.counters.tcp_octets_skipped += count(data);
        }
        self.here.in_step
    }

    /// Ends the stream: what waits behind holes is read as far as it can be.
    ///
    /// What was read stays known, so that a retransmission is not read again.
    pub(super) fn end<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        self.forget(out);
        while !self.here.ahead.is_empty() {
            self.jump_hole(out);
        }
        // A stream read from its first octet on that never became a message is something else,
        // unless it broke off in what may have become one.
        if self.here.untouched
            && !self.here.partial.is_empty()
            && !may_begin_message(&self.here.partial)
        {
            let partial = std::mem::take(&mut self.here.partial);
            out.counters.tcp_octets_pending -= count(&partial);
            self.turn_foreign(self.last, foreign::describe(&partial), &partial, out);
            self.here.partial = partial;
            self.here.partial.clear();
        }
        self.tell_rest(self.last, &[], out);
        self.drop_partial(out);
        self.here.in_step = false;
        self.here.untouched = false;
        self.here.foreign = None;
        self.end = None;
        self.ended = true;
        self.shrink();
    }

    fn drop_partial<F>(&mut self, out: &mut Output<'_, F>) {
        out.counters.tcp_octets_pending -= count(&self.here.partial);
        out.counters.tcp_octets_skipped += count(&self.here.partial);
        self.here.partial.clear();
    }
}
