//! How much happened lately.

use std::time::Duration;

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A sum over a sliding window, from two adjoining ones: the last part of the earlier window counts
/// as if it had come evenly. Time that runs backwards adds to the window at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// When the window at hand began, in microseconds.
    start: i64,
    before: u64,
    now: u64,
}

impl Recent {
    /// Adds `n` at `time`; `window` is at least a microsecond.
    pub(crate) fn add(&mut self, time: Timestamp, n: u64, window: Duration) {
        let window = micros(window);
        let passed = time.micros().saturating_sub(self.start) / window;
        if passed > 0 || self.is_empty() {
            self.before = if passed == 1 { self.now } else { 0 };
            self.now = 0;
            self.start = time.micros().div_euclid(window).saturating_mul(window);
        }
        self.now = self.now.saturating_add(n);
    }

    const fn is_empty(&self) -> bool {
        self.now == 0 && self.before == 0
    }

    /// Returns the sum over the `window` that ends at `time`.
    pub(crate) fn sum(&self, time: Timestamp, window: Duration) -> f64 {
        let window = micros(window);
        let into = time.micros().saturating_sub(self.start).max(0);
        let left = |into: i64| as_f64(window.saturating_sub(into).max(0)) / as_f64(window);
        if into < window {
            float(self.before) * left(into) + float(self.now)
        } else {
            float(self.now) * left(into - window)
        }
    }
}

fn micros(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).unwrap_or(i64::MAX).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn float(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_precision_loss, reason = "spans are far below 2^52 microseconds")]
const fn as_f64(n: i64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn rounded(recent: &Recent, second: i64) -> String {
        format!("{:.0}", recent.sum(at(second), MINUTE))
    }

    #[test]
    fn what_is_long_ago_no_longer_counts() {
        let mut recent = Recent::default();
        for second in 0..120 {
            recent.add(at(second), 1, MINUTE);
        }
        let sum = |second| rounded(&recent, second);
        assert_eq!(
            [sum(119), sum(120), sum(150), sum(180), sum(9_999)],
            ["61", "60", "30", "0", "0"]
        );
    }

    #[test]
    fn a_pause_empties_it_and_a_step_back_does_not() {
        let mut recent = Recent::default();
        recent.add(at(1_000), 5, MINUTE);
        recent.add(at(900), 5, MINUTE);
        assert_eq!(rounded(&recent, 1_000), "10");
        recent.add(at(2_000), 1, MINUTE);
        assert_eq!(rounded(&recent, 2_000), "1");
    }
}
