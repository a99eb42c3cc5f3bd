//! The recorded attacks and their harmless counterparts: each attack is named by its rule in time,
//! once, and nothing else is raised but what the manifest gives a reason for.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use geophone_analytics::alert::{Action, Alert};
use geophone_analytics::config::{Config, NetworkConfig};
use geophone_analytics::detect::WATCHED;
use geophone_analytics::replay::{Listener, Replay};
use geophone_analytics::rule::Rules;
use geophone_sensor::capture::{CaptureError, CaptureSet, Frame};
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;
use serde::Deserialize;

/// An alert is told when it opens, when it grows far beyond what was told, and when it closes.
const MOST_TOLD: usize = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    capture: Vec<Capture>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "for who reads the manifest")]
struct Capture {
    file: String,
    sha256: String,
    packets: u64,
    what: String,
    recorded: toml::value::Datetime,
    servers: String,
    /// What the configuration says of the site.
    #[serde(default)]
    network: NetworkConfig,
    #[serde(default)]
    truth: Vec<Truth>,
    #[serde(default)]
    also: Vec<Also>,
}

/// What must be told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    rule: String,
    /// The client, the server or the zone that the alert is about.
    subject: String,
    /// When it began, in seconds since 1970, by the clock of the capture.
    start: f64,
    /// Seconds after which it must be told.
    within: f64,
}

/// What may be told, too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Also {
    rule: String,
    subject: String,
    why: String,
}

struct Opened {
    rule: String,
    /// The client, the server and the domain.
    subjects: [String; 3],
    seconds: f64,
    reason: String,
}

impl Opened {
    fn is(&self, rule: &str, subject: &str) -> bool {
        self.rule == rule && self.subjects.iter().any(|one| one == subject)
    }
}

#[derive(Default)]
struct Listening {
    opened: Vec<Opened>,
    /// How often each alert was told: open, updates, close.
    told: BTreeMap<String, usize>,
}

impl Listener for Listening {
    fn frame(&mut self, _: &Frame<'_>) {}

    fn record(&mut self, _: &Record<'_>) {}

    fn alert(&mut self, alert: &Alert<'_>) {
        let sum: i32 = alert.evidence.iter().map(|evidence| evidence.points).sum();
        assert_eq!(sum, alert.score, "the evidence adds up");
        let told = self.told.entry(alert.id.clone()).or_default();
        *told += 1;
        assert!(*told <= MOST_TOLD, "{} is told {told} times", alert.detector.id);
        if alert.action == Action::Open {
            let (client, server) = (alert.client.to_string(), alert.server.to_string());
            #[expect(clippy::cast_precision_loss, reason = "seconds of a recording")]
            let seconds = alert.time.micros() as f64 / 1e6;
            self.opened.push(Opened {
                rule: alert.detector.id.clone(),
                subjects: [client, server, alert.domain.clone()],
                seconds,
                reason: alert.reason(),
            });
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

fn replay(capture: &Capture) -> Vec<Opened> {
    let config = Config { network: capture.network.clone(), ..Config::default() };
    let mut replay = Replay::new(config, Rules::builtin().unwrap(), Detail::Figures);
    let mut listening = Listening::default();
    replay.run(&mut CaptureSet::new(&[datasets().join(&capture.file)]), &mut listening);
    let (sensor, analytics) = replay.counters();
    assert_eq!((sensor.imbalance(), analytics.imbalance()), (None, None), "{}", capture.file);
    assert_eq!(sensor.frame_read, capture.packets, "{}", capture.file);
    listening.opened
}

/// What is wrong with the alerts of one capture.
fn faults(capture: &Capture, opened: &[Opened]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", capture.file));
    for truth in &capture.truth {
        let all: Vec<_> = opened.iter().filter(|one| one.is(&truth.rule, &truth.subject)).collect();
        match *all {
            [] => fault(format!("{} {} is missed", truth.rule, truth.subject)),
            [one] => {
                let after = one.seconds - truth.start;
                if !(-1.0..=truth.within).contains(&after) {
                    fault(format!("{} is told after {after:.1} s", truth.rule));
                }
            }
            _ => fault(format!("{} is told {} times", truth.rule, all.len())),
        }
    }
    for also in &capture.also {
        assert!(!also.why.is_empty(), "{}: give a reason", capture.file);
        if !opened.iter().any(|one| one.is(&also.rule, &also.subject)) {
            fault(format!("{} {} is not raised any more", also.rule, also.subject));
        }
    }
    for one in opened {
        let named = capture.truth.iter().any(|truth| one.is(&truth.rule, &truth.subject))
            || capture.also.iter().any(|also| one.is(&also.rule, &also.subject));
        if !named {
            fault(format!("raised for nothing: {} {:?}: {}", one.rule, one.subjects, one.reason));
        }
    }
    faults
}

#[test]
fn every_attack_is_named_in_time_and_once_and_quiet_networks_stay_quiet() {
    let text = std::fs::read_to_string(datasets().join("attacks.toml")).unwrap();
    let captures = toml::from_str::<Manifest>(&text).unwrap().capture;
    let mut found = Vec::new();
    for capture in &captures {
        found.extend(faults(capture, &replay(capture)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_rule_about_abuse_has_a_recorded_attack() {
    let text = std::fs::read_to_string(datasets().join("attacks.toml")).unwrap();
    let captures = toml::from_str::<Manifest>(&text).unwrap().capture;
    let staged: BTreeSet<_> =
        captures.iter().flat_map(|one| one.truth.iter().map(|truth| truth.rule.as_str())).collect();
    let watched: BTreeSet<_> = WATCHED.iter().map(|(rule, _)| *rule).collect();
    let missing: Vec<_> = watched.difference(&staged).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_recorded_attack_is_in_the_manifest_as_it_was_recorded() {
    use sha2::{Digest as _, Sha256};
    // Octets that a capture, and all of them together, may take in the repository.
    const MOST: (usize, usize) = (300 << 10, 6 << 20);
    let text = std::fs::read_to_string(datasets().join("attacks.toml")).unwrap();
    let captures = toml::from_str::<Manifest>(&text).unwrap().capture;
    let named: BTreeSet<_> = captures.iter().map(|one| datasets().join(&one.file)).collect();
    let there = std::fs::read_dir(datasets().join("attacks")).unwrap();
    let there: BTreeSet<_> = there.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(named, there);
    assert!(captures.iter().any(|one| one.truth.is_empty()), "some are quiet");
    let mut all = 0;
    for capture in &captures {
        let octets = std::fs::read(datasets().join(&capture.file)).unwrap();
        let digits: String = Sha256::digest(&octets).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digits, capture.sha256, "{}", capture.file);
        assert!(octets.len() <= MOST.0, "{} is large", capture.file);
        all += octets.len();
    }
    assert!(all <= MOST.1, "{all} octets");
}
