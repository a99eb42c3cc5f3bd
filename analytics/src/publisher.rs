//! Alerts to Kafka: one ECS document a message, keyed by the alert's identity.
//!
//! What happens to one alert stands in one partition, in order; compaction keeps its last word.

use geophone_kafka::admin::{Admin, AdminError};
use geophone_kafka::counts::Counts;
use geophone_kafka::message::Message;
use geophone_kafka::outbox::{Outbox, OutboxError, OutboxPlan};
use geophone_kafka::properties::{Properties, PropertyError};
use geophone_kafka::pump::Pace;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::{NoTopic, Topic, partition_of, partitions_of};
use geophone_sensor::record::hash_of;

use crate::alert::{Alert, to_ecs};

/// Why alerts cannot go to Kafka.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// The brokers do not answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Alerts that did not get there.
    #[error("{missing} of {produced} alerts did not get to Kafka")]
    Missing {
        /// How many are missing.
        missing: u64,
        /// How many there were.
        produced: u64,
    },
    /// The topic does not exist.
    #[error(transparent)]
    NoTopic(#[from] NoTopic),
    /// The outbox cannot be had.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Wrong properties.
    #[error(transparent)]
    Properties(#[from] PropertyError),
}

/// Returns the message of an alert: its key and its value.
#[must_use]
pub fn alert_message(alert: &Alert<'_>) -> (String, String) {
    (alert.id.clone(), to_ecs(alert).to_string())
}

/// Publishes alerts.
pub struct Publisher {
    outbox: Outbox,
    partitions: u32,
    pace: Pace,
}

impl Publisher {
    /// Checks that the topic is there and begins.
    ///
    /// # Errors
    /// Properties, brokers or a topic that cannot be used.
    pub fn open(
        settings: &KafkaSettings,
        pace: Pace,
        say: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, PublisherError> {
        let properties = Properties::resolve(settings)?;
        let topic = Topic::Alerts.name(&settings.topics);
        let there = Admin::new(&properties)?.partitions()?;
        let partitions = partitions_of(&there, &topic, properties.brokers())?;
        // Not the directory of a sensor with the same settings: its messages are no alerts.
        let own = settings.spool.as_ref().map(|dir| dir.join("alerts"));
        let settings = &KafkaSettings { spool: own, ..settings.clone() };
        let plan = OutboxPlan::of(settings, pace);
        let outbox = Outbox::open(&properties, vec![topic], plan, say)?;
        Ok(Self { outbox, partitions, pace })
    }

    /// Publishes what happened to an alert, at once.
    pub fn publish(&mut self, alert: &Alert<'_>) {
        let (key, value) = alert_message(alert);
        let partition = partition_of(hash_of(key.as_bytes(), 0), self.partitions);
        let (key, value) = (key.as_bytes(), value.as_bytes());
        self.outbox.send(&Message { topic: 0, partition, key, value });
        self.outbox.flush();
    }

    /// Waits for the deliveries; returns what became of everything.
    ///
    /// # Errors
    /// Alerts that are lost, and in a replay those that are not there yet.
    pub fn finish(self) -> (Counts, Result<(), PublisherError>) {
        let counts = self.outbox.finish();
        let waiting = if self.pace == Pace::Replay { counts.spooled } else { 0 };
        let (missing, produced) = (counts.lost() + waiting, counts.produced);
        let sent =
            if missing == 0 { Ok(()) } else { Err(PublisherError::Missing { missing, produced }) };
        (counts, sent)
    }
}
