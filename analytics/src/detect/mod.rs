//! From the figures of a key to a verdict with its reasons.

mod beacon;
mod download;
mod feature;
mod scorecard;
mod tool;
mod watched;

pub use beacon::{BeaconTracker, LEAST_GAPS};
pub use download::DownloadTracker;
pub use feature::{Feature, Features, Signs};
pub use scorecard::{Evidence, Scorecard, Term};
pub use tool::{Encoding, Tool, ToolTracker, ToolVerdict};
pub use watched::{Values, WATCHED, watched_by};
