//! Sensors that are killed, and captures that are sent twice, through the real programs: what is in
//! the topic is judged as one process judges it, what is not is counted, and no alert is another one
//! the second time.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "support/alone.rs"]
mod alone;
#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;
#[path = "support/said.rs"]
mod said;
#[path = "support/site.rs"]
mod site;
#[path = "support/tap.rs"]
mod tap;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use geophone_kafka::envelope::Envelope;
use geophone_kafka::patience::now;
use geophone_kafka::topic::Topic;
use geophone_sensor::record::{OwnedRecord, Role, Wire, from_wire};
use serde_json::Value;

use crate::alone::{alerts_of, capture, in_one_process};
use crate::lab::{Lab, not_covered, shared};
use crate::site::{PATIENCE, Site, compare};
use crate::tap::{Tap, steps_of};

/// Pieces of a capture that is recorded bit by bit.
const STEPS: usize = 40;
/// How long is waited each time until it is said that the broker is gone.
const MISSED: Duration = Duration::from_millis(500);

/// What is in the topic of records.
struct Heard {
    /// Each record once, in the order in which sensors made them.
    records: Vec<OwnedRecord>,
    /// Messages of whose sequence later ones are there.
    missing: u64,
    /// Messages by the start of the sensor that sent them, the first start first.
    starts: Vec<u64>,
    /// The seconds of the first start in each partition.
    seconds: Vec<BTreeSet<u64>>,
}

impl Heard {
    /// Tells whether every partition has the seconds of the first start that the others have: what
    /// was under way to one of them died with the sensor, and its node is behind the others then.
    fn is_even(&self) -> bool {
        self.seconds.windows(2).all(|pair| pair[0] == pair[1])
    }
}

fn heard(site: &Site<'_>) -> Heard {
    let (mut starts, mut sizes): (Vec<u64>, BTreeMap<u64, u64>) = Default::default();
    let (mut records, mut missing, mut seconds) = (BTreeMap::new(), 0, Vec::new());
    for messages in site.lab.read(&Topic::Records.name(&site.settings.topics)).into_values() {
        let mut next: BTreeMap<u64, u64> = BTreeMap::new();
        let mut here = BTreeSet::new();
        for (_, value) in messages {
            let (Envelope { schema, epoch, sequence, order, .. }, body) =
                Envelope::read(&value).unwrap();
            if !starts.contains(&epoch) {
                starts.push(epoch);
            }
            *sizes.entry(epoch).or_default() += 1;
            let expected = next.entry(epoch).or_default();
            assert!(sequence >= *expected, "a message is there twice");
            missing += sequence - *expected;
            *expected = sequence + 1;
            if let Some(kind) = Wire::of(schema) {
                let start = starts.iter().position(|start| *start == epoch);
                let record = from_wire(kind, body).unwrap();
                if start == Some(0)
                    && matches!(&record, OwnedRecord::Tick(tick) if tick.role == Role::Sensor)
                {
                    here.insert(order);
                }
                records.insert((start, order), record);
            }
        }
        seconds.push(here);
    }
    let starts = starts.iter().map(|start| sizes[start]).collect();
    Heard { records: records.into_values().collect(), missing, starts, seconds }
}

fn told_of(records: &[OwnedRecord]) -> Vec<String> {
    alerts_of(|take| records.iter().for_each(|record| take(record.as_record())))
}

fn parsed(told: &[String]) -> Vec<Value> {
    told.iter().map(|alert| serde_json::from_str(alert).unwrap()).collect()
}

/// The rule and the client of each alert.
fn about(told: &[String]) -> BTreeSet<String> {
    let about = |alert: &Value| format!("{} {}", alert["rule"]["id"], alert["source"]["ip"]);
    parsed(told).iter().map(about).collect()
}

fn wait_about(site: &Site<'_>, hoped: &BTreeSet<String>) {
    let began = now();
    while !hoped.is_subset(&about(&site.told())) {
        assert!(began.elapsed() < PATIENCE, "{hoped:?} are not told");
    }
}

fn wait_as_many(site: &Site<'_>, expected: &[String]) {
    let began = now();
    while site.told().len() < expected.len() {
        if began.elapsed() > PATIENCE / 4 {
            compare(&site.told(), expected, "too few in time");
        }
    }
}

fn ids(told: &[String]) -> BTreeSet<String> {
    parsed(told).iter().map(|alert| alert["event"]["id"].to_string()).collect()
}

#[test]
fn a_sensor_killed_with_its_broker_goes_on_from_its_spool_and_what_it_lost_is_counted() {
    let lab = Lab::of_its_own(1);
    if !lab.is_real() {
        return not_covered("a sensor that is killed");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(&lab, dir.path());
    let (capture, spool) = (capture("rotate-3.pcap.gz"), dir.path().join("spool"));
    let with = ["--spool", spool.to_str().unwrap()];
    let mut steps = steps_of(&capture, STEPS);
    let workers = [site.worker("0"), site.worker("1")];
    let mut tap = Tap::open(&site, "killed", &with);
    let first = steps.by_ref().take(STEPS / 4).last().unwrap();
    tap.record(&capture, 0..first.end);
    site.wait_for_more(0);
    lab.stop(1);
    // What is sent before librdkafka knows that the broker is gone stays in its memory.
    loop {
        tap.record(&capture, steps.next().expect("frames enough until the broker is missed"));
        if tap.said.comes(MISSED, |line| line.contains("they go to the spool")) {
            break;
        }
    }
    let size = || -> u64 {
        let files = fs::read_dir(&spool).unwrap();
        files.map(|file| file.unwrap().metadata().map_or(0, |data| data.len())).sum()
    };
    let (before, began) = (size(), now());
    let next = steps.next().unwrap();
    tap.record(&capture, next.start..steps.by_ref().take(STEPS / 4).last().unwrap().end);
    while size() <= before {
        assert!(began.elapsed() < PATIENCE, "nothing more goes to the spool");
    }
    tap.kill();
    lab.revive(1);
    let was_there: u64 = site.sent().values().sum();

    let mut tap = Tap::open(&site, "again", &with);
    tap.record(&capture, steps.next().unwrap().start..usize::MAX);
    let sensor = tap.end();
    let counted = |name: &str| sensor[name].as_u64().unwrap();
    let sent = counted("kafka.produced") + counted("kafka.recovered");
    assert!(counted("kafka.recovered") > 0, "{sensor:#}");
    assert_eq!((counted("kafka.delivered"), counted("kafka.spooled")), (sent, 0), "{sensor:#}");
    assert_eq!(site.sent().values().sum::<u64>(), was_there + sent, "what was acked is there");

    site.wait_for_all();
    let heard = heard(&site);
    let Heard { records, missing, starts, seconds } = &heard;
    assert_eq!(starts.len(), 2);
    let expected = told_of(records);
    if heard.is_even() {
        wait_as_many(&site, &expected);
    } else {
        // Nodes that are seconds apart know facts seconds apart, as no one process does.
        wait_about(&site, &about(&expected));
    }
    let stats = workers.map(|worker| worker.leave());
    let sum = |name: &str| stats.iter().map(|stats| stats[name].as_u64().unwrap()).sum::<u64>();
    let ends: Vec<_> = seconds.iter().map(|all| (all.len(), all.last())).collect();
    println!("{starts:?} messages, {missing} of the first start lost with it; {ends:?}");
    assert_eq!(sum("worker.records_missing"), *missing, "what was lost is counted");
    assert_eq!(sum("worker.sensors_cut_off"), 1);
    let (taken, undone) = (sum("worker.records_taken"), sum("worker.messages_undone"));
    let all = starts.iter().sum();
    assert!(taken <= all && all <= taken + undone, "{taken} and {undone} of {all}");
    let told = site.told();
    if heard.is_even() {
        compare(&told, &expected, "a sensor killed");
    }
    // Whom the alerts are about is what an undisturbed look says.
    assert!(about(&told).is_subset(&about(&in_one_process(&capture))));
}

#[test]
fn a_capture_that_is_sent_again_tells_the_same_alerts_and_no_other() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("captures that are sent again");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    let capture = capture("demo-iodine.pcap");
    let worker = site.worker("0");
    site.send(&capture);
    let once = in_one_process(&capture);
    site.wait(once.len(), |_| {});
    compare(&site.told(), &once, "once");
    let mut tap = Tap::open(&site, "again", &[]);
    tap.record(&capture, 0..usize::MAX);
    tap.end();
    site.wait_for_all();
    let stats = worker.leave();
    let told = site.told();
    assert_eq!(ids(&told), ids(&once), "no other identity");
    let opened = |told: &[String]| {
        parsed(told).iter().filter(|alert| alert["event"]["action"] == "open").count()
    };
    assert_eq!(opened(&told), opened(&once), "nothing opens twice");
    assert!(stats["worker.records_late"].as_u64().unwrap() > 0, "{stats:#}");
    assert_eq!(stats["worker.sensors_cut_off"], 0);
    site.balance(&[stats]);
}
