//! Records to Kafka.
//!
//! A record goes to the partition of its owner, in the order of the pipeline, with a number that
//! tells duplicates and gaps. Once a second of capture time every partition hears how far this
//! sensor is, and what it counted and lost: workers need both whichever partitions they have.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use geophone_kafka::admin::{Admin, AdminError};
use geophone_kafka::counts::Counts;
use geophone_kafka::envelope::{Envelope, LONGEST_SENSOR, draw_epoch};
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::message::Message;
use geophone_kafka::outbox::{Outbox, OutboxError, OutboxPlan};
use geophone_kafka::properties::{Properties, PropertyError};
use geophone_kafka::pump::Pace;
use geophone_kafka::settings::KafkaSettings;
use geophone_kafka::topic::{NoTopic, Topic, partition_of, partitions_of};

use crate::config::SensorConfig;
use crate::record::{Record, Role, Tick, WIRE_VERSION, owner_of, seed_check, to_wire};
use crate::time::Timestamp;

/// Where a sensor keeps how many partitions there were, for a start without brokers.
const REMEMBERED: &str = "partitions.json";
/// Where Linux keeps the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// The width of a tick.
const SECOND: Duration = Duration::from_secs(1);
/// The two topics in the outbox's order.
const RECORDS: u8 = 0;
const TICKS: u8 = 1;

/// Why records cannot go to Kafka.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaOutputError {
    /// The brokers do not answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A topic that does not exist.
    #[error(transparent)]
    NoTopic(#[from] NoTopic),
    /// The outbox cannot be had.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Wrong properties.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// What is remembered of the partitions cannot be written.
    #[error("cannot write \"{path}\": {source}")]
    Remember {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A topic as records see it.
struct Lane {
    topic: u8,
    /// How many messages each partition got.
    sequences: Vec<u64>,
}

/// Takes records and sends them.
pub struct KafkaRecords {
    outbox: Outbox,
    sensor: String,
    epoch: u64,
    seed: u64,
    wait: Duration,
    records: Lane,
    ticks: Lane,
    /// The latest capture time that was told.
    reached: Timestamp,
    /// Records so far.
    order: u64,
    value: Vec<u8>,
    body: Vec<u8>,
}

impl KafkaRecords {
    /// Checks that the topics are there and opens the outbox. Brokers that are away are no error
    /// where the spool remembers from an earlier start how many partitions there are.
    ///
    /// # Errors
    /// Properties, topics or a spool that cannot be used.
    pub fn open(
        settings: &KafkaSettings,
        config: &SensorConfig,
        pace: Pace,
        say: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, KafkaOutputError> {
        let properties = Properties::resolve(settings)?;
        let topics = Topic::OF_SENSORS.map(|topic| topic.name(&settings.topics));
        let spool = settings.spool.as_deref();
        let mut plan = OutboxPlan::of(settings, pace);
        let there = match Admin::new(&properties)?.partitions() {
            Ok(there) => there,
            Err(error) => {
                let Some(remembered) = spool.and_then(remembered) else { return Err(error.into()) };
                say(&format!("{error}; the spool takes the records until they answer"));
                plan.away = true;
                remembered
            }
        };
        let mut counts = Vec::new();
        for topic in &topics {
            counts.push(partitions_of(&there, topic, properties.brokers())?);
        }
        let outbox = Outbox::open(&properties, topics.to_vec(), plan, say)?;
        if let Some(dir) = spool {
            remember(dir, &topics, &counts)?;
        }
        let lane = |topic: u8| {
            let n = counts.get(usize::from(topic)).copied().unwrap_or_default();
            Lane { topic, sequences: vec![0; usize::try_from(n).unwrap_or_default()] }
        };
        Ok(Self {
            outbox,
            sensor: name_of(&settings.sensor),
            epoch: draw_epoch(),
            seed: config.hash_seed,
            wait: config.longest_wait(),
            records: lane(RECORDS),
            ticks: lane(TICKS),
            reached: Timestamp(i64::MIN),
            order: 0,
            value: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Sends one record.
    pub fn write(&mut self, record: &Record<'_>) {
        self.body.clear();
        let Ok(kind) = to_wire(record, &mut self.body) else { return self.outbox.refuse() };
        self.order += 1;
        let (owner, form) = (owner_of(record, self.seed), (kind.letter(), WIRE_VERSION));
        match record {
            Record::Tick(tick) => {
                self.send(TICKS, owner, form);
                match tick.role {
                    Role::Sensor => self.tell_all(tick, form),
                    // Watches of floods follow hosts, among the records of the same time.
                    Role::Client | Role::Server => self.send(RECORDS, owner, form),
                }
            }
            Record::NotDns(_) | Record::Transaction(_) => self.send(RECORDS, owner, form),
        }
    }

    /// Hands over what is buffered.
    pub fn flush(&mut self) {
        self.outbox.flush();
    }

    /// Ends it: tells every partition that it was the last word, waits for deliveries, and returns
    /// what became of everything.
    #[must_use]
    pub fn finish(mut self) -> Counts {
        self.heartbeat(true);
        self.outbox.finish()
    }

    /// Sends the sensor's tick and a heartbeat to every partition of the records.
    fn tell_all(&mut self, tick: &Tick, form: (u8, u16)) {
        for partition in 0..self.records.sequences.len() {
            self.put(RECORDS, partition, None, form);
        }
        self.reached = Timestamp(tick.time.micros().saturating_add(micros(SECOND)));
        self.heartbeat(false);
    }

    fn heartbeat(&mut self, last: bool) {
        let beat = Heartbeat {
            reached: self.reached.micros(),
            floor: if last { i64::MAX } else { self.reached.minus(self.wait).micros() },
            partitions: u32::try_from(self.records.sequences.len()).unwrap_or(u32::MAX),
            seed_check: seed_check(self.seed),
            last,
        };
        self.body.clear();
        beat.write(&mut self.body);
        for partition in 0..self.records.sequences.len() {
            self.put(RECORDS, partition, None, (heartbeat::SCHEMA, heartbeat::VERSION));
        }
        self.outbox.flush();
    }

    /// Sends the body to the partition of its owner.
    fn send(&mut self, topic: u8, owner: u64, form: (u8, u16)) {
        let lane = if topic == RECORDS { &self.records } else { &self.ticks };
        let n = u32::try_from(lane.sequences.len()).unwrap_or(u32::MAX);
        let partition = usize::try_from(partition_of(owner, n)).unwrap_or_default();
        self.put(topic, partition, Some(owner), form);
    }

    fn put(&mut self, topic: u8, partition: usize, owner: Option<u64>, form: (u8, u16)) {
        let lane = if topic == RECORDS { &mut self.records } else { &mut self.ticks };
        let Some(next) = lane.sequences.get_mut(partition) else { return };
        let sequence = *next;
        *next += 1;
        let (schema, version) = form;
        let sensor = &self.sensor;
        self.value.clear();
        let (epoch, order) = (self.epoch, self.order);
        Envelope { schema, version, epoch, sequence, order, sensor }.write(&mut self.value);
        self.value.extend_from_slice(&self.body);
        let key = owner.map(u64::to_be_bytes);
        self.outbox.send(&Message {
            topic: lane.topic,
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            key: key.as_ref().map_or(self.sensor.as_bytes(), |key| key.as_slice()),
            value: &self.value,
        });
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Returns the configured name, or the machine's, as long as an envelope takes.
fn name_of(configured: &str) -> String {
    let mut name = configured.to_owned();
    if name.is_empty() {
        fs::read_to_string(HOST_NAME).unwrap_or_default().trim().clone_into(&mut name);
    }
    if name.is_empty() {
        "sensor".clone_into(&mut name);
    }
    while name.len() > LONGEST_SENSOR {
        name.pop();
    }
    name
}

fn remembered(dir: &Path) -> Option<BTreeMap<String, u32>> {
    serde_json::from_slice(&fs::read(dir.join(REMEMBERED)).ok()?).ok()
}

fn remember(dir: &Path, topics: &[String], counts: &[u32]) -> Result<(), KafkaOutputError> {
    let (path, temporary) = (dir.join(REMEMBERED), dir.join("partitions.tmp"));
    let all: BTreeMap<_, _> = topics.iter().zip(counts).collect();
    let text = serde_json::json!(all).to_string();
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|source| KafkaOutputError::Remember { path, source })
}
