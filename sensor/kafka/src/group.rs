//! A member of a consumer group that takes, answers and says how far it is in one transaction.
//!
//! Either everything of a transaction shows, or nothing: the messages it sent, and the offsets up to
//! which it took. A member that was thought dead cannot commit any more (KIP-447).
//!
//! A transaction ends in the background, while the next messages are taken: waiting for brokers is
//! half of what a commit costs. Partitions that the group takes away are not given up before it has
//! ended, so nobody else begins with offsets that are about to change.

mod member;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use self::member::Member;
use crate::follow::{Taken, taken};
use crate::patience::now;
use crate::properties::{Link, Properties, PropertyError};

/// Where nothing else is configured, of the consumer…
const CONSUMER: [(&str, &str); 5] = [
    // What is committed is to be seen at once: seconds wait for it.
    ("fetch.wait.max.ms", "10"),
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "2000"),
    ("reconnect.backoff.max.ms", "1000"),
    ("queued.max.messages.kbytes", "16384"),
];
/// …and of the producer.
const PRODUCER: [(&str, &str); 7] = [
    // A transaction that follows close upon another is told to ask again.
    ("retry.backoff.ms", "5"),
    ("transaction.timeout.ms", "20000"),
    ("compression.type", "lz4"),
    ("linger.ms", "2"),
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "262144"),
    ("reconnect.backoff.max.ms", "1000"),
];
/// How long reports of deliveries are waited for at a time.
const TICK: Duration = Duration::from_micros(500);
/// How long a step of a transaction may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a call of the producer is waited for that should be over after twice [`PATIENCE`]: where the
/// coordinator of a transaction was killed in the middle of it, librdkafka may wait for ever.
const STUCK: Duration = Duration::from_secs(65);

/// A partition of a topic.
pub type Partition = (String, i32);

/// Why a member cannot go on as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// Properties that are refused.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// The client does not come back from a call.
    #[error("{doing}: the client has not come back for {} s", STUCK.as_secs())]
    Stuck {
        /// What was being done.
        doing: &'static str,
    },
    /// The brokers refuse something.
    #[error("{doing}{trouble}: {source}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// What the client complained of.
        trouble: String,
        /// Why.
        source: Box<KafkaError>,
    },
}

/// The member.
pub struct Group {
    /// Shared like the producer.
    consumer: Arc<BaseConsumer<Member>>,
    /// Shared with the threads that wait for it: one that never comes back keeps it.
    producer: Arc<BaseProducer<Link>>,
    member: Member,
    sender: Link,
    /// What becomes of the transaction that ends in the background.
    ending: Option<Receiver<Result<(), Fault>>>,
}

/// What was being done when the brokers refused.
type Fault = (&'static str, KafkaError);

impl Group {
    /// Joins `group` under a name of one's own, which fences off whoever had it before.
    ///
    /// # Errors
    /// Properties or brokers that refuse.
    pub fn join(
        properties: &Properties,
        group: &str,
        name: &str,
        topics: &[String],
    ) -> Result<Self, GroupError> {
        let consumer = properties.clone().or(&CONSUMER).with(&[
            ("group.id", group),
            ("client.id", name),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
            ("partition.assignment.strategy", "cooperative-sticky"),
        ]);
        let producer = properties
            .clone()
            .or(&PRODUCER)
            .with(&[("transactional.id", name), ("client.id", name)]);
        let member = Member::new(consumer.link());
        let sender = producer.link();
        let consumer: BaseConsumer<Member> = consumer.connect(member.clone())?;
        let producer: BaseProducer<Link> = producer.connect(sender.clone())?;
        let (consumer, producer) = (Arc::new(consumer), Arc::new(producer));
        let joined = Self { consumer, producer, member, sender, ending: None };
        joined
            .call("the producer cannot begin", |producer| producer.init_transactions(PATIENCE))?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        joined.told("cannot join the group", joined.consumer.subscribe(&topics))?;
        Ok(joined)
    }

    /// Waits `patience` for a message.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub fn poll(&self, patience: Duration) -> Result<Option<(String, Taken)>, GroupError> {
        match self.consumer.poll(patience) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some((message.topic().to_owned(), taken(&message)))),
            Some(Err(error)) if crate::follow::passes(&error) => Ok(None),
            Some(Err(error)) => self.told("cannot read", Err(error)),
        }
    }

    /// Returns what was taken away since the last call, even if it was given back since.
    #[must_use]
    pub fn lost(&self) -> Vec<Partition> {
        self.member.lost()
    }

    /// Returns what the group has given this member.
    ///
    /// # Errors
    /// A client that is closed.
    pub fn owned(&self) -> Result<Vec<Partition>, GroupError> {
        let list = self.told("cannot tell what is assigned", self.consumer.assignment())?;
        let parts = list.elements().into_iter();
        Ok(parts.map(|part| (part.topic().to_owned(), part.partition())).collect())
    }

    /// Returns the offset up to which the group has taken a partition; `None` for not at all.
    ///
    /// # Errors
    /// Brokers that do not say.
    pub fn committed(&self, (topic, partition): &Partition) -> Result<Option<i64>, GroupError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, *partition);
        let began = now();
        // Offsets in a transaction that is not over yet are not told before it is.
        let list = loop {
            match self.consumer.committed_offsets(list.clone(), PATIENCE) {
                Err(error) if is_unstable(&error) && began.elapsed() < PATIENCE => {}
                other => break self.told("the group's offsets are not told", other)?,
            }
        };
        let offset = list.elements().first().map(|part| part.offset());
        Ok(match offset {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        })
    }

    /// Stops or goes on reading partitions.
    ///
    /// # Errors
    /// Partitions that are not this member's.
    pub fn pause(&self, partition: &Partition, pause: bool) -> Result<(), GroupError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&partition.0, partition.1);
        let done = if pause { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        self.told("cannot pause", done)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// A producer that was fenced off.
    pub fn begin(&self) -> Result<(), GroupError> {
        self.told("cannot begin a transaction", self.producer.begin_transaction())
    }

    /// Sends a message in the transaction; to the partition of its key's hash where none is named.
    ///
    /// # Errors
    /// A message that will never be taken.
    pub fn send(
        &self,
        topic: &str,
        partition: i32,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), GroupError> {
        let mut record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, again))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    record = again;
                    self.producer.poll(Duration::from_millis(20));
                }
                Err((error, _)) => return self.told("cannot send", Err(error)),
            }
        }
    }

    /// Begins to end the transaction, in the background: everything sent shows, and these offsets are
    /// taken. [`settle`](Self::settle) tells what became of it, and must before the next one begins.
    ///
    /// # Errors
    /// Offsets that are none.
    pub fn commit(&mut self, offsets: &[(Partition, i64)]) -> Result<(), GroupError> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next) in offsets {
            let added = list.add_partition_offset(topic, *partition, Offset::Offset(*next));
            self.told("no such offset", added)?;
        }
        let (tell, told) = sync_channel(1);
        let (consumer, producer) = (Arc::clone(&self.consumer), Arc::clone(&self.producer));
        let ending = Arc::clone(&self.member.ending);
        ending.set(true);
        self.ending = Some(told);
        std::thread::spawn(move || {
            let done = end(&consumer, &producer, &list);
            if done.is_err() {
                // Where this fails too, init_transactions of the next start does it.
                producer.abort_transaction(PATIENCE).ok();
            }
            ending.set(false);
            drop(tell.send(done));
        });
        Ok(())
    }

    /// Tells whether a transaction that was to end has ended since the last call; where `waits` is set,
    /// waits for it.
    ///
    /// # Errors
    /// A transaction that is not committed; it is aborted, and the member must begin anew.
    pub fn settle(&mut self, waits: bool) -> Result<bool, GroupError> {
        const DOING: &str = "the transaction is not committed";
        let Some(ending) = &self.ending else { return Ok(false) };
        let done = if waits {
            // Each of its calls may be stuck by itself.
            match ending.recv_timeout(4 * STUCK) {
                Ok(done) => done,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(GroupError::Stuck { doing: DOING });
                }
            }
        } else {
            match ending.try_recv() {
                Ok(done) => done,
                Err(TryRecvError::Empty) => return Ok(false),
                Err(TryRecvError::Disconnected) => return Err(GroupError::Stuck { doing: DOING }),
            }
        };
        self.ending = None;
        match done {
            Ok(()) => Ok(true),
            Err((doing, error)) => self.told(doing, Err(error)),
        }
    }

    /// Waits for a call of the producer, but not for ever.
    fn call(
        &self,
        doing: &'static str,
        call: impl FnOnce(&BaseProducer<Link>) -> Result<(), KafkaError> + Send + 'static,
    ) -> Result<(), GroupError> {
        let (tell, told) = sync_channel(1);
        let producer = Arc::clone(&self.producer);
        std::thread::spawn(move || drop(tell.send(call(&producer))));
        match told.recv_timeout(STUCK) {
            Ok(done) => self.told(doing, done),
            Err(_) => Err(GroupError::Stuck { doing }),
        }
    }

    /// Leaves the group.
    pub fn leave(&self) {
        self.consumer.unsubscribe();
    }

    fn told<T>(&self, doing: &'static str, result: Result<T, KafkaError>) -> Result<T, GroupError> {
        result.map_err(|source| {
            let trouble = self.sender.trouble_words() + &self.member.link.trouble_words();
            GroupError::Refused { doing, trouble, source: Box::new(source) }
        })
    }
}

/// Ends a transaction: waits for its messages, takes the offsets, commits.
fn end(
    consumer: &BaseConsumer<Member>,
    producer: &BaseProducer<Link>,
    offsets: &TopicPartitionList,
) -> Result<(), Fault> {
    let began = now();
    // `flush` of the crate looks every 100 ms only, and its `poll` spins through the last millisecond
    // of the time it is given.
    while producer.in_flight_count() > 0 && began.elapsed() < PATIENCE {
        producer.poll(Duration::ZERO);
        if producer.in_flight_count() > 0 {
            std::thread::park_timeout(TICK);
        }
    }
    // Who was silent for too long has no share any more, whatever it joined since.
    if consumer.assignment_lost() {
        let lost = KafkaError::ConsumerCommit(RDKafkaErrorCode::AssignmentLost);
        return Err(("the offsets are not taken", lost));
    }
    // Of now: a member that joined again since is still one, for nothing of its own was given up.
    if let Some(group) = consumer.group_metadata() {
        producer
            .send_offsets_to_transaction(offsets, &group, PATIENCE)
            .map_err(|error| ("the offsets are not taken", error))?;
    }
    let began = now();
    loop {
        match producer.commit_transaction(PATIENCE) {
            Err(KafkaError::Transaction(error))
                if error.is_retriable() && began.elapsed() < PATIENCE => {}
            other => return other.map_err(|error| ("the transaction is not committed", error)),
        }
    }
}

fn is_unstable(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::UnstableOffsetCommit)
    )
}
