//! One direction of a TCP connection: its octets put in order, its messages cut out.
//!
//! Segments may come late, twice or overlapping; a stream may be seen from its middle on. Every
//! payload octet ends in a counter. Keeps no table.

use crate::counter::Counters;
use crate::decode::foreign::{self, Protocol};
use crate::decode::heard::{Heard, LENGTH_FIELD, Output, count};
use crate::decode::message::HEADER;
use crate::decode::path::Path;
use crate::decode::segment::{Segment, TcpFacts};
use crate::decode::streams::StreamLimits;
use crate::decode::wire::u16_at;
use crate::time::Timestamp;

/// Octets by which the beginning of a message is told: length, id, flags, number of questions.
const JUDGED: usize = 8;

/// Octets of a stream of another protocol after which it is told again.
const TOLD_AGAIN: u64 = 1 << 20;

/// Octets that a slot may keep allocated whatever it holds.
const SLOT_OCTETS: usize = 1024;

/// A sequence number further off than this begins another stream (the largest window is 1 GiB,
/// but no DNS exchange comes near it).
const FAR: u32 = 1 << 22;

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Stream {
    /// Sequence number of the next octet to read.
    next: u32,
    /// Whether `next` is known.
    started: bool,
    /// Whether the next octet begins a message or continues the one in `partial`.
    in_step: bool,
    /// The beginning of a message whose rest has not come.
    partial: Vec<u8>,
    /// Segments behind a hole, in the order they came.
    ahead: Vec<Ahead>,
    /// Whether its first octet is known and no message was read or octet lost yet.
    untouched: bool,
    /// The protocol that it carries instead of DNS.
    foreign: Option<Protocol>,
    /// Octets of that protocol not told yet.
    untold: u64,
    last: Timestamp,
    /// Sequence number behind the last octet, once the sender told it.
    end: Option<u32>,
    pub(super) path: Path,
}

struct Ahead {
    sequence: u32,
    time: Timestamp,
    data: Vec<u8>,
}

impl Stream {
    pub(super) fn reset(&mut self) {
        self.next = 0;
        self.started = false;
        self.in_step = false;
        self.partial.clear();
        self.ahead.clear();
        self.untouched = false;
        self.foreign = None;
        self.untold = 0;
        self.end = None;
    }

    /// Tells whether nothing waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.partial.is_empty() && self.ahead.is_empty()
    }

    /// Returns the segments that wait behind a hole.
    pub(super) fn segments(&self) -> usize {
        self.ahead.len()
    }

    /// Returns the octets and segments that are allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> (usize, usize) {
        (self.partial.capacity(), self.ahead.capacity())
    }

    /// Begins at a sequence number that a handshake told.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.next = sequence;
        self.started = true;
        self.in_step = true;
        self.untouched = true;
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
        if self.end == Some(self.next) {
            self.end(out);
        }
        self.shrink();
    }

    /// Gives back what a large message or a long hole took; a slot keeps a little for the next.
    fn shrink(&mut self) {
        if self.partial.capacity() > SLOT_OCTETS.max(self.partial.len() * 2) {
            self.partial.shrink_to(SLOT_OCTETS);
        }
        if self.ahead.is_empty() {
            self.ahead = Vec::new();
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
        let off = sequence.wrapping_sub(self.next);
        if !self.started || (FAR..u32::MAX - FAR).contains(&off) {
            while !self.ahead.is_empty() {
                self.jump_hole(out);
            }
            self.drop_partial(out);
            self.started = true;
            self.in_step = false;
            self.untouched = false;
            self.next = sequence;
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
        let off = sequence.wrapping_sub(self.next);
        if off == 0 {
            self.read(time, data, out);
        } else if off >= FAR {
            let seen = usize::try_from(off.wrapping_neg()).unwrap_or(usize::MAX).min(data.len());
            let (old, new) = data.split_at_checked(seen).unwrap_or((data, &[]));
            out.counters.tcp_octets_duplicate += count(old);
            if !new.is_empty() {
                self.read(time, new, out);
            }
        } else if self.ahead.iter().any(|a| a.sequence == sequence && a.data.len() >= data.len()) {
            out.counters.tcp_octets_duplicate += count(data);
        } else {
            let kept: usize = self.ahead.iter().map(|ahead| ahead.data.len()).sum();
            out.counters.tcp_octets_pending += count(data);
            self.ahead.push(Ahead { sequence, time, data: data.to_vec() });
            if kept + data.len() > limits.ahead_bytes || self.ahead.len() > limits.ahead_segments {
                self.jump_hole(out);
            }
        }
    }

    /// Reads what waited, as far as no hole is left before it.
    fn take_ahead<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        while let Some(index) = self.earliest() {
            let due = self.ahead.get(index).is_some_and(|ahead| {
                let off = ahead.sequence.wrapping_sub(self.next);
                off == 0 || off >= FAR
            });
            if !due {
                return;
            }
            self.read_ahead(index, out);
        }
    }

    /// Gives up the octets that are missing before the earliest waiting segment.
    fn jump_hole<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        let Some(index) = self.earliest() else { return };
        let Some(sequence) = self.ahead.get(index).map(|ahead| ahead.sequence) else { return };
        out.counters.tcp_gaps += 1;
        self.drop_partial(out);
        self.in_step = false;
        self.untouched = false;
        self.next = sequence;
        self.take_ahead(out);
    }

    fn earliest(&self) -> Option<usize> {
        // Distance from a point well behind `next`, so that segments partly seen come first.
        let from = self.next.wrapping_sub(FAR);
        let waiting = self.ahead.iter().enumerate();
        waiting.min_by_key(|(_, ahead)| ahead.sequence.wrapping_sub(from)).map(|(index, _)| index)
    }

    fn read_ahead<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        index: usize,
        out: &mut Output<'_, F>,
    ) {
        let ahead = self.ahead.swap_remove(index);
        out.counters.tcp_octets_pending -= count(&ahead.data);
        let off = self.next.wrapping_sub(ahead.sequence);
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
        self.next = self.next.wrapping_add(u32::try_from(data.len()).unwrap_or_default());
        if self.foreign.is_some() {
            self.pass_foreign(time, data, out);
            return;
        }
        if !self.in_step || (self.untouched && self.partial.len() < JUDGED) {
            let head: Vec<u8> = self.partial.iter().chain(data).take(JUDGED).copied().collect();
            if let Some(protocol) = foreign::stream(&head).filter(|_| head.len() == JUDGED) {
                self.turn_foreign(time, protocol, data, out);
                return;
            }
        }
        if !self.in_step && !self.find_step(data, out) {
            return;
        }
        if self.partial.is_empty() {
            let rest = frames(data, |message| out.message(time, message));
            self.untouched &= rest.len() == data.len();
            out.counters.tcp_octets_pending += count(rest);
            self.partial.extend_from_slice(rest);
            return;
        }
        out.counters.tcp_octets_pending -= count(&self.partial);
        self.partial.extend_from_slice(data);
        let rest = frames(&self.partial, |message| out.message(time, message)).len();
        let read = self.partial.len() - rest;
        self.untouched &= read == 0;
        self.partial.drain(..read);
        out.counters.tcp_octets_pending += count(&self.partial);
    }

    /// Gives the stream up as DNS, what waits of it included.
    fn turn_foreign<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        protocol: Protocol,
        data: &[u8],
        out: &mut Output<'_, F>,
    ) {
        let octets = count(&self.partial) + count(data);
        out.counters.tcp_octets_pending -= count(&self.partial);
        out.counters.tcp_octets_foreign += octets;
        let head = if self.partial.is_empty() { data } else { &self.partial };
        out.foreign(time, protocol, octets, head);
        self.foreign = Some(protocol);
        self.partial.clear();
    }

    fn pass_foreign<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        data: &[u8],
        out: &mut Output<'_, F>,
    ) {
        out.counters.tcp_octets_foreign += count(data);
        self.untold += count(data);
        if self.untold >= TOLD_AGAIN {
            self.tell_rest(time, data, out);
        }
    }

    fn tell_rest<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        time: Timestamp,
        head: &[u8],
        out: &mut Output<'_, F>,
    ) {
        if let Some(protocol) = self.foreign.filter(|_| self.untold > 0) {
            out.foreign(time, protocol, std::mem::take(&mut self.untold), head);
        }
    }

    /// Looks for the beginning of a message in a stream seen from its middle on.
    ///
    /// Senders write the length field apart, even octet by octet, so what is too short to judge
    /// waits. Tells whether `data` may be read on.
    fn find_step<F>(&mut self, data: &[u8], out: &mut Output<'_, F>) -> bool {
        let kept = self.partial.len();
        let head: Vec<u8> = self.partial.iter().chain(data).take(JUDGED).copied().collect();
        if head.len() < JUDGED {
            out.counters.tcp_octets_pending += count(data);
            self.partial.extend_from_slice(data);
            return false;
        }
        if kept > 0 && begins_message(&head) {
            self.in_step = true;
            return true;
        }
        self.drop_partial(out);
        self.in_step = begins_message(data);
        if !self.in_step {
            out.counters.tcp_octets_skipped += count(data);
        }
        self.in_step
    }

    /// Ends the stream: what waits behind holes is read as far as it can be.
    ///
    /// What was read stays known, so that a retransmission is not read again.
    pub(super) fn end<F: FnMut(&mut Counters, Heard<'_>)>(&mut self, out: &mut Output<'_, F>) {
        while !self.ahead.is_empty() {
            self.jump_hole(out);
        }
        // A stream read from its first octet on that never became a message is something else,
        // unless it broke off in what may have become one.
        if self.untouched && !self.partial.is_empty() && !may_begin_message(&self.partial) {
            let partial = std::mem::take(&mut self.partial);
            out.counters.tcp_octets_pending -= count(&partial);
            self.turn_foreign(self.last, foreign::describe(&partial), &partial, out);
            self.partial = partial;
            self.partial.clear();
        }
        self.tell_rest(self.last, &[], out);
        self.drop_partial(out);
        self.in_step = false;
        self.untouched = false;
        self.foreign = None;
        self.end = None;
        self.shrink();
    }

    fn drop_partial<F>(&mut self, out: &mut Output<'_, F>) {
        out.counters.tcp_octets_pending -= count(&self.partial);
        out.counters.tcp_octets_skipped += count(&self.partial);
        self.partial.clear();
    }
}

/// Hands every whole message at the head of `data` to `found`; returns what is left.
fn frames<'a>(data: &'a [u8], mut found: impl FnMut(&'a [u8])) -> &'a [u8] {
    let mut rest = data;
    while let Some(length) = u16_at(rest, 0) {
        let end = LENGTH_FIELD + usize::from(length);
        let Some(message) = rest.get(LENGTH_FIELD..end) else { break };
        found(message);
        rest = rest.get(end..).unwrap_or_default();
    }
    rest
}

/// Tells whether a stream that broke off behind `data` may have begun with a message.
fn may_begin_message(data: &[u8]) -> bool {
    data.len() < JUDGED || begins_message(data)
}

/// Tells whether `data`, from the middle of a stream, looks like the start of a message.
fn begins_message(data: &[u8]) -> bool {
    let (Some(length), Some(flags), Some(questions)) =
        (u16_at(data, 0), u16_at(data, 4), u16_at(data, 6))
    else {
        return false;
    };
    // A known opcode, the reserved bit clear, and no more questions than anybody sends.
    usize::from(length) >= HEADER
        && matches!((flags >> 11) & 0xf, 0 | 2 | 4 | 5 | 6)
        && flags & 0x0040 == 0
        && questions <= 1
}
