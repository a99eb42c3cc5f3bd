//! What a published rule said of one capture.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::published::PublishedScore;
use super::trace::Progress;

/// A score is kept if it is this much above the last one kept.
const STEP: f64 = 1.02;

/// What a published rule said of one capture.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The rule.
    pub name: &'static str,
    /// Its published threshold.
    pub threshold: f64,
    /// Its scores by client (where it has one) and domain.
    pub keys: BTreeMap<(Option<IpAddr>, String), Climb>,
}

/// How the score of one key rose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Climb {
    /// The channel it is part of, as an index into the capture's truths.
    pub truth: Option<usize>,
    /// The highest score.
    pub highest: f64,
    /// Scores higher than all before them, and how far the channel was; thinned.
    pub steps: Vec<(f64, Progress)>,
}

impl Publication {
    /// Begins without a score.
    #[must_use]
    pub const fn new(name: &'static str, threshold: f64) -> Self {
        Self { name, threshold, keys: BTreeMap::new() }
    }

    /// Takes a score.
    pub fn take(&mut self, score: PublishedScore, truth: Option<usize>, at: Progress) {
        let climb = self.keys.entry((score.client, score.domain)).or_default();
        climb.truth = climb.truth.or(truth);
        let kept = climb.steps.last().map(|(kept, _)| *kept);
        let crosses = |kept: f64| kept < self.threshold && score.score >= self.threshold;
        if kept.is_none_or(|kept| score.score > kept * STEP || crosses(kept)) {
            climb.steps.push((score.score, at));
            climb.highest = climb.highest.max(score.score);
        }
        climb.highest = climb.highest.max(score.score);
    }
}

impl Climb {
    /// Returns how far the channel was when the score reached `threshold`.
    #[must_use]
    pub fn first(&self, threshold: f64) -> Option<Progress> {
        let reached = self.steps.iter().find(|(score, _)| *score >= threshold);
        // The very highest score may have been thinned.
        let last = || self.steps.last().filter(|_| self.highest >= threshold);
        reached.or_else(last).map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::time::Timestamp;

    use super::*;

    #[test]
    fn the_crossing_of_the_published_threshold_is_never_thinned() {
        let mut found = Publication::new("count", 100.0);
        for n in 1..=300_u32 {
            let score = PublishedScore {
                client: None,
                domain: "example.org".to_owned(),
                time: Timestamp(0),
                score: f64::from(n),
            };
            let at = Progress { queries: u64::from(n), ..Progress::default() };
            found.take(score, Some(0), at);
        }
        let climb = found.keys.values().next().unwrap();
        assert_eq!(climb.first(100.0).map(|at| at.queries), Some(100));
        assert!(climb.steps.len() < 300 && (climb.highest - 300.0).abs() < 1e-9);
        assert_eq!(climb.first(301.0), None);
    }
}
