//! How well detection works, measured: the published methods beside ours, in one harness.
//!
//! Nothing here takes part in detection.

pub mod published;
