//! Alerts and topics in Kafka, through the real binaries.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

#[path = "../../sensor/kafka/tests/support/mod.rs"]
mod lab;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::Topic;
use serde_json::Value;

use crate::lab::{Lab, NOBODY, not_covered, shared};

fn capture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures");
    root.join(name).to_str().unwrap().to_owned()
}

fn geophone(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geophone")).args(arguments).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn words(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// A configuration with a prefix of its own, and few partitions.
fn configure(lab: &Lab, dir: &Path) -> (KafkaSettings, PathBuf) {
    let settings = lab.settings();
    let config = dir.join("geophone.toml");
    let prefix = &settings.topics.prefix;
    let text = format!("[kafka.topics]\nprefix = \"{prefix}\"\npartitions = 3\n");
    fs::write(&config, text).unwrap();
    (settings, config)
}

/// Alerts in the order of their places in Kafka do not have the order they came in.
fn sorted(mut alerts: Vec<Value>) -> Vec<Value> {
    let key = |alert: &Value| {
        ["/event/id", "/@timestamp", "/event/action"]
            .map(|place| alert.pointer(place).unwrap().to_string())
    };
    alerts.sort_by_key(key);
    alerts
}

#[test]
fn a_replay_publishes_the_alerts_it_prints() {
    let (lab, dir) = (shared(), tempfile::tempdir().unwrap());
    let (settings, config) = configure(lab, dir.path());
    let (config, stats) = (config.to_str().unwrap(), dir.path().join("stats.json"));
    lab.make_topic(&Topic::Alerts.name(&settings.topics), 3);
    let captures = [capture("demo-iodine.pcap"), capture("dnscat2-unbound.pcap.gz")];
    let with = ["--config", config, "--kafka", &lab.bootstrap];
    let replay = geophone(
        &[&["replay", &captures[0], &captures[1], "--stats", stats.to_str().unwrap()], &with[..]]
            .concat(),
    );
    assert!(replay.status.success(), "{}", words(&replay.stderr));
    let printed = lines(&replay);
    assert!(printed.len() > 2);
    let tail =
        geophone(&[&["tail", "alerts", "--from", "beginning", "--until-end"], &with[..]].concat());
    assert!(tail.status.success(), "{}", words(&tail.stderr));
    assert_eq!(sorted(lines(&tail)), sorted(printed.clone()));
    // What happens to one alert stays in order.
    for (_, messages) in lab.read(&Topic::Alerts.name(&settings.topics)) {
        let mut keys = messages.iter().map(|(key, _)| key).collect::<Vec<_>>();
        keys.dedup();
        for key in keys {
            let own = messages.iter().filter(|(other, _)| other == key);
            let actions: Vec<Value> = own
                .map(|(_, value)| serde_json::from_slice::<Value>(value).unwrap())
                .inspect(|alert| assert_eq!(alert["event"]["id"], words(key)))
                .map(|alert| alert["event"]["action"].clone())
                .collect();
            assert_eq!(
                (&actions[0], &actions[actions.len() - 1]),
                (&"open".into(), &"close".into())
            );
        }
    }
    let stats: Value = serde_json::from_slice(&fs::read(stats).unwrap()).unwrap();
    assert_eq!(stats["balanced"], true);
    assert_eq!(stats["counters"]["kafka.delivered"], printed.len());
    let one = geophone(
        &[&["tail", "alerts", "--from", "beginning", "--max", "1", "--format", "table"], &with[..]]
            .concat(),
    );
    assert_eq!(words(&one.stdout).lines().count(), 1);
}

#[test]
fn topics_are_created_once_compared_and_named_in_every_cure() {
    let (lab, dir) = (shared(), tempfile::tempdir().unwrap());
    if !lab.is_real() {
        return not_covered("geophone topics");
    }
    let (_, config) = configure(lab, dir.path());
    let with = ["--config", config.to_str().unwrap(), "--kafka", &lab.bootstrap];
    let run = |arguments: &[&str]| {
        let output = geophone(&[arguments, &with[..]].concat());
        (output.status.code().unwrap(), words(&output.stdout) + &words(&output.stderr))
    };
    let (code, text) = run(&["topics", "check"]);
    assert_eq!((code, text.matches("geophone topics create").count()), (1, 7), "{text}");
    let (code, text) = run(&["replay", &capture("demo-iodine.pcap")]);
    assert_eq!(code, 1);
    assert!(text.contains(".alerts") && text.contains("run: geophone topics create"), "{text}");
    let (code, text) = run(&["topics", "create"]);
    assert_eq!((code, text.matches(": made with").count()), (0, 7), "{text}");
    let (code, text) = run(&["topics", "create"]);
    assert_eq!((code, text.matches("as configured").count()), (0, 7), "{text}");
    assert_eq!(run(&["topics", "check"]).0, 0);
    let fewer = fs::read_to_string(&config).unwrap().replace("partitions = 3", "partitions = 2");
    fs::write(&config, fewer).unwrap();
    let (code, text) = run(&["topics", "create", "--grow"]);
    assert_eq!((code, text.matches("Kafka takes none away").count()), (1, 4), "{text}");
}

#[test]
fn brokers_that_are_away_fail_a_replay_by_name() {
    let replay = geophone(&["replay", &capture("demo-iodine.pcap"), "--kafka", NOBODY]);
    let said = words(&replay.stderr);
    assert_eq!(replay.status.code(), Some(1));
    assert!(
        said.contains("cannot reach Kafka at 127.0.0.1:9") && said.contains("refused"),
        "{said}"
    );
}

#[test]
fn a_secret_in_the_configuration_is_refused_before_it_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("geophone.toml");
    fs::write(&config, "[kafka.properties]\n\"ssl.key.password\" = \"hunter2\"\n").unwrap();
    let output = geophone(&["config", "--config", config.to_str().unwrap()]);
    let said = words(&output.stderr) + &words(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("ssl.key.password_file") && !said.contains("hunter2"), "{said}");
}
