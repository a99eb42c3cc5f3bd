//! Workers over Apache Kafka, and what they told.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use geophone_kafka::patience::now;
use geophone_kafka::properties::{Link, Properties};
use geophone_kafka::pump::Pace;
use geophone_kafka::rdkafka::TopicPartitionList;
use geophone_kafka::rdkafka::consumer::{BaseConsumer, Consumer as _};
use geophone_kafka::rdkafka::topic_partition_list::TopicPartitionListElem;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::Topic;
use geophone_sensor::output::KafkaRecords;
use serde_json::Value;

use crate::alone::{config, run, sorted};
use crate::lab::{Lab, signal};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(400);
/// How long one question to the brokers may take.
const STEP: Duration = Duration::from_secs(20);
/// Records between two pauses of a sender that takes its time.
const CHUNK: usize = 20;
/// Partitions of records, and of rollups.
pub(crate) const PARTITIONS: usize = 4;
/// Tables as small as those of the one process.
const STATE: &str = "[state]\nkeys = 4096\nfigures = 4096\nclients = 1024\ndomains = 4096\n\
                     seen_names = 40000\nsuspects = 512\n";

/// Topics of one test, and what it runs with.
pub(crate) struct Site<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) settings: KafkaSettings,
    pub(crate) config: PathBuf,
}

impl<'a> Site<'a> {
    pub(crate) fn new(lab: &'a Lab, dir: &Path) -> Self {
        Self::with_copies(lab, dir, 1)
    }

    /// The same with topics of which so many brokers have a copy.
    pub(crate) fn with_copies(lab: &'a Lab, dir: &Path, copies: u32) -> Self {
        let mut settings = lab.settings();
        settings.topics.replication = copies;
        let config = dir.join("geophone.toml");
        let prefix = &settings.topics.prefix;
        let kafka = format!(
            "[kafka.topics]\nprefix = \"{prefix}\"\npartitions = {PARTITIONS}\n\
                             replication = {copies}\n"
        );
        fs::write(&config, format!("{STATE}{kafka}")).unwrap();
        let site = Self { lab, settings, config };
        assert!(site.geophone(&["topics", "create"]).status().unwrap().success());
        site
    }

    pub(crate) fn geophone(&self, arguments: &[&str]) -> Command {
        self.geophone_in(arguments, &[])
    }

    /// The same through another command: in a namespace, say.
    fn geophone_in(&self, arguments: &[&str], through: &[String]) -> Command {
        let program = env!("CARGO_BIN_EXE_geophone");
        let mut command = match through {
            [first, others @ ..] => {
                let mut command = Command::new(first);
                command.args(others).arg(program);
                command
            }
            [] => Command::new(program),
        };
        command.args(arguments).arg("--config").arg(&self.config);
        command.args(["--kafka", &self.lab.bootstrap]).stdout(Stdio::null());
        command
    }

    /// Starts a worker; who has the name of one that died takes its place.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        self.worker_in(name, &[])
    }

    pub(crate) fn worker_in(&self, name: &str, through: &[String]) -> Worker {
        let name = format!("{}-{name}", self.settings.topics.prefix);
        let stats = self.config.with_file_name(format!("{name}.json"));
        let mut command =
            self.geophone_in(&["run", "--save-seconds", "1", "--worker", &name], through);
        command.args(["--group", &self.settings.topics.prefix]);
        Worker { process: command.arg("--stats").arg(&stats).spawn().unwrap(), stats }
    }

    /// Sends the records of a capture as a sensor does.
    pub(crate) fn send(&self, capture: &Path) {
        self.send_over(capture, Duration::ZERO);
    }

    /// The same spread over `span`, for things to happen meanwhile.
    pub(crate) fn send_over(&self, capture: &Path, span: Duration) {
        let mut all = 0;
        run(capture, &mut |_| all += 1);
        let pause = span / u32::try_from((all / CHUNK).max(1)).unwrap();
        let sensor = config().sensor;
        let open = KafkaRecords::open(&self.settings, &sensor, Pace::Replay, |_| {});
        let mut records = open.unwrap();
        let mut n = 0;
        run(capture, &mut |record| {
            records.write(&record);
            n += 1;
            if n % CHUNK == 0 && !pause.is_zero() {
                thread::sleep(pause);
            }
        });
        let counts = records.finish();
        assert_eq!((counts.lost(), counts.imbalance()), (0, None));
        assert_eq!(counts.delivered, counts.produced);
    }

    /// Returns how many messages are in the topic of records.
    pub(crate) fn records(&self) -> u64 {
        let read = self.lab.read(&Topic::Records.name(&self.settings.topics));
        u64::try_from(read.into_values().map(|all| all.len()).sum::<usize>()).unwrap()
    }

    /// Waits until the group has taken every record.
    pub(crate) fn wait_for_all(&self) {
        let topic = Topic::Records.name(&self.settings.topics);
        let group = [("group.id", self.settings.topics.prefix.as_str())];
        let properties = Properties::resolve(&self.settings).unwrap().or(&group);
        let consumer: BaseConsumer<Link> = properties.connect(properties.link()).unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&topic, 0, i32::try_from(PARTITIONS - 1).unwrap());
        // A client that has just begun, or whose broker has just died, knows nothing yet.
        let left = |of: &TopicPartitionListElem<'_>| {
            let end = consumer.fetch_watermarks(&topic, of.partition(), STEP).ok()?.1;
            Some(end - of.offset().to_raw().unwrap_or(0).max(0))
        };
        let began = now();
        loop {
            let taken = consumer.committed_offsets(list.clone(), STEP).ok();
            let left: Option<i64> = taken.and_then(|taken| taken.elements().iter().map(left).sum());
            if left == Some(0) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{left:?} messages are left after {PATIENCE:?}");
        }
    }

    pub(crate) fn told(&self) -> Vec<String> {
        let read = self.lab.read(&Topic::Alerts.name(&self.settings.topics));
        let all = read.into_values().flatten();
        sorted(all.map(|(_, alert)| String::from_utf8(alert).unwrap()).collect())
    }

    /// Looks again until so many alerts are told; `each` time does something else, too.
    pub(crate) fn wait(&self, alerts: usize, mut each: impl FnMut(usize)) {
        let began = now();
        loop {
            let told = self.told().len();
            if told >= alerts {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{told} of {alerts} alerts after {PATIENCE:?}");
            each(told);
        }
    }
}

/// A worker that is stopped when it is no longer needed.
pub(crate) struct Worker {
    pub(crate) process: Child,
    stats: PathBuf,
}

impl Worker {
    /// Ends it in order and returns its counters.
    pub(crate) fn leave(mut self) -> Value {
        signal("-TERM", &self.process.id().to_string());
        assert!(self.process.wait().unwrap().success());
        let stats: Value = serde_json::from_slice(&fs::read(&self.stats).unwrap()).unwrap();
        assert_eq!(stats["balanced"], true, "{stats:#}");
        stats["counters"].clone()
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Holds what was told to what was to be told.
pub(crate) fn compare(told: &[String], expected: &[String], place: &str) {
    assert_eq!(told.len(), expected.len(), "{place}: as many alerts");
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told, expected, "{place}");
    }
}
