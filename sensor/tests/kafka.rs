//! What the sensor sends to Kafka is what it writes to standard output, whoever stops in between.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly"
)]

#[path = "../kafka/tests/support/mod.rs"]
mod lab;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::{Topic, partition_of};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::record::{OwnedRecord, Role, Wire, from_json, from_wire, owner_of, to_json};

use crate::lab::{Doomed, Lab, NOBODY, shared};

/// Partitions of the topics here.
const PARTITIONS: u32 = 5;

/// A topic as it was read: by partition, what stands in each message.
type Heard = BTreeMap<i32, Vec<Said>>;

/// One message.
struct Said {
    epoch: u64,
    sequence: u64,
    what: What,
}

enum What {
    /// As JSON.
    Record(String),
    Heartbeat(Heartbeat),
}

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures").join(name)
}

/// Makes the two topics of a sensor and a configuration that names them.
fn prepare(lab: &Lab, dir: &Path) -> (KafkaSettings, PathBuf) {
    let settings = lab.settings();
    for topic in Topic::OF_SENSORS {
        lab.make_topic(&topic.name(&settings.topics), PARTITIONS);
    }
    let config = dir.join("geophone.toml");
    let text = format!(
        "[kafka]\nanswers_in_words = true\nsensor = \"tap\"\n[kafka.topics]\nprefix = \"{}\"\n",
        settings.topics.prefix
    );
    fs::write(&config, text).unwrap();
    (settings, config)
}

fn sensor(capture: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophone-sensor"));
    command.arg("replay").arg(capture).args(arguments);
    command
}

fn json(record: &OwnedRecord) -> String {
    let mut line = Vec::new();
    to_json(&record.as_record(), &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

fn heard(lab: &Lab, topic: Topic, settings: &KafkaSettings) -> Heard {
    let said = |(_, value): (Vec<u8>, Vec<u8>)| {
        let (Envelope { schema, epoch, sequence, sensor, .. }, body) =
            Envelope::read(&value).unwrap();
        assert_eq!(sensor, "tap");
        let what = match Wire::of(schema) {
            Some(kind) => What::Record(json(&from_wire(kind, body).unwrap())),
            None if schema == heartbeat::SCHEMA => What::Heartbeat(Heartbeat::read(body).unwrap()),
            None => panic!("schema {schema}"),
        };
        Said { epoch, sequence, what }
    };
    let all = lab.read(&topic.name(&settings.topics)).into_iter();
    all.map(|(partition, all)| (partition, all.into_iter().map(said).collect())).collect()
}

/// What standard output says, by topic and partition; the sensor's ticks go to every partition.
fn expected(capture: &Path) -> [BTreeMap<i32, Vec<String>>; 2] {
    let output = sensor(capture, &[]).output().unwrap();
    let seed = SensorConfig::default().hash_seed;
    let mut all: [BTreeMap<i32, Vec<String>>; 2] = Default::default();
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record = from_json(line).unwrap();
        let partition = partition_of(owner_of(&record.as_record(), seed), PARTITIONS);
        let text = String::from_utf8(line.to_vec()).unwrap();
        let OwnedRecord::Tick(tick) = record else {
            all[0].entry(partition).or_default().push(text);
            continue;
        };
        all[1].entry(partition).or_default().push(text.clone());
        // What watches follow of a host stands among its records, too; time is for all.
        let to = match tick.role {
            Role::Sensor => 0..i32::try_from(PARTITIONS).unwrap(),
            Role::Client | Role::Server => partition..partition + 1,
        };
        for partition in to {
            all[0].entry(partition).or_default().push(text.clone());
        }
    }
    all
}

fn records(said: &[Said]) -> Vec<String> {
    let record = |said: &Said| match &said.what {
        What::Record(json) => Some(json.clone()),
        What::Heartbeat(_) => None,
    };
    said.iter().filter_map(record).collect()
}

fn counters(path: &Path) -> serde_json::Value {
    let stats: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(stats["balanced"], true, "{stats:#}");
    stats["counters"].clone()
}

#[test]
fn every_partition_gets_the_records_of_its_owners_in_order() {
    let (lab, dir) = (shared(), tempfile::tempdir().unwrap());
    let (settings, config) = prepare(lab, dir.path());
    let (capture, stats) = (capture("dnscat2-unbound.pcap.gz"), dir.path().join("stats.json"));
    let arguments = ["--config", config.to_str().unwrap(), "--stats", stats.to_str().unwrap()];
    let done = sensor(&capture, &arguments).args(["--kafka", &lab.bootstrap]).status().unwrap();
    assert!(done.success());
    let [expected_records, expected_ticks] = expected(&capture);
    let (found, ticks) =
        (heard(lab, Topic::Records, &settings), heard(lab, Topic::Ticks, &settings));
    let mut n = 0;
    for (found, expected) in [(&found, &expected_records), (&ticks, &expected_ticks)] {
        assert!(found.keys().eq(expected.keys()));
        for (partition, said) in found {
            n += said.len();
            assert!(records(said) == expected[partition], "partition {partition}");
            let numbers = said.iter().map(|said| said.sequence);
            assert!(numbers.eq(0..u64::try_from(said.len()).unwrap()), "partition {partition}");
            assert!(said.iter().all(|other| other.epoch == said[0].epoch));
        }
    }
    let counters = counters(&stats);
    assert_eq!(counters["kafka.produced"], n);
    assert_eq!(counters["kafka.delivered"], n);
    assert_eq!(counters["kafka.in_flight"], 0);
}

#[test]
fn heartbeats_reach_every_partition_and_keep_their_word() {
    let (lab, dir) = (shared(), tempfile::tempdir().unwrap());
    let (settings, config) = prepare(lab, dir.path());
    let arguments = ["--config", config.to_str().unwrap(), "--kafka", &lab.bootstrap];
    let capture = capture("iodine-polling.pcap.gz");
    assert!(sensor(&capture, &arguments).status().unwrap().success());
    let found = heard(lab, Topic::Records, &settings);
    assert_eq!(found.len(), usize::try_from(PARTITIONS).unwrap(), "quiet ones, too");
    let mut beats = Vec::new();
    for said in found.values() {
        let (mut floor, mut n, mut last) = (i64::MIN, 0, None);
        for said in said {
            match &said.what {
                What::Heartbeat(beat) => {
                    assert!(beat.floor >= floor && beat.partitions == PARTITIONS);
                    (floor, n, last) = (beat.floor, n + 1, Some(*beat));
                }
                What::Record(json) => {
                    let record: serde_json::Value = serde_json::from_str(json).unwrap();
                    assert!(record["time_micros"].as_i64().unwrap() >= floor, "{record}");
                }
            }
        }
        let last = last.unwrap();
        assert!(last.last && last.floor == i64::MAX);
        beats.push((n, last));
    }
    assert!(beats[0].0 > 2 && beats.iter().all(|other| *other == beats[0]), "{beats:?}");
}

#[test]
fn a_sensor_that_was_killed_goes_on_with_what_it_had_on_disk() {
    let (lab, dir) = (shared(), tempfile::tempdir().unwrap());
    let (settings, config) = prepare(lab, dir.path());
    let (spool, large) = (dir.path().join("spool"), capture("ordinary-load.pcap"));
    let arguments =
        ["--config", config.to_str().unwrap(), "--spool", spool.to_str().unwrap(), "--kafka"];
    let small = capture("demo-iodine.pcap");
    // The first start learns how many partitions there are.
    assert!(sensor(&small, &arguments).arg(&lab.bootstrap).status().unwrap().success());
    let mut child = sensor(&large, &arguments).arg(NOBODY).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let child = Doomed(child);
    while !lines.next().unwrap().unwrap().contains("they go to the spool") {}
    let size = || -> u64 {
        let files = fs::read_dir(&spool).unwrap();
        files.map(|file| file.unwrap().metadata().map_or(0, |data| data.len())).sum()
    };
    while size() < 200_000 {
        thread::yield_now();
    }
    child.kill();

    let stats = dir.path().join("stats.json");
    let last = ["--stats", stats.to_str().unwrap()];
    let done = sensor(&small, &arguments).arg(&lab.bootstrap).args(last).status().unwrap();
    assert!(done.success());
    let counters = counters(&stats);
    let recovered = counters["kafka.recovered"].as_u64().unwrap();
    assert!(recovered > 500, "{counters:#}");
    assert_eq!(counters["kafka.spooled"], 0);
    let (mut n, mut epochs) = (0, Vec::new());
    for topic in Topic::OF_SENSORS {
        for said in heard(lab, topic, &settings).values() {
            // Three starts, each from 0 without a gap, one behind the other.
            let starts: Vec<_> = said.chunk_by(|one, next| one.epoch == next.epoch).collect();
            for start in &starts {
                assert!(
                    start
                        .iter()
                        .map(|said| said.sequence)
                        .eq(0..u64::try_from(start.len()).unwrap())
                );
                n += start.len();
            }
            epochs.push(starts.len());
        }
    }
    assert!(epochs.iter().all(|n| *n <= 3) && epochs.contains(&3), "{epochs:?}");
    assert!(u64::try_from(n).unwrap() > recovered);
}

#[test]
fn what_is_missing_is_named_with_its_cure() {
    let (lab, dir) = (shared(), tempfile::tempdir().unwrap());
    let say = |settings: &str, brokers: &str| {
        let config = dir.path().join("geophone.toml");
        fs::write(&config, settings).unwrap();
        let arguments = ["--config", config.to_str().unwrap(), "--kafka", brokers];
        let output = sensor(&capture("demo-iodine.pcap"), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = say("[kafka.topics]\nprefix = \"nobodys\"\n", &lab.bootstrap);
    assert!(
        missing.contains("\"nobodys.records\"") && missing.contains("topics create"),
        "{missing}"
    );
    let secret = say("[kafka.properties]\n\"sasl.password\" = \"hunter2\"\n", &lab.bootstrap);
    assert!(secret.contains("sasl.password_file") && !secret.contains("hunter2"), "{secret}");
    let unknown = say("[kafka.properties]\n\"lingerms\" = \"2\"\n", &lab.bootstrap);
    assert!(unknown.contains("\"lingerms\""), "{unknown}");
}
