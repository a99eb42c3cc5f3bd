//! A reader of topics that belongs to no group: what `tail` is made of.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::admin::{Admin, AdminError};
use crate::properties::{Link, Properties};
use crate::topic::{NoTopic, partitions_of};

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message kept.
    Beginning,
    /// With the first message that comes from now on.
    End,
}

/// Why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The brokers do not answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The topic does not exist.
    #[error(transparent)]
    NoTopic(#[from] NoTopic),
    /// Reading failed.
    #[error("cannot read \"{topic}\"{trouble}: {source}")]
    Read {
        /// The topic.
        topic: String,
        /// What the client complained of.
        trouble: String,
        /// Why.
        source: Box<KafkaError>,
    },
}

/// One message as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Reads every partition of a topic, messages of committed transactions only.
pub struct Follower {
    consumer: BaseConsumer<Link>,
    link: Link,
    topic: String,
    /// Partitions whose present end was not reached yet.
    open: Vec<bool>,
}

impl Follower {
    /// Begins to read `topic`.
    ///
    /// # Errors
    /// Brokers that do not answer, or a topic that does not exist.
    pub fn open(properties: &Properties, topic: &str, start: Start) -> Result<Self, FollowError> {
        let there = Admin::new(properties)?.partitions()?;
        let n = partitions_of(&there, topic, properties.brokers())?;
        let properties = properties.clone().or(&[("group.id", "geophone-tail")]).with(&[
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
        ]);
        let link = properties.link();
        let failed = |source| FollowError::Read {
            topic: topic.to_owned(),
            trouble: link.trouble_words(),
            source: Box::new(source),
        };
        let consumer: BaseConsumer<Link> =
            properties.connect(link.clone()).map_err(AdminError::from)?;
        let offset = match start {
            Start::Beginning => Offset::Beginning,
            Start::End => Offset::End,
        };
        let mut list = TopicPartitionList::new();
        for partition in 0..n {
            let partition = i32::try_from(partition).unwrap_or(i32::MAX);
            list.add_partition_offset(topic, partition, offset).map_err(failed)?;
        }
        consumer.assign(&list).map_err(failed)?;
        let open = vec![true; usize::try_from(n).unwrap_or_default()];
        Ok(Self { consumer, link, topic: topic.to_owned(), open })
    }

    /// Waits `patience` for a message.
    ///
    /// # Errors
    /// What the brokers refuse; that they are away is none, it passes.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Taken>, FollowError> {
        match self.consumer.poll(patience) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(taken(&message))),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let index = usize::try_from(partition).unwrap_or(usize::MAX);
                if let Some(open) = self.open.get_mut(index) {
                    *open = false;
                }
                Ok(None)
            }
            Some(Err(error)) if passes(&error) => Ok(None),
            Some(Err(source)) => Err(FollowError::Read {
                topic: self.topic.clone(),
                trouble: self.link.trouble_words(),
                source: Box::new(source),
            }),
        }
    }

    /// Tells whether the end of every partition was reached once.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        !self.open.contains(&true)
    }
}

pub(crate) fn taken(message: &BorrowedMessage<'_>) -> Taken {
    Taken {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}

pub(crate) fn passes(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    let passing = [Code::AllBrokersDown, Code::BrokerTransportFailure, Code::OperationTimedOut];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}
