//! How the figures of one key went: enough to ask any other scorecard what it would have said.

use std::net::IpAddr;

use super::figure::whole;
use crate::detect::{Feature, Scorecard};
use crate::rule::Rules;

/// Judgements of a key that are kept one by one…
const DENSE: u64 = 512;
/// …and behind them each that comes this much later than the last one kept.
const THINNING: f64 = 1.02;

/// How far a channel was at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Queries of the channel so far; an answer whose query was not seen counts as one.
    pub queries: u64,
    /// Seconds since its first.
    pub seconds: f64,
    /// Price of its novel names, in bytes: what can have left at most.
    pub priced_bytes: f64,
    /// Octets before the domain in its names, dots left out: what was sent.
    pub raw_bytes: u64,
}

/// One judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The features' values.
    pub values: Vec<f64>,
    /// Whether a bucket of the leak contract overflows.
    pub overflow: bool,
    /// How far the channel, or where it is none the key, was.
    pub at: Progress,
}

/// The judgements of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyTrace {
    /// Who asks.
    pub client: IpAddr,
    /// The registered domain; empty where the server is meant.
    pub domain: String,
    /// The channel it is part of, as an index into the capture's truths.
    pub truth: Option<usize>,
    /// The judgements that were kept, in their order.
    pub rows: Vec<Row>,
    judged: u64,
    next: f64,
    best: Option<i32>,
    overflowed: bool,
}

/// Scorecards that any row can be put to.
#[derive(Clone, Debug, PartialEq)]
pub struct Cards {
    /// The features whose values rows hold, rising.
    pub features: Vec<Feature>,
    /// Each detector's scorecard, and whether an overflow raises it.
    pub cards: Vec<(Scorecard, bool)>,
}

/// What scorecards say of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The most points above the threshold that any detector gives; below 0 it is silent.
    pub margin: i32,
    /// Whether the leak contract raises an alert whatever the score.
    pub overflow: bool,
}

impl Said {
    /// Tells whether an alert is raised with every threshold moved up by `shift`.
    #[must_use]
    pub const fn is_raised(self, shift: i32) -> bool {
        self.overflow || self.margin >= shift
    }
}

impl Cards {
    /// Takes the scorecards of `rules`.
    #[must_use]
    pub fn new(rules: &Rules, features: Vec<Feature>) -> Self {
        let card = |detector: &crate::rule::Detector| (detector.card.clone(), detector.on_leak);
        Self { features, cards: rules.detectors.iter().map(card).collect() }
    }

    /// Returns the value that `values` holds for `feature`, 0 for one it does not know.
    #[must_use]
    pub fn value(&self, values: &[f64], feature: Feature) -> f64 {
        let index = self.features.binary_search(&feature).ok();
        index.and_then(|index| values.get(index)).copied().unwrap_or_default()
    }

    /// Returns what `card` scores for `values`.
    #[must_use]
    pub fn score(&self, card: &Scorecard, values: &[f64]) -> i32 {
        let value = |feature| self.value(values, feature);
        card.terms.iter().map(|term| whole(term.height(value))).sum()
    }

    /// Returns what all of them say of `row`.
    #[must_use]
    pub fn said(&self, row: &Row) -> Said {
        let margins = self
            .cards
            .iter()
            .map(|(card, _)| self.score(card, &row.values).saturating_sub(card.threshold));
        Said {
            margin: margins.max().unwrap_or(i32::MIN),
            overflow: row.overflow && self.cards.iter().any(|(_, on_leak)| *on_leak),
        }
    }
}

impl KeyTrace {
    /// Begins the trace of a key.
    #[must_use]
    pub const fn new(client: IpAddr, domain: String, truth: Option<usize>) -> Self {
        Self {
            client,
            domain,
            truth,
            rows: Vec::new(),
            judged: 0,
            next: 0.0,
            best: None,
            overflowed: false,
        }
    }

    /// Keeps `row` if it is early, the first to overflow, the surest under `cards`, or due.
    pub fn push(&mut self, row: Row, cards: &Cards) {
        let said = cards.said(&row);
        self.judged += 1;
        let at = super::figure::real(self.judged);
        let surer = self.best.is_none_or(|best| said.margin > best);
        let spills = row.overflow && !self.overflowed;
        if self.judged <= DENSE || at >= self.next || surer || spills {
            self.next = at * THINNING;
            self.best = self.best.max(Some(said.margin));
            self.overflowed |= row.overflow;
            self.rows.push(row);
        }
    }

    /// Returns the first row at which `cards`, moved up by `shift`, raise an alert.
    #[must_use]
    pub fn first(&self, said: &[Said], shift: i32) -> Option<&Row> {
        let raised = self.rows.iter().zip(said).find(|(_, said)| said.is_raised(shift));
        raised.map(|(row, _)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Term;

    fn cards() -> Cards {
        let term = Term {
            feature: Feature::NovelNames,
            knots: vec![(0.0, 0.0), (100.0, 100.0)],
            gate: None,
            baseline: 0.0,
        };
        let card = Scorecard { terms: vec![term], threshold: 10 };
        Cards { features: vec![Feature::LeakFill, Feature::NovelNames], cards: vec![(card, true)] }
    }

    fn row(novel: f64, overflow: bool) -> Row {
        Row { values: vec![0.0, novel], overflow, at: Progress::default() }
    }

    #[test]
    fn a_card_speaks_from_its_threshold_and_an_overflow_always() {
        let cards = cards();
        assert_eq!(cards.said(&row(12.0, false)), Said { margin: 2, overflow: false });
        assert!(cards.said(&row(12.0, false)).is_raised(2));
        assert!(!cards.said(&row(12.0, false)).is_raised(3));
        assert!(cards.said(&row(0.0, true)).is_raised(99));
    }

    #[test]
    fn a_long_trace_is_thinned_but_keeps_its_peak_and_its_first_overflow() {
        let mut trace = KeyTrace::new(IpAddr::from([0; 4]), String::new(), None);
        for index in 0..20_000_u32 {
            let peak = if index == 15_001 { 90.0 } else { 5.0 };
            trace.push(row(peak, index >= 17_003), &cards());
        }
        assert!(trace.rows.len() < 1000, "{}", trace.rows.len());
        let said: Vec<_> = trace.rows.iter().map(|row| cards().said(row)).collect();
        assert_eq!(trace.first(&said, 80), trace.rows.iter().find(|row| row.values[1] > 80.0));
        assert_eq!(trace.rows.iter().filter(|row| row.values[1] > 80.0).count(), 1);
    }
}
