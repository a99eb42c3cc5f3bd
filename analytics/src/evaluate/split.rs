//! Fitted on some tools or networks, measured on the others.
//!
//! A query left out at random tells nothing: its capture, its tool and its network are still in
//! what was learnt. So whole tools or whole networks are left out, rules are fitted to the rest,
//! and what was left out is judged by rules that never saw it, benign captures included.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::budget::shift_for;
use super::corpus::{Capture, Role};
use super::fit::{Case, fit};
use super::interval::Share;
use super::metric::{FalseAlarms, Point, Scored, attacks, benign, point};
use super::run::each;
use super::trace::Cards;

/// Most folds; more groups than this share folds, for each fold is a fit.
const MOST_FOLDS: usize = 24;

/// What is left out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// All captures of one tool; benign captures are dealt out over the folds, by network where
    /// there are enough of them.
    Tool,
    /// All captures of one network.
    Network,
}

/// One fold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fold {
    /// What was left out: tools or networks.
    pub left_out: Vec<String>,
    /// The thresholds fitted without it, in the order of detectors.
    pub thresholds: Vec<i32>,
    /// Attack captures of it that are found, by either path.
    pub recall: Share,
    /// False alarms on its benign captures.
    pub false_alarms: FalseAlarms,
}

/// All folds together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    /// What is left out together.
    pub group: Group,
    /// Every capture judged by the fold that never saw it.
    pub pooled: Point,
    /// The same with thresholds moved up until no more benign captures are wrong than the budget
    /// of the fit allows; nothing where the leak contract alone is wrong more often.
    pub without_false_alarms: Option<Point>,
    /// Attack captures missed.
    pub missed: Vec<String>,
    /// Keys of benign captures that raise an alert.
    pub false_alarms: Vec<Noise>,
    /// The folds.
    pub folds: Vec<Fold>,
}

/// A key of a benign capture that raises an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Noise {
    /// The capture.
    pub file: String,
    /// Who asks.
    pub client: String,
    /// The registered domain; empty where the server is meant.
    pub domain: String,
    /// Points above the threshold.
    pub margin: i32,
}

/// The splits that were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Splits {
    /// Those that could be made.
    pub found: Vec<Split>,
    /// Groups of which there is only one.
    pub not_possible: Vec<Group>,
}

/// Fits and measures with each `group` left out; nothing where there are not two.
#[must_use]
pub fn split(
    group: Group,
    cards: &Cards,
    cases: &[Case<'_>],
    per_million: f64,
    workers: usize,
) -> Option<Split> {
    let folds = folds(group, cases);
    if folds.len() < 2 {
        return None;
    }
    let fitted = each(&folds, workers, |fold| {
        let rest: Vec<_> = cases.iter().filter(|case| !fold.holds(case.capture)).copied().collect();
        fit(cards, &rest, per_million)
    });
    let (mut scored, mut told) = (Vec::new(), Vec::new());
    for (fold, cards) in folds.iter().zip(&fitted) {
        let own = cases.iter().filter(|case| fold.holds(case.capture));
        let own: Vec<_> = own.map(|case| Scored::new(case.capture, case.outcome, cards)).collect();
        let Point { recall, false_alarms, .. } = point(&own, 0);
        told.push(Fold {
            left_out: fold.names.iter().cloned().collect(),
            thresholds: cards.cards.iter().map(|(card, _)| card.threshold).collect(),
            recall,
            false_alarms,
        });
        scored.extend(own);
    }
    let missed = attacks(&scored).filter(|scored| !scored.is_found(0));
    Some(Split {
        group,
        missed: missed.map(|scored| scored.capture.file.clone()).collect(),
        false_alarms: benign(&scored).flat_map(noise).collect(),
        without_false_alarms: shift_for(&scored, 0).ok().map(|shift| point(&scored, shift)),
        pooled: point(&scored, 0),
        folds: told,
    })
}

fn noise(scored: &Scored<'_>) -> Vec<Noise> {
    let keys = scored.outcome.keys.iter().zip(scored.worst());
    let raised = keys.filter(|(_, said)| said.is_raised(0)).map(|(key, said)| Noise {
        file: scored.capture.file.clone(),
        client: key.client.to_string(),
        domain: key.domain.clone(),
        margin: said.margin,
    });
    raised.collect()
}

/// The tools or networks of one fold, and where tools are left out, networks of benign captures.
struct Part {
    group: Group,
    names: BTreeSet<String>,
    benign: BTreeSet<String>,
    unit: fn(&Capture) -> &String,
}

impl Part {
    fn holds(&self, capture: &Capture) -> bool {
        match (self.group, capture.role) {
            (Group::Network, _) => self.names.contains(&capture.network),
            (Group::Tool, Role::Benign) => self.benign.contains((self.unit)(capture)),
            (Group::Tool, _) => self.names.contains(&capture.tool),
        }
    }
}

fn folds(group: Group, cases: &[Case<'_>]) -> Vec<Part> {
    let used = || cases.iter().filter(|case| case.capture.role != Role::Other);
    let benign = || used().filter(|case| case.capture.role == Role::Benign);
    let names: BTreeSet<&String> = match group {
        Group::Network => used().map(|case| &case.capture.network).collect(),
        Group::Tool => used()
            .filter(|case| case.capture.role == Role::Attack)
            .map(|case| &case.capture.tool)
            .collect(),
    };
    let n_folds = names.len().clamp(1, MOST_FOLDS);
    let units = |unit: fn(&Capture) -> &String| {
        benign().map(|case| unit(case.capture)).collect::<BTreeSet<_>>()
    };
    let few = units(|capture| &capture.network).len() < n_folds;
    let unit: fn(&Capture) -> &String =
        if few { |capture| &capture.file } else { |capture| &capture.network };
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    let deal = |names: BTreeSet<&String>, benign: bool, parts: &mut BTreeMap<usize, Part>| {
        for (index, name) in names.into_iter().enumerate() {
            let part = parts.entry(index % n_folds).or_insert_with(|| Part {
                group,
                names: BTreeSet::new(),
                benign: BTreeSet::new(),
                unit,
            });
            if benign { &mut part.benign } else { &mut part.names }.insert(name.clone());
        }
    };
    deal(names, false, &mut parts);
    if group == Group::Tool && !parts.is_empty() {
        deal(units(unit), true, &mut parts);
    }
    parts.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::evaluate::watch::Outcome;

    fn capture(role: Role, tool: &str, network: &str) -> Capture {
        Capture {
            file: format!("{tool}-{network}"),
            path: PathBuf::new(),
            role,
            label: String::new(),
            tool: tool.to_owned(),
            network: network.to_owned(),
            truths: Vec::new(),
            payload_bytes: None,
        }
    }

    #[test]
    fn every_capture_is_in_exactly_one_fold_and_no_tool_or_network_in_two() {
        let outcome = Outcome::default();
        let mut captures = Vec::new();
        for n in 0..60 {
            captures.push(capture(Role::Benign, "none", &format!("net{n}")));
            captures.push(capture(Role::Attack, &format!("tool{}", n % 5), &format!("net{n}")));
        }
        let cases: Vec<_> =
            captures.iter().map(|capture| Case { capture, outcome: &outcome }).collect();
        for (group, n_folds) in [(Group::Tool, 5), (Group::Network, MOST_FOLDS)] {
            let folds = folds(group, &cases);
            assert_eq!(folds.len(), n_folds);
            for capture in &captures {
                assert_eq!(folds.iter().filter(|fold| fold.holds(capture)).count(), 1);
            }
        }
    }

    #[test]
    fn one_tool_cannot_be_left_out() {
        let outcome = Outcome::default();
        let captures = [capture(Role::Benign, "", "a"), capture(Role::Attack, "iodine", "b")];
        let cases: Vec<_> =
            captures.iter().map(|capture| Case { capture, outcome: &outcome }).collect();
        let cards = Cards { features: Vec::new(), cards: Vec::new() };
        assert_eq!(split(Group::Tool, &cards, &cases, 1.0, 1), None);
        assert!(split(Group::Network, &cards, &cases, 1.0, 1).is_some());
    }
}
