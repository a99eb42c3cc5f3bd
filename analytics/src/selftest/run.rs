//! Plays traffic through the pipe and judges what was told.

use std::net::IpAddr;

use geophone_sensor::capture::{CaptureError, Frame, FrameSource, LinkType};
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;
use serde_json::Value;

use super::report::{Outcome, Verdict};
use super::scenario::{Expected, SCENARIOS, Scenario};
use super::wire::Traffic;
use crate::alert::{Action, Alert, to_ecs};
use crate::config::Config;
use crate::explain::score_again;
use crate::replay::{Listener, Replay};
use crate::rule::Rules;

/// Frames in memory, in the order of time.
struct MemorySource<'a> {
    frames: &'a [(Timestamp, Vec<u8>)],
    next: usize,
}

impl FrameSource for MemorySource<'_> {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let frame = self.frames.get(self.next);
        self.next += 1;
        Ok(frame.map(|(time, data)| Frame {
            time: *time,
            link: LinkType::Ethernet,
            data,
            wire_length: u32::try_from(data.len()).unwrap_or(u32::MAX),
        }))
    }
}

/// An alert when it opened.
struct Opened {
    client: IpAddr,
    rule: String,
    time: Timestamp,
    leak_bytes: u64,
}

/// What was told, in the form of the sink.
#[derive(Default)]
struct Heard {
    opened: Vec<Opened>,
    documents: Vec<Value>,
}

impl Listener for Heard {
    fn frame(&mut self, _: &Frame<'_>) {}

    fn record(&mut self, _: &Record<'_>) {}

    fn alert(&mut self, alert: &Alert<'_>) {
        if alert.action == Action::Open {
            self.opened.push(Opened {
                client: alert.client,
                rule: alert.detector.id.clone(),
                time: alert.time,
                leak_bytes: alert.leak_bytes,
            });
        }
        self.documents.push(to_ecs(alert));
    }

    fn trouble(&mut self, _: CaptureError) {}

    fn has_enough(&self) -> bool {
        false
    }
}

/// What a run gave: what was told, and what did not add up.
struct Run {
    heard: Heard,
    sums: Option<String>,
    balance: Option<String>,
}

/// Plays one scenario by itself.
pub(super) fn play(scenario: &Scenario, host: u8, rules: &Rules) -> Outcome {
    let traffic = (scenario.traffic)(host);
    let run = run(traffic.frames.clone(), rules);
    let first = run.heard.opened.first();
    let mut outcome = Outcome {
        name: scenario.name,
        about: scenario.about,
        expected: expected_words(scenario.expected),
        found: first.map_or_else(|| "nothing".to_owned(), |_| "alert".to_owned()),
        rule: first.map(|opened| opened.rule.clone()),
        frames: traffic.frames.len(),
        queries: None,
        payload_bytes: None,
        priced_bytes: first.map(|opened| opened.leak_bytes),
        seconds: None,
        points_add_up: run.sums.is_none(),
        counters_balance: run.balance.is_none(),
        verdict: Verdict::Pass,
        notes: run.sums.iter().chain(&run.balance).cloned().collect(),
    };
    if traffic.malformed() > 0 {
        outcome.notes.push(format!("{} names could not be written", traffic.malformed()));
    }
    if let Some(opened) = first {
        outcome.until(opened, &traffic);
    }
    match scenario.expected {
        Expected::Silence => outcome.expect_silence(&run.heard.opened),
        Expected::Alert { rules: names, contract, gap } => {
            outcome.expect_alert(names, rules, gap);
            if contract {
                outcome.expect_contract(rules, &traffic);
            }
        }
    }
    if !outcome.notes.is_empty() && outcome.verdict == Verdict::Pass {
        outcome.verdict = Verdict::Fail;
    }
    outcome
}

fn expected_words(expected: Expected) -> &'static str {
    match expected {
        Expected::Alert { .. } => "alert",
        Expected::Silence => "nothing",
    }
}

impl Outcome {
    /// Counts what the client had asked when the alert opened.
    fn until(&mut self, opened: &Opened, traffic: &Traffic) {
        let until = || traffic.queries.iter().filter(|(time, _)| *time <= opened.time);
        let begin = traffic.queries.first().map_or(opened.time, |(time, _)| *time);
        self.queries = Some(until().count());
        self.payload_bytes = Some(until().map(|(_, octets)| octets).sum());
        self.seconds = Some(opened.time.since(begin).as_secs_f64());
    }

    fn expect_silence(&mut self, opened: &[Opened]) {
        if !opened.is_empty() {
            self.notes.push(format!("{} alerts about ordinary traffic", opened.len()));
        }
    }

    fn expect_alert(&mut self, names: &[&str], rules: &Rules, gap: Option<&'static str>) {
        let Some(rule) = &self.rule else {
            let why = gap.unwrap_or("it went through unseen");
            self.notes.push(why.to_owned());
            let known = gap.is_some() && self.points_add_up && self.counters_balance;
            self.verdict = if known { Verdict::Gap } else { Verdict::Fail };
            return;
        };
        let known = |name: &&&str| rules.detectors.iter().any(|detector| detector.id == ***name);
        let in_force: Vec<&str> = names.iter().filter(known).copied().collect();
        if !in_force.is_empty() && !in_force.contains(&rule.as_str()) {
            self.notes.push(format!("named {rule}, not {}", in_force.join(" or ")));
        }
    }

    /// Holds the hidden octets before the alert against the contract in force.
    fn expect_contract(&mut self, rules: &Rules, traffic: &Traffic) {
        let (Some(octets), Some(seconds)) = (self.payload_bytes, self.seconds) else { return };
        let allowed = rules
            .leak
            .client_domain
            .iter()
            .map(|bucket| bucket.burst_bytes + bucket.bytes_per_second * seconds)
            .fold(f64::INFINITY, f64::min);
        // The name that makes the bucket overflow has left already.
        let largest = traffic.queries.iter().map(|(_, octets)| *octets).max().unwrap_or_default();
        if real(octets.saturating_sub(largest)) > allowed {
            self.notes.push(format!(
                "{octets} octets left before the alert, the leak contract allows {allowed:.0}"
            ));
        }
    }
}

/// Plays all scenarios together: nothing may hide behind another, and nobody be blamed for it.
pub(super) fn all_at_once(rules: &Rules) -> Outcome {
    let traffics: Vec<_> = (1_u8..)
        .zip(&SCENARIOS)
        .map(|(host, scenario)| (scenario, (scenario.traffic)(host)))
        .collect();
    let frames: Vec<_> = traffics.iter().flat_map(|(_, traffic)| traffic.frames.clone()).collect();
    let n_frames = frames.len();
    let run = run(frames, rules);
    let mut notes: Vec<_> = run.sums.iter().chain(&run.balance).cloned().collect();
    let (mut n_found, mut n_wanted) = (0, 0);
    for (scenario, traffic) in &traffics {
        let found = run.heard.opened.iter().any(|opened| opened.client == traffic.client());
        match scenario.expected {
            Expected::Silence if found => notes.push(format!("{} is blamed", scenario.name)),
            Expected::Silence => {}
            Expected::Alert { gap, .. } => {
                n_found += usize::from(found);
                n_wanted += usize::from(found || gap.is_none());
                if !found && gap.is_none() {
                    notes.push(format!("{} is missed", scenario.name));
                }
            }
        }
    }
    Outcome {
        name: "all-at-once",
        about: "every client above at the same time",
        expected: "alert",
        found: format!("{n_found} of {n_wanted}"),
        rule: None,
        frames: n_frames,
        queries: None,
        payload_bytes: None,
        priced_bytes: None,
        seconds: None,
        points_add_up: run.sums.is_none(),
        counters_balance: run.balance.is_none(),
        verdict: if notes.is_empty() { Verdict::Pass } else { Verdict::Fail },
        notes,
    }
}

fn run(mut frames: Vec<(Timestamp, Vec<u8>)>, rules: &Rules) -> Run {
    frames.sort_by_key(|(time, _)| *time);
    let mut replay = Replay::new(small_tables(), rules.clone(), Detail::Figures);
    let mut heard = Heard::default();
    replay.run(&mut MemorySource { frames: &frames, next: 0 }, &mut heard);
    let (sensor, analytics) = replay.counters();
    let lost = (sensor.frame_read != u64::try_from(frames.len()).unwrap_or_default())
        .then(|| format!("{} of {} frames were read", sensor.frame_read, frames.len()));
    let balance = sensor.imbalance().or_else(|| analytics.imbalance()).or(lost);
    let sums = heard.documents.iter().find_map(|document| wrong_sum(document, rules));
    Run { heard, sums, balance }
}

/// Adds up a stored alert's points, and computes them again by the same rules.
fn wrong_sum(document: &Value, rules: &Rules) -> Option<String> {
    match score_again(&document.to_string(), rules) {
        Err(error) => Some(error.to_string()),
        Ok(sheet) => {
            let (score, sum) = (sheet.score, sheet.sum);
            let now = sheet.now.map(|now| (now.score, now.differs));
            let holds = sum == score && now == Some((score, false));
            (!holds).then(|| {
                format!("a score of {score} has points of {sum}; computed again it is {now:?}")
            })
        }
    }
}

/// Tables for a handful of clients, so that making them takes no time.
fn small_tables() -> Config {
    let mut config = Config::default();
    config.state.keys = 16_384;
    config.state.seen_names = 65_536;
    config.state.suspects = 256;
    config
}

#[expect(clippy::cast_precision_loss, reason = "octets of a test are far below 2^53")]
const fn real(n: u64) -> f64 {
    n as f64
}
