//! When losses are worth a line on the terminal.

use crate::capture::{CaptureError, Losses};
use crate::time::Timestamp;

/// Microseconds of capture time between two warnings.
const PERIOD: i64 = 60_000_000;

/// What was lost since the last warning.
pub(super) struct LossWatch {
    /// Tenths of a percent from which a warning is given.
    least_permille: u32,
    /// Where counting began: time, frames, losses.
    since: Option<(Timestamp, u64, Losses)>,
    /// When the last warning was given.
    warned: Option<Timestamp>,
}

impl LossWatch {
    pub(super) const fn new(least_permille: u32) -> Self {
        Self { least_permille, since: None, warned: None }
    }

    /// Takes the totals at `time`; returns a warning where one is due.
    pub(super) fn note(
        &mut self,
        time: Timestamp,
        frames: u64,
        losses: Losses,
    ) -> Option<CaptureError> {
        let (_, frames_before, before) = self.since.unwrap_or_default();
        let kernel = losses.kernel.saturating_sub(before.kernel);
        let interface = losses.interface.saturating_sub(before.interface);
        let lost = kernel.saturating_add(interface);
        let all = frames.saturating_sub(frames_before).saturating_add(lost);
        let permille = lost.saturating_mul(1000).checked_div(all)?;
        let early = self.warned.is_some_and(|warned| {
            (0..PERIOD).contains(&time.micros().saturating_sub(warned.micros()))
        });
        if early || permille < u64::from(self.least_permille) {
            return None;
        }
        self.since = Some((time, frames, losses));
        self.warned = Some(time);
        Some(CaptureError::FramesLost { permille, kernel, interface })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(kernel: u64) -> Losses {
        Losses { kernel, interface: 0 }
    }

    #[test]
    fn a_share_above_the_threshold_is_told_and_no_more_than_once_a_minute() {
        let mut watch = LossWatch::new(10);
        let at = |second: i64| Timestamp(second * 1_000_000);
        assert!(watch.note(at(1), 1000, losses(9)).is_none(), "0.9 %");
        let told = watch.note(at(2), 1000, losses(11)).unwrap().to_string();
        assert!(told.contains("1.0 %") && told.contains("11 by the kernel"), "{told}");
        assert!(watch.note(at(3), 1010, losses(100)).is_none(), "within a minute");
        let told = watch.note(at(62), 1100, losses(111)).unwrap().to_string();
        assert!(told.contains("50.0 %") && told.contains("100 by the kernel"), "{told}");
        assert!(watch.note(at(200), 1_000_000, losses(112)).is_none(), "few of many");
        assert!(watch.note(at(1), 1_000_000, losses(100_112)).is_some(), "the clock was set back");
    }
}
