//! Brokers for tests: those given, else Apache Kafka by its script, else librdkafka's mock.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::collections::BTreeMap;
use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use geophone_kafka::admin::{Admin, Grow};
use geophone_kafka::follow::{Follower, Start};
use geophone_kafka::properties::Properties;
use geophone_kafka::rdkafka::mocking::MockCluster;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::TopicPlan;

/// Where nobody listens.
pub(crate) const NOBODY: &str = "127.0.0.1:9";

/// Brokers to test against.
pub(crate) struct Lab {
    pub(crate) bootstrap: String,
    kind: Kind,
}

enum Kind {
    Given,
    /// Apache Kafka, started by the script in a directory of its own.
    Script(PathBuf),
    /// A cluster of librdkafka's own, in a thread of its own, which it may not leave.
    Mock(SyncSender<Ask>),
}

/// What a mock cluster is asked for.
enum Ask {
    Down(i32, SyncSender<()>),
    Topic(String, i32, SyncSender<()>),
    Up(i32, SyncSender<()>),
}

/// Everything in a topic, by partition: keys and values.
pub(crate) type Read = BTreeMap<i32, Vec<(Vec<u8>, Vec<u8>)>>;

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn script() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    while !root.join("datasets/lab/kafka.sh").exists() {
        assert!(root.pop(), "datasets/lab/kafka.sh is in the tree");
    }
    root.join("datasets/lab/kafka.sh")
}

fn is_there(program: &str) -> bool {
    let found = |dir: PathBuf| dir.join(program).is_file();
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(found))
}

/// Says what was left out, past the capture of output that tests run under.
pub(crate) fn not_covered(what: &str) {
    let _ = writeln!(std::io::stderr(), "not covered, for lack of Apache Kafka: {what}");
}

/// The brokers that all tests of this file share.
pub(crate) fn shared() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| match env::var("KAFKA_BOOTSTRAP") {
        Ok(bootstrap) => Lab { bootstrap, kind: Kind::Given },
        Err(_) => Lab::of_its_own(1),
    })
}

impl Lab {
    /// Brokers that a test may stop.
    pub(crate) fn of_its_own(brokers: u32) -> Self {
        let mocked = env::var_os("KAFKA_LAB_MOCK").is_some();
        if !mocked && is_there("java") && is_there("mvn") {
            Self::scripted(brokers)
        } else {
            Self::mock(brokers)
        }
    }

    fn scripted(brokers: u32) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base = script().ancestors().nth(3).unwrap().join("target/kafka");
        let dir = base.join(format!("test-{}-{number}", std::process::id()));
        let mut lab = Self { bootstrap: String::new(), kind: Kind::Script(dir) };
        lab.run(&["start", &brokers.to_string()]);
        // If this process is killed, too, its brokers end.
        lab.run(&["guard", &std::process::id().to_string()]);
        let env = String::from_utf8(lab.command(&["env"]).output().unwrap().stdout).unwrap();
        let line = env.lines().find_map(|line| line.strip_prefix("export KAFKA_BOOTSTRAP="));
        line.unwrap().clone_into(&mut lab.bootstrap);
        lab
    }

    /// What the script says of other ways to its brokers.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match &self.kind {
            Kind::Given => env::var(name).ok(),
            Kind::Mock(_) => None,
            Kind::Script(_) => {
                let prefix = format!("export {name}=");
                let env = self.run(&["env"]);
                env.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
            }
        }
    }

    fn mock(brokers: u32) -> Self {
        let (asks, asked) = sync_channel(1);
        let (tell, told) = sync_channel(1);
        thread::spawn(move || {
            let cluster = MockCluster::new(i32::try_from(brokers).unwrap()).unwrap();
            tell.send(cluster.bootstrap_servers()).unwrap();
            for ask in asked {
                let done = match ask {
                    Ask::Down(broker, done) => {
                        cluster.broker_down(broker).unwrap();
                        done
                    }
                    Ask::Topic(name, partitions, done) => {
                        cluster.create_topic(&name, partitions, 1).unwrap();
                        done
                    }
                    Ask::Up(broker, done) => {
                        cluster.broker_up(broker).unwrap();
                        done
                    }
                };
                done.send(()).unwrap();
            }
        });
        Self { bootstrap: told.recv().unwrap(), kind: Kind::Mock(asks) }
    }

    fn ask(asks: &SyncSender<Ask>, ask: impl FnOnce(SyncSender<()>) -> Ask) {
        let (done, wait) = sync_channel(1);
        asks.send(ask(done)).unwrap();
        wait.recv().unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(script());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        if let Kind::Script(dir) = &self.kind {
            command.env("KAFKA_LAB_DIR", dir);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "kafka.sh {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) const fn is_real(&self) -> bool {
        !matches!(self.kind, Kind::Mock(_))
    }

    pub(crate) fn settings(&self) -> KafkaSettings {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut settings =
            KafkaSettings { brokers: self.bootstrap.clone(), ..KafkaSettings::default() };
        settings.topics.prefix = format!("test-{}-{number}", std::process::id());
        settings
    }

    pub(crate) fn properties(&self) -> Properties {
        Properties::resolve(&self.settings()).unwrap()
    }

    pub(crate) fn make_topic(&self, name: &str, partitions: u32) {
        if let Kind::Mock(asks) = &self.kind {
            let partitions = i32::try_from(partitions).unwrap();
            return Self::ask(asks, |done| Ask::Topic(name.to_owned(), partitions, done));
        }
        let plan = TopicPlan {
            name: name.to_owned(),
            partitions,
            replication: None,
            config: BTreeMap::new(),
        };
        let admin = Admin::new(&self.properties()).unwrap();
        assert!(admin.create(vec![plan], Grow::No).unwrap()[0].is_fine());
    }

    /// Stops a broker without a word.
    pub(crate) fn stop(&self, broker: u32) {
        match &self.kind {
            Kind::Given => panic!("brokers that were given are not stopped"),
            Kind::Mock(asks) => {
                Self::ask(asks, |done| Ask::Down(i32::try_from(broker).unwrap(), done));
            }
            Kind::Script(_) => signal("-KILL", &self.pid(broker)),
        }
    }

    /// Starts a broker that was stopped.
    pub(crate) fn revive(&self, broker: u32) {
        match &self.kind {
            Kind::Given => panic!("brokers that were given are not started"),
            Kind::Mock(asks) => {
                Self::ask(asks, |done| Ask::Up(i32::try_from(broker).unwrap(), done));
            }
            Kind::Script(_) => drop(self.run(&["revive", &broker.to_string()])),
        }
    }

    pub(crate) fn pid(&self, broker: u32) -> String {
        self.run(&["pid", &broker.to_string()]).trim().to_owned()
    }

    /// Everything in a topic, by partition: keys and values.
    pub(crate) fn read(&self, topic: &str) -> Read {
        let mut follower = Follower::open(&self.properties(), topic, Start::Beginning).unwrap();
        let mut all: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        while !follower.is_at_end() {
            if let Some(taken) = follower.next(Duration::from_millis(200)).unwrap() {
                all.entry(taken.partition).or_default().push((taken.key, taken.value));
            }
        }
        all
    }
}

pub(crate) fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
}

/// A process that ends with the test, if not before.
pub(crate) struct Doomed(pub(crate) Child);

impl Doomed {
    /// Kills it without a word.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Kind::Script(dir) = &self.kind
            && !self.bootstrap.is_empty()
        {
            let _ = self.command(&["stop"]).output();
            let _ = std::fs::remove_dir_all(Path::new(dir));
        }
    }
}
