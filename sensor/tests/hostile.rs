//! Bytes from the network: never a panic, never an unbalanced counter, never worse than hickory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

#[cfg(test)]
mod support;

use geophone_sensor::capture::{Frame, LinkType, Losses};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::decode::message::{Kind, Message};
use geophone_sensor::defect::Defect;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::time::Timestamp;
use hickory_proto::op::Message as HickoryMessage;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use proptest::prelude::*;

const LINKS: [LinkType; 5] = [
    LinkType::BsdNull,
    LinkType::Ethernet,
    LinkType::LinuxCooked1,
    LinkType::LinuxCooked2,
    LinkType::RawIp,
];

/// Runs frames through the whole sensor and returns how many records came out.
fn run(frames: &[(LinkType, Vec<u8>)]) -> u64 {
    let config = SensorConfig {
        pending_queries: 8,
        tcp_streams: 4,
        rated_domains: 16,
        fragmented_datagrams: 4,
        ..SensorConfig::default()
    };
    let mut pipeline = Pipeline::new(&config, Detail::AnswersInWords);
    let mut records = 0;
    for (n, (link, data)) in frames.iter().enumerate() {
        let time = Timestamp(i64::try_from(n).unwrap() * 700_000);
        let wire_length = u32::try_from(data.len()).unwrap();
        let frame = Frame { time, link: *link, data, wire_length };
        pipeline.frame(&frame, &mut |_| records += 1);
        assert_eq!(pipeline.counters().imbalance(), None);
    }
    pipeline.finish(&mut |_| records += 1);
    assert_eq!(pipeline.counters().imbalance(), None);
    assert_eq!(pipeline.counters().query_pending, 0);
    assert_eq!(pipeline.counters().fragment_pending, 0);
    assert_eq!(pipeline.counters().record_total, records);
    records
}

/// A frame that is right but for a few octets, so that faults land in every layer.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        (any::<u16>(), 0_u16..300)
            .prop_map(|(id, kind)| { support::query(id, &[b"data", b"example", b"com"], kind) }),
        (any::<u16>(), 0_u16..300, prop::collection::vec(any::<u8>(), 0..60)).prop_map(
            |(id, kind, rdata)| {
                support::answer(&support::query(id, &[b"x", b"example"], kind), kind, &rdata)
            }
        ),
    ];
    let faults = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (payload, 1000_u16..1004, any::<bool>(), faults, 0_usize..200).prop_map(
        |(payload, port, reversed, faults, cut)| {
            let mut frame = support::udp([10, 0, 0, 1], port, &payload, reversed);
            for (at, value) in faults {
                let at = at.index(frame.len());
                frame[at] = value;
            }
            let keep = frame.len().saturating_sub(cut.saturating_sub(150));
            frame.truncate(keep);
            frame
        },
    )
}

proptest! {
    #[test]
    fn any_octets_end_in_a_counter(
        frames in prop::collection::vec(
            (prop::sample::select(&LINKS[..]), prop::collection::vec(any::<u8>(), 0..120)), 0..40,
        ),
    ) {
        run(&frames);
    }

    #[test]
    fn nearly_right_frames_end_in_a_counter(frames in prop::collection::vec(nearly_right(), 0..60)) {
        run(&frames.into_iter().map(|frame| (LinkType::Ethernet, frame)).collect::<Vec<_>>());
    }

    /// hickory-proto is the judge: what it reads whole, we read the same.
    #[test]
    fn what_hickory_reads_we_read_the_same(
        labels in prop::collection::vec("[a-zA-Z0-9_-]{1,20}", 1..6),
        qtype in 1_u16..260,
        rdata in prop::collection::vec(any::<u8>(), 0..40),
        faults in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
    ) {
        let labels: Vec<&[u8]> = labels.iter().map(String::as_bytes).collect();
        let mut data = support::answer(&support::query(7, &labels, qtype), qtype, &rdata);
        for (at, value) in faults {
            let at = at.index(data.len());
            data[at] = value;
        }
        let mut decoder = BinDecoder::new(&data);
        if let Ok(judge) = HickoryMessage::read(&mut decoder) {
            let mut ours = Message::default();
            let kind = ours.read(&data);
            prop_assert_ne!(kind, Kind::NotDns);
            prop_assert_eq!(ours.id, judge.metadata.id);
            if let [question] = &judge.queries[..] {
                let name = question.name().iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
                let own = ours.qname.labels().map(<[u8]>::to_vec).collect::<Vec<_>>();
                prop_assert_eq!(own, name);
                prop_assert_eq!(ours.qtype, u16::from(question.query_type()));
            }
        }
    }
}

#[test]
fn a_message_cut_at_every_length_is_a_message_or_a_counted_short_one() {
    let query = support::query(7, &[b"data", b"example", b"com"], 16);
    let whole = support::answer(&query, 16, b"\x05hello");
    for length in 0..=whole.len() {
        let mut message = Message::default();
        let kind = message.read(&whole[..length]);
        match length {
            0..12 => assert_eq!(kind, Kind::Short, "{length}"),
            // The question is cut and the counts no longer fit: told apart from DNS.
            12..28 => assert_eq!(kind, Kind::NotDns, "{length}"),
            // The counts fit again, so it may be DNS; the question is still unreadable.
            28..34 => assert!(message.defects.has(Defect::QuestionUnreadable), "{length}"),
            _ => {
                assert_eq!(kind, Kind::Response, "{length}");
                assert_eq!(message.qname.to_string(), "data.example.com");
                assert_eq!(message.defects.is_empty(), length == whole.len());
            }
        }
    }
}

/// Found by fuzzing: at the end, the head of a tunnelled datagram gave up a fragment that then
/// waited for ever.
#[test]
fn fragments_inside_fragments_are_given_up_together() {
    let packet = |protocol: u8, data: &[u8]| {
        let length = u16::try_from(20 + data.len()).unwrap().to_be_bytes();
        let more = [0x20, 0];
        let head = [&[0x45, 0][..], &length, &[0, 7], &more, &[64, protocol, 0, 0]].concat();
        [head, vec![192, 0, 2, 1, 192, 0, 2, 2], data.to_vec()].concat()
    };
    let innermost = packet(17, &[0; 16]);
    let nested = (0..4).fold(innermost, |inside, _| packet(4, &[inside, vec![0; 4]].concat()));
    run(&[(LinkType::RawIp, nested)]);
}

#[test]
fn a_source_that_says_it_lost_everything_does_not_unbalance_the_counters() {
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::Figures);
    let data = support::udp([10, 0, 0, 1], 1000, &support::query(1, &[b"a"], 1), false);
    let wire_length = u32::try_from(data.len()).unwrap();
    let frame = Frame { time: Timestamp(0), link: LinkType::Ethernet, data: &data, wire_length };
    for lost in [1, u64::MAX, u64::MAX] {
        pipeline.lost(Losses { kernel: lost, interface: lost });
        pipeline.frame(&frame, &mut |_| ());
        assert_eq!(pipeline.counters().imbalance(), None);
    }
    pipeline.finish(&mut |_| ());
    assert!(pipeline.counters().frame_offered > 1 << 62);
}
