//! TCP segments from a description, so that reassembly is reached at once.
//!
//! Form: one octet, 0 for hostile segments and 1 for one stream in pieces; then
//! hostile: which of 64 connections, direction and flags, sequence after the start, time since the
//! last, length in sixteens, number of payload octets and these, repeated to the length. In pieces: the first sequence number, the size of pieces, how many ranges follow,
//! these (where from, how many octets), and messages, each behind the number of its octets.

use geophone_sensor::capture::LinkType;
use geophone_sensor::config::SensorConfig;
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;

use crate::bench::{Bench, Memory, small_tables};
use crate::octets::Octets;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

const SERVER: u8 = 0x40;

/// Ranges sent before the stream as a whole; fewer than the segments kept ahead of a hole.
const MOST_RANGES: usize = 40;

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut rest = Octets(data);
    if rest.u8() & 1 == 1 { pieces(rest) } else { hostile(rest) }
}

fn hostile(mut rest: Octets<'_>) {
    let config = small_tables();
    let memory = Memory::bounded(&config);
    let mut bench = Bench::new(&config, Detail::Figures);
    while !rest.is_empty() {
        let (who, how) = (rest.u8(), rest.u8());
        let sequence = 0xffff_f000_u32.wrapping_add(rest.u16().into());
        bench.pass(rest.u8());
        // A range of numbers that is another stream, or just another part of a far one.
        let sequence = if how & 0x40 == 0 { sequence } else { sequence.wrapping_mul(0x1_0001) };
        let flags = how & (FIN | SYN | RST);
        let length = usize::from(rest.u8()) * 16;
        let n = usize::from(rest.u8());
        let given = rest.take(n);
        let payload: Vec<u8> =
            given.iter().copied().cycle().take(length.max(given.len())).collect();
        let cut = if how & 0x80 == 0 { 0 } else { 7 };
        let packet = packet(who & 0x7f, sequence, flags, &payload);
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let kept = &packet[..packet.len().saturating_sub(cut)];
        bench.frame(LinkType::RawIp, kept, length, &mut |_| ());
        let pending = bench.pipeline.counters().tcp_octets_pending;
        assert!(pending <= config.tcp_kept_bytes.into(), "{pending} octets are kept");
        memory.check();
    }
    bench.finish(&mut |_| ());
}

/// A stream whose beginning was seen gives its messages, whatever the order of its segments.
fn pieces(mut rest: Octets<'_>) {
    let start = rest.u32();
    let size = usize::from(rest.u8()) + 1;
    let n = usize::from(rest.u8()) % MOST_RANGES;
    let ranges: Vec<_> = (0..n).map(|_| (rest.u16(), rest.u8())).collect();
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    while !rest.is_empty() {
        let n = usize::from(rest.u8());
        let body = rest.take(n);
        let length = u16::try_from(12 + body.len()).unwrap_or_default();
        let id = u16::try_from(expected.len()).unwrap_or_default();
        stream.extend(length.to_be_bytes());
        stream.extend(id.to_be_bytes());
        // A response to no question: it becomes a record at once, under its id.
        stream.extend([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        stream.extend(body);
        expected.push((id, u32::from(length)));
    }
    let config = SensorConfig {
        tcp_ahead_bytes: 1 << 20,
        tcp_ahead_segments: 64,
        tcp_kept_bytes: 1 << 20,
        ..small_tables()
    };
    let mut bench = Bench::new(&config, Detail::Figures);
    let mut found = Vec::new();
    let mut sink = |record: Record<'_>| {
        if let Record::Transaction(transaction) = record {
            found.push((transaction.id, transaction.answer_bytes));
        }
    };
    bench.packet(&packet(SERVER, start, SYN, &[]), &mut sink);
    let whole = (0..stream.len()).step_by(size).map(|from| (from, size));
    let given = ranges.iter().map(|(from, n)| (usize::from(*from), usize::from(*n) + 1));
    for (from, n) in given.chain(whole).filter(|(from, _)| *from < stream.len()) {
        let part = &stream[from..stream.len().min(from + n)];
        let sequence = start.wrapping_add(1).wrapping_add(u32::try_from(from).unwrap_or_default());
        bench.packet(&packet(SERVER, sequence, 0, part), &mut sink);
    }
    bench.finish(&mut sink);
    assert_eq!(found, expected);
    assert_eq!((bench.count("tcp.gaps"), bench.count("tcp.octets_skipped")), (0, 0));
}

/// A segment; `who` is one of 64 connections, and with [`SERVER`] the server sends it.
fn packet(who: u8, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (client, server) = ([10, 0, 1, who & 0x3f], [10, 0, 0, 53]);
    let (port, dns) = ([0x80, who & 0x3f], [0, 53]);
    let ends =
        if who & SERVER == 0 { (client, server, port, dns) } else { (server, client, dns, port) };
    let length = u16::try_from(40 + payload.len()).unwrap_or(u16::MAX);
    let mut packet = Vec::with_capacity(40 + payload.len());
    packet.extend([0x45, 0]);
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    packet.extend(ends.0);
    packet.extend(ends.1);
    packet.extend(ends.2);
    packet.extend(ends.3);
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0x50, flags | ACK, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}
