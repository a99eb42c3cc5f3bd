//! Promise 5 from the wire on: a million datagrams with made-up senders and names, a tunnel that
//! begins in their middle. It is found as early as without them, the flood is named, and memory stays
//! within what is promised.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use etherparse::PacketBuilder;
use geophone_analytics::alert::{Action, Alert, to_ecs};
use geophone_analytics::config::Config;
use geophone_analytics::replay::{Listener, Replay};
use geophone_analytics::rule::Rules;
use geophone_sensor::capture::{CaptureError, CaptureSet, Frame};
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;

const PACKETS: u64 = 1_000_000;
/// The flood begins so long before the tunnel, and takes so long, in microseconds.
const AHEAD: u64 = 5_000_000;
const SPAN: u64 = 25_000_000;
/// How much later the tunnel may be found, in microseconds.
const LATER: i64 = 2_000_000;

/// Alerts as they opened: rule, client, domain, microseconds.
#[derive(Default)]
struct Opened(Vec<(String, String, String, i64)>);

impl Listener for Opened {
    fn frame(&mut self, _: &Frame<'_>) {}

    fn record(&mut self, _: &Record<'_>) {}

    fn alert(&mut self, alert: &Alert<'_>) {
        let told = to_ecs(alert).to_string();
        assert!(!told.contains("\"0.0.0.0\""), "no host is named that is none: {told}");
        if alert.action == Action::Open {
            let (rule, client) = (alert.detector.id.clone(), alert.client.to_string());
            self.0.push((rule, client, alert.domain.clone(), alert.time.micros()));
        }
    }

    fn trouble(&mut self, error: CaptureError) {
        assert_eq!(error.to_string(), "");
    }

    fn has_enough(&self) -> bool {
        false
    }
}

impl Opened {
    fn tunnel(&self) -> i64 {
        let is = |(rule, client, domain, _): &&(String, String, String, i64)| {
            rule == "dns-tunnel" && client == "192.168.77.11" && domain == "tunnel-lab.net"
        };
        self.0.iter().find(is).unwrap_or_else(|| panic!("no tunnel among {:?}", self.0)).3
    }
}

/// What a small generator draws (Marsaglia 2003).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn label(&mut self) -> Vec<u8> {
        let mut label = vec![12];
        label.extend((0..12).map(|_| b'a' + u8::try_from(self.below(26)).unwrap()));
        label
    }

    /// A datagram of the flood: to the resolver from anywhere, for a name below the domain under
    /// attack or below one that nobody asked before; or the answer that there is no such name.
    fn datagram(&mut self, question: &mut Vec<u8>) -> Vec<u8> {
        let source = u32::try_from(0x0100_0000 + self.below(0xdf00_0000)).unwrap().to_be_bytes();
        let port = u16::try_from(1024 + self.below(64_000)).unwrap();
        question.clear();
        question.extend(u16::try_from(self.below(65_536)).unwrap().to_be_bytes());
        question.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
        question.extend(self.label());
        if self.below(2) == 0 {
            question.extend(b"\x0bunder-siege\x03org\0");
        } else {
            question.extend(self.label());
            question.extend(b"\x03com\0");
        }
        question.extend([0, 1, 0, 1]);
        let to = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let (packet, ports) = if self.below(4) == 0 {
            question.splice(2..4, [0x81, 0x83]);
            (to.ipv4([192, 168, 77, 53], source, 64), (53, port))
        } else {
            (to.ipv4(source, [192, 168, 77, 53], 64), (port, 53))
        };
        let mut octets = Vec::with_capacity(128);
        packet.udp(ports.0, ports.1).write(&mut octets, question).unwrap();
        octets
    }
}

/// Writes the tunnel's capture again with the flood around it.
fn flood(tunnel: &Path, to: &Path) {
    let tunnel = fs::read(tunnel).unwrap();
    let word = |at: usize| u64::from(u32::from_le_bytes(tunnel[at..at + 4].try_into().unwrap()));
    let mut out = BufWriter::new(File::create(to).unwrap());
    out.write_all(&tunnel[..24]).unwrap();
    let time_of = |at: usize| word(at) * 1_000_000 + word(at + 4);
    let begin = time_of(24) - AHEAD;
    let mut write = |time: u64, octets: &[u8]| {
        let length = u32::try_from(octets.len()).unwrap();
        let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
        for number in [u32::try_from(seconds).unwrap(), u32::try_from(micros).unwrap()] {
            out.write_all(&number.to_le_bytes()).unwrap();
        }
        out.write_all(&length.to_le_bytes()).unwrap();
        out.write_all(&length.to_le_bytes()).unwrap();
        out.write_all(octets).unwrap();
    };
    let (mut draw, mut question, mut at) = (Draw(0x9e37_79b9), Vec::new(), 24);
    for n in 0..PACKETS {
        let time = begin + n * SPAN / PACKETS;
        while at < tunnel.len() && time_of(at) <= time {
            let length = usize::try_from(word(at + 8)).unwrap();
            write(time_of(at), &tunnel[at + 16..at + 16 + length]);
            at += 16 + length;
        }
        write(time, &draw.datagram(&mut question));
    }
}

/// The most memory this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn replay(capture: PathBuf, config: &Config) -> Opened {
    let mut replay = Replay::new(config.clone(), Rules::builtin().unwrap(), Detail::Figures);
    let mut opened = Opened::default();
    replay.run(&mut CaptureSet::new(&[capture]), &mut opened);
    let (sensor, analytics) = replay.counters();
    assert_eq!((sensor.imbalance(), analytics.imbalance()), (None, None));
    opened
}

#[test]
fn a_tunnel_in_the_middle_of_a_flood_is_found_and_memory_is_as_promised() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures/demo-iodine.pcap");
    let config = Config::default();
    let quiet = replay(demo.clone(), &config);
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("flood.pcap");
    flood(&demo, &capture);
    let before = peak_mib();
    let loud = replay(capture, &config);
    let (grown, promised) = (peak_mib() - before, u64::from(config.state.memory_mib));
    assert!(grown <= promised, "grew by {grown} MiB, promised {promised}");
    let later = loud.tunnel() - quiet.tunnel();
    assert!((0..=LATER).contains(&later), "found {later} microseconds later");
    let is_named = |rule: &str| loud.0.iter().any(|alert| alert.0 == rule);
    assert!(is_named("nxdomain-flood"), "{:?}", loud.0);
    assert!(loud.0.len() <= 8, "one campaign is a few alerts: {:?}", loud.0);
}
