//! The machine's clock, read here and nowhere else in the sensor.
//!
//! It is the clock the kernel stamps frames with (`CLOCK_REALTIME`); it may be set back.

use crate::time::Timestamp;

/// Returns the time a frame captured now would carry.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}
