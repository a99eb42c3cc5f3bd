//! What a worker must take, and what it must refuse, against real brokers or the mock.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use geophone_analytics::cluster::plan::{WorkerError, WorkerPlan};
use geophone_analytics::cluster::worker::Worker;
use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_kafka::admin::{Admin, Grow};
use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::message::Message;
use geophone_kafka::outbox::{Outbox, OutboxPlan};
use geophone_kafka::patience::now;
use geophone_kafka::properties::Properties;
use geophone_kafka::pump::Pace;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::Topic;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction, WIRE_VERSION, seed_check, to_wire};
use geophone_sensor::time::Timestamp;

use crate::lab::{not_covered, shared};

/// When everything begins, in seconds since 1970.
const BEGIN: i64 = 1_700_000_000;
/// How long a worker may take for what it is given.
const LONGEST: Duration = Duration::from_secs(120);

/// Topics with a prefix of their own and one partition; `None` without real brokers, for the mock
/// knows no transactions over consumer groups.
fn site(what: &str) -> Option<KafkaSettings> {
    let lab = shared();
    if !lab.is_real() {
        not_covered(what);
        return None;
    }
    let mut settings = lab.settings();
    settings.topics.partitions = 1;
    Some(settings)
}

fn create(settings: &KafkaSettings) {
    let admin = Admin::new(&Properties::resolve(settings).unwrap()).unwrap();
    let plans = Topic::ALL.iter().map(|topic| topic.plan(&settings.topics)).collect();
    admin.create(plans, Grow::No).unwrap();
}

/// A sensor that sends names of its own to the only partition, and says how far it is.
fn send(settings: &KafkaSettings, names: &[String], seconds: i64) {
    let properties = Properties::resolve(settings).unwrap();
    let records = Topic::Records.name(&settings.topics);
    let plan = OutboxPlan::of(settings, Pace::Replay);
    let mut outbox = Outbox::open(&properties, vec![records], plan, |_| {}).unwrap();
    let (reader, mut sequence) = (NameReader::default(), 0);
    let mut put = |schema: u8, version: u16, body: &[u8]| {
        let mut value = Vec::new();
        let (epoch, order) = (1, sequence);
        Envelope { schema, version, epoch, sequence, order, sensor: "a" }.write(&mut value);
        value.extend_from_slice(body);
        sequence += 1;
        outbox.send(&Message { topic: 0, partition: 0, key: b"k", value: &value });
    };
    let beat = |second: i64, last: bool| {
        let mut body = Vec::new();
        let seed_check = seed_check(Config::default().sensor.hash_seed);
        let reached = second * 1_000_000;
        Heartbeat { reached, floor: 0, partitions: 1, seed_check, last }.write(&mut body);
        body
    };
    put(heartbeat::SCHEMA, heartbeat::VERSION, &beat(BEGIN, false));
    for name in names {
        let qname = Name::parse(name).unwrap();
        let (domain_at, features) = reader.read(&qname);
        let asked = Transaction {
            qname,
            domain_at,
            name: features,
            client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
            status: Status::Answered,
            time: Timestamp(BEGIN * 1_000_000),
            qtype: 1,
            ..Transaction::default()
        };
        let mut body = Vec::new();
        let kind = to_wire(&Record::Transaction(&asked), &mut body).unwrap();
        put(kind.letter(), WIRE_VERSION, &body);
    }
    for second in 1..=seconds {
        put(heartbeat::SCHEMA, heartbeat::VERSION, &beat(BEGIN + second, second == seconds));
    }
    assert_eq!(outbox.finish().lost(), 0);
}

fn worker(settings: &KafkaSettings, group: &str) -> Result<Worker, WorkerError> {
    let mut config = Config::default();
    let group = format!("{}-{group}", settings.topics.prefix);
    let plan = WorkerPlan {
        settings: settings.clone(),
        name: format!("{group}-worker"),
        group,
        save_every: Duration::from_secs(1),
        state: config.state.clone(),
    };
    config.state = config.state.least();
    Worker::join(plan, &Analytics::new(config, Rules::builtin().unwrap()))
}

/// Lets a worker take so many messages of sensors.
fn take(worker: &mut Worker, messages: u64) -> Result<(), WorkerError> {
    let began = now();
    while worker.counts().records.taken < messages {
        worker.step()?;
        assert!(began.elapsed() < LONGEST, "{:?}", worker.counts());
    }
    Ok(())
}

#[test]
fn more_new_domains_in_a_second_than_one_message_holds() {
    let Some(settings) = site("a flood of new domains") else { return };
    create(&settings);
    let names: Vec<_> = (0..60_000).map(|n| format!("www.d{n}x.com")).collect();
    send(&settings, &names, 9);
    let mut worker = worker(&settings, "one").unwrap();
    take(&mut worker, 60_010).unwrap();
    assert_eq!(worker.leave().unwrap().dead, 0);
}

#[test]
fn what_another_group_saved_is_refused() {
    let Some(settings) = site("two groups on the same topics") else { return };
    create(&settings);
    send(&settings, &["www.example.com".to_owned()], 3);
    let mut one = worker(&settings, "one").unwrap();
    take(&mut one, 5).unwrap();
    one.leave().unwrap();
    let mut two = worker(&settings, "two").unwrap();
    let error = take(&mut two, 5).unwrap_err();
    assert!(!error.passes());
    let error = error.to_string();
    assert!(error.contains("-one saved it") && error.contains("kafka.topics.prefix"), "{error}");
}

#[test]
fn a_topic_of_states_with_too_few_partitions_is_refused() {
    let Some(mut settings) = site("topics that do not fit each other") else { return };
    let own = [("partitions".to_owned(), "2".to_owned())].into_iter().collect();
    settings.topics.config.insert("state".to_owned(), own);
    settings.topics.partitions = 3;
    create(&settings);
    let error = worker(&settings, "one").err().unwrap();
    assert!(!error.passes());
    let error = error.to_string();
    assert!(error.contains("has 2 partitions and needs at least 3"), "{error}");
    // Where records are spread wider than the rest, states are too.
    let own = [("partitions".to_owned(), "5".to_owned())].into_iter().collect();
    settings.topics.config = [("records".to_owned(), own)].into_iter().collect();
    assert_eq!(Topic::State.plan(&settings.topics).partitions, 5);
}
