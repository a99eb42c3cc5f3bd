//! How regularly a client asks new names: the clock of an implant.
//!
//! Kept are the last 32 gaps between bursts, so a beacon that wakes up and one that goes silent show
//! within as many. The score is 1 − MAD/median of these gaps (the spread part of RITA's beacon
//! score, activecm/rita `analysis/beacons.go`; `MAD` is the median of the distances from the median):
//! 1 for a clock, 0.85 where each gap may be 30 % longer or shorter, 0.3 where names come at random
//! (exponential gaps have a MAD of 0.48 and a median of 0.69 of their mean).

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Gaps that are kept.
const GAPS: usize = 32;
/// Gaps that must be known before there is a score.
pub const LEAST_GAPS: usize = 8;
/// Names closer than this to the one before, in milliseconds, belong to its burst.
const BURST_MILLIS: u64 = 500;

/// The gaps between bursts of new names, in 80 octets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BeaconTracker {
    /// When the last burst began, and when its last name came; microseconds.
    burst: Option<(Timestamp, Timestamp)>,
    gaps: [u16; GAPS],
    n_gaps: u8,
    next: u8,
}

impl BeaconTracker {
    /// Takes the time of a new name; times that run backwards belong to the burst.
    pub fn add(&mut self, time: Timestamp) {
        let Some((began, last)) = self.burst else {
            self.burst = Some((time, time));
            return;
        };
        if millis(last, time) < BURST_MILLIS {
            self.burst = Some((began, last.max(time)));
            return;
        }
        if let Some(cell) = self.gaps.get_mut(usize::from(self.next)) {
            *cell = pack(millis(began, time));
        }
        self.next = (self.next + 1) % 32;
        self.n_gaps = (self.n_gaps + 1).min(32);
        self.burst = Some((time, time));
    }

    /// Returns how regular the gaps are, 0 to 1; 0 before [`LEAST_GAPS`] are known.
    #[must_use]
    pub fn score(&self) -> f64 {
        let n = usize::from(self.n_gaps);
        if n < LEAST_GAPS {
            return 0.0;
        }
        let mut gaps = self.gaps.map(unpack);
        let Some(gaps) = gaps.get_mut(..n) else { return 0.0 };
        let median = middle(gaps);
        for gap in gaps.iter_mut() {
            *gap = gap.abs_diff(median);
        }
        let spread = middle(gaps);
        (1.0 - f64::from(spread) / f64::from(median.max(1))).max(0.0)
    }
}

/// The lower of the middle values.
fn middle(values: &mut [u32]) -> u32 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// Packs milliseconds into five bits of exponent and eleven of mantissa: exact to 0.05 %, and up to
/// 49 days, which is also what longer ones become.
fn pack(millis: u64) -> u16 {
    let millis = u32::try_from(millis).unwrap_or(u32::MAX);
    let shift = 21_u32.saturating_sub(millis.leading_zeros());
    let mantissa = (millis >> shift) & 0x7ff;
    u16::try_from(shift << 11 | mantissa).unwrap_or(u16::MAX)
}

fn unpack(packed: u16) -> u32 {
    (u32::from(packed) & 0x7ff) << (packed >> 11)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The score of gaps in milliseconds.
    fn score(gaps: impl IntoIterator<Item = u32>) -> f64 {
        let mut tracker = BeaconTracker::default();
        let mut at = 1_000_000_000_000_000;
        tracker.add(Timestamp(at));
        for gap in gaps {
            at += i64::from(gap) * 1_000;
            tracker.add(Timestamp(at));
        }
        tracker.score()
    }

    #[test]
    fn too_few_gaps_have_no_score() {
        assert!(score([60_000; LEAST_GAPS - 1]) < f64::EPSILON);
        assert!(score([60_000; LEAST_GAPS]) > 0.99);
    }

    #[test]
    fn a_stream_without_pauses_is_no_beacon() {
        assert!(score([100; 1000]) < f64::EPSILON);
    }

    #[test]
    fn a_tracker_takes_little() {
        assert!(size_of::<BeaconTracker>() <= 96, "{}", size_of::<BeaconTracker>());
    }

    proptest! {
        #[test]
        fn packing_keeps_three_digits(millis in 0_u64..4_000_000_000) {
            let back = u64::from(unpack(pack(millis)));
            prop_assert!(back <= millis && (millis - back) * 1000 <= millis, "{millis} {back}");
        }

        #[test]
        fn a_clock_scores_high_with_jitter_and_with_bursts(
            period in 1_000_u32..86_400_000,
            jitter in prop::collection::vec(70_u32..130, 32),
            burst in 0_u32..20,
        ) {
            let gaps = jitter.iter().flat_map(|percent| {
                let rest = (period / 100 * percent).saturating_sub(20 * burst).max(600);
                (0..burst).map(|_| 20).chain([rest])
            });
            prop_assert!(score(gaps) > 0.7);
            prop_assert!(score(vec![period; 32]) > 0.99);
        }
    }

    #[test]
    fn names_at_random_score_low() {
        let mut state = 1_u32;
        let mut exponential = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // ln 2 times the number of halvings, with the next bits as a straight line between.
            let (whole, part) = (state.leading_zeros(), state << state.leading_zeros() << 1);
            1_000 + whole * 41_589 + ((u32::MAX - part) >> 16) * 41_589 / 65_536
        };
        let scores: Vec<f64> =
            (0..200).map(|_| score((0..32).map(|_| exponential()).collect::<Vec<_>>())).collect();
        let mean = scores.iter().sum::<f64>() / 200.0;
        assert!((0.2..0.4).contains(&mean), "{mean}");
        assert!(scores.iter().filter(|score| **score > 0.6).count() <= 4, "{scores:?}");
    }
}
