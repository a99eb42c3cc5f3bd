//! Brokers that stop, pause and come back, and processes that are killed: what was handed over
//! arrives, in order, and what may be there twice says so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may fail loudly"
)]

mod support;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use geophone_kafka::follow::{Follower, Start};
use geophone_kafka::message::Message;
use geophone_kafka::outbox::{Outbox, OutboxPlan};
use geophone_kafka::patience::now;
use geophone_kafka::properties::Properties;
use geophone_kafka::pump::Pace;
use geophone_kafka::settings::KafkaSettings;

use crate::support::{Doomed, Lab, NOBODY, not_covered, signal};

/// Partitions of the topics here.
const PARTITIONS: u32 = 3;
/// Names the brokers to a process that is to be killed while it drains.
const BROKERS: &str = "GEOPHONE_TEST_BROKERS";
/// Names the directory of the spool to a process that is to be killed.
const SPOOL: &str = "GEOPHONE_TEST_SPOOL";

/// An outbox with little memory and much spool, and what it says.
fn open(settings: &KafkaSettings, topic: &str, spool: &Path) -> (Outbox, Receiver<String>) {
    open_with_room(settings, topic, spool, 1 << 30)
}

fn open_with_room(
    settings: &KafkaSettings,
    topic: &str,
    spool: &Path,
    room: u64,
) -> (Outbox, Receiver<String>) {
    let plan = OutboxPlan {
        pace: Pace::Live,
        away: false,
        queue_mib: 1,
        patience_seconds: 60,
        spool: Some((spool, room)),
    };
    let (say, told) = sync_channel(10_000);
    let say = move |words: &str| drop(say.try_send(words.to_owned()));
    let properties = Properties::resolve(settings).unwrap();
    (Outbox::open(&properties, vec![topic.to_owned()], plan, say).unwrap(), told)
}

fn send(outbox: &mut Outbox, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let key = number.to_be_bytes();
        let partition = i32::try_from(number % PARTITIONS).unwrap();
        outbox.send(&Message { topic: 0, partition, key: &key, value: &[7; 300] });
    }
    outbox.flush();
}

fn numbers(lab: &Lab, topic: &str) -> BTreeMap<i32, Vec<u32>> {
    let number = |(key, value): (Vec<u8>, Vec<u8>)| {
        assert_eq!(value, [7; 300]);
        u32::from_be_bytes(key.try_into().unwrap())
    };
    let all = lab.read(topic).into_iter();
    all.map(|(partition, all)| (partition, all.into_iter().map(number).collect())).collect()
}

fn assert_all_in_order(lab: &Lab, topic: &str, n: u32) {
    let found = numbers(lab, topic);
    for partition in 0..PARTITIONS {
        let expected: Vec<u32> = (0..n).filter(|number| number % PARTITIONS == partition).collect();
        let found = &found[&i32::try_from(partition).unwrap()];
        assert_eq!(found.len(), expected.len(), "partition {partition}");
        assert!(*found == expected, "partition {partition} is out of order");
    }
}

/// Waits until something is said that holds `words`.
fn wait_for(told: &Receiver<String>, words: &str) {
    wait_long(told, words, Duration::from_secs(120));
}

fn wait_long(told: &Receiver<String>, words: &str, patience: Duration) {
    let mut all = Vec::new();
    while let Ok(line) = told.recv_timeout(patience) {
        if line.contains(words) {
            return;
        }
        all.push(line);
    }
    panic!("nobody said \"{words}\", but {all:?}");
}

#[test]
fn a_broker_that_is_killed_or_paused_costs_nothing_and_moves_nothing() {
    let lab = Lab::of_its_own(1);
    let (topic, dir) = ("outage", tempfile::tempdir().unwrap());
    lab.make_topic(topic, PARTITIONS);
    let (mut outbox, told) = open(&lab.settings(), topic, dir.path());
    send(&mut outbox, 0..5_000);
    lab.stop(1);
    // More than librdkafka may keep in memory.
    send(&mut outbox, 5_000..25_000);
    wait_for(&told, "they go to the spool");
    lab.revive(1);
    wait_for(&told, "takes messages again");
    send(&mut outbox, 25_000..30_000);
    let mut n = 30_000;
    if lab.is_real() {
        signal("-STOP", &lab.pid(1));
        send(&mut outbox, n..n + 20_000);
        wait_for(&told, "they go to the spool");
        signal("-CONT", &lab.pid(1));
        wait_for(&told, "takes messages again");
        n += 20_000;
    } else {
        not_covered("a broker that was killed, and one that was paused (a mock was stopped)");
    }
    let counts = outbox.finish();
    assert_eq!(counts.imbalance(), None);
    assert_eq!((counts.produced, counts.delivered), (u64::from(n), u64::from(n)), "{counts:?}");
    assert!(counts.through_spool > 0 && counts.outages >= 1, "{counts:?}");
    assert_all_in_order(&lab, topic, n);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the lock is left");
}

/// Seconds that brokers are away: more by this variable.
const AWAY: &str = "GEOPHONE_OUTAGE_SECONDS";
/// Messages a second meanwhile.
const RATE: u32 = 20_000;

#[test]
fn a_long_outage_costs_nothing_while_the_spool_has_room_and_is_counted_exactly_beyond() {
    let seconds: u32 = env::var(AWAY).map_or(5, |text| text.parse().unwrap());
    let lab = Lab::of_its_own(1);
    let (wide, narrow) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = [("wide", wide.path(), 1 << 40), ("narrow", narrow.path(), 16 << 20)];
    let mut open: Vec<_> = all
        .iter()
        .map(|(topic, dir, room)| {
            lab.make_topic(topic, PARTITIONS);
            open_with_room(&lab.settings(), topic, dir, *room)
        })
        .collect();
    lab.stop(1);
    let mut n = 0;
    for _ in 0..seconds {
        let second = now();
        for (outbox, _) in &mut open {
            send(outbox, n..n + RATE);
        }
        n += RATE;
        thread::sleep(Duration::from_secs(1).saturating_sub(second.elapsed()));
    }
    lab.revive(1);
    for ((topic, ..), (outbox, told)) in all.iter().zip(open) {
        // Said when the spool is drained: as many seconds again, and more.
        wait_long(&told, "takes messages again", Duration::from_secs(120 + 3 * u64::from(seconds)));
        let counts = outbox.finish();
        println!("{topic}, {seconds} s away: {counts:?}");
        assert_eq!((counts.produced, counts.imbalance()), (u64::from(n), None), "{counts:?}");
        let found = numbers(&lab, topic);
        let arrived: usize = found.values().map(Vec::len).sum();
        assert_eq!(u64::try_from(arrived).unwrap(), counts.delivered, "{topic}");
        assert_eq!(counts.delivered + counts.lost(), u64::from(n), "{topic}: {counts:?}");
        let in_order = |numbers: &Vec<u32>| numbers.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(found.values().all(in_order), "{topic} is out of order");
        // A message takes some 330 octets of the spool.
        assert_eq!(counts.lost() > 0, *topic == "narrow" && n * 330 > 16 << 20, "{counts:?}");
    }
}

#[test]
fn an_end_without_brokers_keeps_what_was_in_memory_before_what_was_on_disk() {
    let lab = Lab::of_its_own(1);
    let (topic, dir) = ("end", tempfile::tempdir().unwrap());
    lab.make_topic(topic, PARTITIONS);
    let mut away = lab.settings();
    NOBODY.clone_into(&mut away.brokers);
    let mut n = 0;
    for _ in 0..3 {
        let plan = OutboxPlan {
            pace: Pace::Live,
            away: false,
            queue_mib: 1,
            patience_seconds: 1,
            spool: Some((dir.path(), 1 << 30)),
        };
        let properties = Properties::resolve(&away).unwrap();
        let mut outbox = Outbox::open(&properties, vec![topic.to_owned()], plan, |_| {}).unwrap();
        send(&mut outbox, n..n + 6_000);
        n += 6_000;
        let counts = outbox.finish();
        assert_eq!((counts.spooled, counts.imbalance()), (u64::from(n), None), "{counts:?}");
    }
    let (outbox, _told) = open(&lab.settings(), topic, dir.path());
    let counts = outbox.finish();
    assert_eq!((counts.recovered, counts.delivered), (u64::from(n), u64::from(n)), "{counts:?}");
    assert_all_in_order(&lab, topic, n);
}

#[test]
fn a_process_that_is_killed_leaves_a_spool_that_is_whole() {
    if let Some(dir) = env::var_os(SPOOL) {
        return hand_over_until_killed(Path::new(&dir));
    }
    let lab = Lab::of_its_own(1);
    let (topic, dir) = ("killed", tempfile::tempdir().unwrap());
    lab.make_topic(topic, PARTITIONS);
    let name = "a_process_that_is_killed_leaves_a_spool_that_is_whole";
    let mut child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(SPOOL, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let child = Doomed(child);
    while !lines.next().unwrap().unwrap().contains("they go to the spool") {}
    // Killed while it writes.
    while size_of(dir.path()) < 12 << 20 {
        thread::yield_now();
    }
    child.kill();

    let (outbox, told) = open(&lab.settings(), topic, dir.path());
    wait_for(&told, "of an earlier run");
    wait_for_drained(dir.path());
    let counts = outbox.finish();
    assert_eq!(counts.imbalance(), None);
    assert!(counts.recovered > 30_000 && counts.delivered == counts.recovered, "{counts:?}");
    // What was in memory only is gone; what was on disk is whole, and in order.
    let found = numbers(&lab, topic);
    let n: usize = found.values().map(Vec::len).sum();
    assert_eq!(u64::try_from(n).unwrap(), counts.recovered);
    for numbers in found.values() {
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + PARTITIONS));
    }
}

#[test]
fn a_process_that_is_killed_while_it_drains_may_repeat_and_never_skips() {
    if let (Some(dir), Ok(brokers)) = (env::var_os(SPOOL), env::var(BROKERS)) {
        return drain_until_killed(Path::new(&dir), brokers);
    }
    let lab = Lab::of_its_own(1);
    let (topic, dir) = ("drained", tempfile::tempdir().unwrap());
    lab.make_topic(topic, PARTITIONS);
    let away = KafkaSettings { brokers: NOBODY.to_owned(), ..KafkaSettings::default() };
    let plan = OutboxPlan {
        pace: Pace::Live,
        away: true,
        queue_mib: 1,
        patience_seconds: 1,
        spool: Some((dir.path(), 1 << 30)),
    };
    let properties = Properties::resolve(&away).unwrap();
    let mut outbox = Outbox::open(&properties, vec![topic.to_owned()], plan, |_| {}).unwrap();
    let n = 30_000;
    send(&mut outbox, 0..n);
    assert_eq!(outbox.finish().spooled, u64::from(n));

    let name = "a_process_that_is_killed_while_it_drains_may_repeat_and_never_skips";
    let child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(SPOOL, dir.path())
        .env(BROKERS, &lab.bootstrap)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = Doomed(child);
    let mut follower = Follower::open(&lab.properties(), topic, Start::Beginning).unwrap();
    while follower.next(Duration::from_millis(20)).unwrap().is_none() {}
    child.kill();

    let (outbox, _told) = open(&lab.settings(), topic, dir.path());
    let counts = outbox.finish();
    assert_eq!(counts.imbalance(), None);
    assert_eq!((counts.delivered, counts.spooled), (counts.recovered, 0), "{counts:?}");
    for (partition, found) in numbers(&lab, topic) {
        // What comes again is a stretch of what was there, from an earlier place on.
        let mut next = u32::try_from(partition).unwrap();
        for number in found {
            assert!(number <= next, "{next} was skipped");
            if number == next {
                next += PARTITIONS;
            }
        }
        assert!(next >= n, "partition {partition} ends at {next}");
    }
}

/// What the process does that is to be killed while it drains.
fn drain_until_killed(dir: &Path, brokers: String) {
    let settings = KafkaSettings { brokers, ..KafkaSettings::default() };
    let (_outbox, _told) = open(&settings, "drained", dir);
    loop {
        thread::park();
    }
}

fn size_of(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).unwrap();
    files.map(|file| file.unwrap().metadata().map_or(0, |data| data.len())).sum()
}

/// What the process does that is to be killed.
fn hand_over_until_killed(dir: &Path) {
    let settings = KafkaSettings { brokers: NOBODY.to_owned(), ..KafkaSettings::default() };
    let (mut outbox, told) = open(&settings, "killed", dir);
    thread::spawn(move || {
        for line in told {
            println!("{line}");
        }
    });
    // As fast as the spool takes it, not faster: a batch that is dropped would be a gap.
    for n in (0..).step_by(500) {
        send(&mut outbox, n..n + 500);
        thread::yield_now();
    }
}

fn wait_for_drained(dir: &Path) {
    while fs::read_dir(dir).unwrap().count() > 1 {
        thread::yield_now();
    }
}
