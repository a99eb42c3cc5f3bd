//! Where records go when they leave the process.

mod ndjson;
mod shared;
mod stats;

pub use ndjson::Ndjson;
pub use shared::Shared;
pub use stats::{MoreCounters, StatsError, StatsFile, stats_json};
