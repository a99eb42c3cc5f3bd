//! The recorded captures of this project: every tunnel found where the manifest says, and nothing
//! raised by ordinary traffic.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

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

/// Queries of the tunnel after which it must be known, its handshake included.
const MOST_QUERIES: u32 = 60;

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
    truth: Vec<Truth>,
}

#[derive(Deserialize)]
struct Truth {
    client: String,
    domain: String,
    start: f64,
    end: f64,
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

#[test]
fn every_recorded_tunnel_is_found_and_named_and_nothing_else_is() {
    for capture in manifest() {
        let found = replay(&capture).opened;
        for truth in &capture.truth {
            let alert = found.iter().find(|o| o.client == truth.client && o.domain == truth.domain);
            assert!(alert.is_some(), "{}: {} is missed", capture.file, truth.domain);
            let alert = alert.unwrap();
            assert_eq!(alert.rule, "dns-tunnel", "{}", capture.file);
            assert!(alert.queries <= MOST_QUERIES, "{}: {}", capture.file, alert.queries);
            #[expect(clippy::cast_precision_loss, reason = "seconds of a recording")]
            let seconds = alert.time.micros() as f64 / 1e6;
            assert!((truth.start - 1.0..=truth.end + 1.0).contains(&seconds), "{}", capture.file);
        }
        for alert in &found {
            let true_alarm =
                capture.truth.iter().any(|t| t.client == alert.client && t.domain == alert.domain);
            assert!(
                true_alarm,
                "{} ({}): false alarm {} for {} asking {}",
                capture.file, capture.role, alert.rule, alert.client, alert.domain
            );
        }
    }
}
