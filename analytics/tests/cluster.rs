//! Nodes that share the work say what one process says, whatever their number and whoever is
//! faster, and one that stops and goes on elsewhere says it too.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

#[path = "support/alone.rs"]
mod alone;

use std::path::{Path, PathBuf};

use geophone_analytics::cluster::message::{FactBatch, encode};
use geophone_analytics::cluster::output::Output;
use geophone_analytics::cluster::owner::OwnerNode;
use geophone_analytics::cluster::pair::{PairNode, Split, Taken};
use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::topic::partition_of;
use geophone_sensor::record::{Record, Role, WIRE_VERSION, owner_of, seed_check, to_wire};

use crate::alone::{analytics, config, in_one_process, run, sorted};

/// The messages of one partition each, as a sensor sends them.
fn partitions(capture: &Path, split: Split) -> Vec<Vec<Vec<u8>>> {
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
                Envelope { schema, version, epoch: 1, sequence, order, sensor }.write(&mut payload);
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
    run(capture, &mut take);
    put(None, form, order, &beat(reached, true));
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
    told: Vec<String>,
    random: u64,
    restarts: bool,
}

impl Cluster {
    fn new(capture: &Path, split: Split, seed: u64, restarts: bool) -> Self {
        let pairs = (0..split.pairs).map(|n| (PairNode::new(analytics(), n, split), 0, 0));
        let owners = (0..split.owners).map(|n| (OwnerNode::new(analytics(), n, split), 0));
        Self {
            split,
            records: partitions(capture, split),
            rollups: vec![Vec::new(); usize::try_from(split.owners).unwrap()],
            facts: Vec::new(),
            pairs: pairs.collect(),
            owners: owners.collect(),
            told: Vec::new(),
            random: seed,
            restarts,
        }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.random >> 33).unwrap() % below
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
        let restart = self.restarts && self.draw(40) == 0;
        let mut out = Output::default();
        let (node, next, known) = &mut self.pairs[n];
        if restart {
            let saved = node.save().unwrap();
            *node = PairNode::new(analytics(), u32::try_from(n).unwrap(), self.split);
            node.restore(&saved).unwrap();
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
        let restart = self.restarts && self.draw(40) == 0;
        let mut out = Output::default();
        let (node, next) = &mut self.owners[n];
        if restart {
            let saved = node.save().unwrap();
            let needs = node.needs(i64::try_from(*next).unwrap());
            *node = OwnerNode::new(analytics(), u32::try_from(n).unwrap(), self.split);
            node.restore(&saved).unwrap();
            *next = usize::try_from(needs).unwrap();
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
    // Cases whose owners see a client's, a server's and a zone's part of many records, and seconds.
    let staged = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/attacks");
    for attack in [
        "reflector-nsd",
        "recursing-dnsmasq",
        "torture-authority",
        "torture-silent",
        "half-open",
        "brute-nmap",
    ] {
        some.push(staged.join(format!("{attack}.pcap.gz")));
    }
    some
}

fn check(restarts: bool) {
    for capture in captures() {
        let expected = in_one_process(&capture);
        assert!(!expected.is_empty(), "{}", capture.display());
        for (pairs, owners, seed) in [(1, 1, 1), (5, 3, 2)] {
            let split = Split { pairs, owners, seed: config().sensor.hash_seed };
            let told = Cluster::new(&capture, split, seed, restarts).told();
            let place = format!("{} with {split:?}", capture.display());
            assert_eq!(told.len(), expected.len(), "{place}");
            for (told, expected) in told.iter().zip(&expected) {
                assert_eq!(told, expected, "{place}");
            }
        }
    }
}

#[test]
fn however_the_work_is_split_the_alerts_are_those_of_one_process() {
    check(false);
}

#[test]
fn nodes_that_stop_and_go_on_elsewhere_tell_the_same() {
    check(true);
}
