//! How blind the sensor was: frames read and dropped, by the minute.

use geophone_sensor::record::SensorFigures;
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Minutes that are remembered.
const MINUTES: usize = 64;
/// The width of a minute in microseconds.
const MINUTE: i64 = 60_000_000;

/// Frames of the last hour, from the sensor's ticks.
#[derive(Clone, Debug)]
pub struct LossHistory {
    minutes: [Minute; MINUTES],
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Minute {
    number: i64,
    loss: Loss,
}

/// Frames of a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Frames that the sensor read.
    pub frames: u64,
    /// Frames that were dropped before it could.
    pub dropped: u64,
}

impl Loss {
    /// Returns the dropped share of all frames in percent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    pub fn percent(&self) -> f64 {
        let all = self.frames.saturating_add(self.dropped);
        if all == 0 { 0.0 } else { self.dropped as f64 * 100.0 / all as f64 }
    }
}

impl Default for LossHistory {
    fn default() -> Self {
        Self { minutes: [Minute { number: i64::MIN, loss: Loss::default() }; MINUTES] }
    }
}

impl LossHistory {
    /// Returns an image of the minutes.
    pub(crate) fn image(&self) -> Vec<Minute> {
        self.minutes.to_vec()
    }

    /// Puts an image back.
    pub(crate) fn put(&mut self, image: &[Minute]) {
        for (cell, minute) in self.minutes.iter_mut().zip(image) {
            *cell = *minute;
        }
    }

    /// Takes what a tick says of its second.
    pub fn add(&mut self, time: Timestamp, figures: &SensorFigures) {
        let number = time.micros().div_euclid(MINUTE);
        let Some(minute) = self.slot(number) else { return };
        if minute.number != number {
            *minute = Minute { number, loss: Loss::default() };
        }
        minute.loss.frames = minute.loss.frames.saturating_add(figures.frames);
        let dropped = figures.dropped_kernel.saturating_add(figures.dropped_interface);
        minute.loss.dropped = minute.loss.dropped.saturating_add(dropped);
    }

    /// Returns the frames from the minute of `start` to that of `end`, of the last hour at most.
    #[must_use]
    pub fn between(&self, start: Timestamp, end: Timestamp) -> Loss {
        let minutes = start.micros().div_euclid(MINUTE)..=end.micros().div_euclid(MINUTE);
        let met = self.minutes.iter().filter(|minute| minutes.contains(&minute.number));
        met.fold(Loss::default(), |sum, minute| Loss {
            frames: sum.frames.saturating_add(minute.loss.frames),
            dropped: sum.dropped.saturating_add(minute.loss.dropped),
        })
    }

    fn slot(&mut self, number: i64) -> Option<&mut Minute> {
        let width = i64::try_from(MINUTES).ok()?;
        self.minutes.get_mut(usize::try_from(number.rem_euclid(width)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_that_of_the_minutes_asked_for() {
        let mut history = LossHistory::default();
        let at = |minutes: i64| Timestamp(minutes * MINUTE + 1);
        for (minute, frames, dropped) in [(-1, 50, 50), (0, 90, 10), (1, 100, 0), (64, 7, 3)] {
            let figures =
                SensorFigures { frames, dropped_kernel: dropped, ..SensorFigures::default() };
            history.add(at(minute), &figures);
        }
        assert_eq!(history.between(at(1), at(2)), Loss { frames: 100, dropped: 0 });
        assert_eq!(history.between(at(64), at(64)), Loss { frames: 7, dropped: 3 });
        assert_eq!(history.between(at(0), at(0)), Loss::default(), "an hour ago is forgotten");
        assert!((Loss { frames: 97, dropped: 3 }.percent() - 3.0).abs() < 1e-9);
    }
}
