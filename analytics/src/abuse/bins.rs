//! What is usual: a mean over bins of time, before the bin at hand.

use std::time::Duration;

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Bins over which the mean forgets.
const MEMORY: f64 = 360.0;
/// Bins that must be over before anything is called usual.
const WARM_UP: u32 = 6;

/// The mean of a figure over bins of equal width.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Usual {
    /// The number of the bin at hand.
    bin: i64,
    /// Bins that are over.
    bins: u32,
    mean: f64,
    most: f64,
}

impl Usual {
    /// Tells whether the bin at hand is over at `time`.
    pub(super) fn is_over(&self, time: Timestamp, width: Duration) -> bool {
        self.bins == 0 && self.bin == 0 || number_of(time, width) > self.bin
    }

    /// Tells whether the bin at hand is over at `time`; then takes what it held, `value`, and zeros
    /// for the empty bins since.
    pub(super) fn turn(&mut self, time: Timestamp, width: Duration, value: f64) -> bool {
        let bin = number_of(time, width);
        if self.bin == 0 && self.bins == 0 && self.mean == 0.0 {
            self.bin = bin;
        }
        if bin <= self.bin {
            return false;
        }
        self.take(value);
        // Empty bins beyond the memory change nothing more.
        for _ in 1..(bin - self.bin).min(720) {
            self.take(0.0);
        }
        self.bin = bin;
        true
    }

    fn take(&mut self, value: f64) {
        self.bins = self.bins.saturating_add(1);
        let weight = 1.0 / f64::from(self.bins).min(MEMORY);
        self.mean += (value - self.mean) * weight;
        self.most = (self.most * (1.0 - 1.0 / MEMORY)).max(value);
    }

    /// Returns how often `value` is what is usual; 1 while nothing is known to be. At least `least`
    /// is taken for usual.
    pub(super) fn rise(&self, value: f64, least: f64) -> f64 {
        if self.bins < WARM_UP { 1.0 } else { value / self.mean.max(least) }
    }
}

/// The number of the bin that `time` is in.
fn number_of(time: Timestamp, width: Duration) -> i64 {
    time.micros().div_euclid(i64::try_from(width.as_micros()).unwrap_or(i64::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn nothing_is_usual_before_the_warm_up() {
        let mut usual = Usual::default();
        for bin in 1..20_i64 {
            usual.turn(Timestamp(bin * 10_000_000), TEN, 50.0);
            let rise = usual.rise(500.0, 1.0);
            assert!(if bin <= 6 { rise < 1.1 } else { rise > 9.0 }, "{bin} {rise}");
        }
    }

    #[test]
    fn pauses_count_as_nothing() {
        let mut usual = Usual::default();
        usual.turn(Timestamp(10_000_000), TEN, 0.0);
        usual.turn(Timestamp(20_000_000), TEN, 100.0);
        usual.turn(Timestamp(120_000_000), TEN, 0.0);
        assert!(usual.bins >= WARM_UP && usual.mean < 11.0, "{usual:?}");
    }
}
