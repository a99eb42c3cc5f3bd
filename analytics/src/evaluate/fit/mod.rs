//! The points of scorecards, fitted to captures with truth.
//!
//! A term keeps its shape: the values of its knots, and the points at them up to one factor, which
//! is never negative, so no term changes its sense. The factors are those of a logistic regression
//! on the shapes; the leak contract and what it raises are not touched. No randomness, no
//! parallel sums: the same captures give the same points.

mod regression;
mod rewrite;
mod sample;
mod write;

pub use rewrite::{RewriteError, rewrite};
pub use write::{WriteError, write};

use self::regression::{Model, regress};
use self::sample::{Sample, samples};
use super::budget::allowed;
use super::corpus::{Capture, Role};
use super::figure::whole;
use super::trace::Cards;
use super::watch::Outcome;
use crate::detect::{Scorecard, Term};

/// Decibans in a natural unit of evidence: ten over the natural logarithm of ten.
const DECIBANS: f64 = 10.0 / std::f64::consts::LN_10;
/// Points above even odds from which an alert is raised: ten to one, were channels as frequent as
/// suspicious ordinary traffic. They are not; the benign cases raise the threshold further.
const SURE: i32 = 10;
/// Most points a knot may give, by the rules.
const MAX_POINTS: f64 = 1000.0;

/// A capture and what it gave.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The capture.
    pub capture: &'a Capture,
    /// What it gave.
    pub outcome: &'a Outcome,
}

/// Fits every scorecard of `cards` to `cases`, with thresholds that keep within `per_million`
/// false alarms.
///
/// A scorecard stays as it is where the cases show it nothing benign or nothing else.
#[must_use]
pub fn fit(cards: &Cards, cases: &[Case<'_>], per_million: f64) -> Cards {
    let fitted = cards.cards.iter().map(|(card, on_leak)| {
        let samples = samples(cards, card, cases);
        let both = samples.iter().any(|s| s.attack) && samples.iter().any(|s| !s.attack);
        if !both {
            return (card.clone(), *on_leak);
        }
        let scaled = scale(card, &regress(&samples));
        let threshold = threshold(cards, &scaled, cases, per_million);
        (Scorecard { threshold, ..scaled }, *on_leak)
    });
    Cards { features: cards.features.clone(), cards: fitted.collect() }
}

/// Gives the terms of `card` the points of `model`; the threshold stands where `SURE` says.
fn scale(card: &Scorecard, model: &Model) -> Scorecard {
    let terms = card.terms.iter().zip(&model.weights).map(|(term, weight)| {
        let scale = weight * DECIBANS / height(term).max(f64::MIN_POSITIVE);
        let points = |y: f64| (y * scale).round().clamp(-MAX_POINTS, MAX_POINTS);
        let knots = term.knots.iter().map(|(x, y)| (*x, points(*y))).collect();
        Term { knots, ..term.clone() }
    });
    Scorecard { terms: terms.collect(), threshold: whole(-model.bias * DECIBANS) + SURE }
}

/// Raises the threshold of `card` until the benign cases keep within the budget; a budget too
/// small for their number of queries allows none.
fn threshold(cards: &Cards, card: &Scorecard, cases: &[Case<'_>], per_million: f64) -> i32 {
    let mut queries = 0;
    let mut highest = Vec::new();
    for case in cases.iter().filter(|case| case.capture.role == Role::Benign) {
        queries += case.outcome.queries;
        for key in &case.outcome.keys {
            let scores = key.rows.iter().map(|row| cards.score(card, &row.values));
            highest.extend(scores.max());
        }
    }
    highest.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
    let allowed = usize::try_from(allowed(per_million, queries)).unwrap_or(usize::MAX);
    let bar = highest.get(allowed).map_or(i32::MIN, |score| score.saturating_add(1));
    bar.max(card.threshold)
}

/// The largest points of a term, whatever their sign: what its shape is a share of.
fn height(term: &Term) -> f64 {
    term.knots.iter().fold(0.0, |most, (_, y)| most.max(y.abs()))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::path::PathBuf;

    use super::*;
    use crate::detect::Feature;
    use crate::evaluate::trace::{KeyTrace, Progress, Row};

    fn term(feature: Feature, knots: &[(f64, f64)]) -> Term {
        Term { feature, knots: knots.to_vec(), gate: None, baseline: 0.0 }
    }

    /// Three terms: one that tells channels, one that only speaks against, one never met.
    fn cards() -> Cards {
        let terms = vec![
            term(Feature::NameLength, &[(10.0, 0.0), (50.0, 4.0)]),
            term(Feature::Undelegated, &[(0.5, 0.0), (1.0, -12.0)]),
            term(Feature::TextShare, &[(0.0, 0.0), (1.0, 0.0)]),
        ];
        let features = vec![Feature::NameLength, Feature::TextShare, Feature::Undelegated];
        Cards { features, cards: vec![(Scorecard { terms, threshold: 26 }, true)] }
    }

    fn capture(file: &str, role: Role) -> Capture {
        Capture {
            file: file.to_owned(),
            path: PathBuf::new(),
            role,
            label: String::new(),
            tool: "tool".to_owned(),
            network: "net".to_owned(),
            truths: Vec::new(),
            payload_bytes: None,
        }
    }

    fn outcome(rows: &[[f64; 3]], truth: Option<usize>) -> Outcome {
        let mut key = KeyTrace::new(IpAddr::from([0; 4]), "example.org".to_owned(), truth);
        for values in rows {
            let values = values.to_vec();
            key.push(Row { values, overflow: false, at: Progress::default() }, &cards());
        }
        Outcome { queries: 1000, keys: vec![key], ..Outcome::default() }
    }

    fn fitted() -> Cards {
        let attack = capture("a", Role::Attack);
        let benign = capture("b", Role::Benign);
        let channel = outcome(&[[30.0, 0.0, 0.0], [60.0, 0.0, 0.0]], Some(0));
        let ordinary = outcome(&[[14.0, 0.0, 1.0], [18.0, 0.0, 0.9]], None);
        let cases = [
            Case { capture: &attack, outcome: &channel },
            Case { capture: &benign, outcome: &ordinary },
        ];
        fit(&cards(), &cases, 1.0)
    }

    #[test]
    fn terms_keep_their_shape_and_sense_and_the_threshold_keeps_the_budget() {
        let fitted = fitted();
        let (card, on_leak) = &fitted.cards[0];
        let points: Vec<_> = card.terms.iter().map(|term| term.knots[1].1).collect();
        assert!(points[0] > 5.0 && points[1] < -5.0 && points[2].abs() < 1e-9, "{points:?}");
        assert!(*on_leak && card.terms[0].knots[0] == (10.0, 0.0));
        assert!(fitted.score(card, &[60.0, 0.0, 0.0]) >= card.threshold);
        for benign in [[14.0, 0.0, 1.0], [18.0, 0.0, 0.9]] {
            assert!(fitted.score(card, &benign) < card.threshold);
        }
    }

    #[test]
    fn the_same_cases_give_the_same_points() {
        assert_eq!(fitted(), fitted());
    }

    #[test]
    fn without_benign_traffic_nothing_is_fitted() {
        let attack = capture("a", Role::Attack);
        let channel = outcome(&[[30.0, 0.0, 0.0]], Some(0));
        let cases = [Case { capture: &attack, outcome: &channel }];
        assert_eq!(fit(&cards(), &cases, 1.0), cards());
    }
}
