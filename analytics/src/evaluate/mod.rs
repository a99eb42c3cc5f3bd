//! How well detection does: captures with truth in, honest figures out.
//!
//! Captures run through the real sensor and analytics, each from empty tables. What the detectors
//! were asked is kept, so that other thresholds and other points can be tried without running
//! again; what they would raise is what they do raise, because points change no state. Reads
//! captures and writes nothing; knows no clock.

pub mod budget;
pub mod corpus;
pub mod figure;
pub mod fit;
pub mod inject;
pub mod interval;
pub mod metric;
pub mod publication;
pub mod published;
pub mod random;
pub mod report;
mod rival;
pub mod run;
pub mod split;
pub mod table;
pub mod trace;
pub mod watch;

use self::corpus::Capture;
use self::fit::Case;
use self::inject::cell::Cell;
use self::metric::Scored;
use self::report::Report;
use self::run::Harness;
use self::split::Group;
use self::trace::Cards;
use self::watch::Outcome;
use crate::pipeline::watched_features;

/// False alarms a million benign queries that fitted thresholds may give.
pub const FIT_BUDGET: f64 = 1.0;

/// What to measure beside the rules as they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extent {
    /// What is left out in turn.
    pub splits: Vec<Group>,
    /// Cells of the injection grid; none injects nothing.
    pub cells: Vec<Cell>,
}

/// Runs everything and measures it.
#[must_use]
pub fn evaluate(harness: &Harness, captures: &[Capture], extent: &Extent) -> Report {
    let cards = Cards::new(&harness.rules, watched_features(&harness.rules));
    let outcomes = harness.run_all(captures);
    let cases = cases(captures, &outcomes);
    let splits = extent.splits.iter().filter_map(|group| {
        split::split(*group, &cards, &cases, FIT_BUDGET, harness.workers)
    });
    let splits = splits.collect();
    let injection = match extent.cells.as_slice() {
        [] => None,
        cells => inject::inject(harness, captures, cells),
    };
    let scored: Vec<_> =
        cases.iter().map(|case| Scored::new(case.capture, case.outcome, &cards)).collect();
    report::report(&scored, splits, injection)
}

/// Fits the scorecards of the harness's rules to all captures.
#[must_use]
pub fn fit(harness: &Harness, captures: &[Capture]) -> Cards {
    let cards = Cards::new(&harness.rules, watched_features(&harness.rules));
    let outcomes = harness.run_all(captures);
    fit::fit(&cards, &cases(captures, &outcomes), FIT_BUDGET)
}

fn cases<'a>(captures: &'a [Capture], outcomes: &'a [Outcome]) -> Vec<Case<'a>> {
    let pairs = captures.iter().zip(outcomes);
    pairs.map(|(capture, outcome)| Case { capture, outcome }).collect()
}
