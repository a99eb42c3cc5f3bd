//! DNS messages out of TCP streams (RFC 1035 section 4.2.2, RFC 7766).
//!
//! Each direction of a connection is a stream of its own. Segments may come late, twice or
//! overlapping; a stream may be seen from its middle on. Everything is bounded by the config, and
//! every payload octet ends in a counter. Does not look at acknowledgements.

use crate::counter::Counters;
use crate::decode::message::HEADER;
use crate::decode::segment::{Flow, Segment, TcpFacts};
use crate::decode::wire::u16_at;
use crate::limited::{LimitedMap, Slot};
use crate::time::Timestamp;

/// Octets of the length before each message.
const LENGTH_FIELD: usize = 2;

/// Octets by which the beginning of a message is told: length, id, flags, number of questions.
const JUDGED: usize = 8;

/// A sequence number further off than this begins another stream (the largest window is 1 GiB,
/// but no DNS exchange comes near it).
const FAR: u32 = 1 << 22;

/// The bounds of reassembly.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Streams (directions) followed at once.
    pub streams: u32,
    /// Octets kept per stream that came ahead of a hole.
    pub ahead_bytes: usize,
    /// Segments kept per stream that came ahead of a hole.
    pub ahead_segments: usize,
    /// Seed of the table's hash.
    pub seed: u64,
}

/// A message found in a stream.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// When its last octet was captured.
    pub time: Timestamp,
    /// Who talked to whom.
    pub flow: Flow,
    /// The outermost VLAN id.
    pub vlan: Option<u16>,
    /// The message without its length field.
    pub payload: &'a [u8],
}

/// Every stream being followed.
pub struct Streams {
    table: LimitedMap<Flow, Stream>,
    limits: StreamLimits,
}

#[derive(Default)]
struct Stream {
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
    vlan: Option<u16>,
}

struct Ahead {
    sequence: u32,
    time: Timestamp,
    data: Vec<u8>,
}

impl Streams {
    /// Makes an empty table.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        Self { table: LimitedMap::new(limits.streams, limits.seed), limits }
    }

    /// Takes one TCP segment and hands every message it completes to `found`.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        facts: TcpFacts,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Framed<'_>),
    ) {
        counters.tcp_octets += count(segment.payload);
        let mut out = Output { flow: segment.flow, vlan: segment.vlan, counters, found };
        let known = self.table.find(&segment.flow);
        if facts.rst || (facts.syn && known.is_some()) {
            if let Some(slot) = known {
                self.close(slot, &mut out);
            }
            if facts.rst {
                out.counters.tcp_octets_skipped += count(segment.payload);
                return;
            }
        }
        if segment.payload.is_empty() && !facts.syn && !(facts.fin && known.is_some()) {
            return;
        }
        let Some(slot) = self.slot_of(segment.flow, &mut out) else { return };
        self.table.touch(slot);
        let limits = self.limits;
        if let Some(stream) = self.table.value_mut(slot) {
            stream.vlan = segment.vlan;
            stream.take(segment, facts, &limits, &mut out);
        }
        if facts.fin {
            self.close(slot, &mut out);
        }
    }

    /// Gives up every stream; what waits behind holes is read as far as it can be.
    pub fn finish(
        &mut self,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Framed<'_>),
    ) {
        while let Some(slot) = self.table.oldest() {
            self.close_as_its_own(slot, counters, found);
        }
    }

    fn slot_of<F: FnMut(&mut Counters, Framed<'_>)>(
        &mut self,
        flow: Flow,
        out: &mut Output<'_, F>,
    ) -> Option<Slot> {
        if let Some(slot) = self.table.find(&flow) {
            return Some(slot);
        }
        if self.table.is_full() {
            out.counters.tcp_streams_evicted += 1;
            if let Some(oldest) = self.table.oldest() {
                self.close_as_its_own(oldest, out.counters, out.found);
            }
        }
        let (slot, stream) = self.table.claim(flow)?;
        stream.reset();
        Some(slot)
    }

    /// Closes a stream other than the one at hand: its messages carry its own flow.
    fn close_as_its_own<F: FnMut(&mut Counters, Framed<'_>)>(
        &mut self,
        slot: Slot,
        counters: &mut Counters,
        found: &mut F,
    ) {
        let Some(&flow) = self.table.key(slot) else { return };
        let vlan = self.table.value(slot).and_then(|stream| stream.vlan);
        self.close(slot, &mut Output { flow, vlan, counters, found });
    }

    fn close<F: FnMut(&mut Counters, Framed<'_>)>(&mut self, slot: Slot, out: &mut Output<'_, F>) {
        if let Some(stream) = self.table.value_mut(slot) {
            while !stream.ahead.is_empty() {
                stream.jump_hole(out);
            }
            stream.drop_partial(out);
        }
        self.table.release(slot);
    }
}

/// Where messages and figures go; the flow they belong to.
struct Output<'a, F> {
    flow: Flow,
    vlan: Option<u16>,
    counters: &'a mut Counters,
    found: &'a mut F,
}

impl<F: FnMut(&mut Counters, Framed<'_>)> Output<'_, F> {
    fn message(&mut self, time: Timestamp, payload: &[u8]) {
        self.counters.tcp_octets_message += count(payload) + count(&[0; LENGTH_FIELD]);
        let framed = Framed { time, flow: self.flow, vlan: self.vlan, payload };
        (self.found)(self.counters, framed);
    }
}

impl Stream {
    fn reset(&mut self) {
        self.next = 0;
        self.started = false;
        self.in_step = false;
        self.partial.clear();
        self.ahead.clear();
    }

    fn take<F: FnMut(&mut Counters, Framed<'_>)>(
        &mut self,
        segment: &Segment<'_>,
        facts: TcpFacts,
        limits: &StreamLimits,
        out: &mut Output<'_, F>,
    ) {
        let mut sequence = facts.sequence;
        if facts.syn {
            sequence = sequence.wrapping_add(1);
            self.next = sequence;
            self.started = true;
            self.in_step = true;
        }
        if segment.payload.is_empty() {
            return;
        }
        let off = sequence.wrapping_sub(self.next);
        if !self.started || (FAR..u32::MAX - FAR).contains(&off) {
            while !self.ahead.is_empty() {
                self.jump_hole(out);
            }
            self.drop_partial(out);
            self.started = true;
            self.in_step = false;
            self.next = sequence;
        }
        self.place(sequence, segment.time, segment.payload, limits, out);
        self.take_ahead(out);
    }

    /// Reads `data` if it is due, keeps it if it is early, counts it if it was seen.
    fn place<F: FnMut(&mut Counters, Framed<'_>)>(
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
    fn take_ahead<F: FnMut(&mut Counters, Framed<'_>)>(&mut self, out: &mut Output<'_, F>) {
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
    fn jump_hole<F: FnMut(&mut Counters, Framed<'_>)>(&mut self, out: &mut Output<'_, F>) {
        let Some(index) = self.earliest() else { return };
        let Some(sequence) = self.ahead.get(index).map(|ahead| ahead.sequence) else { return };
        out.counters.tcp_gaps += 1;
        self.drop_partial(out);
        self.in_step = false;
        self.next = sequence;
        self.take_ahead(out);
    }

    fn earliest(&self) -> Option<usize> {
        // Distance from a point well behind `next`, so that segments partly seen come first.
        let from = self.next.wrapping_sub(FAR);
        let waiting = self.ahead.iter().enumerate();
        waiting.min_by_key(|(_, ahead)| ahead.sequence.wrapping_sub(from)).map(|(index, _)| index)
    }

    fn read_ahead<F: FnMut(&mut Counters, Framed<'_>)>(
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
    fn read<F: FnMut(&mut Counters, Framed<'_>)>(
        &mut self,
        time: Timestamp,
        data: &[u8],
        out: &mut Output<'_, F>,
    ) {
        self.next = self.next.wrapping_add(u32::try_from(data.len()).unwrap_or_default());
        if !self.in_step && !self.find_step(data, out) {
            return;
        }
        if self.partial.is_empty() {
            let rest = frames(data, |message| out.message(time, message));
            out.counters.tcp_octets_pending += count(rest);
            self.partial.extend_from_slice(rest);
            return;
        }
        out.counters.tcp_octets_pending -= count(&self.partial);
        self.partial.extend_from_slice(data);
        let rest = frames(&self.partial, |message| out.message(time, message)).len();
        let read = self.partial.len() - rest;
        self.partial.drain(..read);
        out.counters.tcp_octets_pending += count(&self.partial);
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

fn count(data: &[u8]) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    fn limits() -> StreamLimits {
        StreamLimits { streams: 2, ahead_bytes: 4096, ahead_segments: 16, seed: 7 }
    }

    fn flow(port: u16) -> Flow {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Flow { source: ip, destination: ip, source_port: port, destination_port: 53 }
    }

    struct Bench {
        streams: Streams,
        counters: Counters,
        messages: Vec<Vec<u8>>,
    }

    impl Bench {
        fn new() -> Self {
            let counters = Counters::default();
            Self { streams: Streams::new(limits()), counters, messages: Vec::new() }
        }

        fn push(&mut self, port: u16, sequence: u32, payload: &[u8], syn: bool, fin: bool) {
            let tcp = TcpFacts { sequence, syn, fin, rst: false };
            let (time, cut) = (Timestamp(0), false);
            let segment =
                Segment { time, flow: flow(port), vlan: None, payload, cut, tcp: Some(tcp) };
            let messages = &mut self.messages;
            let mut found = |_: &mut Counters, f: Framed<'_>| messages.push(f.payload.to_vec());
            self.streams.push(&segment, tcp, &mut self.counters, &mut found);
        }

        fn finish(&mut self) {
            let messages = &mut self.messages;
            let mut found = |_: &mut Counters, f: Framed<'_>| messages.push(f.payload.to_vec());
            self.streams.finish(&mut self.counters, &mut found);
            assert_eq!(self.counters.imbalance(), None);
            assert_eq!(self.counters.tcp_octets_pending, 0);
        }
    }

    fn stream_of(messages: &[Vec<u8>]) -> Vec<u8> {
        messages
            .iter()
            .flat_map(|m| [&u16::try_from(m.len()).unwrap().to_be_bytes(), &m[..]].concat())
            .collect()
    }

    proptest! {
        #[test]
        fn any_cut_order_and_repetition_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..80), 1..8),
            cuts in prop::collection::vec(1_usize..60, 1..20),
            swaps in prop::collection::vec((0_usize..20, 0_usize..20), 0..6),
            start in any::<u32>(),
        ) {
            let data = stream_of(&messages);
            let mut parts = Vec::new();
            let mut at = 0;
            for cut in cuts.iter().cycle() {
                if at >= data.len() { break; }
                let end = (at + cut).min(data.len());
                parts.push((at, end));
                at = end;
            }
            let n = parts.len();
            // Stay within `ahead_segments`, or octets are given up by design.
            for (a, b) in swaps {
                if a % n.min(12) != b % n.min(12) {
                    parts.swap(a % n.min(12), b % n.min(12));
                    let again = parts[a % n.min(12)];
                    if parts.len() < n + 3 { parts.push(again); }
                }
            }
            let mut bench = Bench::new();
            bench.push(1, start, &[], true, false);
            for (from, to) in parts {
                let sequence = start.wrapping_add(1).wrapping_add(u32::try_from(from).unwrap());
                bench.push(1, sequence, &data[from..to], false, false);
            }
            bench.finish();
            prop_assert_eq!(&bench.messages, &messages);
        }

        #[test]
        fn hostile_segments_always_balance(
            steps in prop::collection::vec(
                (0_u16..4, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40), any::<bool>(), any::<bool>()),
                0..80,
            ),
        ) {
            let mut bench = Bench::new();
            for (port, sequence, payload, syn, fin) in steps {
                bench.push(port, u32::from(sequence) * 7, &payload, syn && fin, fin && !syn);
                prop_assert_eq!(bench.counters.imbalance(), None);
            }
            bench.finish();
        }
    }

    #[test]
    fn a_stream_seen_from_its_middle_finds_its_step() {
        let query = b"\x00\x0c\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        let mut bench = Bench::new();
        bench.push(1, 100, b"end of something", false, false);
        bench.push(1, 116, query, false, false);
        bench.finish();
        assert_eq!(bench.messages, [query[2..].to_vec()]);
        assert_eq!(bench.counters.tcp_octets_skipped, 16);
    }

    #[test]
    fn a_length_field_sent_octet_by_octet_is_found_from_the_middle_too() {
        let query = b"\x00\x0c\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        let mut bench = Bench::new();
        bench.push(1, 100, &query[..1], false, false);
        bench.push(1, 101, &query[1..], false, false);
        bench.finish();
        assert_eq!(bench.messages, [query[2..].to_vec()]);
    }

    #[test]
    fn what_stands_behind_a_hole_is_read_when_the_stream_ends() {
        let query = b"\x00\x0c\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        let mut bench = Bench::new();
        bench.push(1, 0, &[], true, false);
        bench.push(1, 1, b"\x00\x20partial", false, false);
        bench.push(1, 35, query, false, true);
        bench.finish();
        assert_eq!(bench.messages, [query[2..].to_vec()]);
        assert_eq!((bench.counters.tcp_gaps, bench.counters.tcp_octets_skipped), (1, 9));
    }
}
