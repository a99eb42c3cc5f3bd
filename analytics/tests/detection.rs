//! The captures of this project, recorded and written: every channel found where the manifest says,
//! nothing else raised but what the manifest names, and nothing named there that is past.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use geophone_analytics::alert::{Action, Alert};
use geophone_analytics::config::Config;
use geophone_analytics::replay::{Listener, Replay};
use geophone_analytics::rule::Rules;
use geophone_sensor::capture::{CaptureError, CaptureSet, Frame};
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;
use serde::Deserialize;

/// Queries of the tunnel after which it must be known, its handshake included, where the manifest
/// does not say.
const MOST_QUERIES: u32 = 60;

/// Detectors that may name a channel.
const CHANNEL_RULES: [&str; 4] = ["c2-beacon", "dns-exfiltration", "dns-tunnel", "txt-abuse"];

#[derive(Deserialize)]
struct Manifest {
    capture: Vec<Capture>,
}

#[derive(Deserialize)]
struct Capture {
    file: String,
    packets: u64,
    role: String,
    #[serde(default)]
    false_alarms: BTreeSet<String>,
    #[serde(default)]
    truth: Vec<Truth>,
}

#[derive(Deserialize)]
struct Truth {
    client: String,
    domain: String,
    start: f64,
    end: f64,
    channel: Option<String>,
    #[serde(default = "yes")]
    found: bool,
    queries: Option<u32>,
}

fn yes() -> bool {
    true
}

impl Truth {
    /// Whether an alert for the other is one for this: the same, or a part of the same channel.
    fn is_with(&self, other: &Self) -> bool {
        (self.client == other.client && self.domain == other.domain)
            || (self.channel.is_some() && self.channel == other.channel)
    }

    fn is_told_by(&self, alert: &Opened) -> bool {
        // Without a domain the server is meant: names under no suffix, or iodine's raw mode.
        let no_domain = self.domain.is_empty() || alert.domain.is_empty();
        self.client == alert.client && (no_domain || self.domain == alert.domain)
    }
}

struct Opened {
    rule: String,
    client: String,
    domain: String,
    queries: u32,
    time: Timestamp,
}

#[derive(Default)]
struct Listening {
    opened: Vec<Opened>,
    closed: usize,
}

impl Listener for Listening {
    fn frame(&mut self, _: &Frame<'_>) {}

    fn record(&mut self, _: &Record<'_>) {}

    fn alert(&mut self, alert: &Alert<'_>) {
        let sum: i32 = alert.evidence.iter().map(|evidence| evidence.points).sum();
        assert_eq!(sum, alert.score, "the evidence adds up");
        match alert.action {
            Action::Open => self.opened.push(Opened {
                rule: alert.detector.id.clone(),
                client: alert.client.to_string(),
                domain: alert.domain.clone(),
                queries: alert.queries,
                time: alert.time,
            }),
            Action::Close => self.closed += 1,
            Action::Update => {}
        }
    }

    fn trouble(&mut self, error: CaptureError) {
        assert_eq!(error.to_string(), "", "a recorded capture reads to its end");
    }

    fn has_enough(&self) -> bool {
        false
    }
}

fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets")
}

fn manifest() -> Vec<Capture> {
    let text = std::fs::read_to_string(datasets().join("manifest.toml")).unwrap();
    let captures = toml::from_str::<Manifest>(&text).unwrap().capture;
    assert!(captures.len() >= 10, "the manifest lists the recorded captures");
    captures
}

/// Replays one capture on its own and checks that everything is accounted for.
fn replay(capture: &Capture) -> Listening {
    let mut replay = Replay::new(Config::default(), Rules::builtin().unwrap(), Detail::Figures);
    let mut listening = Listening::default();
    replay.run(&mut CaptureSet::new(&[datasets().join(&capture.file)]), &mut listening);
    let (sensor, analytics) = replay.counters();
    assert_eq!(sensor.imbalance(), None, "{}", capture.file);
    assert_eq!(analytics.imbalance(), None, "{}", capture.file);
    assert_eq!(sensor.frame_read, capture.packets, "{}", capture.file);
    assert_eq!(listening.opened.len(), listening.closed, "{}", capture.file);
    listening
}

/// Holds the alerts of a capture to one truth of it.
fn check(capture: &Capture, truth: &Truth, found: &[Opened]) {
    let told = |o: &&Opened| capture.truth.iter().any(|t| t.is_with(truth) && t.is_told_by(o));
    let alert = found.iter().find(told);
    assert!(alert.is_some(), "{}: {} {} is missed", capture.file, truth.client, truth.domain);
    let alert = alert.unwrap();
    assert!(CHANNEL_RULES.contains(&alert.rule.as_str()), "{}: {}", capture.file, alert.rule);
    let most = truth.queries.unwrap_or(MOST_QUERIES);
    assert!(alert.queries <= most, "{}: {}", capture.file, alert.queries);
    #[expect(clippy::cast_precision_loss, reason = "seconds of a recording")]
    let seconds = alert.time.micros() as f64 / 1e6;
    assert!((truth.start - 1.0..=truth.end + 1.0).contains(&seconds), "{}", capture.file);
}

#[test]
fn every_channel_is_found_and_named_and_nothing_is_raised_that_the_manifest_does_not_name() {
    let (mut past, mut unknown) = (Vec::new(), Vec::new());
    for capture in manifest() {
        let found = replay(&capture).opened;
        for truth in &capture.truth {
            if truth.found {
                check(&capture, truth, &found);
            } else if found.iter().any(|alert| truth.is_told_by(alert)) {
                past.push(format!("{}: {} is found now", capture.file, truth.domain));
            }
        }
        let mut raised = BTreeSet::new();
        for alert in &found {
            if capture.truth.iter().any(|truth| truth.is_told_by(alert)) {
                continue;
            }
            let line = format!("{} {} {}", alert.rule, alert.client, alert.domain);
            if !capture.false_alarms.contains(&line) {
                unknown.push(format!("{} ({}): {line}", capture.file, capture.role));
            }
            raised.insert(line);
        }
        past.extend(
            capture
                .false_alarms
                .difference(&raised)
                .map(|line| format!("{}: {line:?} is not raised any more", capture.file)),
        );
    }
    assert!(
        unknown.is_empty(),
        "false alarms that the manifest does not name:\n{}",
        unknown.join("\n")
    );
    assert!(past.is_empty(), "take this out of datasets/manifest.toml:\n{}", past.join("\n"));
}
