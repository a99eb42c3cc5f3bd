//! A producer that knows what became of each message.
//!
//! `flush` says that nothing waits any more, not that anything was delivered: only the report of
//! each message says that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, message::DeliveryResult};

use crate::message::Message;
use crate::properties::{Link, Properties, PropertyError};

// A message's tag is the pointer that librdkafka keeps with it.
const _: () = assert!(usize::BITS == 64, "tags of messages need 64 bits");

/// Where nothing else is configured. Against one broker, half a million records cost the sensor 2.9 s
/// of CPU and 87 octets each on disk with lz4, 3.8 s and 59 with zstd: see ARCHITECTURE.md.
const DEFAULTS: [(&str, &str); 5] = [
    ("compression.type", "lz4"),
    ("linger.ms", "50"),
    ("batch.size", "1000000"),
    ("batch.num.messages", "100000"),
    ("reconnect.backoff.max.ms", "1000"),
];

/// Octets of memory a message takes beside itself, about.
const OVERHEAD: u64 = 256;

/// What became of a message, by its tag.
#[derive(Debug)]
pub(crate) enum Report {
    /// A broker and its followers have it.
    Delivered(usize),
    /// It came back: nobody's fault, to be sent again.
    Returned(usize, Vec<u8>),
    /// It will never be taken.
    Rejected(usize, KafkaError),
}

/// Why a message could not be handed over.
#[derive(Debug)]
pub(crate) enum SendError {
    /// As many wait as may.
    Full,
    /// It will never be taken.
    Rejected(KafkaError),
    /// The producer must be made anew.
    Fatal,
}

#[derive(Default)]
struct Reports {
    made: Vec<Report>,
    all_down: bool,
}

/// The context of the producer.
pub(crate) struct Context {
    link: Link,
    topics: Vec<String>,
    reports: Arc<Mutex<Reports>>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Link::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.reports.lock().unwrap_or_else(PoisonError::into_inner).all_down = true;
        } else {
            self.link.complain(reason);
        }
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.link.generate_oauth_token(config)
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let report = match result {
            Ok(_) => Report::Delivered(tag),
            Err((error, message)) if is_nobodys_fault(error) => {
                Report::Returned(tag, self.written(message))
            }
            Err((error, _)) => Report::Rejected(tag, error.clone()),
        };
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.all_down &= !matches!(report, Report::Delivered(_));
        reports.made.push(report);
    }
}

impl Context {
    /// Writes a message that came back as it was handed over.
    fn written(&self, message: &BorrowedMessage<'_>) -> Vec<u8> {
        let index = self.topics.iter().position(|topic| topic == message.topic());
        let mut octets = Vec::new();
        Message {
            topic: index.and_then(|index| u8::try_from(index).ok()).unwrap_or_default(),
            partition: message.partition(),
            key: message.key().unwrap_or_default(),
            value: message.payload().unwrap_or_default(),
        }
        .write(&mut octets);
        octets
    }
}

/// Tells whether a message came back for a reason that will pass.
fn is_nobodys_fault(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    let passing = [
        Code::AllBrokersDown,
        Code::BrokerTransportFailure,
        Code::Fatal,
        Code::MessageTimedOut,
        Code::PurgeInflight,
        Code::PurgeQueue,
    ];
    code.is_some_and(|code| passing.contains(&code) || is_fatal(code))
}

/// Codes that an idempotent producer ends with (KIP-98, and librdkafka's INTRODUCTION.md).
fn is_fatal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    [Code::InvalidProducerEpoch, Code::OutOfOrderSequenceNumber, Code::UnknownProducerId]
        .contains(&code)
}

/// An idempotent producer with acks=all that never gives a message up by itself.
pub(crate) struct Sender {
    producer: BaseProducer<Context>,
    properties: Properties,
    topics: Vec<String>,
    link: Link,
    reports: Arc<Mutex<Reports>>,
}

impl Sender {
    /// Makes one for `topics`, with at most `queue_mib` MiB of messages in memory.
    pub(crate) fn new(
        properties: &Properties,
        topics: Vec<String>,
        queue_mib: u32,
    ) -> Result<Self, PropertyError> {
        let kib = (u64::from(queue_mib.max(1)) * 1024).min(2_097_151).to_string();
        let messages = u64::from(queue_mib.max(1)) * 1024 * 1024 / OVERHEAD;
        let properties = properties.clone().or(&DEFAULTS).with(&[
            ("enable.idempotence", "true"),
            ("acks", "all"),
            // Without end: what to do with messages that wait long is for the spool.
            ("message.timeout.ms", "0"),
            ("queue.buffering.max.kbytes", &kib),
            ("queue.buffering.max.messages", &messages.min(10_000_000).to_string()),
        ]);
        let (link, reports) = (properties.link(), Arc::default());
        let producer = connect(&properties, &topics, &link, &reports)?;
        Ok(Self { producer, properties, topics, link, reports })
    }

    /// Hands a message over under a tag; never waits.
    pub(crate) fn send(&self, message: &Message<'_>, tag: usize) -> Result<(), SendError> {
        let Some(topic) = self.topics.get(usize::from(message.topic)) else {
            let unknown = RDKafkaErrorCode::UnknownTopic;
            return Err(SendError::Rejected(KafkaError::MessageProduction(unknown)));
        };
        let record = BaseRecord::with_opaque_to(topic, tag)
            .partition(message.partition)
            .key(message.key)
            .payload(message.value);
        self.producer.send(record).map_err(|(error, _)| match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => SendError::Full,
            Some(RDKafkaErrorCode::Fatal) => SendError::Fatal,
            _ => SendError::Rejected(error),
        })
    }

    /// Waits `patience` for reports, and returns those there are.
    pub(crate) fn poll(&self, patience: Duration) -> Vec<Report> {
        self.producer.poll(patience);
        std::mem::take(&mut self.reports.lock().unwrap_or_else(PoisonError::into_inner).made)
    }

    /// Tells whether no broker could be reached and nothing was delivered since.
    pub(crate) fn is_away(&self) -> bool {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).all_down
    }

    /// Takes it that no broker can be reached, until something is delivered.
    pub(crate) fn suppose_away(&self) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).all_down = true;
    }

    /// Tells whether the producer must be made anew.
    pub(crate) fn is_fatal(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Takes back every message that was not delivered; returns the reports.
    pub(crate) fn take_back(&self) -> Vec<Report> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        let mut reports = Vec::new();
        while self.producer.in_flight_count() > 0 {
            reports.extend(self.poll(Duration::from_millis(10)));
        }
        reports.extend(self.poll(Duration::ZERO));
        reports
    }

    /// Makes the producer anew; to be called with nothing on its way.
    pub(crate) fn renew(&mut self) -> Result<(), PropertyError> {
        self.producer = connect(&self.properties, &self.topics, &self.link, &self.reports)?;
        Ok(())
    }

    /// Returns what the client last complained of, as the end of a sentence.
    pub(crate) fn trouble_words(&self) -> String {
        self.link.trouble_words()
    }
}

fn connect(
    properties: &Properties,
    topics: &[String],
    link: &Link,
    reports: &Arc<Mutex<Reports>>,
) -> Result<BaseProducer<Context>, PropertyError> {
    let (link, topics) = (link.clone(), topics.to_vec());
    properties.connect(Context { link, topics, reports: Arc::clone(reports) })
}
