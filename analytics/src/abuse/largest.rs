//! The largest of what came within a window.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::watch::Moment;

/// The largest, and when it came.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Largest {
    at: Timestamp,
    value: u32,
}

impl Largest {
    /// Takes a value; one as large as the largest takes its place.
    pub(super) fn add(&mut self, value: u32, moment: Moment) {
        if value >= self.within(moment) {
            *self = Self { at: moment.at, value };
        }
    }

    /// Returns the largest; 0 once the window is over.
    pub(super) fn within(self, moment: Moment) -> u32 {
        if moment.at.since(self.at) <= moment.window { self.value } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_largest_lasts_for_a_window() {
        let at = |seconds: i64| Moment {
            at: Timestamp(seconds * 1_000_000),
            window: Duration::from_secs(60),
        };
        let mut largest = Largest::default();
        largest.add(7, at(100));
        largest.add(3, at(120));
        assert_eq!([largest.within(at(160)), largest.within(at(161))], [7, 0]);
        largest.add(2, at(170));
        assert_eq!(largest.within(at(170)), 2);
    }
}
