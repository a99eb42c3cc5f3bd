//! Where records go when they leave the process.

mod ndjson;
mod stats;

pub use ndjson::Ndjson;
pub use stats::{MoreCounters, StatsError, stats_json, write_stats};
