//! The table of TCP streams (RFC 1035 section 4.2.2, RFC 7766), bounded by the config.

use std::collections::VecDeque;
use std::time::Duration;

use crate::counter::Counters;
use crate::decode::handshake::{HandshakeLimits, Handshakes, TcpEvent};
use crate::decode::heard::{Heard, Output, count};
use crate::decode::place::FAR;
use crate::decode::segment::{Flow, Segment, TcpFacts};
use crate::decode::stream::Stream;
use crate::limited::{LimitedMap, Slot};
use crate::time::Timestamp;

/// The bounds of reassembly.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Streams (directions) followed at once.
    pub streams: u32,
    /// Octets kept per stream that came ahead of a hole.
    pub ahead_bytes: usize,
    /// Segments kept per stream that came ahead of a hole.
    pub ahead_segments: usize,
    /// Octets kept of all streams together.
    pub kept_bytes: u64,
    /// How long a hole is waited for.
    pub hole_timeout: Duration,
    /// Connections on their way to being open.
    pub handshakes: HandshakeLimits,
    /// Seed of the table's hash.
    pub seed: u64,
}

/// Octets that are kept of a stream for each segment that may wait: many small segments take more
/// memory than what is in them.
const OCTETS_PER_SEGMENT: u64 = 256;

impl StreamLimits {
    /// Returns how many segments may wait behind holes in all streams together.
    fn kept_segments(&self) -> usize {
        usize::try_from(self.kept_bytes / OCTETS_PER_SEGMENT).unwrap_or(usize::MAX)
    }
}

/// Every stream being followed.
pub struct Streams {
    table: LimitedMap<Flow, Stream>,
    handshakes: Handshakes,
    limits: StreamLimits,
    /// Segments that wait behind holes, of all streams together.
    segments: usize,
    /// Streams with holes, and since when, the earliest first.
    holes: VecDeque<(Timestamp, Flow)>,
}

impl Streams {
    /// Makes an empty table.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        let table = LimitedMap::new(limits.streams, limits.seed);
        let handshakes = Handshakes::new(limits.handshakes);
        Self { table, handshakes, limits, segments: 0, holes: VecDeque::new() }
    }

    /// Takes one TCP segment and hands what is heard in it to `found`.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        facts: TcpFacts,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Heard<'_>),
    ) {
        let Segment { time, flow, .. } = *segment;
        counters.tcp_octets += count(segment.payload);
        self.handshakes.push(time, flow, facts, &mut |event, flow| {
            found(counters, Heard::Connection(event, flow));
        });
        if facts.fin {
            found(counters, Heard::Connection(TcpEvent::Closed, flow));
        }
        let mut out = Output { flow, path: segment.path, counters, found };
        let known = self.table.find(&flow).and_then(|slot| self.table.value_mut(slot));
        if let Some(stream) = known.filter(|_| facts.rst || facts.syn) {
            self.segments -= stream.segments();
            if facts.rst {
                stream.refused(facts.sequence, &mut out);
            } else if let Some(start) = self.handshakes.start_of(flow) {
                stream.handshake(start, &mut out);
            }
            self.segments += stream.segments();
        }
        if facts.rst {
            out.counters.tcp_octets_skipped += count(segment.payload);
            return;
        }
        if segment.payload.is_empty() && !facts.fin {
            return;
        }
        let first = facts.sequence.wrapping_add(u32::from(facts.syn));
        let new = (!segment.payload.is_empty()).then_some(first);
        let Some(slot) = self.slot_of(flow, new, &mut out) else { return };
        self.table.touch(slot);
        let limits = self.limits;
        if let Some(stream) = self.table.value_mut(slot) {
            stream.path = segment.path;
            let before = stream.segments();
            stream.take(segment, facts, &limits, &mut out);
            self.segments = self.segments - before + stream.segments();
            if before == 0 && stream.segments() > 0 {
                self.holes.push_back((time, flow));
            }
        }
        self.pass_holes(time, counters, found);
        self.keep_bound(counters, found);
    }

    /// Goes on behind holes that were waited for long enough.
    fn pass_holes(
        &mut self,
        now: Timestamp,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Heard<'_>),
    ) {
        let most = self.limits.kept_segments();
        while let Some(&(since, flow)) = self.holes.front() {
            if now.since(since) < self.limits.hole_timeout && self.holes.len() <= most {
                return;
            }
            self.holes.pop_front();
            let slot = self.table.find(&flow);
            let Some(stream) = slot.and_then(|slot| self.table.value_mut(slot)) else { continue };
            self.segments -= stream.segments();
            let mut out = Output { flow, path: stream.path, counters, found };
            let due = |since: Timestamp| now.since(since) >= self.limits.hole_timeout;
            while stream.waits_since().is_some_and(due) {
                stream.pass_hole(&mut out);
            }
            self.segments += stream.segments();
            // Another hole, which came later.
            self.holes.extend(stream.waits_since().map(|since| (since, flow)));
        }
    }

    /// Gives up connections that began at a time the clock, set back to `now`, has before it.
    pub fn set_back(
        &mut self,
        now: Timestamp,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Heard<'_>),
    ) {
        for (since, _) in &mut self.holes {
            *since = now.min(*since);
        }
        self.handshakes.set_back(now, &mut |event, flow| {
            found(counters, Heard::Connection(event, flow));
        });
    }

    /// Gives up the streams longest idle while all together keep too much.
    fn keep_bound(
        &mut self,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Heard<'_>),
    ) {
        let most = self.limits.kept_segments();
        while counters.tcp_octets_pending > self.limits.kept_bytes || self.segments > most {
            let Some(oldest) = self.table.oldest() else { return };
            self.evict(oldest, counters, found);
        }
    }

    /// Gives up every stream; what waits behind holes is read as far as it can be.
    pub fn finish(
        &mut self,
        counters: &mut Counters,
        found: &mut impl FnMut(&mut Counters, Heard<'_>),
    ) {
        while let Some(slot) = self.table.oldest() {
            self.close(slot, counters, found);
        }
    }

    /// Returns the slot of `flow`, where `new` tells the number of its first octet a new one.
    fn slot_of<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        flow: Flow,
        new: Option<u32>,
        out: &mut Output<'_, F>,
    ) -> Option<Slot> {
        let known = self.table.find(&flow);
        let Some(first) = new.filter(|_| known.is_none()) else { return known };
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            self.evict(oldest, out.counters, out.found);
        }
        // A SYN that nobody answered may have named another number behind the true one.
        let behind = |start: &u32| first.wrapping_sub(*start) < FAR;
        let start = self.handshakes.start_of(flow).filter(behind);
        let (slot, stream) = self.table.claim(flow)?;
        stream.reset();
        if let Some(start) = start {
            stream.begin(start);
        }
        Some(slot)
    }

    fn evict<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        slot: Slot,
        counters: &mut Counters,
        found: &mut F,
    ) {
        let waits = self.table.value(slot).is_some_and(|stream| !stream.is_idle());
        counters.tcp_streams_evicted += u64::from(waits);
        self.close(slot, counters, found);
    }

    /// Closes a stream; its messages carry its own flow.
    fn close<F: FnMut(&mut Counters, Heard<'_>)>(
        &mut self,
        slot: Slot,
        counters: &mut Counters,
        found: &mut F,
    ) {
        let Some(&flow) = self.table.key(slot) else { return };
        if let Some(stream) = self.table.value_mut(slot) {
            let path = stream.path;
            self.segments -= stream.segments();
            stream.end(&mut Output { flow, path, counters, found });
        }
        self.table.release(slot);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::decode::foreign::Protocol;
    use crate::decode::path::Path;

    fn limits() -> StreamLimits {
        StreamLimits {
            streams: 2,
            ahead_bytes: 4096,
            ahead_segments: 16,
            kept_bytes: 8192,
            hole_timeout: Duration::from_secs(10),
            handshakes: HandshakeLimits {
                connections: 8,
                timeout: Duration::from_secs(10),
                seed: 7,
            },
            seed: 7,
        }
    }

    fn flow(port: u16) -> Flow {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Flow { source: ip, destination: ip, source_port: port, destination_port: 53 }
    }

    struct Bench {
        streams: Streams,
        counters: Counters,
        messages: Vec<Vec<u8>>,
        foreign: Vec<(Protocol, u64)>,
    }

    impl Bench {
        fn new() -> Self {
            let (counters, streams) = (Counters::default(), Streams::new(limits()));
            Self { streams, counters, messages: Vec::new(), foreign: Vec::new() }
        }

        fn push(&mut self, port: u16, sequence: u32, payload: &[u8], syn: bool, fin: bool) {
            let tcp = TcpFacts { sequence, syn, fin, ..TcpFacts::default() };
            let (time, cut) = (Timestamp(0), false);
            let segment = Segment {
                time,
                flow: flow(port),
                path: Path::default(),
                payload,
                cut,
                missing: 0,
                tcp: Some(tcp),
            };
            let (messages, foreign) = (&mut self.messages, &mut self.foreign);
            let mut found = |_: &mut Counters, heard: Heard<'_>| match heard {
                Heard::Message(framed) => messages.push(framed.payload.to_vec()),
                Heard::Foreign(other) => foreign.push((other.protocol, other.octets)),
                Heard::Connection(..) => {}
            };
            self.streams.push(&segment, tcp, &mut self.counters, &mut found);
        }

        fn finish(&mut self) {
            let (messages, foreign) = (&mut self.messages, &mut self.foreign);
            let mut found = |_: &mut Counters, heard: Heard<'_>| match heard {
                Heard::Message(framed) => messages.push(framed.payload.to_vec()),
                Heard::Foreign(other) => foreign.push((other.protocol, other.octets)),
                Heard::Connection(..) => {}
            };
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
    fn all_streams_together_keep_no_more_than_the_bound() {
        let mut bench = Bench::new();
        for port in 0..2 {
            bench.push(port, 0, &[], true, false);
            bench.push(port, 1, &[0xff; 5000], false, false);
            assert!(bench.counters.tcp_octets_pending <= 8192);
        }
        assert_eq!(bench.counters.tcp_streams_evicted, 1);
        bench.finish();
    }

    /// Found by fuzzing: open streams kept what their largest message had taken.
    #[test]
    fn a_stream_that_goes_on_gives_back_what_a_large_message_took() {
        let mut bench = Bench::new();
        let message = [&60_000_u16.to_be_bytes()[..], &[7; 60_000]].concat();
        bench.push(1, 0, &[], true, false);
        bench.push(1, 1_001, &message[1_000..2_000], false, false);
        bench.push(1, 1, &message[..1_000], false, false);
        for (number, part) in message[2_000..].chunks(1_000).enumerate() {
            let sequence = 2_001 + 1_000 * u32::try_from(number).unwrap();
            bench.streams.limits.kept_bytes = 1 << 20;
            bench.push(1, sequence, part, false, false);
        }
        assert_eq!(bench.messages.len(), 1);
        let slot = bench.streams.table.find(&flow(1)).unwrap();
        let (octets, segments) = bench.streams.table.value(slot).unwrap().allocated();
        assert!(octets <= 1024 && segments == 0, "{octets} octets, {segments} segments");
        bench.finish();
    }

    #[test]
    fn many_small_segments_behind_holes_are_bounded_in_their_number() {
        let mut bench = Bench::new();
        bench.streams.limits.kept_bytes = 256 * 10;
        for port in 0..2 {
            bench.push(port, 0, &[], true, false);
            for number in 1..9 {
                bench.push(port, number * 10, b"x", false, false);
                assert!(bench.streams.segments <= 10);
            }
        }
        assert_eq!(bench.counters.tcp_streams_evicted, 1);
        bench.finish();
        assert_eq!(bench.streams.segments, 0);
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

    #[test]
    fn another_protocol_is_told_with_all_its_octets_however_it_is_cut() {
        let hello = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
        for cut in [1, 3, 8, 20] {
            let mut bench = Bench::new();
            bench.push(1, 0, &[], true, false);
            bench.push(1, 1, &hello[..cut], false, false);
            let at = u32::try_from(cut).unwrap() + 1;
            bench.push(1, at, &hello[cut..], false, false);
            bench.push(1, 1 + 32, &[0xaa; 68], false, true);
            bench.finish();
            let octets: u64 = bench.foreign.iter().map(|(_, octets)| octets).sum();
            assert_eq!((octets, bench.counters.tcp_octets_foreign), (100, 100), "cut at {cut}");
            assert!(bench.foreign.iter().all(|(told, _)| *told == Protocol::Ssh));
            assert!(bench.messages.is_empty());
        }
    }

    #[test]
    fn octets_that_never_become_a_message_are_told_and_a_message_that_breaks_off_is_not() {
        let mut bench = Bench::new();
        bench.push(1, 0, &[], true, false);
        bench.push(1, 1, &[0xee; 60], false, true);
        bench.push(2, 0, &[], true, false);
        bench.push(2, 1, b"\x00\x40\x12\x34\x01\x00\x00\x01\x00\x00", false, true);
        bench.finish();
        assert_eq!(bench.foreign, [(Protocol::Other, 60)]);
        assert_eq!(bench.counters.tcp_octets_skipped, 10);
    }

    #[test]
    fn a_flood_of_syns_pushes_out_no_stream_that_carries_messages() {
        let query = b"\x00\x0c\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        let mut bench = Bench::new();
        bench.push(1, 0, &[], true, false);
        bench.push(1, 1, &query[..5], false, false);
        for port in 10..200 {
            bench.push(port, 0, &[], true, false);
        }
        bench.push(1, 6, &query[5..], false, false);
        bench.finish();
        assert_eq!(bench.messages, [query[2..].to_vec()]);
        assert_eq!(bench.counters.tcp_streams_evicted, 0);
    }
}
