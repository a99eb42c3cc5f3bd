//! The `[kafka]` table of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How to reach Kafka and what to do while it is away. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSettings {
    /// Brokers to begin with, `host:port` with commas between; the others are learnt from them.
    pub brokers: String,
    /// The name of this sensor, one for each; the machine's name where it is empty.
    pub sensor: String,
    /// Whether records carry up to eight answers in words, as on standard output.
    pub answers_in_words: bool,
    /// Seconds that the end of a run waits for outstanding deliveries.
    pub drain_seconds: u32,
    /// MiB of messages on their way that are kept in memory.
    pub queue_mib: u32,
    /// A directory that takes what comes while the brokers are away; alerts, which `live` and `replay`
    /// publish, in `alerts` below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<PathBuf>,
    /// MiB that the spool may take.
    pub spool_mib: u32,
    /// A file with a SASL/OAUTHBEARER token (a JWT), read again whenever a new one is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The topics.
    pub topics: TopicSettings,
    /// Properties of librdkafka. Any may be read from a file or the environment: `<name>_file` and
    /// `<name>_env`. Secrets must be.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            sensor: String::new(),
            answers_in_words: false,
            drain_seconds: 30,
            queue_mib: 64,
            spool: None,
            spool_mib: 1_024,
            token_file: None,
            topics: TopicSettings::default(),
            properties: BTreeMap::new(),
        }
    }
}

/// What every topic has in common, and what is set apart for some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicSettings {
    /// What stands before the dot of every topic's name.
    pub prefix: String,
    /// Partitions of `records`, `ticks`, `rollups` and `state`: more than there will ever be workers.
    pub partitions: u32,
    /// Copies of every partition; 0 leaves it to the brokers' `default.replication.factor`.
    pub replication: u32,
    /// Copies that must have a message before it counts as delivered; 0 leaves it to the brokers.
    pub min_insync: u32,
    /// Hours that records, ticks and rollups are kept.
    pub retention_hours: u32,
    /// Days that alerts and what could not be read are kept.
    pub alert_days: u32,
    /// Configuration of single topics over all this: `[kafka.topics.config.records]` with Kafka's
    /// own names (`"retention.bytes" = "…"`), and `partitions`.
    pub config: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            prefix: "geophone".to_owned(),
            partitions: 24,
            replication: 0,
            min_insync: 0,
            retention_hours: 24,
            alert_days: 30,
            config: BTreeMap::new(),
        }
    }
}
