//! Mirrored traffic in every wrapping: the record is the same, and says what it was wrapped in.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

#[cfg(test)]
mod support;

use geophone_sensor::capture::{Frame, LinkType};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::counter::Counters;
use geophone_sensor::decode::path::{MAX_TUNNELS, Path, TunnelKind};
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;
use support::wrapped::{by_link, dns, ethernet, ip4, over_ethernet, over_ip, tunnel, udp};

const ETHERNET: LinkType = LinkType::Ethernet;

/// The names asked for and the paths they came by.
fn read(frames: &[(LinkType, Vec<u8>)]) -> (Vec<(String, Path)>, Counters) {
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::Figures);
    let mut found = Vec::new();
    let mut take = |record: Record<'_>| {
        if let Record::Transaction(transaction) = record {
            found.push((transaction.qname.to_string(), transaction.path));
        }
    };
    for (n, (link, data)) in frames.iter().enumerate() {
        let time = Timestamp(i64::try_from(n).unwrap());
        let wire_length = u32::try_from(data.len()).unwrap();
        pipeline.frame(&Frame { time, link: *link, data, wire_length }, &mut take);
        assert_eq!(pipeline.counters().imbalance(), None);
    }
    pipeline.finish(&mut take);
    assert_eq!(pipeline.counters().imbalance(), None);
    let counters = pipeline.counters().clone();
    (found, counters)
}

#[test]
fn every_wrapping_gives_the_record_and_says_what_it_was() {
    for (name, frame, path) in over_ethernet().into_iter().chain(over_ip()) {
        let (found, counters) = read(&[(ETHERNET, frame)]);
        assert_eq!(found, [("www.example.com".to_owned(), path)], "{name}: {counters:?}");
    }
    for (name, link, frame) in by_link() {
        let (found, counters) = read(&[(link, frame)]);
        assert_eq!(found.len(), 1, "{name}: {counters:?}");
        assert_eq!(found[0].0, "www.example.com", "{name}");
    }
}

#[test]
fn every_wrapping_cut_anywhere_is_counted_and_never_read_wrong() {
    let all = over_ethernet()
        .into_iter()
        .chain(over_ip())
        .map(|(name, frame, _)| (name, ETHERNET, frame));
    for (name, link, frame) in all.chain(by_link()) {
        for length in 0..frame.len() {
            let (found, counters) = read(&[(link, frame[..length].to_vec())]);
            assert_eq!(counters.frame_read, 1, "{name} cut to {length}");
            for (qname, _) in found {
                assert!(
                    "www.example.com".starts_with(qname.trim_end_matches('.')),
                    "{name}: {qname}"
                );
            }
        }
    }
}

#[test]
fn tunnels_are_followed_to_the_stated_depth_and_no_further() {
    for (n, told) in [(MAX_TUNNELS, 1), (MAX_TUNNELS + 1, 0), (40, 0)] {
        let packet = (0..n).fold(dns(), |inner, _| ip4(4, &inner));
        let (found, counters) = read(&[(LinkType::RawIp, packet)]);
        assert_eq!(found.len(), told, "{n} tunnels");
        assert_eq!(counters.frame_too_deep, u64::try_from(1 - told).unwrap());
    }
}

#[test]
fn fragments_inside_and_outside_of_a_tunnel_are_put_together() {
    let fragments = |packet: &[u8], size: usize| -> Vec<Vec<u8>> {
        let (head, body) = packet.split_at(20);
        let n = body.len().div_ceil(size);
        body.chunks(size)
            .enumerate()
            .map(|(index, chunk)| {
                let mut part = [head, chunk].concat();
                let more = if index + 1 < n { 0x2000 } else { 0 };
                let at = u16::try_from(index * size / 8).unwrap() | more;
                part[6..8].copy_from_slice(&at.to_be_bytes());
                let length = u16::try_from(part.len()).unwrap();
                part[2..4].copy_from_slice(&length.to_be_bytes());
                part
            })
            .collect()
    };
    let vxlan = |frame: &[u8]| ip4(17, &udp(4789, &[&[8, 0, 0, 0, 0, 1, 0, 0], frame].concat()));
    let path = tunnel(TunnelKind::Vxlan, Some(256));
    // The mirrored packets were fragments; each travels in a packet of its own.
    let inside: Vec<_> = fragments(&dns(), 16)
        .iter()
        .map(|part| (LinkType::RawIp, vxlan(&ethernet(0x0800, part))))
        .collect();
    assert!(inside.len() > 2);
    // The packets that carry the fragments were fragmented on their way in turn.
    let both: Vec<_> = inside
        .iter()
        .enumerate()
        .flat_map(|(n, (_, packet))| {
            let mut packet = packet.clone();
            packet[5] = u8::try_from(n).unwrap();
            fragments(&packet, 24)
        })
        .map(|packet| (LinkType::RawIp, packet))
        .collect();
    for frames in [inside, both] {
        let (found, counters) = read(&frames);
        assert_eq!(found, [("www.example.com".to_owned(), path)], "{counters:?}");
        assert_eq!(counters.fragment_pending, 0);
    }
}
