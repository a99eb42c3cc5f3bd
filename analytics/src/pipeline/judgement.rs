//! What the detectors say of a key at one moment.

use super::Fill;
use crate::alert::{Judgement, Overflow};
use crate::detect::Features;
use crate::rule::Rules;
use crate::severity::Severity;

/// Asks every detector, or the one whose alert is open, and returns the one that is surest.
pub(super) fn judgement(
    rules: &Rules,
    features: &Features<'_>,
    fill: Fill,
    open: Option<usize>,
) -> Option<Judgement> {
    let overflows = fill.share > 1.0;
    let mut best: Option<(i32, usize, i32)> = None;
    for (index, detector) in rules.detectors.iter().enumerate() {
        let score = detector.card.score(features);
        let margin = score - detector.card.threshold;
        let raised = margin >= 0 || (overflows && detector.on_leak);
        let asked = open.map_or(raised, |open| open == index);
        if asked && best.is_none_or(|(most, ..)| margin > most) {
            best = Some((margin, index, score));
        }
    }
    let (_, detector, score) = best?;
    let bucket = rules.leak.scope(fill.scope).bucket(fill.tier).filter(|_| overflows);
    Some(Judgement {
        detector,
        score,
        evidence: rules.detectors.get(detector)?.card.evidence(features),
        features: features.all(),
        overflow: bucket.map(|bucket| Overflow {
            bucket: bucket.name.clone(),
            scope: fill.scope,
            level_bytes: fill.share * bucket.burst_bytes,
            burst_bytes: bucket.burst_bytes,
            bytes_per_second: bucket.bytes_per_second,
        }),
        overflow_severity: bucket.map_or(Severity::Low, |bucket| bucket.severity),
    })
}
