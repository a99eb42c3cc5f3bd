//! The analytics over Kafka: as many workers as wanted, each with its share.
//!
//! Every partition of the records belongs to one [`pair`] node, which charges clients and their
//! domains, and every partition of the rollups to one [`owner`] node, which keeps what is wider.
//! A node is a deterministic function of what it reads, in the order of its partition; a worker
//! holds as many as the group assigns to it, and a node that moves goes on from its saved state.
//! A module uses only modules above it in this list:

pub mod message;
pub mod clock;
pub mod output;
pub mod pair;
pub mod owner;
pub mod saved;
pub mod task;
mod parts;
pub mod plan;
pub mod worker;
