//! What a worker is told, what it did, and why it cannot go on.

use std::collections::BTreeMap;
use std::time::Duration;

use geophone_kafka::admin::AdminError;
use geophone_kafka::group::GroupError;
use geophone_kafka::log::LogError;
use geophone_kafka::properties::PropertyError;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::NoTopic;

use super::pair::NodeCounts;
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
    #[error(transparent)]
    NoTopic(#[from] NoTopic),
    /// A topic with too few or too many partitions.
    #[error(
        "the topic {topic} has {found} partitions and needs {needed}: `geophone topics create --grow` \
         adds some; a topic with too many has to be deleted and made anew"
    )]
    Partitions {
        /// Its name.
        topic: String,
        /// How many it has.
        found: u32,
        /// How many it needs, in words.
        needed: String,
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

/// What a worker did. What it takes and says counts when it is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerCounts {
    /// Messages taken.
    pub taken: u64,
    /// Those of sensors, by what became of them.
    pub records: NodeCounts,
    /// Those of workers to owners, by what became of them.
    pub batches: NodeCounts,
    /// Alerts told: opened, updated, closed.
    pub alerts: u64,
    /// Letters to the topic of what nobody can use.
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
    /// Messages that were taken in transactions which failed: whoever has the partition then takes
    /// them again. Not among those above, unless the brokers committed and could not say so.
    pub undone: u64,
}

impl WorkerCounts {
    /// Adds another worker's, or another session's of the same.
    pub fn add(&mut self, more: &Self) {
        self.taken += more.taken;
        self.records.add(more.records);
        self.batches.add(more.batches);
        self.alerts += more.alerts;
        self.dead += more.dead;
        self.rollups += more.rollups;
        self.transactions += more.transactions;
        self.saved += more.saved;
        self.restored += more.restored;
        self.retaken += more.retaken;
        self.undone += more.undone;
    }

    /// Returns the first sum that does not add up.
    #[must_use]
    pub fn imbalance(&self) -> Option<String> {
        let Self { records, batches, .. } = self;
        let ends = |of: &NodeCounts| of.used + of.again + of.dead;
        let dead = records.dead + batches.dead + records.buried + batches.buried;
        [
            ("worker.messages_taken", self.taken, records.taken + batches.taken),
            ("worker.records_taken", records.taken, ends(records)),
            ("worker.batches_taken", batches.taken, ends(batches)),
            ("worker.dead_letters", self.dead, dead),
        ]
        .into_iter()
        .find(|(_, all, parts)| all != parts)
        .map(|(name, all, parts)| format!("{name} is {all}, its parts add up to {parts}"))
    }

    /// Returns every counter by its published name.
    #[must_use]
    pub fn named(&self) -> BTreeMap<&'static str, u64> {
        let Self { records, batches, .. } = self;
        BTreeMap::from([
            ("worker.messages_taken", self.taken),
            ("worker.records_taken", records.taken),
            ("worker.records_used", records.used),
            ("worker.records_again", records.again),
            ("worker.records_dead", records.dead),
            ("worker.records_missing", records.missing),
            ("worker.records_late", records.late),
            ("worker.sensors_cut_off", records.cut_off),
            ("worker.batches_taken", batches.taken),
            ("worker.batches_used", batches.used),
            ("worker.batches_again", batches.again),
            ("worker.batches_dead", batches.dead),
            ("worker.parts_dead", records.buried + batches.buried),
            ("worker.alerts", self.alerts),
            ("worker.dead_letters", self.dead),
            ("worker.rollups", self.rollups),
            ("worker.transactions", self.transactions),
            ("worker.nodes_saved", self.saved),
            ("worker.nodes_restored", self.restored),
            ("worker.messages_retaken", self.retaken),
            ("worker.messages_undone", self.undone),
        ])
    }
}
