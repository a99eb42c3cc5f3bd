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
pub mod trained;
pub mod watch;

use self::corpus::Capture;
use self::fit::Case;
use self::inject::cell::Cell;
use self::metric::Scored;
use self::report::Report;
use self::run::Harness;
use self::split::{Group, Splits};
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
    let mut splits = Splits::default();
    for &group in &extent.splits {
        match split::split(group, &cards, &cases, FIT_BUDGET, harness.workers) {
            Some(split) => splits.found.push(split),
            None => splits.not_possible.push(group),
        }
    }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::corpus::Role;
    use super::*;
    use crate::config::Config;
    use crate::rule::Rules;

    fn captures() -> Vec<Capture> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/manifest.toml");
        let mut captures = corpus::read(&[manifest]).unwrap();
        captures.retain(|c| c.file.contains("iodine-a") || c.file.contains("ordinary-load"));
        assert_eq!(captures.len(), 2);
        captures
    }

    fn harness(rules: Rules, workers: usize) -> Harness {
        Harness { config: Config::default(), rules, published: false, workers }
    }

    /// Rules by which everything is an alarm, so that there is something to compare.
    fn nervous() -> Rules {
        let mut rules = Rules::builtin().unwrap();
        for detector in &mut rules.detectors {
            detector.card.threshold = 1;
        }
        rules
    }

    #[test]
    fn the_trace_says_what_the_pipeline_did() {
        for rules in [Rules::builtin().unwrap(), nervous()] {
            let cards = Cards::new(&rules, watched_features(&rules));
            let harness = harness(rules, 1);
            let captures = captures();
            let outcomes = harness.run_all(&captures);
            for case in cases(&captures, &outcomes) {
                let scored = Scored::new(case.capture, case.outcome, &cards);
                let raised = scored.worst().filter(|said| said.is_raised(0)).count();
                let told = case.outcome.channels.iter().filter(|c| c.first.is_some()).count();
                assert_eq!(raised, told + case.outcome.beside.len(), "{}", case.capture.file);
                let found: Vec<_> = scored.found(0).iter().map(|(at, _)| at.queries).collect();
                let first = case.outcome.channels.iter().filter_map(|c| c.first.as_ref());
                assert_eq!(found, first.map(|(_, at)| at.queries).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn any_number_of_workers_gives_the_same_document() {
        let extent = Extent { splits: vec![Group::Network], cells: Vec::new() };
        let report = |workers| {
            let harness = harness(Rules::builtin().unwrap(), workers);
            serde_json::to_string(&evaluate(&harness, &captures(), &extent)).unwrap()
        };
        let alone = report(1);
        assert_eq!(alone, report(3));
        assert!(!alone.contains("/datasets"), "no path of this machine: {alone}");
    }

    #[test]
    fn what_is_found_and_what_cannot_be_told_stand_in_the_table() {
        let report = evaluate(&harness(nervous(), 2), &captures(), &Extent::default());
        assert_eq!((report.as_they_stand.recall.hits, report.as_they_stand.recall.of), (1, 1));
        assert!(captures().iter().any(|c| c.role == Role::Benign));
        let text = table::text(&report);
        assert!(text.contains("0.01 a million") && text.contains("it takes 300000000"), "{text}");
    }
}
