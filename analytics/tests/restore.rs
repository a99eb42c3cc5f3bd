//! A million keys move from one worker's nodes to another's: all of them, and every level the same.

#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::net::{IpAddr, Ipv4Addr};

use geophone_analytics::cluster::output::Output;
use geophone_analytics::cluster::pair::Split;
use geophone_analytics::cluster::saved::{Origin, Reader, to_messages};
use geophone_analytics::cluster::task::{Kind, Task};
use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_kafka::envelope::Envelope;
use geophone_kafka::topic::partition_of;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction, WIRE_VERSION, owner_of, to_wire};
use geophone_sensor::time::Timestamp;

const KEYS: u64 = 1_000_000;
/// Queries: sets of eight overflow here and there long before the table is full.
const QUERIES: u64 = 1_005_000;
const CLIENTS: u64 = 50_000;

/// The messages of `keys` queries, each of another client and domain, with their partitions.
fn messages(split: Split, keys: u64) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let reader = NameReader::default();
    let mut sequences = vec![0; usize::try_from(split.pairs).unwrap()];
    (0..keys).map(move |n| {
        let qname = Name::parse(&format!("www.d{}x{}.com", n / CLIENTS, n % 1_000)).unwrap();
        let (domain_at, name) = reader.read(&qname);
        let client = 0x0a00_0000 + u32::try_from(n % CLIENTS).unwrap();
        let client = IpAddr::V4(Ipv4Addr::from_bits(client));
        let (status, time) = (Status::Answered, Timestamp(i64::try_from(n).unwrap()));
        let asked = Transaction {
            qname,
            domain_at,
            name,
            client,
            status,
            time,
            qtype: 1,
            ..Transaction::default()
        };
        let record = Record::Transaction(&asked);
        let to = usize::try_from(partition_of(owner_of(&record, split.seed), split.pairs)).unwrap();
        let sequence = sequences.get_mut(to).unwrap();
        let mut body = Vec::new();
        let kind = to_wire(&record, &mut body).unwrap();
        let (schema, version, epoch) = (kind.letter(), WIRE_VERSION, 1);
        let mut payload = Vec::new();
        Envelope { schema, version, epoch, sequence: *sequence, order: n, sensor: "lab" }
            .write(&mut payload);
        payload.extend(body);
        *sequence += 1;
        (to, payload)
    })
}

#[test]
fn a_million_keys_are_there_again_and_every_level_is_the_same() {
    let mut config = Config::default();
    config.state.keys = 3_000_000;
    let split = Split { pairs: 4, owners: 4, seed: config.sensor.hash_seed };
    let sizes = Kind::Pair.sizes(&config.state, split);
    config.state = config.state.least();
    let analytics = Analytics::new(config, Rules::builtin().unwrap());
    let node = |n| Task::new(Kind::Pair, analytics.sized(sizes.clone()), n, split);
    let mut tasks: Vec<Task> = (0..split.pairs).map(node).collect();
    let mut next = vec![0; tasks.len()];
    for (to, payload) in messages(split, QUERIES) {
        let (task, next) = (tasks.get_mut(to).unwrap(), next.get_mut(to).unwrap());
        task.queue(*next, payload);
        *next += 1;
        assert_eq!(task.work(1, &mut Output::default()), 1);
    }
    let keys: u64 = tasks.iter().map(Task::keys).sum();
    assert!((KEYS..=QUERIES).contains(&keys), "{keys}");
    let mut restored = 0;
    for (n, task) in (0..).zip(&mut tasks) {
        let origin = Origin {
            program: String::new(),
            group: String::new(),
            seed_check: 0,
            terms: analytics.terms(),
        };
        let (name, saved) = (format!("records/{n}"), task.save().unwrap());
        let mut reader = Reader::default();
        for (key, value) in to_messages(&name, &saved, &origin) {
            assert!(value.len() < 1_000_000, "brokers take no larger message");
            reader.take(&name, key.as_bytes(), value);
        }
        let (read, from) = reader.finish(&name).unwrap().unwrap();
        assert_eq!(from, origin);
        let mut other = node(n);
        other.restore(&read).unwrap();
        assert_eq!((other.keys(), other.next()), (task.keys(), task.next()));
        restored += other.keys();
        // The image has every level of every key, to the microsecond.
        assert!(other.save().unwrap() == saved, "node {n} remembers something else");
    }
    assert_eq!(restored, keys);
}
