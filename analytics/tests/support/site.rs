//! Workers over Apache Kafka, and what they told.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use geophone_kafka::patience::now;
use geophone_kafka::properties::{Link, Properties};
use geophone_kafka::rdkafka::TopicPartitionList;
use geophone_kafka::rdkafka::consumer::{BaseConsumer, Consumer as _};
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::Topic;
use serde_json::Value;

use crate::alone::sorted;
use crate::lab::{Lab, signal};
use crate::said::Said;
use crate::tap::Tap;

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);
/// How long one answer of brokers is waited for.
const ANSWER: Duration = Duration::from_secs(10);
/// Partitions of records, and of rollups.
pub(crate) const PARTITIONS: usize = 4;
/// Tables as small as those of the one process.
const STATE: &str = "[state]\nkeys = 4096\nfigures = 4096\nclients = 1024\ndomains = 4096\n\
                     seen_names = 40000\nsuspects = 512\n";

/// Sets one sensor apart from another.
static NUMBER: AtomicU32 = AtomicU32::new(0);

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

    /// Returns the members of the group, as brokers name them.
    pub(crate) fn members(&self) -> Vec<String> {
        let properties = self.lab.properties();
        let consumer: BaseConsumer<Link> = properties.connect(properties.link()).unwrap();
        let groups = consumer.fetch_group_list(Some(&self.settings.topics.prefix), ANSWER).unwrap();
        let members = groups.groups().iter().flat_map(|group| group.members());
        members.map(|member| member.id().to_owned()).collect()
    }

    pub(crate) fn worker_in(&self, name: &str, through: &[String]) -> Worker {
        let name = format!("{}-{name}", self.settings.topics.prefix);
        let stats = self.config.with_file_name(format!("{name}.json"));
        let mut command =
            self.geophone_in(&["run", "--save-seconds", "1", "--worker", &name], through);
        command.args(["--group", &self.settings.topics.prefix]);
        command.arg("--stats").arg(&stats).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = Said::of(process.stderr.take().unwrap());
        Worker { process, said, stats }
    }

    /// Has the sensor send the records of a capture, the first that these topics get.
    pub(crate) fn send(&self, capture: &Path) {
        self.send_over(capture, Duration::ZERO);
    }

    /// The same spread over `span`, for things to happen meanwhile.
    pub(crate) fn send_over(&self, capture: &Path, span: Duration) {
        let name = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        let mut tap = Tap::open(self, &name, &[]);
        tap.record_over(capture, span);
        self.is_there(&tap.end());
    }

    /// Holds what a sensor says was acked to what is in its topics.
    pub(crate) fn is_there(&self, sensor: &Value) {
        let counted = |name: &str| sensor[name].as_u64().unwrap();
        assert_eq!(counted("kafka.delivered"), counted("kafka.produced"), "{sensor:#}");
        assert_eq!(self.sent().values().sum::<u64>(), counted("kafka.delivered"), "{sensor:#}");
    }

    /// How many messages are in the topics that sensors write to.
    pub(crate) fn sent(&self) -> BTreeMap<Topic, u64> {
        let count = |topic: Topic| {
            let read = self.lab.read(&topic.name(&self.settings.topics));
            (topic, read.into_values().map(|all| u64::try_from(all.len()).unwrap()).sum())
        };
        Topic::OF_SENSORS.into_iter().map(count).collect()
    }

    /// Holds what workers that left in order say they took to what was sent.
    pub(crate) fn balance(&self, workers: &[Value]) {
        let sum = |name: &str| workers.iter().map(|worker| worker[name].as_u64().unwrap()).sum();
        let (taken, undone): (u64, u64) =
            (sum("worker.records_taken"), sum("worker.messages_undone"));
        let sent = self.sent()[&Topic::Records];
        // The brokers may have committed what they could not say any more.
        assert!(
            (taken..=taken + undone).contains(&sent),
            "{taken} taken, {undone} undone of {sent}"
        );
        let lost = ["worker.records_missing", "worker.records_again", "worker.dead_letters"];
        assert_eq!(lost.map(sum), [0; 3], "{workers:#?}");
    }

    /// Waits until the group has taken every record.
    pub(crate) fn wait_for_all(&self) {
        self.wait_for_taken("every message", |taken, sent| taken == sent);
    }

    /// Waits until the group has taken more records than `before`; returns how many.
    pub(crate) fn wait_for_more(&self, before: i64) -> i64 {
        self.wait_for_taken("more messages", |taken, _| taken > before)
    }

    /// Waits until every copy of every partition is as far as the first: before that another broker
    /// that dies takes the last words of some with it, and nobody goes on.
    pub(crate) fn wait_for_copies(&self) {
        let properties = self.lab.properties();
        let consumer: BaseConsumer<Link> = properties.connect(properties.link()).unwrap();
        let began = now();
        while !consumer.fetch_metadata(None, ANSWER).is_ok_and(|all| {
            let mut partitions = all.topics().iter().flat_map(|topic| topic.partitions());
            partitions.all(|part| part.isr().len() == part.replicas().len())
        }) {
            assert!(began.elapsed() < PATIENCE, "copies are behind after {PATIENCE:?}");
        }
    }

    /// Waits until what the group has taken, of what was sent, is enough; returns it.
    fn wait_for_taken(&self, what: &str, is_enough: impl Fn(i64, i64) -> bool) -> i64 {
        let topic = Topic::Records.name(&self.settings.topics);
        let group = [("group.id", self.settings.topics.prefix.as_str())];
        let properties = Properties::resolve(&self.settings).unwrap().or(&group);
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&topic, 0, i32::try_from(PARTITIONS - 1).unwrap());
        let began = now();
        loop {
            // Brokers that are away, or elect somebody, answer later; a client that knows the dead
            // one would ask that for minutes.
            let consumer: BaseConsumer<Link> = properties.connect(properties.link()).unwrap();
            if let Some((taken, sent)) = taken_and_sent(&consumer, &list)
                && is_enough(taken, sent)
            {
                return taken;
            }
            assert!(began.elapsed() < PATIENCE, "the group did not take {what} in {PATIENCE:?}");
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

/// How many messages of the partitions the group has taken, and how many there are.
fn taken_and_sent(consumer: &BaseConsumer<Link>, list: &TopicPartitionList) -> Option<(i64, i64)> {
    let (mut taken, mut sent) = (0, 0);
    for part in consumer.committed_offsets(list.clone(), ANSWER).ok()?.elements() {
        sent += consumer.fetch_watermarks(part.topic(), part.partition(), ANSWER).ok()?.1;
        taken += part.offset().to_raw().unwrap_or(0).max(0);
    }
    Some((taken, sent))
}

/// A worker that is stopped when it is no longer needed.
pub(crate) struct Worker {
    pub(crate) process: Child,
    said: Said,
    stats: PathBuf,
}

impl Worker {
    /// Waits until it has some of the partitions.
    pub(crate) fn wait_for_share(&self) {
        let has_some = |line: &str| {
            let n =
                line.strip_prefix("geophone: ").and_then(|line| line.split_once(" partitions,"));
            n.is_some_and(|(n, _)| n != "0")
        };
        self.said.wait_for("partitions", has_some);
    }

    /// Waits until it has so many partitions.
    pub(crate) fn wait_for_partitions(&self, n: usize) {
        let line = format!("geophone: {n} partitions,");
        self.said.wait_for("all partitions", |said| said.starts_with(&line));
    }

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
    let lacks = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|alert| !those.contains(alert)).cloned().collect()
    };
    let (more, fewer) = (lacks(told, expected), lacks(expected, told));
    assert_eq!(told.len(), expected.len(), "{place}: told {more:#?}, not told {fewer:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told, expected, "{place}");
    }
}
