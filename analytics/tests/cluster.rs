//! Nodes that share the work say what one process says, whatever their number and whoever is
//! faster, and one that stops and goes on elsewhere says it too.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

#[path = "support/alone.rs"]
mod alone;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::slice;

use geophone_analytics::cluster::message::{FactBatch, encode};
use geophone_analytics::cluster::output::Output;
use geophone_analytics::cluster::owner::OwnerNode;
use geophone_analytics::cluster::pair::{PairNode, Split, Taken};
use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::topic::partition_of;
use geophone_sensor::capture::{
    CaptureFile, CapturedInterface, Frame, FrameSource as _, Recording,
};
use geophone_sensor::record::{Record, Role, WIRE_VERSION, owner_of, seed_check, to_wire};

use crate::alone::{alerts_of, analytics, capture, config, run, run_until_killed, sorted};

/// The messages of one partition each, as a sensor sends them that is killed behind each capture but
/// the last, and begins anew.
fn partitions(captures: &[PathBuf], split: Split) -> Vec<Vec<Vec<u8>>> {
    let mut all = vec![Vec::new(); usize::try_from(split.pairs).unwrap()];
    for (epoch, capture) in (1..).zip(captures) {
        let last = usize::try_from(epoch).unwrap() == captures.len();
        let each = all.iter_mut().zip(start(capture, split, epoch, last));
        each.for_each(|(all, messages)| all.extend(messages));
    }
    all
}

/// The records of a sensor that reads a capture to its end, or is killed there.
fn records_of(capture: &Path, last: bool, take: &mut dyn FnMut(Record<'_>)) {
    if last { run(capture, take) } else { run_until_killed(capture, take) }
}

fn start(capture: &Path, split: Split, epoch: u64, last: bool) -> Vec<Vec<Vec<u8>>> {
    let mut all = vec![Vec::new(); usize::try_from(split.pairs).unwrap()];
    let (mut order, mut reached) = (0, i64::MIN);
    let mut put = |to: Option<usize>, form: (u8, u16), order: u64, body: &[u8]| {
        let count = all.len();
        for (partition, messages) in all.iter_mut().enumerate().take(count) {
            if to.is_none_or(|to| to == partition) {
                let (schema, version) = form;
                let sequence = u64::try_from(messages.len()).unwrap();
                let sensor = "lab";
                let mut payload = Vec::new();
                Envelope { schema, version, epoch, sequence, order, sensor }.write(&mut payload);
                payload.extend_from_slice(body);
                messages.push(payload);
            }
        }
    };
    let beat = |reached: i64, last: bool| {
        let (partitions, seed_check) = (split.pairs, seed_check(split.seed));
        let mut body = Vec::new();
        Heartbeat { reached, floor: reached, partitions, seed_check, last }.write(&mut body);
        body
    };
    let form = (heartbeat::SCHEMA, heartbeat::VERSION);
    let mut take = |record: Record<'_>| {
        order += 1;
        let mut body = Vec::new();
        let kind = to_wire(&record, &mut body).unwrap();
        match record {
            Record::Tick(tick) if tick.role == Role::Sensor => {
                put(None, (kind.letter(), WIRE_VERSION), order, &body);
                reached = tick.time.micros() + 1_000_000;
                put(None, form, order, &beat(reached, false));
            }
            other => {
                let to = partition_of(owner_of(&other, split.seed), split.pairs);
                let to = usize::try_from(to).unwrap();
                put(Some(to), (kind.letter(), WIRE_VERSION), order, &body);
            }
        }
    };
    records_of(capture, last, &mut take);
    if last {
        put(None, form, order, &beat(reached, true));
    }
    all
}

/// A cluster without brokers: logs in memory, nodes that take turns as chance wants it.
struct Cluster {
    split: Split,
    records: Vec<Vec<Vec<u8>>>,
    rollups: Vec<Vec<Vec<u8>>>,
    facts: Vec<FactBatch>,
    pairs: Vec<(PairNode, usize, usize)>,
    owners: Vec<(OwnerNode, usize)>,
    /// What nodes last saved: octets, the next message, the next facts.
    saved: BTreeMap<(bool, usize), (Vec<u8>, usize, usize)>,
    told: Vec<String>,
    random: u64,
    restarts: bool,
}

impl Cluster {
    fn new(captures: &[PathBuf], split: Split, seed: u64, restarts: bool) -> Self {
        let pairs = (0..split.pairs).map(|n| (PairNode::new(analytics(), n, split), 0, 0));
        let owners = (0..split.owners).map(|n| (OwnerNode::new(analytics(), n, split), 0));
        Self {
            split,
            records: partitions(captures, split),
            rollups: vec![Vec::new(); usize::try_from(split.owners).unwrap()],
            facts: Vec::new(),
            pairs: pairs.collect(),
            owners: owners.collect(),
            saved: BTreeMap::new(),
            told: Vec::new(),
            random: seed,
            restarts,
        }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.random >> 33).unwrap() % below
    }

    /// Tells whether a node saves, and whether it then stops and goes on elsewhere.
    fn lot(&mut self) -> (bool, bool) {
        if !self.restarts {
            return (false, false);
        }
        (self.draw(20) == 0, self.draw(40) == 0)
    }

    fn send(&mut self, out: Output) {
        self.told.extend(out.alerts.into_iter().map(|(_, alert)| alert));
        for ((_, owner), batch) in out.rollups {
            self.rollups[usize::try_from(owner).unwrap()].push(encode(&batch));
        }
        self.facts.extend(out.facts);
        assert_eq!(out.dead, Vec::new());
    }

    /// Lets one pair node take some messages.
    fn pair(&mut self, n: usize) {
        let turns = self.draw(400);
        let (save, restart) = self.lot();
        let mut out = Output::default();
        let (node, next, known) = &mut self.pairs[n];
        if save {
            self.saved.insert((true, n), (node.save().unwrap(), *next, *known));
        }
        if restart && let Some((saved, from, facts)) = self.saved.get(&(true, n)) {
            *node = PairNode::new(analytics(), u32::try_from(n).unwrap(), self.split);
            node.restore(saved).unwrap();
            // What came since is taken once more; what is said of it was said.
            self.facts[*facts..].iter().for_each(|batch| node.learn(batch));
            *known = self.facts.len();
            for payload in &self.records[n][*from..*next] {
                assert_eq!(node.take(payload, &mut Output::default()), Taken::Done);
            }
        }
        for batch in &self.facts[*known..] {
            node.learn(batch);
        }
        *known = self.facts.len();
        for payload in self.records[n].iter().skip(*next).take(turns) {
            if node.take(payload, &mut out) == Taken::Waits {
                break;
            }
            *next += 1;
        }
        self.send(out);
    }

    fn owner(&mut self, n: usize) {
        let turns = self.draw(200);
        let (save, restart) = self.lot();
        let mut out = Output::default();
        let (node, next) = &mut self.owners[n];
        if save {
            let needs = node.needs(i64::try_from(*next).unwrap());
            let saved = (node.save().unwrap(), usize::try_from(needs).unwrap(), 0);
            self.saved.insert((false, n), saved);
        }
        if restart && let Some((saved, from, _)) = self.saved.get(&(false, n)) {
            *node = OwnerNode::new(analytics(), u32::try_from(n).unwrap(), self.split);
            node.restore(saved).unwrap();
            for (at, payload) in self.rollups[n].iter().enumerate().take(*next).skip(*from) {
                node.take(payload, i64::try_from(at).unwrap(), &mut Output::default());
            }
        }
        for (at, payload) in self.rollups[n].iter().enumerate().skip(*next).take(turns) {
            node.take(payload, i64::try_from(at).unwrap(), &mut out);
            *next += 1;
        }
        self.send(out);
    }

    fn is_done(&self) -> bool {
        let pairs = self.pairs.iter().zip(&self.records);
        let owners = self.owners.iter().zip(&self.rollups);
        pairs.into_iter().all(|((_, next, _), log)| *next == log.len())
            && owners.into_iter().all(|((_, next), log)| *next == log.len())
    }

    fn told(mut self) -> Vec<String> {
        let nodes = self.pairs.len() + self.owners.len();
        // Enough turns for the longest capture; nobody waits for anybody for ever.
        for _ in 0..4_000_000 {
            if self.is_done() {
                break;
            }
            let n = self.draw(nodes);
            if n < self.pairs.len() { self.pair(n) } else { self.owner(n - self.pairs.len()) }
        }
        assert!(self.is_done(), "nodes wait for each other");
        sorted(self.told)
    }
}

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures");
    // Tunnels of every kind of account: client and domain, server, rotation, all clients of one.
    let kinds = ["demo", "iodine-raw", "dnscat2-direct", "split", "rotate-3", "words-labels"];
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut some: Vec<_> =
        all.filter(|path| kinds.iter().any(|kind| named(path).starts_with(kind))).collect();
    some.sort();
    assert!(some.len() >= kinds.len(), "{some:?}");
    // Cases of every kind of owner: client, server, zone, client and domain; and seconds.
    let attacks = [
        "generated",
        "rebinding",
        "poison-guess",
        "reflected",
        "rogue-many",
        "leak",
        "beacon",
        "vpn",
        "reflector-nsd",
        "recursing-dnsmasq",
        "torture-authority",
        "torture-silent",
        "half-open",
        "brute-nmap",
    ];
    some.extend(attacks.map(|attack| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/attacks");
        folder.join(format!("{attack}.pcap.gz"))
    }));
    some
}

fn check(captures: &[PathBuf], restarts: bool) {
    captures.iter().for_each(|capture| check_starts(slice::from_ref(capture), restarts));
}

/// Holds nodes to what one process says of what a sensor sees that is killed between captures.
fn check_starts(captures: &[PathBuf], restarts: bool) {
    let (capture, killed) = captures.split_last().unwrap();
    let expected = alerts_of(|take| {
        killed.iter().for_each(|capture| records_of(capture, false, take));
        records_of(capture, true, take);
    });
    assert!(!expected.is_empty(), "{}", capture.display());
    for (pairs, owners, seed) in [(1, 1, 1), (5, 3, 2)] {
        let split = Split { pairs, owners, seed: config().sensor.hash_seed };
        let told = Cluster::new(captures, split, seed, restarts).told();
        let place = format!("{} with {split:?}", capture.display());
        assert_eq!(told.len(), expected.len(), "{place}");
        for (told, expected) in told.iter().zip(&expected) {
            assert_eq!(told, expected, "{place}");
        }
    }
}

/// Pieces into which a capture is cut, of which some are left out.
const PIECES: usize = 40;

/// Copies `capture` without pieces `gone`.
fn with_a_gap(capture: &Path, gone: Range<usize>, into: &Path) -> PathBuf {
    let frames = |each: &mut dyn FnMut(usize, &Frame<'_>)| {
        let (mut source, mut n) = (CaptureFile::open(capture).unwrap(), 0);
        while let Some(frame) = source.next_frame().unwrap() {
            each(n, &frame);
            n += 1;
        }
        n
    };
    let piece = frames(&mut |_, _| {}).div_ceil(PIECES);
    let path = into.join(format!("without-{}-{}.pcapng", gone.start, gone.end));
    let none: [CapturedInterface; 0] = [];
    let mut recording = Recording::create(&path, &none).unwrap();
    frames(&mut |n, frame| {
        if !gone.contains(&(n / piece)) {
            recording.write(0, frame);
        }
    });
    recording.check().unwrap();
    path
}

#[test]
fn hours_without_a_word_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = capture("rotate-3.pcap.gz");
    for from in (6..34).step_by(4) {
        check(&[with_a_gap(&whole, from..from + 6, dir.path())], from % 8 == 6);
    }
}

#[test]
fn sensors_that_are_killed_and_begin_anew_are_judged_by_what_they_sent() {
    let dir = tempfile::tempdir().unwrap();
    let whole = capture("rotate-3.pcap.gz");
    for from in (6..34).step_by(2) {
        let before = with_a_gap(&whole, from..PIECES, dir.path());
        let behind = with_a_gap(&whole, 0..from + 6, dir.path());
        check_starts(&[before, behind], from % 4 == 2);
    }
}

#[test]
fn however_the_work_is_split_the_alerts_are_those_of_one_process() {
    check(&captures(), false);
}

#[test]
fn nodes_that_stop_and_go_on_elsewhere_tell_the_same() {
    check(&captures(), true);
}
