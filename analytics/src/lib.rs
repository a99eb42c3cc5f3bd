//! geophone-analytics: from records to alerts that explain themselves.
//!
//! One direction, one word per thing: *record* → *key state* → *verdict* → *alert* → *sink*.
//! A module uses only modules above it in this list:

mod octets;
pub mod severity;
pub mod config;
pub mod share;
pub mod price;
pub mod state;
pub mod detect;
pub mod rule;
pub mod alert;
mod abuse;
pub mod pipeline;
pub mod state_file;
pub mod sink;
#[cfg(feature = "kafka")]
pub mod publisher;
#[cfg(feature = "kafka")]
pub mod cluster;
#[cfg(feature = "kafka")]
pub mod message;
pub mod replay;
pub mod evaluate;
pub mod explain;
pub mod export;
pub mod selftest;
pub mod what_if;
pub mod dataset;
