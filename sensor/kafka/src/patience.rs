//! The one place that looks at a clock on the wall: how long brokers are waited for, and how often
//! state is saved. Nothing that is said depends on it.

use std::time::Instant;

/// Returns the moment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "brokers that are away are away by the wall clock")]
pub fn now() -> Instant {
    Instant::now()
}
