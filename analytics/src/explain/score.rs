//! The score once more: the stored values through the rules in force.
//!
//! An alert shows its values with three decimals, so a value stands for every number that rounds
//! to it. Where one of these gives the points that were stored, the rule still says the same.

use serde::Serialize;

use super::meaning::meaning;
use super::stored::StoredAlert;
use crate::detect::{Feature, Term};
use crate::rule::{Detector, Rules};
use crate::severity::Severity;

/// Half of the last decimal that an alert shows…
const HALF_STEP: f64 = 0.000_5;
/// …or what the seven digits of large values leave open.
const RELATIVE: f64 = 1e-6;

/// The scorecard as it was, and as it would be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreSheet {
    /// The stored score.
    pub score: i32,
    /// The score that an alert took then.
    pub threshold: i32,
    /// The sum of the stored points; anything but the score means a damaged document.
    pub sum: i32,
    /// One line a feature, most stored points first.
    pub lines: Vec<ScoreLine>,
    /// What the rules in force say; `None` where they have no such detector.
    pub now: Option<ScoreNow>,
    /// Whether the values of all features were stored, or only of those that gave points.
    pub complete: bool,
}

/// One feature's part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreLine {
    /// The feature.
    pub feature: String,
    /// What it measures, where this version knows it.
    pub meaning: &'static str,
    /// Its value, where it was stored.
    pub value: Option<f64>,
    /// The value from which it gives points.
    pub from: f64,
    /// What ordinary traffic shows.
    pub usual: f64,
    /// The points stored.
    pub stored: i32,
    /// The points by the rules in force, where they can be computed.
    pub now: Option<i32>,
    /// Why it gives no points though its value would, or why nothing can be said.
    pub note: Option<String>,
}

/// What the rules in force make of the stored values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreNow {
    /// The score.
    pub score: i32,
    /// The score that an alert takes.
    pub threshold: i32,
    /// The severity of that score alone.
    pub severity: Severity,
    /// Whether anything differs from what was stored.
    pub differs: bool,
    /// Whether the score is enough for an alert.
    pub enough: bool,
    /// Whether an overflow of the leak contract is enough, too.
    pub on_leak: bool,
    /// The detector that is furthest above its threshold now, where it is another one.
    pub named_by: Option<String>,
}

/// What a term gives: the least and the most, and what the value as shown gives.
#[derive(Clone, Copy)]
struct Given {
    least: i32,
    most: i32,
    shown: i32,
}

impl ScoreSheet {
    /// Computes the sheet of `alert` by `rules`.
    pub(super) fn of(alert: &StoredAlert, rules: &Rules) -> Self {
        let facts = &alert.geophone;
        let detector = rules.all().find(|detector| detector.id == alert.rule.id);
        let mut lines: Vec<ScoreLine> = Vec::new();
        for evidence in &facts.evidence {
            if let Some(line) = lines.iter_mut().find(|line| line.feature == evidence.feature) {
                line.stored += evidence.points;
                continue;
            }
            lines.push(ScoreLine {
                feature: evidence.feature.clone(),
                meaning: meaning(&evidence.feature),
                value: alert.value(&evidence.feature),
                from: evidence.threshold,
                usual: evidence.baseline,
                stored: evidence.points,
                now: None,
                note: None,
            });
        }
        for term in detector.iter().flat_map(|detector| &detector.card.terms) {
            let feature = feature_name(term.feature);
            if lines.iter().all(|line| line.feature != feature) {
                lines.push(ScoreLine {
                    meaning: meaning(&feature),
                    value: alert.value(&feature),
                    feature,
                    from: term.threshold(),
                    usual: term.baseline,
                    stored: 0,
                    now: None,
                    note: None,
                });
            }
        }
        if let Some(detector) = detector {
            lines.iter_mut().for_each(|line| line.weigh(detector, alert));
        }
        Self {
            score: facts.score,
            threshold: facts.threshold,
            sum: facts.evidence.iter().map(|evidence| evidence.points).sum(),
            now: detector.map(|detector| ScoreNow::of(alert, detector, &lines, rules)),
            lines,
            complete: !facts.features.is_empty(),
        }
    }
}

impl ScoreLine {
    /// Puts in what `detector` gives for this feature.
    fn weigh(&mut self, detector: &Detector, alert: &StoredAlert) {
        let terms: Vec<_> = detector
            .card
            .terms
            .iter()
            .filter(|term| feature_name(term.feature) == self.feature)
            .collect();
        if terms.is_empty() {
            self.now = Some(0);
            self.note = Some("the rule has no such term any more".to_owned());
            return;
        }
        let Some(value) = self.value else {
            self.note = Some("its value was not stored".to_owned());
            // The old version left out what gave no points.
            self.now = (self.stored == 0).then_some(0);
            return;
        };
        let mut sum = Given { least: 0, most: 0, shown: 0 };
        for term in terms {
            let given = given(term, value, alert);
            if let (Some((gate, least)), 0, true) = (term.gate, given.shown, given.most == 0)
                && term.points_at(value) != 0
            {
                let gate = feature_name(gate);
                let at = alert.value(&gate).map_or_else(String::new, |at| format!(", it is {at}"));
                self.note = Some(format!("counts only from {gate} {least} on{at}"));
            }
            sum.least += given.least;
            sum.most += given.most;
            sum.shown += given.shown;
        }
        let still = (sum.least..=sum.most).contains(&self.stored);
        self.now = Some(if still { self.stored } else { sum.shown });
    }
}

impl ScoreNow {
    fn of(alert: &StoredAlert, detector: &Detector, lines: &[ScoreLine], rules: &Rules) -> Self {
        let facts = &alert.geophone;
        let score = lines.iter().map(|line| line.now.unwrap_or(line.stored)).sum();
        let threshold = detector.card.threshold;
        let changed = lines.iter().any(|line| line.now.is_some_and(|now| now != line.stored));
        let own = score - threshold;
        let best = rules
            .detectors
            .iter()
            .filter(|other| other.id != detector.id && !facts.features.is_empty())
            .map(|other| (margin(other, alert), &other.id))
            .max_by_key(|(margin, _)| *margin)
            .filter(|(margin, _)| *margin > own && *margin >= 0);
        Self {
            score,
            threshold,
            severity: detector.severity.of(score),
            differs: changed || threshold != facts.threshold,
            enough: own >= 0,
            on_leak: detector.on_leak,
            named_by: best.map(|(_, id)| id.clone()),
        }
    }
}

/// How far above its threshold `detector` is.
fn margin(detector: &Detector, alert: &StoredAlert) -> i32 {
    let points = detector.card.terms.iter().map(|term| {
        let value = alert.value(&feature_name(term.feature));
        value.map_or(0, |value| given(term, value, alert).shown)
    });
    points.sum::<i32>() - detector.card.threshold
}

fn given(term: &Term, value: f64, alert: &StoredAlert) -> Given {
    let slack = slack(value);
    let ends = [term.points_at(value - slack), term.points_at(value + slack)];
    let open = Given {
        least: ends.into_iter().min().unwrap_or_default(),
        most: ends.into_iter().max().unwrap_or_default(),
        shown: term.points_at(value),
    };
    // A gate whose feature was not stored was open: the term stands among the evidence.
    let Some((gate, least)) = term.gate else { return open };
    let Some(at) = alert.value(&feature_name(gate)) else { return open };
    let slack = self::slack(at);
    match (at - slack >= least, at + slack >= least) {
        (true, _) => open,
        (false, false) => Given { least: 0, most: 0, shown: 0 },
        (false, true) => Given {
            least: open.least.min(0),
            most: open.most.max(0),
            shown: if at >= least { open.shown } else { 0 },
        },
    }
}

fn slack(value: f64) -> f64 {
    HALF_STEP.max(value.abs() * RELATIVE)
}

/// The name that rules and alerts carry.
pub(super) fn feature_name(feature: Feature) -> String {
    serde_json::to_value(feature)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(values: &[(&str, f64, i32)], features: &[(&str, f64)]) -> StoredAlert {
        let evidence: Vec<_> = values
            .iter()
            .map(|(feature, value, points)| {
                serde_json::json!({"feature": feature, "value": value, "points": points})
            })
            .collect();
        let score: i32 = values.iter().map(|(.., points)| points).sum();
        let features: serde_json::Map<_, _> =
            features.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let text = serde_json::json!({
            "event": {"id": "x"}, "rule": {"id": "dns-tunnel"},
            "geophone": {"score": score, "threshold": 26, "evidence": evidence, "features": features},
        });
        StoredAlert::read(&text.to_string()).unwrap()
    }

    #[test]
    fn the_rules_that_raised_it_give_the_same_points() {
        let rules = Rules::builtin().unwrap();
        let alert = stored(&[("leak_fill", 11.762, 18), ("opaque_share", 1.0, 14)], &[]);
        let sheet = ScoreSheet::of(&alert, &rules);
        let now = sheet.now.unwrap();
        assert_eq!((now.score, now.differs, now.enough), (32, false, true));
        assert!(!sheet.complete);
    }

    #[test]
    fn a_value_at_the_edge_of_two_points_keeps_those_it_got() {
        let rules = Rules::builtin().unwrap();
        // leak_fill gives 8 at 0.5 and 14 at 1: 8.5 points are at 0.541666…, shown as 0.542.
        for points in [8, 9] {
            let now = ScoreSheet::of(&stored(&[("leak_fill", 0.542, points)], &[]), &rules).now;
            assert!(!now.as_ref().unwrap().differs, "{points}: {now:?}");
        }
        let now = ScoreSheet::of(&stored(&[("leak_fill", 0.542, 7)], &[]), &rules).now.unwrap();
        assert_eq!((now.score, now.differs), (9, true));
    }

    #[test]
    fn a_closed_gate_is_told_and_a_rule_that_is_gone_too() {
        let rules = Rules::builtin().unwrap();
        let features = [("leak_fill", 2.0), ("domain_rate", 300.0), ("novel_names", 3.0)];
        let sheet = ScoreSheet::of(&stored(&[("leak_fill", 2.0, 15)], &features), &rules);
        let rate = sheet.lines.iter().find(|line| line.feature == "domain_rate").unwrap();
        assert_eq!(rate.now, Some(0));
        assert!(rate.note.as_ref().unwrap().contains("novel_names 8"), "{rate:?}");
        let mut gone = rules;
        gone.detectors.retain(|detector| detector.id != "dns-tunnel");
        assert!(ScoreSheet::of(&stored(&[], &features), &gone).now.is_none());
    }
}
