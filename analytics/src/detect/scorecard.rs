//! Additive scorecards: points in whole decibans that sum to the score exactly.
//!
//! A deciban is a tenth of a power of ten of likelihood: ten points make the suspicion ten times
//! as likely. Whole points, so that the sum printed is the sum computed.

use serde::{Deserialize, Serialize};

use super::feature::{Feature, Features};

/// One line of a scorecard: a feature's value becomes points by a piecewise linear function.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The feature.
    pub feature: Feature,
    /// Value and points, values rising; constant before the first and behind the last.
    pub knots: Vec<(f64, f64)>,
    /// Another feature that must have at least this value, or the term gives nothing.
    pub gate: Option<(Feature, f64)>,
    /// What ordinary traffic shows.
    pub baseline: f64,
}

/// The lines of one detector and the score that makes an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The lines.
    pub terms: Vec<Term>,
    /// The least score of an alert.
    pub threshold: i32,
}

/// A reason: what a feature was, what it might have been, and the points it gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The feature.
    pub feature: Feature,
    /// Its value.
    pub value: f64,
    /// The value from which it gives points.
    pub threshold: f64,
    /// What ordinary traffic shows.
    pub baseline: f64,
    /// The points it gave.
    pub points: i32,
}

impl Term {
    /// Returns the points for `features`.
    #[must_use]
    pub fn points(&self, features: &Features<'_>) -> i32 {
        self.points_of(|feature| features.value(feature))
    }

    fn points_of(&self, value: impl Fn(Feature) -> f64) -> i32 {
        round(self.height(value))
    }

    /// Returns the points before they are rounded, where `value` tells the features.
    #[must_use]
    pub fn height(&self, value: impl Fn(Feature) -> f64) -> f64 {
        if self.gate.is_some_and(|(feature, least)| value(feature) < least) {
            return 0.0;
        }
        self.interpolate(value(self.feature))
    }

    /// Returns the points for `value`, the gate open.
    #[must_use]
    pub fn points_at(&self, value: f64) -> i32 {
        round(self.interpolate(value))
    }

    fn interpolate(&self, value: f64) -> f64 {
        let mut before: Option<(f64, f64)> = None;
        for &(x, y) in &self.knots {
            if value < x {
                return before.map_or(y, |(x0, y0)| y0 + (y - y0) * (value - x0) / (x - x0));
            }
            before = Some((x, y));
        }
        before.map_or(0.0, |(_, y)| y)
    }

    /// Returns the value at which the term leaves zero points.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        let mut edge = 0.0;
        for window in self.knots.windows(2) {
            if let [(x0, y0), (x1, y1)] = window {
                match (is_zero(*y0), is_zero(*y1)) {
                    (true, false) => return *x0,
                    (false, true) => edge = *x1,
                    _ => {}
                }
            }
        }
        edge
    }
}

impl Scorecard {
    /// Returns the sum of all points.
    #[must_use]
    pub fn score(&self, features: &Features<'_>) -> i32 {
        self.terms.iter().map(|term| term.points(features)).sum()
    }

    /// Returns the lines that gave points, most first, in the order of the rule among equals.
    #[must_use]
    pub fn evidence(&self, features: &Features<'_>) -> Vec<Evidence> {
        self.evidence_of(|feature| features.value(feature))
    }

    /// Returns the sum of all points where `value` tells the features.
    #[must_use]
    pub fn score_of(&self, value: impl Fn(Feature) -> f64 + Copy) -> i32 {
        self.terms.iter().map(|term| term.points_of(value)).sum()
    }

    /// Returns the lines that gave points where `value` tells the features, in the same order.
    #[must_use]
    pub fn evidence_of(&self, value: impl Fn(Feature) -> f64 + Copy) -> Vec<Evidence> {
        let mut evidence: Vec<_> = self
            .terms
            .iter()
            .map(|term| Evidence {
                feature: term.feature,
                value: value(term.feature),
                threshold: term.threshold(),
                baseline: term.baseline,
                points: term.points_of(value),
            })
            .filter(|evidence| evidence.points != 0)
            .collect();
        evidence.sort_by_key(|evidence| std::cmp::Reverse(evidence.points));
        evidence
    }
}

fn is_zero(points: f64) -> bool {
    points.abs() < f64::EPSILON
}

#[expect(clippy::cast_possible_truncation, reason = "knots are at most 1000 points by the rules")]
fn round(points: f64) -> i32 {
    points.round() as i32
}

#[cfg(test)]
mod tests {
    use geophone_sensor::record::Transaction;
    use proptest::prelude::*;

    use super::*;
    use crate::state::KeyState;

    fn term(knots: &[(f64, f64)]) -> Term {
        Term { feature: Feature::LeakFill, knots: knots.to_vec(), gate: None, baseline: 0.0 }
    }

    fn points(term: &Term, value: f64) -> i32 {
        let (state, transaction) = (KeyState::default(), Transaction::default());
        term.points(&Features::new(&state, value, &transaction))
    }

    #[test]
    fn points_run_straight_between_knots_and_flat_outside() {
        let term = term(&[(1.0, 0.0), (2.0, 10.0), (4.0, 12.0)]);
        let table = [(0.0, 0), (1.0, 0), (1.5, 5), (2.0, 10), (3.0, 11), (9.0, 12)];
        for (value, expected) in table {
            assert_eq!(points(&term, value), expected, "{value}");
        }
        assert!((term.threshold() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_closed_gate_gives_nothing() {
        let gated = Term { gate: Some((Feature::NovelNames, 8.0)), ..term(&[(0.0, 9.0)]) };
        assert_eq!(points(&gated, 1.0), 0);
    }

    proptest! {
        #[test]
        fn the_evidence_adds_up_to_the_score(
            fill in 0.0_f64..3.0,
            knots in prop::collection::vec((0.0_f64..3.0, -20.0_f64..20.0), 1..6),
        ) {
            let mut knots = knots;
            knots.sort_by(|a, b| a.0.total_cmp(&b.0));
            knots.dedup_by(|a, b| (a.0 - b.0).abs() < 1e-6);
            let card = Scorecard { terms: vec![term(&knots), term(&[(0.0, 0.0), (3.0, 7.0)])], threshold: 1 };
            let (state, transaction) = (KeyState::default(), Transaction::default());
            let features = Features::new(&state, fill, &transaction);
            let sum: i32 = card.evidence(&features).iter().map(|evidence| evidence.points).sum();
            prop_assert_eq!(sum, card.score(&features));
        }
    }
}
