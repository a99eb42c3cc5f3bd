//! Fixed budgets of false alarms, and what the number of benign queries allows to say of them.

use serde::Serialize;

use super::figure::{count, real};
use super::metric::{Point, Scored, benign, benign_queries, point};

/// Budgets, in alerts a million benign queries (theory: evaluation at fixed budgets).
pub const BUDGETS: [f64; 3] = [0.01, 0.1, 1.0];

/// Alarms that must be possible within a budget before a count of none says anything: by the rule
/// of three, none in n queries leaves room for three.
const LEAST_ALARMS: f64 = 3.0;

/// What is found within a budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// Alerts a million benign queries.
    pub per_million: f64,
    /// Benign queries that it takes to tell.
    pub needs_queries: u64,
    /// What is found, where that can be told.
    pub point: Option<Point>,
    /// Why it cannot be told.
    pub why_not: Option<String>,
}

/// Finds the operating point of each budget.
#[must_use]
pub fn budgets(scored: &[Scored<'_>]) -> Vec<Budget> {
    BUDGETS.into_iter().map(|per_million| budget(scored, per_million)).collect()
}

fn budget(scored: &[Scored<'_>], per_million: f64) -> Budget {
    let queries = benign_queries(scored);
    let needs_queries = needed(per_million);
    let outcome = if queries < needs_queries {
        Err(format!("{queries} benign queries cannot tell: it takes {needs_queries}"))
    } else {
        shift_for(scored, allowed(per_million, queries))
    };
    let (shift, why_not) = match outcome {
        Ok(shift) => (Some(shift), None),
        Err(why_not) => (None, Some(why_not)),
    };
    let point = shift.map(|shift| point(scored, shift));
    Budget { per_million, needs_queries, point, why_not }
}

/// Benign queries that it takes to say anything about a budget.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive budget")]
pub fn needed(per_million: f64) -> u64 {
    (LEAST_ALARMS * 1e6 / per_million).round() as u64
}

/// Alarms that a budget allows in `queries`.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive budget")]
pub fn allowed(per_million: f64, queries: u64) -> u64 {
    (per_million * real(queries) / 1e6).floor() as u64
}

/// Finds the least shift, not below 0, at which benign captures raise at most `allowed` alarms.
///
/// Thresholds are never lowered: a threshold that few benign captures happen not to reach is luck.
///
/// # Errors
/// The leak contract alone raises more, and no threshold silences it.
pub fn shift_for(scored: &[Scored<'_>], allowed: u64) -> Result<i32, String> {
    let (mut overflows, mut margins) = (0, Vec::new());
    for said in benign(scored).flat_map(Scored::worst) {
        if said.overflow {
            overflows += 1;
        } else {
            margins.push(said.margin);
        }
    }
    let Some(left) = allowed.checked_sub(overflows) else {
        return Err(format!(
            "the leak contract alone raises {overflows} of {allowed} allowed false alarms"
        ));
    };
    margins.sort_unstable_by_key(|margin| std::cmp::Reverse(*margin));
    let first_too_many = margins.iter().find(|_| left < count(margins.len()));
    let index = usize::try_from(left).unwrap_or(usize::MAX);
    let bar = first_too_many.and_then(|_| margins.get(index)).copied().unwrap_or(i32::MIN);
    Ok(bar.saturating_add(1).max(0))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::path::PathBuf;

    use super::*;
    use crate::detect::{Feature, Scorecard, Term};
    use crate::evaluate::corpus::{Capture, Role};
    use crate::evaluate::trace::{Cards, KeyTrace, Progress, Row};
    use crate::evaluate::watch::Outcome;

    fn cards() -> Cards {
        let knots = vec![(0.0, 0.0), (100.0, 100.0)];
        let term = Term { feature: Feature::NovelNames, knots, gate: None, baseline: 0.0 };
        let card = Scorecard { terms: vec![term], threshold: 10 };
        Cards { features: vec![Feature::NovelNames], cards: vec![(card, true)] }
    }

    /// Keys by their highest score; a score below 0 stands for an overflow.
    fn outcome(queries: u64, scores: &[f64], truth: Option<usize>) -> Outcome {
        let key = |score: &f64| {
            let mut key = KeyTrace::new(IpAddr::from([0; 4]), String::new(), truth);
            let row = Row {
                values: vec![score.max(0.0)],
                overflow: *score < 0.0,
                at: Progress::default(),
            };
            key.push(row, &cards());
            key
        };
        let mut channel = crate::evaluate::watch::Channel::default();
        channel.whole.queries = 1;
        let channels = truth.map(|_| channel).into_iter().collect();
        Outcome { queries, channels, keys: scores.iter().map(key).collect(), ..Outcome::default() }
    }

    fn capture(role: Role) -> Capture {
        Capture {
            file: String::new(),
            path: PathBuf::new(),
            role,
            label: String::new(),
            tool: String::new(),
            network: String::new(),
            truths: Vec::new(),
            payload_bytes: None,
        }
    }

    fn told(queries: u64, benign: &[f64], attack: &[f64]) -> Vec<Budget> {
        let captures = [capture(Role::Benign), capture(Role::Attack)];
        let outcomes = [outcome(queries, benign, None), outcome(9, attack, Some(0))];
        let pairs = captures.iter().zip(&outcomes);
        let scored: Vec<_> = pairs.map(|(c, o)| Scored::new(c, o, &cards())).collect();
        budgets(&scored)
    }

    #[test]
    fn thresholds_rise_until_the_budget_is_kept() {
        // 4 million queries: 4 alarms at 1 a million; 5 keys alarm, the fifth by 2 points.
        let told = told(4_000_000, &[90.0, 50.0, 40.0, 30.0, 12.0, 3.0], &[13.0]);
        let point = told[2].point.as_ref().unwrap();
        assert_eq!((point.shift, point.false_alarms.alarms), (3, 4));
        assert_eq!((point.recall.hits, point.recall.of), (1, 1));
        assert!((point.false_alarms.per_million - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_budget_that_so_few_queries_cannot_tell_has_no_point() {
        let told = told(4_000_000, &[], &[13.0]);
        assert!(told[0].point.is_none() && told[1].point.is_none() && told[2].point.is_some());
        assert_eq!(told[0].needs_queries, 300_000_000);
        assert!(told[0].why_not.as_ref().unwrap().contains("it takes 300000000"));
    }

    #[test]
    fn no_threshold_keeps_a_budget_that_the_leak_contract_breaks() {
        let told = told(3_000_000, &[-1.0; 4], &[13.0]);
        let why_not = told[2].why_not.as_ref().unwrap();
        assert!(why_not.contains("leak contract alone raises 4 of 3"), "{why_not}");
    }

    #[test]
    fn thresholds_are_never_lowered() {
        let point = told(3_000_000, &[2.0], &[5.0])[2].point.clone().unwrap();
        assert_eq!((point.shift, point.recall.hits), (0, 0));
    }
}
