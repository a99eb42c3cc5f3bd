//! What is sent arrives, in order, once, and is counted: against real brokers where there are any.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use geophone_kafka::admin::{Admin, Finding, Grow};
use geophone_kafka::counts::Counts;
use geophone_kafka::message::Message;
use geophone_kafka::outbox::{Outbox, OutboxPlan};
use geophone_kafka::properties::{Link, Properties};
use geophone_kafka::pump::Pace;
use geophone_kafka::rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::{Topic, TopicPlan};

use crate::support::{NOBODY, not_covered, shared};

/// Partitions of the topics here.
const PARTITIONS: u32 = 4;

fn plan(pace: Pace, spool: Option<(&Path, u64)>) -> OutboxPlan<'_> {
    OutboxPlan { pace, away: false, queue_mib: 4, patience_seconds: 60, spool }
}

fn open(properties: &Properties, topic: &str, plan: OutboxPlan<'_>) -> Outbox {
    Outbox::open(properties, vec![topic.to_owned()], plan, |_| {}).unwrap()
}

/// Sends numbers, each to the partition it belongs to.
fn send(outbox: &mut Outbox, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let text = format!("{number:0100}");
        let partition = i32::try_from(number % PARTITIONS).unwrap();
        let key = number.to_be_bytes();
        outbox.send(&Message { topic: 0, partition, key: &key, value: text.as_bytes() });
    }
}

/// The numbers that are in a topic, by partition.
fn numbers(topic: &str) -> BTreeMap<i32, Vec<u32>> {
    let number = |(key, value): (Vec<u8>, Vec<u8>)| {
        let number = u32::from_be_bytes(key.try_into().unwrap());
        assert_eq!(value, format!("{number:0100}").into_bytes());
        number
    };
    let all = shared().read(topic).into_iter();
    all.map(|(partition, all)| (partition, all.into_iter().map(number).collect())).collect()
}

/// What a range of numbers looks like where all arrived in order.
fn expected(range: std::ops::Range<u32>) -> BTreeMap<i32, Vec<u32>> {
    let mut all: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    for number in range {
        all.entry(i32::try_from(number % PARTITIONS).unwrap()).or_default().push(number);
    }
    all
}

fn fresh_topic() -> (KafkaSettings, String) {
    let settings = shared().settings();
    let topic = Topic::Records.name(&settings.topics);
    shared().make_topic(&topic, PARTITIONS);
    (settings, topic)
}

#[test]
fn what_is_sent_is_there_in_order_and_every_delivery_is_counted() {
    let (settings, topic) = fresh_topic();
    let properties = Properties::resolve(&settings).unwrap();
    let mut outbox = open(&properties, &topic, plan(Pace::Replay, None));
    send(&mut outbox, 0..50_000);
    let counts = outbox.finish();
    let sent = Counts { produced: 50_000, delivered: 50_000, ..Counts::default() };
    assert_eq!(counts, sent);
    assert_eq!(counts.imbalance(), None);
    assert_eq!(numbers(&topic), expected(0..50_000));
}

#[test]
fn what_a_broker_refuses_is_counted_and_the_rest_arrives() {
    let (settings, topic) = fresh_topic();
    let properties = Properties::resolve(&settings).unwrap();
    let mut outbox = open(&properties, &topic, plan(Pace::Replay, None));
    send(&mut outbox, 0..10);
    let large = vec![0; 3 << 20];
    outbox.send(&Message { topic: 0, partition: 0, key: &[], value: &large });
    outbox.send(&Message { topic: 9, partition: 0, key: &[], value: b"to a topic nobody named" });
    send(&mut outbox, 10..20);
    let counts = outbox.finish();
    assert_eq!((counts.delivered, counts.rejected, counts.imbalance()), (20, 2, None));
    assert_eq!(numbers(&topic), expected(0..20));
}

#[test]
fn an_overflow_is_counted_exactly_and_what_had_room_arrives_at_the_next_start() {
    let (settings, topic) = fresh_topic();
    let dir = tempfile::tempdir().unwrap();
    let mut away = settings.clone();
    NOBODY.clone_into(&mut away.brokers);
    let spool = Some((dir.path(), 1 << 20));
    let short = OutboxPlan { patience_seconds: 1, ..plan(Pace::Live, spool) };
    let (say, told) = std::sync::mpsc::sync_channel(100);
    let say = move |words: &str| drop(say.try_send(words.to_owned()));
    let away = Properties::resolve(&away).unwrap();
    let mut outbox = Outbox::open(&away, vec![topic.clone()], short, say).unwrap();
    send(&mut outbox, 0..200_000);
    let counts = outbox.finish();
    assert_eq!(counts.imbalance(), None);
    assert_eq!((counts.produced, counts.delivered, counts.in_flight), (200_000, 0, 0));
    assert_eq!(counts.spooled + counts.dropped_full + counts.dropped_busy, 200_000);
    assert!(counts.spooled > 5_000 && counts.dropped_full > 0, "{counts:?}");
    assert!(counts.spool_bytes <= 1 << 20 && counts.spool_peak_bytes > 1_000_000, "{counts:?}");
    let told: Vec<String> = told.try_iter().collect();
    let dropping: Vec<_> = told.iter().filter(|line| line.contains("from here on")).collect();
    assert_eq!(dropping.len(), 1, "{told:?}");
    assert!(told.last().unwrap().contains("are lost to Kafka"), "{told:?}");

    let properties = Properties::resolve(&settings).unwrap();
    let outbox = open(&properties, &topic, plan(Pace::Replay, spool));
    let after = outbox.finish();
    assert_eq!((after.recovered, after.delivered), (counts.spooled, counts.spooled));
    assert_eq!((after.spooled, after.imbalance()), (0, None));
    // In order, and the oldest: what came last had no room.
    let found = numbers(&topic);
    assert_eq!(
        found.values().map(Vec::len).sum::<usize>(),
        usize::try_from(counts.spooled).unwrap()
    );
    for numbers in found.values() {
        assert!(numbers.is_sorted() && numbers[0] < PARTITIONS);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the lock is left");
}

#[test]
fn a_transaction_shows_when_it_is_committed_and_never_when_it_is_not() {
    if !shared().is_real() {
        return not_covered("transactions");
    }
    let (settings, topic) = fresh_topic();
    let properties = Properties::resolve(&settings).unwrap();
    let own = properties.with(&[("transactional.id", &topic)]);
    let producer: BaseProducer<Link> = own.connect(own.link()).unwrap();
    let patience = Duration::from_secs(30);
    producer.init_transactions(patience).unwrap();
    for (numbers, is_kept) in [(0..40, true), (40..80, false), (80..120, true)] {
        producer.begin_transaction().unwrap();
        for number in numbers {
            let (key, text) = (u32::to_be_bytes(number), format!("{number:0100}"));
            let partition = i32::try_from(number % PARTITIONS).unwrap();
            let record = BaseRecord::to(&topic).partition(partition).key(&key).payload(&text);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        // What is not committed is on the brokers all the same.
        producer.flush(patience).unwrap();
        if is_kept {
            producer.commit_transaction(patience).unwrap();
        } else {
            producer.abort_transaction(patience).unwrap();
        }
    }
    let mut kept = expected(0..40);
    for (partition, more) in expected(80..120) {
        kept.get_mut(&partition).unwrap().extend(more);
    }
    assert_eq!(numbers(&topic), kept);
}

#[test]
fn topics_are_made_once_and_never_shrunk() {
    if !shared().is_real() {
        return not_covered("topics made, compared and grown");
    }
    let mut settings = shared().settings();
    settings.topics.partitions = 3;
    let admin = Admin::new(&Properties::resolve(&settings).unwrap()).unwrap();
    let plans = |settings: &KafkaSettings| -> Vec<TopicPlan> {
        Topic::ALL.iter().map(|topic| topic.plan(&settings.topics)).collect()
    };
    let made = admin.create(plans(&settings), Grow::No).unwrap();
    assert!(made.iter().all(|report| report.finding == Finding::Made), "{made:?}");
    let again = admin.create(plans(&settings), Grow::No).unwrap();
    assert!(again.iter().all(|report| report.finding == Finding::AsPlanned), "{again:?}");

    settings.topics.partitions = 2;
    let shrunk = admin.create(plans(&settings), Grow::Yes).unwrap();
    assert_eq!(shrunk[0].finding, Finding::TooMany { found: 3 });
    assert!(!shrunk[0].is_fine() && shrunk[0].to_string().contains("Kafka takes none away"));
    settings.topics.partitions = 5;
    let few = admin.create(plans(&settings), Grow::No).unwrap();
    assert_eq!(few[0].finding, Finding::TooFew { found: 3 });
    let grown = admin.create(plans(&settings), Grow::Yes).unwrap();
    assert_eq!(grown[0].finding, Finding::Grown { from: 3 });
    assert_eq!(admin.partitions().unwrap()[&Topic::Records.name(&settings.topics)], 5);

    settings.topics.retention_hours = 1;
    let other = admin.check(plans(&settings)).unwrap();
    let Finding::Config(differences) = &other[0].finding else { panic!("{other:?}") };
    assert_eq!(differences[0].0, "retention.ms");
    settings.topics.prefix.push('x');
    let missing = admin.check(plans(&settings)).unwrap();
    assert!(missing.iter().all(|report| report.finding == Finding::Missing));
}

#[test]
fn every_way_to_log_in_works_and_a_wrong_password_is_named_as_such() {
    let (Some(sasl), Some(tls), Some(both), Some(ca)) = (
        shared().variable("KAFKA_BOOTSTRAP_SASL"),
        shared().variable("KAFKA_BOOTSTRAP_TLS"),
        shared().variable("KAFKA_BOOTSTRAP_SASL_TLS"),
        shared().variable("KAFKA_LAB_CA"),
    ) else {
        return not_covered("TLS and SASL against a broker (KAFKA_BOOTSTRAP_SASL, …_TLS)");
    };
    let dir = tempfile::tempdir().unwrap();
    let ask = |brokers: &str, protocol: &str, mechanism: &str, password: &str| {
        let path = dir.path().join("password");
        fs::write(&path, password).unwrap();
        let mut settings =
            KafkaSettings { brokers: brokers.to_owned(), ..KafkaSettings::default() };
        let mut set = |name: &str, value: &str| {
            settings.properties.insert(name.to_owned(), value.to_owned());
        };
        set("security.protocol", protocol);
        if protocol.contains("SSL") {
            set("ssl.ca.location", &ca);
        }
        if protocol.contains("SASL") {
            set("sasl.mechanism", mechanism);
            set("sasl.username", "geophone");
            set("sasl.password_file", path.to_str().unwrap());
        }
        Admin::new(&Properties::resolve(&settings).unwrap()).unwrap().partitions()
    };
    let password = shared().variable("KAFKA_LAB_PASSWORD").unwrap();
    ask(&tls, "SSL", "", "").unwrap();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        ask(&sasl, "SASL_PLAINTEXT", mechanism, &password).unwrap();
        ask(&both, "SASL_SSL", mechanism, &password).unwrap();
    }
    for (protocol, brokers) in [("SASL_PLAINTEXT", &sasl), ("SASL_SSL", &both)] {
        let error = ask(brokers, protocol, "SCRAM-SHA-512", "hunter2").unwrap_err().to_string();
        assert!(error.contains("uthentication") && !error.contains("hunter2"), "{error}");
    }
}
