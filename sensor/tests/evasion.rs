//! Packets by which a sender who knows how receivers read could hide a question from a listener.
//!
//! Every test says what a receiver (Linux, and what the RFC asks of it) makes of the packets, and
//! that the sensor reads the same question.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

#[cfg(test)]
mod support;

use geophone_sensor::capture::{Frame, LinkType};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;

use crate::support::wrapped::{ip4, ip6, udp};

const UDP: u8 = 17;
const TCP: u8 = 6;
const DESTINATION_OPTIONS: u8 = 60;
const FRAGMENT: u8 = 44;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// The sensor, fed with IP packets; keeps the names that were asked for.
struct Listener {
    pipeline: Pipeline,
    micros: i64,
    names: Vec<String>,
}

impl Listener {
    fn new() -> Self {
        let pipeline = Pipeline::new(&SensorConfig::default(), Detail::Figures);
        Self { pipeline, micros: 1_000_000_000, names: Vec::new() }
    }

    fn hear(&mut self, packet: &[u8]) {
        self.micros += 1_000;
        let wire_length = u32::try_from(packet.len()).unwrap();
        let time = Timestamp(self.micros);
        let frame = Frame { time, link: LinkType::RawIp, data: packet, wire_length };
        let names = &mut self.names;
        self.pipeline.frame(&frame, &mut |record| note(names, &record));
        assert_eq!(self.pipeline.counters().imbalance(), None);
    }

    /// Ends the input; returns the names.
    fn end(mut self) -> Vec<String> {
        let names = &mut self.names;
        self.pipeline.finish(&mut |record| note(names, &record));
        assert_eq!(self.pipeline.counters().imbalance(), None);
        let counters = self.pipeline.counters();
        assert_eq!((counters.tcp_octets_pending, counters.fragment_pending), (0, 0));
        self.names
    }

    /// Tells how many queries were read so far, answered or not.
    fn queries(&self) -> u64 {
        self.pipeline.counters().message_queries
    }
}

fn note(names: &mut Vec<String>, record: &Record<'_>) {
    if let Record::Transaction(transaction) = record {
        names.push(transaction.qname.to_string());
    }
}

fn heard(packets: &[Vec<u8>]) -> Vec<String> {
    let mut listener = Listener::new();
    for packet in packets {
        listener.hear(packet);
    }
    listener.end()
}

/// A question for a name of `first`, long enough to be cut into pieces.
fn question(id: u16, first: &[u8]) -> Vec<u8> {
    support::query(id, &[first, b"in-the-middle-of-it", b"tunnel", b"example"], 16)
}

const SECRET: &str = "secret.in-the-middle-of-it.tunnel.example";

/// An IPv6 fragment that says it carries `next`; `eights` is where it stands.
fn fragment6(next: u8, eights: u16, more: bool, data: &[u8]) -> Vec<u8> {
    let place = (eights << 3 | u16::from(more)).to_be_bytes();
    ip6(FRAGMENT, &[&[next, 0, place[0], place[1], 0, 0, 0, 7][..], data].concat())
}

/// An IPv4 fragment.
fn fragment4(protocol: u8, eights: u16, more: bool, data: &[u8]) -> Vec<u8> {
    let mut packet = ip4(protocol, data);
    let place = (eights | u16::from(more) << 13).to_be_bytes();
    packet.splice(6..8, place);
    packet
}

#[test]
fn ipv6_fragments_of_a_datagram_may_differ_in_what_they_say_they_carry() {
    // RFC 8200 section 4.5: only the first one's word counts.
    let datagram = udp(53, &question(1, b"secret"));
    for lie in [TCP, DESTINATION_OPTIONS, 43, 0, 51, 59] {
        let packets = [
            fragment6(UDP, 0, true, &datagram[..16]),
            fragment6(lie, 2, true, &datagram[16..40]),
            fragment6(lie, 5, false, &datagram[40..]),
        ];
        assert_eq!(heard(&packets), [SECRET], "{lie}");
    }
}

#[test]
fn headers_behind_the_fragment_header_are_part_of_what_was_fragmented() {
    // Two of options and padding (RFC 8200 section 4.6), then UDP.
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let datagram =
        [&options(DESTINATION_OPTIONS)[..], &options(UDP), &udp(53, &question(1, b"secret"))]
            .concat();
    for size in [1, 2, 3, 5] {
        let pieces: Vec<&[u8]> = datagram.chunks(size * 8).collect();
        let packets = pieces.iter().enumerate().map(|(n, piece)| {
            let eights = u16::try_from(n * size).unwrap();
            fragment6(DESTINATION_OPTIONS, eights, n + 1 < pieces.len(), piece)
        });
        let packets: Vec<_> = packets.collect();
        assert_eq!(heard(&packets), [SECRET], "{size}");
        let backwards: Vec<_> = packets.iter().rev().cloned().collect();
        assert_eq!(heard(&backwards), [SECRET], "{size} backwards");
    }
}

#[test]
fn an_authentication_header_may_be_fragmented() {
    // RFC 4302 section 3.3.4: fragmentation comes after it.
    let head = [UDP, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let datagram = [&head[..], &udp(53, &question(1, b"secret"))].concat();
    let packets = [
        fragment4(51, 0, true, &datagram[..16]),
        fragment4(51, 2, true, &datagram[16..48]),
        fragment4(51, 6, false, &datagram[48..]),
    ];
    assert_eq!(heard(&packets), [SECRET]);
}

#[test]
fn fragments_that_contradict_each_other_hide_neither_reading() {
    let (harmless, secret) = (udp(53, &question(1, b"public")), udp(53, &question(2, b"secret")));
    for (six, piece) in [
        (false, fragment4 as fn(u8, u16, bool, &[u8]) -> Vec<u8>),
        (true, fragment6 as fn(u8, u16, bool, &[u8]) -> Vec<u8>),
    ] {
        // Linux throws the datagram away at the second fragment (RFC 5722 section 4); the last two
        // are a datagram of their own. Others keep what came first.
        let names = heard(&[
            piece(UDP, 0, true, &harmless[..40]),
            piece(UDP, 3, true, &[b'x'; 16]),
            piece(UDP, 0, true, &secret[..40]),
            piece(UDP, 5, false, &secret[40..]),
        ]);
        assert!(names.iter().any(|name| name == SECRET), "{six}: {names:?}");
        assert!(names.iter().any(|name| name.starts_with("public")), "{six}: {names:?}");
    }
    // The same octets once more are no contradiction.
    let names = heard(&[
        fragment4(UDP, 0, true, &secret[..40]),
        fragment4(UDP, 1, true, &secret[8..40]),
        fragment4(UDP, 5, false, &secret[40..]),
    ]);
    assert_eq!(names, [SECRET]);
}

/// A TCP segment of the client.
fn segment(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut tcp = vec![0x80, 1, 0, 53];
    tcp.extend(sequence.to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(payload);
    ip4(TCP, &tcp)
}

/// A connection of the client: what was sent in order, and what receivers do not believe.
struct Client {
    listener: Listener,
    next: u32,
}

impl Client {
    /// Opens a connection and asks something harmless in it.
    fn new() -> Self {
        let mut client = Self { listener: Listener::new(), next: 1_000 };
        client.lie(999, SYN, &[]);
        client.send(&framed(&question(1, b"public")));
        client
    }

    fn send(&mut self, payload: &[u8]) {
        self.listener.hear(&segment(self.next, ACK, payload));
        self.next += u32::try_from(payload.len()).unwrap();
    }

    fn lie(&mut self, sequence: u32, flags: u8, payload: &[u8]) {
        self.listener.hear(&segment(sequence, flags, payload));
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

/// What `lie` does amid a message, before one, and to what comes behind.
fn hides_nothing(what: &str, lie: impl Fn(&mut Client)) {
    let message = framed(&question(2, b"secret"));
    for cut in [0, 1, 2, 9, 20, 40] {
        let mut client = Client::new();
        let (first, second) = message.split_at(cut);
        if cut > 0 {
            client.send(first);
        }
        lie(&mut client);
        client.send(second);
        client.send(&framed(&question(3, b"another")));
        assert_eq!(client.listener.queries(), 3, "{what}, {cut} octets before it");
        let names = client.listener.end();
        assert!(names.iter().any(|name| name == SECRET), "{what}, {cut}: {names:?}");
    }
}

#[test]
fn a_reset_that_no_receiver_believes_hides_nothing() {
    // RFC 5961 section 3.2: only one with exactly the next number is believed.
    hides_nothing("a reset", |client| client.lie(client.next + 7, RST, &[]));
    hides_nothing("an old reset", |client| client.lie(client.next - 9, RST | ACK, &[]));
}

#[test]
fn a_syn_amid_a_connection_hides_nothing() {
    // RFC 5961 section 4.2: it is answered, and the connection goes on.
    for off in [5_000_u32, 50, 1 << 30, u32::MAX - 40] {
        hides_nothing("a SYN", |client| client.lie(client.next.wrapping_add(off), SYN, &[]));
        hides_nothing("a SYN and what would follow it", |client| {
            let start = client.next.wrapping_add(off);
            client.lie(start, SYN, &[]);
            client.lie(start.wrapping_add(1), ACK, &framed(&question(9, b"false"))[..30]);
        });
    }
}

#[test]
fn octets_outside_of_any_window_hide_nothing() {
    // RFC 9293 section 3.10.7.4: a segment outside of the window is dropped.
    hides_nothing("octets far off", |client| {
        client.lie(client.next.wrapping_add(1 << 30), ACK, &[7; 100]);
    });
    hides_nothing("another protocol far off", |client| {
        client.lie(client.next.wrapping_add(1 << 30), ACK, b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    // More of them than are kept ahead of a hole.
    hides_nothing("octets ahead", |client| {
        for n in 0..70 {
            client.lie(client.next.wrapping_add((1 << 20) + n * 1_000), ACK, &[7; 1_000]);
        }
    });
}

#[test]
fn a_false_syn_before_the_first_octet_hides_nothing() {
    for off in [40_u32, u32::MAX - 40] {
        let mut listener = Listener::new();
        listener.hear(&segment(999, SYN, &[]));
        listener.hear(&segment(1_000, ACK, &[]));
        listener.hear(&segment(1_000_u32.wrapping_add(off), SYN, &[]));
        listener.hear(&segment(1_000, ACK, &framed(&question(2, b"secret"))));
        assert_eq!(listener.end(), [SECRET], "{off}");
    }
}

#[test]
fn a_port_that_is_used_again_begins_a_stream_anew() {
    for ending in [FIN | ACK, RST, ACK] {
        let mut client = Client::new();
        client.lie(client.next, ending, &[]);
        for start in [20_000, 4_000_000_000_u32, 30_000] {
            client.lie(start - 1, SYN, &[]);
            client.next = start;
            let message = framed(&question(2, b"secret"));
            client.send(&message[..20]);
            client.send(&message[20..]);
        }
        assert_eq!(client.listener.queries(), 4, "{ending}");
    }
}

#[test]
fn what_the_tap_lost_of_a_stream_is_not_waited_for_for_ever() {
    let mut client = Client::new();
    client.next += 77;
    client.send(&framed(&question(2, b"secret")));
    assert_eq!(client.listener.queries(), 1, "the hole may be filled yet");
    client.listener.micros += 20_000_000;
    // Somebody else's segment: time goes on.
    let mut other = segment(5, ACK, &framed(&question(4, b"other")));
    other[15] = 9;
    client.listener.hear(&other);
    assert_eq!(client.listener.queries(), 3);
    // What comes late all the same is read, too.
    let late = client.next;
    client.next = 1_000 + u32::try_from(framed(&question(1, b"public")).len()).unwrap();
    let missing = framed(&question(3, b"another"));
    client.send(&missing);
    client.next = late;
    client.send(&framed(&question(5, b"further")));
    assert_eq!(client.listener.queries(), 5);
}

#[test]
fn one_stamp_from_the_future_holds_nothing_up() {
    let mut listener = Listener::new();
    let ask = |id: u16, port: u8| {
        let mut packet = ip4(UDP, &udp(53, &question(id, b"secret")));
        packet[21] = port;
        packet
    };
    let hour = 3_600_000_000;
    listener.micros += hour;
    listener.hear(&ask(1, 1));
    listener.hear(&segment(5, SYN, &[]));
    listener.hear(&fragment4(UDP, 0, true, &udp(53, &question(8, b"secret"))[..40]));
    listener.micros -= hour;
    listener.hear(&ask(2, 2));
    listener.micros += 31_000_000;
    listener.hear(&ask(3, 3));
    let counters = listener.pipeline.counters();
    assert_eq!((counters.query_unanswered, counters.query_pending), (3, 1));
    assert_eq!((counters.tcp_half_open, counters.fragment_pending), (1, 0));
}
