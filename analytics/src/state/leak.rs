//! The leak contract: leaky buckets per (client, domain).
//!
//! A bucket loses ρ bytes a second and gains what each novel name is priced at:
//! S ← max(0, S − ρ·Δt) + bits/8. By Lindley's recursion S > h if and only if some interval of
//! length t carried more than h + ρ·t bytes, so the alert is arithmetic, not judgement.

use std::time::Duration;

use crate::severity::Severity;

/// Buckets of the contract.
pub const TIERS: usize = 3;

/// One leaky bucket's name and size.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// What alerts call it.
    pub name: String,
    /// h: bytes that may come at once.
    pub burst_bytes: f64,
    /// ρ: bytes a second that may go on for ever.
    pub bytes_per_second: f64,
    /// The least severity of its overflow.
    pub severity: Severity,
}

/// The three buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct LeakContract {
    /// From the fastest rate to the slowest.
    pub buckets: [Bucket; TIERS],
}

/// Which bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier(pub usize);

/// The levels of one key's buckets, in bytes.
pub(crate) type Levels = [f64; TIERS];

impl LeakContract {
    /// Drains `levels` by `elapsed`, then adds `bytes`.
    pub(crate) fn pour(&self, levels: &mut Levels, elapsed: Duration, bytes: f64) {
        let seconds = elapsed.as_secs_f64();
        for (level, bucket) in levels.iter_mut().zip(&self.buckets) {
            *level = (*level - bucket.bytes_per_second * seconds).max(0.0) + bytes;
        }
    }

    /// Returns the fullest bucket and how full it is: above 1 it overflows.
    pub(crate) fn fullest(&self, levels: &Levels) -> (Tier, f64) {
        let mut fullest = (Tier(0), 0.0);
        for (index, (level, bucket)) in levels.iter().zip(&self.buckets).enumerate() {
            let fill = level / bucket.burst_bytes;
            if fill > fullest.1 {
                fullest = (Tier(index), fill);
            }
        }
        fullest
    }

    /// Returns the bucket of `tier`.
    #[must_use]
    pub fn bucket(&self, tier: Tier) -> Option<&Bucket> {
        self.buckets.get(tier.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contract() -> LeakContract {
        let bucket = |name: &str, burst_bytes, bytes_per_second| Bucket {
            name: name.to_owned(),
            burst_bytes,
            bytes_per_second,
            severity: Severity::Medium,
        };
        LeakContract {
            buckets: [
                bucket("fast", 512.0, 4.0),
                bucket("mid", 768.0, 0.1),
                bucket("slow", 1024.0, 512.0 / 86_400.0),
            ],
        }
    }

    proptest! {
        /// Promise 1 at the level of one key: whatever the pattern, an interval that carries more
        /// than h + ρ·t bytes overflows, and nothing overflows without such an interval.
        #[test]
        fn a_bucket_overflows_exactly_when_an_interval_carries_too_much(
            steps in prop::collection::vec((0_u32..7200, 0_u16..200), 1..60),
        ) {
            let contract = contract();
            let mut levels = Levels::default();
            let mut events: Vec<(f64, f64)> = Vec::new();
            let mut now = 0.0;
            let (mut overflowed, mut too_much) = ([false; TIERS], [false; TIERS]);
            for (gap, bytes) in steps {
                let (gap, bytes) = (f64::from(gap), f64::from(bytes));
                now += gap;
                contract.pour(&mut levels, Duration::from_secs_f64(gap), bytes);
                events.push((now, bytes));
                for (tier, bucket) in contract.buckets.iter().enumerate() {
                    overflowed[tier] |= levels[tier] > bucket.burst_bytes + 1e-6;
                    let mut sum = 0.0;
                    for (from, bytes) in events.iter().rev() {
                        sum += bytes;
                        let allowed = bucket.burst_bytes + bucket.bytes_per_second * (now - from);
                        too_much[tier] |= sum > allowed + 1e-6;
                    }
                }
            }
            prop_assert_eq!(overflowed, too_much);
        }
    }
}
