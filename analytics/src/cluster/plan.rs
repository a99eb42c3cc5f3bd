//! What a worker is told, what it did, and why it cannot go on.

use std::time::Duration;

use geophone_kafka::admin::AdminError;
use geophone_kafka::group::GroupError;
use geophone_kafka::log::LogError;
use geophone_kafka::properties::PropertyError;
use geophone_kafka::settings::KafkaSettings;

use crate::config::StateConfig;

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The brokers do not answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Wrong properties.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// A topic that does not exist.
    #[error("there is no topic \"{topic}\"; run: geophone topics create --kafka {brokers}")]
    NoTopic {
        /// The topic.
        topic: String,
        /// Where it is not.
        brokers: String,
    },
    /// The group or a transaction failed.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A partition cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Saved state that cannot be used.
    #[error(
        "the saved state of {node} cannot be used: {why}; with the topic of the states and the \
         group's offsets removed the workers begin anew"
    )]
    State {
        /// Whose it is.
        node: String,
        /// Why.
        why: String,
    },
}

impl WorkerError {
    /// Tells whether a worker that begins anew may get further: it was fenced off, or the brokers
    /// were away.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Group(_) | Self::Log(_) | Self::Admin(_))
    }
}

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct WorkerPlan {
    /// How to reach Kafka.
    pub settings: KafkaSettings,
    /// The group whose members share the work.
    pub group: String,
    /// The worker's own name; whoever had it before is fenced off.
    pub name: String,
    /// How often a node is saved.
    pub save_every: Duration,
    /// The tables of a whole process, of which every node gets its share.
    pub state: StateConfig,
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerCounts {
    /// Messages taken.
    pub taken: u64,
    /// Alerts told: opened, updated, closed.
    pub alerts: u64,
    /// Messages nobody can use.
    pub dead: u64,
    /// Rollups sent to owners.
    pub rollups: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Nodes saved.
    pub saved: u64,
    /// Nodes restored.
    pub restored: u64,
    /// Messages taken once more for that.
    pub retaken: u64,
}
