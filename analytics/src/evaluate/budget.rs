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
