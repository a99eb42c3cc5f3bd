//! IP fragments from a description, so that reassembly is reached at once.
//!
//! Form: one octet, 0 for hostile fragments and 1 for one datagram in pieces; then
//! hostile: flags, offset in eights, length in eights, time since the last, number of payload
//! octets and these, repeated to the length. In pieces: the size of pieces in eights, how many
//! orders follow, these, and the message.

use geophone_sensor::pipeline::Detail;

use crate::bench::{Bench, Memory, small_tables};
use crate::octets::Octets;

const UDP: u8 = 17;

/// One fragment to be made.
struct Piece {
    six: bool,
    more: bool,
    protocol: u8,
    host: u8,
    id: u8,
    offset: u16,
}

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
        let flags = rest.u8();
        let piece = Piece {
            six: flags & 1 != 0,
            more: flags & 2 != 0,
            protocol: if flags & 4 == 0 { UDP } else { 6 },
            host: flags >> 3 & 3,
            id: flags >> 5 & 3,
            offset: rest.u16() & 0x1fff,
        };
        let length = usize::from(rest.u8()) * 8 + usize::from(flags >> 7) * 3;
        bench.pass(rest.u8());
        let n = usize::from(rest.u8());
        let given = rest.take(n);
        let mut payload = Vec::new();
        if piece.offset == 0 && piece.protocol == UDP {
            payload.extend([0x10, piece.host, 0, 53, 0, 0, 0, 0]);
        }
        payload.extend(given.iter().cycle().take(length.max(given.len())));
        bench.packet(&packet(&piece, &payload), &mut |_| ());
        memory.check();
    }
    bench.finish(&mut |_| ());
}

/// A datagram in pieces gives its message once, whatever their order and repetition.
fn pieces(mut rest: Octets<'_>) {
    let flags = rest.u8();
    let size = (usize::from(rest.u8() & 0x0f) + 1) * 8;
    let n = usize::from(rest.u8() & 0x3f);
    let orders = rest.take(n);
    let message = rest.0;
    let mut datagram = vec![0x10, 0, 0, 53, 0, 0, 0, 0];
    datagram.extend(message);
    let length = u16::try_from(datagram.len()).unwrap_or_default();
    datagram[4..6].copy_from_slice(&length.to_be_bytes());
    let chunks: Vec<&[u8]> = datagram.chunks(size).collect();
    // More pieces than one datagram may have are given up by design, and one is no fragment.
    if chunks.len() < 2 || chunks.len() > 100 {
        return;
    }
    let mut bench = Bench::new(&small_tables(), Detail::AnswersInWords);
    let turns = orders.iter().map(|order| usize::from(*order) % chunks.len());
    for turn in turns.chain(0..chunks.len()) {
        let piece = Piece {
            six: flags & 1 != 0,
            more: turn + 1 < chunks.len(),
            protocol: UDP,
            host: 0,
            id: 7,
            offset: u16::try_from(turn * size / 8).unwrap_or_default(),
        };
        bench.packet(&packet(&piece, chunks[turn]), &mut |_| ());
        if bench.pipeline.counters().datagram_whole == 1 {
            break;
        }
    }
    assert_eq!(bench.count("datagram.whole"), 1);
    assert_eq!(bench.count("datagram.udp"), 1);
    assert_eq!(bench.count("message.total_udp"), u64::from(!message.is_empty()));
    bench.finish(&mut |_| ());
    assert_eq!(bench.count("datagram.cut"), 0);
}

fn packet(piece: &Piece, payload: &[u8]) -> Vec<u8> {
    let [high, low] = piece.offset.to_be_bytes();
    let mut packet = Vec::with_capacity(48 + payload.len());
    if piece.six {
        let length = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX);
        packet.extend([0x60, 0, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([44, 64]);
        packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, piece.host]);
        packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 53]);
        let place = (piece.offset << 3 | u16::from(piece.more)).to_be_bytes();
        packet.extend([piece.protocol, 0, place[0], place[1], 0, 0, 0, piece.id]);
    } else {
        let length = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
        packet.extend([0x45, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([0, piece.id, high | u8::from(piece.more) << 5, low]);
        packet.extend([64, piece.protocol, 0, 0, 10, 0, 1, piece.host, 10, 0, 0, 53]);
    }
    packet.extend(payload);
    packet
}
