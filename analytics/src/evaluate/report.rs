//! The result of an evaluation as one document, the same to the byte for the same captures.
//!
//! Holds no time of running and no path of a machine.

use std::collections::BTreeMap;

use serde::Serialize;

use super::budget::{Budget, budgets, shift_for};
use super::corpus::Role;
use super::figure::count;
use super::inject::Injection;
use super::interval::Share;
use super::metric::{Delay, FalseAlarms, Point, Scored, attacks, benign, benign_queries, point};
use super::split::{Group, Split, Splits};

/// The version of the document; it grows with every change of a field's meaning.
const VERSION: u16 = 1;

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The version of the document.
    pub version: u16,
    /// What it was measured on.
    pub corpus: Corpus,
    /// The rules as they stand.
    pub as_they_stand: Point,
    /// Thresholds moved up until no benign capture raises an alert; nothing where the leak
    /// contract alone does.
    pub without_false_alarms: Option<Point>,
    /// The fixed budgets.
    pub budgets: Vec<Budget>,
    /// Attack captures by tool, with the rules as they stand.
    pub tools: Vec<Tool>,
    /// Attack captures missed.
    pub missed: Vec<Missed>,
    /// Alerts on benign captures.
    pub false_alarms: Vec<Alarm>,
    /// Alerts on attack captures about none of their channels: the truth may be incomplete.
    pub beside_channels: Vec<Alarm>,
    /// Captures that are neither: alerts by label.
    pub others: BTreeMap<String, Others>,
    /// Fits with tools or networks left out.
    pub splits: Vec<Split>,
    /// What was to be left out in turn, of which there is only one.
    pub splits_not_possible: Vec<Group>,
    /// Published rules in the same harness.
    pub published: Vec<Rival>,
    /// Attacks injected into benign captures.
    pub injection: Option<Injection>,
}

/// What was measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Corpus {
    /// All captures.
    pub captures: u64,
    /// Captures that could not be read to their end; what was read counts.
    pub damaged: Vec<String>,
    /// Captures with a channel of which a query was read.
    pub attacks: u64,
    /// Captures with a channel of which none was: they are in no rate.
    pub attacks_without_query: Vec<String>,
    /// Benign captures.
    pub benign: u64,
    /// Queries of the benign captures.
    pub benign_queries: u64,
}

/// The captures of one tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// The tool.
    pub tool: String,
    /// Captures of which a channel is found.
    pub recall: Share,
    /// Delay of the channels found.
    pub delay: Delay,
}

/// A capture of which no channel is found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missed {
    /// The capture.
    pub file: String,
    /// Its tool.
    pub tool: String,
    /// Queries of its channels.
    pub queries: u64,
    /// Octets they sent.
    pub sent_bytes: u64,
    /// Points by which the surest detector fell short; nothing where none was asked.
    pub short_by: Option<i32>,
}

/// An alert by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// The capture.
    pub file: String,
    /// The rule.
    pub rule: String,
    /// Who asks.
    pub client: String,
    /// The registered domain; empty where the server is meant.
    pub domain: String,
    /// Its points.
    pub score: i32,
    /// Whether the leak contract overflowed.
    pub overflow: bool,
}

/// Captures of one other label.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Others {
    /// Captures.
    pub captures: u64,
    /// Of these, captures with an alert.
    pub with_alerts: u64,
    /// Queries.
    pub queries: u64,
}

/// A published rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// At its published threshold.
    pub as_published: RivalPoint,
    /// At the threshold that raises no alert on the benign captures.
    pub without_false_alarms: RivalPoint,
}

/// A published rule at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RivalPoint {
    /// The threshold.
    pub threshold: f64,
    /// False alarms on the benign captures.
    pub false_alarms: FalseAlarms,
    /// Attack captures of which a channel is found.
    pub recall: Share,
    /// Delay of the channels found.
    pub delay: Delay,
}

/// Measures `scored`; splits and injection are measured elsewhere and only told here.
#[must_use]
pub fn report(scored: &[Scored<'_>], splits: Splits, injection: Option<Injection>) -> Report {
    let all = |wanted: fn(&Scored<'_>) -> bool| {
        let files = scored.iter().filter(|scored| wanted(scored));
        files.map(|scored| scored.capture.file.clone()).collect::<Vec<_>>()
    };
    let without_query = |scored: &Scored<'_>| {
        scored.capture.role == Role::Attack
            && scored.outcome.channels.iter().all(|channel| channel.whole.queries == 0)
    };
    Report {
        version: VERSION,
        corpus: Corpus {
            captures: count(scored.len()),
            damaged: all(|scored| scored.outcome.damaged),
            attacks: count(attacks(scored).count()),
            attacks_without_query: all(without_query),
            benign: count(benign(scored).count()),
            benign_queries: benign_queries(scored),
        },
        as_they_stand: point(scored, 0),
        without_false_alarms: shift_for(scored, 0).ok().map(|shift| point(scored, shift)),
        budgets: budgets(scored),
        tools: tools(scored),
        missed: missed(scored),
        false_alarms: alarms(scored, Role::Benign),
        beside_channels: alarms(scored, Role::Attack),
        others: others(scored),
        splits: splits.found,
        splits_not_possible: splits.not_possible,
        published: super::rival::rivals(scored),
        injection,
    }
}

fn tools(scored: &[Scored<'_>]) -> Vec<Tool> {
    let mut by_tool: BTreeMap<&str, Vec<&Scored<'_>>> = BTreeMap::new();
    for scored in attacks(scored) {
        by_tool.entry(&scored.capture.tool).or_default().push(scored);
    }
    let tool = |(tool, captures): (&str, Vec<&Scored<'_>>)| {
        let found: Vec<_> = captures.iter().flat_map(|scored| scored.found(0)).collect();
        Tool {
            tool: tool.to_owned(),
            recall: Share::of(captures.iter().map(|scored| scored.is_found(0))),
            delay: Delay::of(&found.into_iter().map(|(at, _)| at).collect::<Vec<_>>()),
        }
    };
    by_tool.into_iter().map(tool).collect()
}

fn missed(scored: &[Scored<'_>]) -> Vec<Missed> {
    let missed = attacks(scored).filter(|scored| !scored.is_found(0));
    let tell = |scored: &Scored<'_>| Missed {
        file: scored.capture.file.clone(),
        tool: scored.capture.tool.clone(),
        queries: scored.outcome.channels.iter().map(|channel| channel.whole.queries).sum(),
        sent_bytes: scored.sent_bytes(),
        short_by: scored.best_margin().map(|margin| margin.saturating_neg()),
    };
    missed.map(tell).collect()
}

fn alarms(scored: &[Scored<'_>], role: Role) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for scored in scored.iter().filter(|scored| scored.capture.role == role) {
        for raised in &scored.outcome.beside {
            alarms.push(Alarm {
                file: scored.capture.file.clone(),
                rule: raised.rule.clone(),
                client: raised.client.to_string(),
                domain: raised.domain.clone(),
                score: raised.score,
                overflow: raised.overflow,
            });
        }
    }
    alarms
}

fn others(scored: &[Scored<'_>]) -> BTreeMap<String, Others> {
    let mut others: BTreeMap<String, Others> = BTreeMap::new();
    for scored in scored.iter().filter(|scored| scored.capture.role == Role::Other) {
        let own = others.entry(scored.capture.label.clone()).or_default();
        own.captures += 1;
        own.queries += scored.outcome.queries;
        own.with_alerts += u64::from(!scored.outcome.beside.is_empty());
    }
    others
}
