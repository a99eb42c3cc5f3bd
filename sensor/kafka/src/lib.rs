//! geophone-kafka: keyed bytes to and from Apache Kafka.
//!
//! Knows properties, topics, partitions, deliveries and a spool, and nothing of what is in a
//! message. The only crate with librdkafka. A module uses only modules above it in this list:

pub mod settings;
pub mod token;
pub mod properties;
pub mod topic;
pub mod admin;
pub mod envelope;
pub mod heartbeat;
pub mod message;
pub mod spool;
pub mod counts;
pub mod producer;
pub mod pump;
pub mod outbox;
pub mod follow;
pub mod patience;
pub mod log;
pub mod group;

pub use rdkafka;
