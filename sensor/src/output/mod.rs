//! Where records go when they leave the process.

#[cfg(feature = "kafka")]
mod kafka;
mod ndjson;
mod shared;
mod stats;

#[cfg(feature = "kafka")]
pub use kafka::{KafkaOutputError, KafkaRecords};
pub use ndjson::Ndjson;
pub use shared::Shared;
pub use stats::{MoreCounters, StatsError, StatsFile, stats_json};
