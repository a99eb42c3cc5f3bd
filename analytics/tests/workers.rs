//! Workers that share the work over Apache Kafka tell what one process tells: however many they are,
//! and whatever dies.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "support/alone.rs"]
mod alone;
#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use geophone_kafka::patience::now;
use geophone_kafka::pump::Pace;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::Topic;
use geophone_sensor::output::KafkaRecords;

use crate::alone::{capture, config, in_one_process, run, sorted};
use crate::lab::{Lab, not_covered, shared, signal};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(400);
/// Tables as small as those of the one process.
const STATE: &str = "[state]\nkeys = 4096\nfigures = 4096\nclients = 1024\ndomains = 4096\n\
                     seen_names = 40000\nsuspects = 512\n";

/// Topics of one test, and what it runs with.
struct Site<'a> {
    lab: &'a Lab,
    settings: KafkaSettings,
    config: PathBuf,
}

impl<'a> Site<'a> {
    fn new(lab: &'a Lab, dir: &Path) -> Self {
        let settings = lab.settings();
        let config = dir.join("geophone.toml");
        let prefix = &settings.topics.prefix;
        let kafka = format!("[kafka.topics]\nprefix = \"{prefix}\"\npartitions = 4\n");
        fs::write(&config, format!("{STATE}{kafka}")).unwrap();
        let site = Self { lab, settings, config };
        assert!(site.geophone(&["topics", "create"]).status().unwrap().success());
        site
    }

    fn geophone(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophone"));
        command.args(arguments).arg("--config").arg(&self.config);
        command.args(["--kafka", &self.lab.bootstrap]).stdout(Stdio::null());
        command
    }

    /// Starts a worker; who has the name of one that died takes its place.
    fn worker(&self, name: &str) -> Worker {
        let name = format!("{}-{name}", self.settings.topics.prefix);
        Worker(self.geophone(&["run", "--save-seconds", "1", "--worker", &name]).spawn().unwrap())
    }

    /// Sends the records of a capture as a sensor does.
    fn send(&self, capture: &Path) {
        let sensor = config().sensor;
        let open = KafkaRecords::open(&self.settings, &sensor, Pace::Replay, |_| {});
        let mut records = open.unwrap();
        run(capture, &mut |record| records.write(&record));
        let counts = records.finish();
        assert_eq!((counts.lost(), counts.imbalance()), (0, None));
    }

    fn told(&self) -> Vec<String> {
        let read = self.lab.read(&Topic::Alerts.name(&self.settings.topics));
        let all = read.into_values().flatten();
        sorted(all.map(|(_, alert)| String::from_utf8(alert).unwrap()).collect())
    }

    /// Looks again until so many alerts are told; `each` time does something else, too.
    fn wait(&self, alerts: usize, mut each: impl FnMut(usize)) {
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
struct Worker(Child);

impl Worker {
    fn leave(mut self) {
        signal("-TERM", &self.0.id().to_string());
        assert!(self.0.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a worker whose configuration has one more line.
fn other_worker(site: &Site<'_>, name: &str, line: &str) -> Child {
    let config = site.config.with_extension(name);
    let kept = fs::read_to_string(&site.config).unwrap();
    fs::write(&config, format!("{kept}{line}\n")).unwrap();
    let other = Site { lab: site.lab, settings: site.settings.clone(), config };
    let name = format!("{}-{name}", site.settings.topics.prefix);
    other.geophone(&["run", "--worker", &name]).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn state_saved_under_other_settings_is_said_and_under_another_seed_refused() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("saved state of others");
    }
    let (dir, name) = (tempfile::tempdir().unwrap(), "demo-iodine.pcap");
    let site = Site::new(lab, dir.path());
    let first = site.worker("0");
    site.send(&capture(name));
    site.wait(in_one_process(&capture(name)).len(), |_| {});
    first.leave();

    let seeded = other_worker(&site, "seed", "[sensor]\nhash_seed = 77");
    let ended = seeded.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && said.contains("another sensor.hash_seed"), "{said}");

    let mut other = Worker(other_worker(&site, "other", "[alert]\nsamples = 3"));
    // Open until the worker has left: it says more.
    let mut lines = BufReader::new(other.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let warned = lines.find(|line| line.contains("WARNING"));
    assert!(warned.unwrap().contains("under other rules or settings"));
    other.leave();
    drop(lines);
}

fn compare(told: &[String], expected: &[String], place: &str) {
    assert_eq!(told.len(), expected.len(), "{place}: as many alerts");
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told, expected, "{place}");
    }
}

#[test]
fn one_two_and_four_workers_tell_what_one_process_tells() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("workers");
    }
    let names =
        ["demo-iodine.pcap", "iodine-raw.pcap.gz", "dnscat2-direct.pcap.gz", "split-5.pcap.gz"];
    for (name, workers) in names.into_iter().zip([1, 2, 4, 2]) {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(lab, dir.path());
        let expected = in_one_process(&capture(name));
        assert!(!expected.is_empty());
        let all: Vec<Worker> = (0..workers).map(|n| site.worker(&n.to_string())).collect();
        site.send(&capture(name));
        site.wait(expected.len(), |_| {});
        all.into_iter().for_each(Worker::leave);
        compare(&site.told(), &expected, &format!("{name}, {workers} workers"));
    }
}

#[test]
fn workers_that_are_killed_in_mid_tunnel_lose_nothing_and_tell_nothing_twice() {
    let lab = shared();
    if !lab.is_real() {
        return not_covered("workers that die");
    }
    let (dir, name) = (tempfile::tempdir().unwrap(), "rotate-3.pcap.gz");
    let site = Site::new(lab, dir.path());
    let expected = in_one_process(&capture(name));
    let mut workers = vec![site.worker("0"), site.worker("1")];
    site.send(&capture(name));
    let mut killed = 0;
    site.wait(expected.len(), |told| {
        // One dies after every alert, so that each of them has some of the work behind it.
        if told > killed && killed < 2 {
            workers.remove(0).kill();
            workers.push(site.worker(&killed.to_string()));
            killed += 1;
        }
    });
    assert!(killed > 0, "nobody was killed in time");
    workers.into_iter().for_each(Worker::leave);
    compare(&site.told(), &expected, &format!("{name}, {killed} killed"));
}
