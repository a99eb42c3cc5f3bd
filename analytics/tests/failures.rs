//! Brokers that die, stand still or cannot be reached, sensors that are killed, groups that never
//! rest: no alert is missing, none is told twice, and buckets keep their level.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "support/alone.rs"]
mod alone;
#[path = "support/cut.rs"]
mod cut;
#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;
#[path = "support/site.rs"]
mod site;

use std::env;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use geophone_kafka::patience::now;
use geophone_kafka::pump::Pace;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::Topic;
use geophone_sensor::capture::{CaptureFile, FrameSource};
use geophone_sensor::output::KafkaRecords;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::{Record, Role};
use serde_json::Value;

use crate::alone::{alerts_of, capture, config, in_one_process};
use crate::cut::Cut;
use crate::lab::{Doomed, Lab, not_covered, shared, signal};
use crate::site::{PARTITIONS, Site, compare};

/// A tunnel that three domains share, hours of it.
const TUNNEL: &str = "rotate-3.pcap.gz";
/// Seconds that a group does not rest: more by this variable.
const RESTLESS: &str = "GEOPHONE_REBALANCE_SECONDS";
/// Seconds that a broker stands still.
const STILL: Duration = Duration::from_secs(60);
/// Longer than a member may be silent (10 s) and than a transaction may be open (20 s).
const CUT: Duration = Duration::from_secs(30);

/// Three brokers, each with a copy of everything.
fn trio() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::of_its_own(3))
}

fn sum(stats: &[Value], name: &str) -> u64 {
    stats.iter().map(|stats| stats[name].as_u64().unwrap()).sum()
}

#[test]
fn leaders_that_are_killed_one_after_the_other_cost_nothing() {
    let lab = trio();
    if !lab.is_real() {
        return not_covered("brokers that are killed under workers");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::with_copies(lab, dir.path(), 3);
    let expected = in_one_process(&capture(TUNNEL));
    let workers = [site.worker("0"), site.worker("1")];
    thread::scope(|scope| {
        // Each of them leads something: a partition, the group, transactions.
        let killing = scope.spawn(|| {
            for broker in 1..=3 {
                lab.stop(broker);
                thread::sleep(Duration::from_secs(4));
                lab.revive(broker);
            }
        });
        site.send_over(&capture(TUNNEL), Duration::from_secs(25));
        killing.join().unwrap();
    });
    site.wait_for_all();
    site.wait(expected.len(), |_| {});
    let stats = workers.map(|worker| worker.leave());
    assert_eq!(sum(&stats, "worker.records_missing"), 0);
    compare(&site.told(), &expected, "three leaders killed");
}

#[test]
fn a_broker_that_stands_still_for_a_minute_costs_nothing() {
    let lab = trio();
    if !lab.is_real() {
        return not_covered("a broker that stands still under workers");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::with_copies(lab, dir.path(), 3);
    let expected = in_one_process(&capture(TUNNEL));
    let workers = [site.worker("0"), site.worker("1")];
    thread::scope(|scope| {
        let pausing = scope.spawn(|| {
            let broker = lab.pid(2);
            signal("-STOP", &broker);
            thread::sleep(STILL);
            signal("-CONT", &broker);
        });
        site.send_over(&capture(TUNNEL), Duration::from_secs(20));
        pausing.join().unwrap();
    });
    site.wait_for_all();
    site.wait(expected.len(), |_| {});
    let stats = workers.map(|worker| worker.leave());
    assert_eq!(sum(&stats, "worker.records_missing"), 0);
    compare(&site.told(), &expected, "a broker stood still");
}

#[test]
fn a_worker_that_is_cut_off_is_replaced_and_says_nothing_twice_when_it_is_back() {
    let lab = shared();
    let Some(cut) = Cut::new(lab) else {
        return println!("not covered, for lack of root or network namespaces: a cut network");
    };
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    let expected = in_one_process(&capture(TUNNEL));
    let (far, near) = (site.worker_in("far", &cut.command()), site.worker("near"));
    thread::scope(|scope| {
        let cutting = scope.spawn(|| {
            // Both have joined, and have shared out the work.
            thread::sleep(Duration::from_secs(8));
            cut.off();
            thread::sleep(CUT);
            cut.on();
        });
        site.send_over(&capture(TUNNEL), Duration::from_secs(45));
        cutting.join().unwrap();
    });
    site.wait_for_all();
    site.wait(expected.len(), |_| {});
    let stats = [far, near].map(|worker| worker.leave());
    assert_eq!(sum(&stats, "worker.records_missing"), 0);
    assert!(stats[0]["worker.restarts"].as_u64().unwrap() > 0, "nothing was cut: {stats:?}");
    compare(&site.told(), &expected, "a worker cut off");
}

#[test]
fn a_group_that_never_rests_tells_what_one_process_tells() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("a group that never rests");
    }
    let seconds = env::var(RESTLESS).map_or(45, |text| text.parse().unwrap());
    let span = Duration::from_secs(seconds);
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    let expected = in_one_process(&capture(TUNNEL));
    let mut stats = Vec::new();
    let produced = thread::scope(|scope| {
        let sending = scope.spawn(|| site.send_over(&capture(TUNNEL), span));
        let (mut workers, mut names) = (Vec::new(), 0..);
        let began = now();
        while began.elapsed() < span || !sending.is_finished() {
            // One, two and three of them by turns, a change every three seconds.
            while workers.len() < 3 {
                workers.push(site.worker(&names.next().unwrap().to_string()));
                thread::sleep(Duration::from_secs(3));
            }
            stats.push(workers.remove(0).leave());
            thread::sleep(Duration::from_secs(3));
            stats.push(workers.remove(0).leave());
        }
        sending.join().unwrap();
        site.wait_for_all();
        site.wait(expected.len(), |_| {});
        stats.extend(workers.into_iter().map(|worker| worker.leave()));
        site.records()
    });
    compare(&site.told(), &expected, "a restless group");
    assert_eq!(sum(&stats, "worker.records_missing"), 0);
    assert_eq!((sum(&stats, "worker.records_again"), sum(&stats, "worker.dead_letters")), (0, 0));
    // Messages of a transaction that was not committed are taken again.
    let taken = sum(&stats, "worker.records_used");
    assert!(taken >= produced, "{taken} of {produced}");
    if sum(&stats, "worker.restarts") == 0 {
        assert_eq!(taken, produced, "every message in one committed transaction");
    }
}

/// Where a sensor that is to be killed finds its brokers and the prefix of its topics.
const DOOMED: &str = "GEOPHONE_TEST_DOOMED";
/// Frames of the capture that it sees.
const FRAMES: usize = 700;

/// The records of the first frames of the demonstration, or of those behind them.
fn half(first: bool, finish: bool, mut take: &mut dyn FnMut(Record<'_>)) {
    let take = &mut take;
    let mut pipeline = Pipeline::new(&config().sensor, Detail::default());
    let mut source = CaptureFile::open(&capture("demo-iodine.pcap")).unwrap();
    let mut n = 0;
    while let Some(frame) = source.next_frame().unwrap() {
        if (n < FRAMES) == first {
            pipeline.frame(&frame, take);
        }
        n += 1;
    }
    if finish {
        pipeline.finish(take);
    }
}

/// A sensor that has sent what it saw, and waits for its end.
fn see_until_killed(told: &str) {
    let (brokers, prefix) = told.split_once(' ').unwrap();
    let mut settings = KafkaSettings { brokers: brokers.to_owned(), ..KafkaSettings::default() };
    prefix.clone_into(&mut settings.topics.prefix);
    let open = KafkaRecords::open(&settings, &config().sensor, Pace::Replay, |_| {});
    let mut records = open.unwrap();
    half(true, false, &mut |record| records.write(&record));
    records.flush();
    loop {
        thread::park();
    }
}

#[test]
fn what_a_sensor_sent_before_it_was_killed_counts_and_the_next_one_goes_on() {
    if let Ok(told) = env::var(DOOMED) {
        return see_until_killed(&told);
    }
    let lab = shared();
    if !lab.is_real() {
        return not_covered("a sensor that is killed");
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(lab, dir.path());
    let expected = alerts_of(|take| {
        half(true, false, take);
        half(false, true, take);
    });
    let worker = site.worker("0");
    let name = "what_a_sensor_sent_before_it_was_killed_counts_and_the_next_one_goes_on";
    let child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(DOOMED, format!("{} {}", lab.bootstrap, site.settings.topics.prefix))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = Doomed(child);
    // A second's tick and its heartbeat go to every partition.
    let mut sent = 0;
    half(true, false, &mut |record| {
        let of_sensor = matches!(record, Record::Tick(tick) if tick.role == Role::Sensor);
        sent += if of_sensor { 2 * PARTITIONS } else { 1 };
    });
    let topic = Topic::Records.name(&site.settings.topics);
    while lab.read(&topic).into_values().map(|all| all.len()).sum::<usize>() < sent {}
    child.kill();
    let open = KafkaRecords::open(&site.settings, &config().sensor, Pace::Replay, |_| {});
    let mut records = open.unwrap();
    half(false, true, &mut |record| records.write(&record));
    assert_eq!(records.finish().lost(), 0);
    site.wait(expected.len(), |_| {});
    assert_eq!(worker.leave()["worker.records_missing"], 0);
    compare(&site.told(), &expected, "a sensor killed");
}
