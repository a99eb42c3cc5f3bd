//! What each part of the sensor costs, a packet or a name at a time.

#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use etherparse::PacketBuilder;
use geophone_sensor::capture::{Frame, LinkType};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::decode::message::Message;
use geophone_sensor::decode::segment::{Found, found_in};
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::time::Timestamp;

const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x07example\x03com\x00\
    \x00\x01\x00\x01\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00";
const ANSWER: &[u8] =
    b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x01\x03www\x07example\x03com\x00\
    \x00\x01\x00\x01\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x10\xc0\x2d\x00\x01\
    \x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00";

fn frame_of(payload: &[u8], reversed: bool) -> Vec<u8> {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 53]);
    let builder = if reversed {
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(server, client, 64).udp(53, 4000)
    } else {
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(client, server, 64).udp(4000, 53)
    };
    let mut data = Vec::new();
    builder.write(&mut data, payload).unwrap();
    data
}

fn frame(data: &[u8], micros: i64) -> Frame<'_> {
    let wire_length = u32::try_from(data.len()).unwrap();
    Frame { time: Timestamp(micros), link: LinkType::Ethernet, data, wire_length }
}

fn parts(criterion: &mut Criterion) {
    let (query, answer) = (frame_of(QUERY, false), frame_of(ANSWER, true));
    criterion.bench_function("frame to segment", |bench| {
        bench.iter(|| matches!(found_in(&frame(black_box(&query), 1), &[53]), Found::Segment(_)));
    });
    let mut message = Message::default();
    criterion.bench_function("read a query", |bench| bench.iter(|| message.read(black_box(QUERY))));
    criterion.bench_function("read an answer", |bench| {
        bench.iter(|| message.read(black_box(ANSWER)));
    });
    let reader = NameReader::default();
    for text in ["www.example.com", "mzxw6ytboi4tqnzrgm3dknbsgq2tmnzy.t.example.co.uk"] {
        let name = Name::parse(text).unwrap();
        criterion.bench_function(&format!("features of {text}"), |bench| {
            bench.iter(|| reader.read(black_box(&name)));
        });
    }
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::Figures);
    let mut micros = 0;
    criterion.bench_function("an exchange through the sensor", |bench| {
        bench.iter(|| {
            micros += 1000;
            pipeline.frame(&frame(&query, micros), &mut |_| {});
            pipeline.frame(&frame(&answer, micros + 500), &mut |_| {});
        });
    });
}

criterion_group!(benches, parts);
criterion_main!(benches);
