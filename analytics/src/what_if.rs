//! Two sets of rules over the same records: which alerts would come, go or change.
//!
//! The frames are read once; each set has tables of its own, so it takes twice the memory of a
//! replay. Alerts are told apart by rule, client and domain: one that closed and opened again is
//! one line with its worst score. Prints nothing itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use geophone_sensor::capture::{FrameSource, Losses};
use geophone_sensor::counter::Counters;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;
use serde_json::{Value, json};

use crate::alert::{Action, Alert};
use crate::config::Config;
use crate::pipeline::Analytics;
use crate::replay::Listener;
use crate::rule::Rules;
use crate::severity::Severity;

/// Alerts kept apart for one set of rules; further ones are counted.
const MAX_FINDINGS: usize = 100_000;

/// What is alerted on: the client and what it talks to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    client: IpAddr,
    target: String,
}

/// What one set of rules says of a client and a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that raised it.
    pub rule: String,
    /// Its worst score.
    pub score: i32,
    /// Its worst severity.
    pub severity: Severity,
    /// When the first alert opened, in capture time.
    pub opened: Timestamp,
    /// How often it opened.
    pub openings: u64,
}

/// One alert that the two sets of rules do not agree on: at least one side has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who asks.
    pub client: IpAddr,
    /// The registered domain, or the server where the names have none.
    pub target: String,
    /// What the old rules say.
    pub old: Option<Finding>,
    /// What the new rules say.
    pub new: Option<Finding>,
}

/// Everything that differs, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// By client, domain and rule.
    pub changes: Vec<Change>,
    /// Alerts that stay as they are.
    pub unchanged: u64,
    /// Alerts beyond those that can be kept apart, of both sets.
    pub not_compared: u64,
}

/// One set of rules at work.
struct Side {
    analytics: Analytics,
    findings: BTreeMap<(Pair, String), Finding>,
    not_kept: u64,
}

/// A sensor and two analytics.
pub struct WhatIf {
    sensor: Pipeline,
    old: Side,
    new: Side,
}

impl WhatIf {
    /// Makes the sensor, and tables for each set of rules.
    #[must_use]
    pub fn new(config: Config, old: Rules, new: Rules) -> Self {
        Self {
            sensor: Pipeline::new(&config.sensor, Detail::Figures),
            old: Side::new(config.clone(), old),
            new: Side::new(config, new),
        }
    }

    /// Reads `source` to its end; `listener` hears of frames, records and troubles, not of alerts.
    pub fn run(&mut self, source: &mut impl FrameSource, listener: &mut impl Listener) {
        let Self { sensor, old, new } = self;
        let mut known = Losses::default();
        while !listener.has_enough() {
            let losses = source.losses();
            if losses != known {
                known = losses;
                sensor.lost(losses);
            }
            match source.next_frame() {
                Ok(Some(frame)) => {
                    listener.frame(&frame);
                    sensor.frame(&frame, &mut |record| {
                        listener.record(&record);
                        old.record(&record);
                        new.record(&record);
                    });
                }
                Ok(None) => break,
                Err(error) => listener.trouble(error),
            }
        }
        sensor.lost(source.losses());
        sensor.finish(&mut |record| {
            listener.record(&record);
            old.record(&record);
            new.record(&record);
        });
        old.finish();
        new.finish();
    }

    /// Returns the sensor's counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.sensor.counters()
    }

    /// Returns where the two sets of rules differ so far.
    #[must_use]
    pub fn difference(&self) -> Difference {
        let mut difference = Difference {
            not_compared: self.old.not_kept + self.new.not_kept,
            ..Difference::default()
        };
        let mut gone: BTreeMap<&Pair, Vec<&Finding>> = BTreeMap::new();
        for (key, old) in &self.old.findings {
            match self.new.findings.get(key) {
                None => gone.entry(&key.0).or_default().push(old),
                Some(new) if new.score == old.score && new.severity == old.severity => {
                    difference.unchanged += 1;
                }
                Some(new) => difference.changes.push(key.0.change(Some(old), Some(new))),
            }
        }
        for (key, new) in &self.new.findings {
            if !self.old.findings.contains_key(key) {
                // The same client and domain under another rule is a change, not two.
                let old = gone.get_mut(&key.0).and_then(Vec::pop);
                difference.changes.push(key.0.change(old, Some(new)));
            }
        }
        for (pair, findings) in gone {
            difference.changes.extend(findings.into_iter().map(|old| pair.change(Some(old), None)));
        }
        difference.changes.sort_by(|a, b| a.order().cmp(&b.order()));
        difference
    }
}

impl Side {
    fn new(config: Config, rules: Rules) -> Self {
        let analytics = Analytics::new(config, rules);
        Self { analytics, findings: BTreeMap::new(), not_kept: 0 }
    }

    fn record(&mut self, record: &Record<'_>) {
        let Self { analytics, findings, not_kept } = self;
        analytics.record(record, &mut |alert| note(findings, not_kept, alert));
    }

    fn finish(&mut self) {
        let Self { analytics, findings, not_kept } = self;
        analytics.finish(&mut |alert| note(findings, not_kept, alert));
    }
}

fn note(findings: &mut BTreeMap<(Pair, String), Finding>, not_kept: &mut u64, alert: &Alert<'_>) {
    let opened = u64::from(alert.action == Action::Open);
    let rule = alert.detector.id.clone();
    let pair = Pair { client: alert.client, target: alert.target() };
    let full = findings.len() >= MAX_FINDINGS;
    match findings.get_mut(&(pair.clone(), rule.clone())) {
        Some(finding) => {
            finding.score = finding.score.max(alert.score);
            finding.severity = finding.severity.max(alert.severity);
            finding.openings += opened;
        }
        None if full => *not_kept += opened,
        None => {
            let finding = Finding {
                rule: rule.clone(),
                score: alert.score,
                severity: alert.severity,
                opened: alert.time,
                openings: opened,
            };
            findings.insert((pair, rule), finding);
        }
    }
}

impl Pair {
    fn change(&self, old: Option<&Finding>, new: Option<&Finding>) -> Change {
        let Self { client, target } = self.clone();
        Change { client, target, old: old.cloned(), new: new.cloned() }
    }
}

impl Change {
    /// Returns the word for what happens to the alert: `come`, `go` or `change`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "come",
            (Some(_), None) => "go",
            (Some(_), Some(_)) => "change",
        }
    }

    /// Returns the change as one JSON document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let side = |finding: &Option<Finding>| {
            finding.as_ref().map(|finding| {
                json!({
                    "rule": finding.rule,
                    "score": finding.score,
                    "severity": finding.severity.name(),
                    "opened": finding.opened.to_string(),
                    "openings": finding.openings,
                })
            })
        };
        json!({
            "version": 1,
            "change": self.kind(),
            "client": self.client,
            "domain": self.target,
            "old": side(&self.old),
            "new": side(&self.new),
        })
    }

    fn order(&self) -> (&str, IpAddr, &str, Option<&str>) {
        let rule = self.new.as_ref().or(self.old.as_ref()).map(|finding| finding.rule.as_str());
        (self.kind(), self.client, &self.target, rule)
    }

    fn row(&self) -> [String; 6] {
        let cell = |of: fn(&Finding) -> String| {
            let old = self.old.as_ref().map(of);
            let new = self.new.as_ref().map(of);
            match (old, new) {
                (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
                (old, new) => new.or(old).unwrap_or_default(),
            }
        };
        [
            self.kind().to_owned(),
            self.client.to_string(),
            self.target.clone(),
            cell(|finding| finding.rule.clone()),
            cell(|finding| finding.score.to_string()),
            cell(|finding| finding.severity.name().to_owned()),
        ]
    }
}

impl Difference {
    /// Returns the difference as a table for people, empty where there is none.
    #[must_use]
    pub fn to_table(&self) -> String {
        const HEAD: [&str; 6] = ["change", "client", "domain", "rule", "score", "severity"];
        let mut text = String::new();
        if self.changes.is_empty() {
            return text;
        }
        let rows: Vec<_> = std::iter::once(HEAD.map(str::to_owned))
            .chain(self.changes.iter().map(Change::row))
            .collect();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &rows {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                // Writing to a String cannot fail.
                let _ = write!(line, "{cell:<width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Returns the difference in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |kind| self.changes.iter().filter(|change| change.kind() == kind).count();
        let (come, go, change) = (count("come"), count("go"), count("change"));
        let mut text =
            format!("{come} alerts come, {go} go, {change} change, {} stay", self.unchanged);
        if self.not_compared > 0 {
            let _ = write!(text, ", {} more than can be compared", self.not_compared);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use geophone_sensor::feature::NameReader;
    use geophone_sensor::name::Name;
    use geophone_sensor::record::{Status, Transaction};

    use super::*;

    fn what_if(old: Rules, new: Rules) -> WhatIf {
        let mut config = Config::default();
        (config.state.keys, config.state.seen_names) = (64, 40_000);
        let mut what_if = WhatIf::new(config, old, new);
        let reader = NameReader::default();
        let mut state = 1_u64;
        for n in 0..300_i64 {
            let data: String = (0..32)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    char::from_digit(u32::try_from(state >> 60).unwrap(), 16).unwrap()
                })
                .collect();
            let qname = Name::parse(&format!("{data}.evil.com")).unwrap();
            let (domain_at, name) = reader.read(&qname);
            let transaction = Transaction {
                time: Timestamp(n * 500_000),
                status: Status::Answered,
                client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)),
                qtype: 1,
                qname,
                domain_at,
                name,
                ..Transaction::default()
            };
            let record = Record::Transaction(&transaction);
            what_if.old.record(&record);
            what_if.new.record(&record);
        }
        what_if.old.finish();
        what_if.new.finish();
        what_if
    }

    fn none() -> Rules {
        let mut rules = Rules::builtin().unwrap();
        rules.detectors.clear();
        rules
    }

    fn one(id: &str, threshold: i32) -> Rules {
        let mut rules = Rules::builtin().unwrap();
        rules.detectors.truncate(1);
        for detector in &mut rules.detectors {
            id.clone_into(&mut detector.id);
            detector.card.threshold = threshold;
            detector.on_leak = true;
        }
        rules
    }

    #[test]
    fn the_same_rules_differ_in_nothing() {
        let difference = what_if(one("a", 10), one("a", 10)).difference();
        assert_eq!((difference.changes.len(), difference.unchanged), (0, 1));
        assert_eq!(difference.to_table(), "");
        assert_eq!(difference.summary(), "0 alerts come, 0 go, 0 change, 1 stay");
    }

    #[test]
    fn alerts_come_go_and_change_their_rule_or_score() {
        for (old, new, kind) in [
            (none(), one("a", 10), "come"),
            (one("a", 10), none(), "go"),
            (one("a", 10), one("b", 10), "change"),
        ] {
            let difference = what_if(old, new).difference();
            let kinds: Vec<_> = difference.changes.iter().map(Change::kind).collect();
            assert_eq!(kinds, [kind]);
            let json = difference.changes[0].to_json();
            assert_eq!((&json["change"], &json["domain"]), (&kind.into(), &"evil.com".into()));
            assert!(difference.to_table().contains("evil.com"), "{}", difference.to_table());
        }
        let difference = what_if(one("a", 10), one("b", 10)).difference();
        assert!(difference.to_table().contains("a -> b"), "{}", difference.to_table());
    }
}
