//! What the detectors say of a key at one moment.

use super::Fill;
use crate::alert::{Judgement, OpenAlert, Overflow, Reasons, Suspect};
use crate::detect::Features;
use crate::rule::Rules;
use crate::severity::Severity;

/// Asks every detector about `suspect`, or the one whose alert is open, `records` being seen, and
/// returns the one that is surest.
pub(super) fn judgement(
    rules: &Rules,
    features: &Features<'_>,
    fill: Fill,
    suspect: &Suspect,
    records: u32,
) -> Option<Judgement> {
    let open = suspect.open.as_ref().map(OpenAlert::detector);
    let overflows = fill.share > 1.0;
    let mut best: Option<(i32, usize, i32)> = None;
    for (index, detector) in rules.detectors.iter().enumerate() {
        if open.is_some_and(|open| open != index) {
            continue;
        }
        let score = detector.card.score(features);
        let margin = score - detector.card.threshold;
        let raised = open.is_some() || margin >= 0 || (overflows && detector.on_leak);
        if raised && best.is_none_or(|(most, ..)| margin > most) {
            best = Some((margin, index, score));
        }
    }
    let (_, detector, score) = best?;
    let card = &rules.detectors.get(detector)?.card;
    let reasons = || Reasons { evidence: card.evidence(features), features: features.all() };
    let bucket = rules.leak.scope(fill.scope).bucket(fill.tier).filter(|_| overflows);
    Some(Judgement {
        detector,
        score,
        reasons: suspect.notes(score, records).then(reasons),
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
