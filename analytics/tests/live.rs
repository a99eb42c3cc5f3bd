//! `geophone live` on veth pairs that carry nothing but what a test sends.
//!
//! Needs root. Where it cannot run, a test says what was not covered and passes.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly, and say what they left out"
)]

#[path = "../../sensor/tests/support/veth.rs"]
mod veth;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use pcap::{Active, Capture};
use serde_json::Value;

use crate::veth::Veth;

/// A running program and what it says.
struct Running {
    child: Child,
    told: BufReader<ChildStderr>,
}

impl Running {
    /// Starts `geophone` and returns when it captures.
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("geophone"));
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let told = BufReader::new(child.stderr.take().unwrap());
        let mut running = Self { child, told };
        running.wait_for("no new privileges");
        running
    }

    /// Reads what it says until `words` come.
    fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(self.told.read_line(&mut line).unwrap(), 0, "it ended without: {words}");
        }
    }

    /// Sends a signal; returns when the program has taken it.
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        let status = format!("/proc/{id}/status");
        let waits = |line: &&str| line.starts_with("ShdPnd:") || line.starts_with("SigPnd:");
        let taken = || {
            let Ok(text) = fs::read_to_string(&status) else { return true };
            text.lines().filter(waits).all(|line| line.trim_end_matches('0').ends_with('\t'))
        };
        while !taken() {
            std::thread::yield_now();
        }
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures/demo-iodine.pcap")
}

/// Sends the frames of the demonstration, one after the other; returns how many.
fn send_demo(sender: &mut Capture<Active>) -> u64 {
    let mut capture = Capture::from_file(demo()).unwrap();
    let mut count = 0;
    while let Ok(frame) = capture.next_packet() {
        sender.sendpacket(frame.data).unwrap();
        count += 1;
    }
    count
}

fn counters(path: &Path) -> Value {
    let stats: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(stats["balanced"], true, "{}", stats["imbalance"]);
    stats["counters"].clone()
}

#[test]
fn a_replay_of_its_own_recording_gives_the_same_alerts() {
    let Some(pair) = Veth::new("live and replay agree") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [tape, alerts, features, stats] =
        ["tape.pcapng", "live.ecs", "live.ndjson", "live.json"].map(path);
    let outputs = ["--alerts", &alerts, "--features", &features, "--stats", &stats];
    let arguments = [&["live", "-i", &pair.near, "--record", &tape][..], &outputs].concat();
    let live = Running::start(&arguments);
    let sent = send_demo(&mut pair.sender());
    live.signal("TERM");
    assert_eq!(live.end().code(), Some(0));

    let [alerts2, features2, stats2] = ["replay.ecs", "replay.ndjson", "replay.json"].map(path);
    let outputs = ["--alerts", &alerts2, "--features", &features2, "--stats", &stats2];
    let arguments = [&["replay", &tape][..], &outputs].concat();
    let program = assert_cmd::cargo::cargo_bin("geophone");
    assert!(Command::new(program).args(arguments).status().unwrap().success());
    let read = |path: &String| fs::read_to_string(path).unwrap();
    assert!(read(&alerts).contains("dns-tunnel"), "the tunnel is found");
    assert_eq!(read(&alerts), read(&alerts2));
    assert_eq!(read(&features), read(&features2));
    let [live, replay] = [&stats, &stats2].map(|path| counters(Path::new(path)));
    assert_eq!(live, replay);
    assert_eq!(live["frame.read"], sent, "nothing sent before the signal is left out");
}

#[test]
fn a_hangup_puts_new_rules_in_force_and_leaves_the_old_ones_where_they_are_wrong() {
    let Some(pair) = Veth::new("rules are read again") else { return };
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let copied = Command::new("cp").arg("-r").args([&source, &rules]).status().unwrap();
    assert!(copied.success());
    let tunnel = rules.join("dns-tunnel.toml");
    let text = fs::read_to_string(&tunnel).unwrap();
    let asleep: String = text
        .lines()
        .map(|line| match line.split(' ').next() {
            Some("threshold") => "threshold = 900",
            Some("on_leak") => "on_leak = false",
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(asleep, text);
    fs::write(&tunnel, asleep).unwrap();

    let alerts = folder.path().join("alerts");
    let [rules, alerts] = [&rules, &alerts].map(|path| path.to_str().unwrap());
    let arguments = ["live", "-i", &pair.near, "--rules", rules, "--alerts", alerts];
    let mut live = Running::start(&arguments);
    let mut sender = pair.sender();
    send_demo(&mut sender);
    fs::write(&tunnel, "nonsense").unwrap();
    live.signal("HUP");
    live.wait_for("the rules in force stay");
    fs::write(&tunnel, text).unwrap();
    live.signal("HUP");
    live.wait_for("rules read again");
    send_demo(&mut sender);
    live.signal("INT");
    assert_eq!(live.end().code(), Some(0));
    let found = fs::read_to_string(alerts).unwrap();
    assert_eq!(found.matches("\"action\":\"open\"").count(), 1, "{found}");
}

/// `timeout` sends SIGTERM to its child, then to its group, so that the child gets it twice.
#[test]
fn sigterm_twice_still_ends_it_in_order() {
    let Some(pair) = Veth::new("SIGTERM twice") else { return };
    let folder = tempfile::tempdir().unwrap();
    let stats = folder.path().join("stats.json");
    let arguments = ["live", "-i", &pair.near, "--stats", stats.to_str().unwrap()];
    let live = Running::start(&arguments);
    let sent = send_demo(&mut pair.sender());
    live.signal("TERM");
    live.signal("TERM");
    assert_eq!(live.end().code(), Some(0));
    assert_eq!(counters(&stats)["frame.read"], sent);
}

#[test]
fn a_second_sigint_ends_it_at_once() {
    let Some(pair) = Veth::new("a second signal ends it") else { return };
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.ndjson");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody takes the records, so it cannot end in order once the pipe is full.
    let held = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let arguments = ["live", "-i", &pair.near, "--features", pipe.to_str().unwrap()];
    let live = Running::start(&arguments);
    send_demo(&mut pair.sender());
    live.signal("INT");
    live.signal("INT");
    assert_eq!(live.end().code(), Some(130));
    drop(held);
}
