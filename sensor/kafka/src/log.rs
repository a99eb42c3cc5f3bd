//! One partition of a topic, read from one place to another: what a restore is made of.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::follow::{Taken, taken};
use crate::patience::now;
use crate::properties::{Link, Properties, PropertyError};

/// Milliseconds to wait for a message at a time.
const STEP: Duration = Duration::from_millis(200);
/// How long a new leader may be behind what was committed.
const SETTLED: Duration = Duration::from_secs(10);

/// Why a partition cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Properties that are refused.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// The brokers refuse.
    #[error("cannot read \"{topic}\" partition {partition}: {source}")]
    Read {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why.
        source: Box<KafkaError>,
    },
    /// The brokers are away.
    #[error("no answer about \"{topic}\" partition {partition} for {} s", waited.as_secs())]
    Silence {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How long nothing came.
        waited: Duration,
    },
}

/// Reads on in one partition, from its present end.
pub struct Tail {
    log: Log,
    topic: String,
}

impl Tail {
    /// Begins behind the last message of the partition.
    ///
    /// # Errors
    /// Properties that are refused, or brokers that are silent.
    pub fn open(
        properties: &Properties,
        topic: &str,
        partition: i32,
        patience: Duration,
    ) -> Result<Self, LogError> {
        let log = Log::new(properties, patience)?;
        let failed = |source| LogError::Read {
            topic: topic.to_owned(),
            partition,
            source: Box::new(source),
        };
        let marks = log.consumer.fetch_watermarks(topic, partition, patience);
        let (_, end) = marks.map_err(failed)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(end)).map_err(failed)?;
        log.consumer.assign(&list).map_err(failed)?;
        Ok(Self { log, topic: topic.to_owned() })
    }

    /// Hands on what has come, without waiting.
    ///
    /// # Errors
    /// What the brokers refuse.
    pub fn drain(&self, take: &mut impl FnMut(Taken)) -> Result<(), LogError> {
        while let Some(next) = self.log.consumer.poll(Duration::ZERO) {
            match next {
                Ok(message) => take(taken(&message)),
                Err(KafkaError::PartitionEOF(_)) => {}
                Err(error) if crate::follow::passes(&error) => {}
                Err(source) => {
                    let (topic, source) = (self.topic.clone(), Box::new(source));
                    return Err(LogError::Read { topic, partition: 0, source });
                }
            }
        }
        Ok(())
    }
}

/// Reads partitions without a group, messages of committed transactions only.
pub struct Log {
    consumer: BaseConsumer<Link>,
    patience: Duration,
}

impl Log {
    /// Makes a reader that waits so long for brokers that are silent.
    ///
    /// # Errors
    /// Properties that are refused.
    pub fn new(properties: &Properties, patience: Duration) -> Result<Self, LogError> {
        let properties = properties
            .clone()
            .or(&[("group.id", "geophone-log"), ("fetch.wait.max.ms", "10")])
            .with(&[
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("enable.partition.eof", "true"),
                ("isolation.level", "read_committed"),
                ("auto.offset.reset", "earliest"),
            ]);
        let consumer = properties.connect(properties.link())?;
        Ok(Self { consumer, patience })
    }

    /// Returns the offset behind the last message of a partition; where it is below `expected`, only
    /// after a while in which it stayed there.
    ///
    /// # Errors
    /// What the brokers refuse, or their silence.
    pub fn end(&self, (topic, partition): (&str, i32), expected: i64) -> Result<i64, LogError> {
        let began = now();
        loop {
            let marks = self.consumer.fetch_watermarks(topic, partition, self.patience);
            let (_, end) = marks.map_err(|source| LogError::Read {
                topic: topic.to_owned(),
                partition,
                source: Box::new(source),
            })?;
            if end >= expected || began.elapsed() > SETTLED {
                return Ok(end);
            }
            std::thread::park_timeout(STEP);
        }
    }

    /// Hands on the messages of a partition from offset `from` (`None` for the oldest kept) to its
    /// present end, or to the one before offset `to`; returns the offset behind the last.
    ///
    /// # Errors
    /// What the brokers refuse, or their silence.
    pub fn read(
        &self,
        (topic, partition): (&str, i32),
        from: Option<i64>,
        to: Option<i64>,
        take: &mut impl FnMut(Taken),
    ) -> Result<i64, LogError> {
        let failed = |source| LogError::Read {
            topic: topic.to_owned(),
            partition,
            source: Box::new(source),
        };
        let mut list = TopicPartitionList::new();
        let offset = from.map_or(Offset::Beginning, Offset::Offset);
        list.add_partition_offset(topic, partition, offset).map_err(failed)?;
        self.consumer.assign(&list).map_err(failed)?;
        let mut next = from.unwrap_or_default();
        let mut heard = now();
        while to.is_none_or(|to| next < to) {
            match self.consumer.poll(STEP) {
                Some(Ok(message)) => {
                    heard = now();
                    if to.is_some_and(|to| message.offset() >= to) {
                        break;
                    }
                    next = message.offset() + 1;
                    take(taken(&message));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if crate::follow::passes(&error) => {}
                Some(Err(source)) => return Err(failed(source)),
                None if heard.elapsed() > self.patience => {
                    let topic = topic.to_owned();
                    return Err(LogError::Silence { topic, partition, waited: self.patience });
                }
                None => {}
            }
        }
        self.consumer.unassign().map_err(failed)?;
        Ok(next)
    }
}
