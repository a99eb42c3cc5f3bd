//! Connections to the ports of encrypted DNS: told when they begin, not looked into.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use etherparse::PacketBuilder;
use geophone_sensor::capture::{Frame, LinkType};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::counter::Counters;
use geophone_sensor::decode::foreign::Protocol;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::{NotDns, Record, Transport};
use geophone_sensor::time::Timestamp;

const CLIENT: [u8; 4] = [10, 0, 0, 7];
const SERVER: [u8; 4] = [192, 0, 2, 1];

enum Flags {
    Syn,
    SynAck,
    Data,
}

fn tcp(to_server: bool, ports: (u16, u16), flags: &Flags) -> Vec<u8> {
    tcp_with(SERVER, to_server, ports, flags)
}

fn tcp_with(server: [u8; 4], to_server: bool, ports: (u16, u16), flags: &Flags) -> Vec<u8> {
    let (from, to) = if to_server { (CLIENT, server) } else { (server, CLIENT) };
    let tcp =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64).tcp(ports.0, ports.1, 1, 9);
    let (tcp, payload): (_, &[u8]) = match flags {
        Flags::Syn => (tcp.syn(), &[]),
        Flags::SynAck => (tcp.syn().ack(2), &[]),
        Flags::Data => (tcp.ack(2), &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]),
    };
    let mut frame = Vec::new();
    tcp.write(&mut frame, payload).unwrap();
    frame
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    udp_with(SERVER, ports, payload)
}

fn udp_with(server: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let udp = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(CLIENT, server, 64);
    let mut frame = Vec::new();
    udp.udp(ports.0, ports.1).write(&mut frame, payload).unwrap();
    frame
}

fn told(config: &SensorConfig, frames: &[Vec<u8>]) -> (Vec<NotDns>, Counters) {
    let mut pipeline = Pipeline::new(config, Detail::Figures);
    let mut told = Vec::new();
    let mut take = |record: Record<'_>| {
        if let Record::NotDns(payload) = record {
            told.push(payload.clone());
        }
    };
    for (n, data) in (0..).zip(frames) {
        let frame = Frame {
            time: Timestamp(n * 1_000),
            link: LinkType::Ethernet,
            wire_length: u32::try_from(data.len()).unwrap(),
            data,
        };
        pipeline.frame(&frame, &mut take);
    }
    pipeline.finish(&mut take);
    let counters = pipeline.counters().clone();
    assert_eq!(counters.imbalance(), None);
    (told, counters)
}

#[test]
fn the_beginning_of_a_connection_is_told_and_nothing_else_of_it() {
    let quic = [0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let frames = [
        tcp(true, (40_000, 853), &Flags::Syn),
        tcp(false, (853, 40_000), &Flags::SynAck),
        tcp(true, (40_000, 853), &Flags::Data),
        tcp(false, (853, 40_000), &Flags::Data),
        udp((40_001, 853), &quic),
        udp((40_001, 853), &[0x43; 40]),
        udp((40_001, 443), &quic),
    ];
    let (told, counters) = told(&SensorConfig::default(), &frames);
    let shown: Vec<_> = told
        .iter()
        .map(|one| (one.transport, one.protocol, one.client_port, one.server_port, one.bytes))
        .collect();
    assert_eq!(
        shown,
        [
            (Transport::Tcp, Protocol::DnsOverTls, 40_000, 853, 0),
            (Transport::Udp, Protocol::DnsOverQuic, 40_001, 853, 0),
        ]
    );
    assert!(told.iter().all(|one| one.server.to_string() == "192.0.2.1" && one.from_client));
    assert_eq!((counters.record_encrypted, counters.frame_other_port), (2, 7));
}

#[test]
fn a_port_that_is_watched_for_dns_is_read_and_none_is_looked_at_where_none_is_named() {
    let frames = [tcp(true, (40_000, 853), &Flags::Syn), udp((53, 853), &[0xc0; 40])];
    let none = SensorConfig { encrypted_ports: Vec::new(), ..SensorConfig::default() };
    let (told_of, counters) = told(&none, &frames[..1]);
    assert_eq!((told_of.len(), counters.record_encrypted, counters.frame_other_port), (0, 0, 1));
    let both = SensorConfig { ports: vec![53, 853], ..SensorConfig::default() };
    assert_eq!(told(&both, &frames[..1]).1.record_encrypted, 0);
    assert_eq!(told(&SensorConfig::default(), &frames[1..]).1.record_encrypted, 0);
}

#[test]
fn https_is_told_of_where_a_resolver_answers_over_it() {
    let resolver = [1, 1, 1, 1];
    let quic = [0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let frames = [
        tcp_with(resolver, true, (40_000, 443), &Flags::Syn),
        tcp_with(resolver, false, (443, 40_000), &Flags::SynAck),
        tcp_with(resolver, true, (40_000, 443), &Flags::Data),
        tcp(true, (40_002, 443), &Flags::Syn),
        udp_with(resolver, (40_001, 443), &quic),
        udp((40_001, 443), &quic),
    ];
    let (about, counters) = told(&SensorConfig::default(), &frames);
    let shown: Vec<_> = about.iter().map(|one| (one.transport, one.protocol)).collect();
    let https = Protocol::DnsOverHttps;
    assert_eq!(shown, [(Transport::Tcp, https), (Transport::Udp, https)]);
    assert!(about.iter().all(|one| one.server.to_string() == "1.1.1.1" && one.from_client));
    assert_eq!((counters.record_encrypted, counters.frame_other_port), (2, 6));

    let none = SensorConfig { encrypted_hosts: Vec::new(), ..SensorConfig::default() };
    assert_eq!(told(&none, &frames).1.record_encrypted, 0);
    let all = SensorConfig { encrypted_ports: vec![853, 443], ..SensorConfig::default() };
    assert_eq!(told(&all, &frames).1.record_encrypted, 4, "its whole port is looked at");
}
