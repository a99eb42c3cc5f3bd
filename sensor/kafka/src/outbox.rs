//! Where messages for Kafka are handed over, without waiting for it.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::counts::Counts;
use crate::message::Message;
use crate::producer::Sender;
use crate::properties::{Properties, PropertyError};
use crate::pump::{Habits, Order, Pace, Pump};
use crate::settings::KafkaSettings;
use crate::spool::{Spool, SpoolError};

/// Octets from which a batch is handed over.
const BATCH: usize = 1 << 16;
/// Batches that may wait to be taken: 16 MiB.
const BATCHES: usize = 256;
/// Octets that may wait to be handed over where there is no room for another batch: a burst of small
/// ones fills it with little.
const WAITING: usize = 4 << 20;

/// Why there is no outbox, or what it lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// Properties that librdkafka refuses.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// A spool that cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The system gives no thread.
    #[error("cannot start the thread that sends to Kafka: {0}")]
    Thread(std::io::Error),
}

/// How an outbox behaves.
#[derive(Clone, Copy, Debug)]
pub struct OutboxPlan<'a> {
    /// Whether those who hand messages over can wait.
    pub pace: Pace,
    /// MiB of messages on their way that are kept in memory.
    pub queue_mib: u32,
    /// Seconds without any delivery after which the end, or a replay, is waited for no longer.
    pub patience_seconds: u32,
    /// Whether brokers are known not to answer: messages then go to the spool until one does.
    pub away: bool,
    /// The directory of the spool and the octets it may take.
    pub spool: Option<(&'a Path, u64)>,
}

impl<'a> OutboxPlan<'a> {
    /// Takes the plan out of the settings.
    #[must_use]
    pub fn of(settings: &'a KafkaSettings, pace: Pace) -> Self {
        let spool = settings.spool.as_deref();
        Self {
            pace,
            away: false,
            queue_mib: settings.queue_mib,
            patience_seconds: settings.drain_seconds,
            spool: spool.map(|dir| (dir, u64::from(settings.spool_mib) << 20)),
        }
    }
}

/// Hands messages to a thread that sends them; what became of them is told at the end.
pub struct Outbox {
    orders: SyncSender<Order>,
    thread: JoinHandle<Counts>,
    pace: Pace,
    batch: Vec<u8>,
    n_batch: u64,
    /// Messages dropped since the thread last heard of any.
    dropped: u64,
    /// Messages that could not be written down.
    refused: u64,
}

impl Outbox {
    /// Opens the spool, makes the producer and starts the thread; the brokers need not be there.
    ///
    /// # Errors
    /// Properties, a spool or a thread that cannot be had.
    pub fn open(
        properties: &Properties,
        topics: Vec<String>,
        plan: OutboxPlan<'_>,
        say: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, OutboxError> {
        let sender = Sender::new(properties, topics, plan.queue_mib)?;
        if plan.away {
            sender.suppose_away();
        }
        let mut counts = Counts::default();
        let spool = match plan.spool {
            Some((dir, limit)) => {
                let (spool, found) = Spool::open(dir, limit)?;
                counts.recovered = found.messages;
                counts.spool_torn_bytes = found.torn_bytes;
                counts.spool_limit_bytes = limit;
                counts.spool_peak_bytes = spool.bytes();
                if found.messages > 0 || found.torn_bytes > 0 {
                    say(&format!(
                        "the spool holds {} messages of an earlier run, they go first; {} octets of \
                         a torn one were cut off",
                        found.messages, found.torn_bytes
                    ));
                }
                Some(spool)
            }
            None => None,
        };
        let patience = Duration::from_secs(plan.patience_seconds.into());
        let habits = Habits { pace: plan.pace, patience, say: Box::new(say) };
        let pump = Pump::new(sender, spool, habits, counts);
        let (orders, receiver): (_, Receiver<Order>) = sync_channel(BATCHES);
        let thread = thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(move || pump.run(&receiver))
            .map_err(OutboxError::Thread)?;
        let batch = Vec::with_capacity(BATCH + 1024);
        Ok(Self { orders, thread, pace: plan.pace, batch, n_batch: 0, dropped: 0, refused: 0 })
    }

    /// Hands a message over. Never waits where the pace is live.
    pub fn send(&mut self, message: &Message<'_>) {
        if message.write(&mut self.batch) {
            self.n_batch += 1;
        } else {
            self.refuse();
        }
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Counts a message that could not be made.
    pub const fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Hands over what a batch was waiting for.
    pub fn flush(&mut self) {
        if self.dropped > 0 && self.pass(Order::Dropped(self.dropped)).is_none() {
            self.dropped = 0;
        }
        if self.n_batch == 0 {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH + 1024));
        let n = std::mem::take(&mut self.n_batch);
        match self.pass(Order::Batch(batch, n)) {
            Some(Order::Batch(batch, n)) if batch.len() < WAITING => {
                (self.batch, self.n_batch) = (batch, n);
            }
            Some(_) => self.dropped += n,
            None => {}
        }
    }

    /// Hands an order over; returns one that is not taken.
    fn pass(&self, order: Order) -> Option<Order> {
        match self.pace {
            Pace::Replay => self.orders.send(order).err().map(|refused| refused.0),
            Pace::Live => match self.orders.try_send(order) {
                Ok(()) => None,
                Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => Some(order),
            },
        }
    }

    /// Ends it: waits for deliveries as long as the plan says, keeps the rest in the spool, and
    /// returns what became of everything.
    #[must_use]
    pub fn finish(mut self) -> Counts {
        // Capture is over: the last batch may wait.
        self.pace = Pace::Replay;
        self.flush();
        let Self { orders, thread, dropped, refused, .. } = self;
        drop(orders);
        let mut counts = thread.join().unwrap_or_default();
        counts.produced += dropped + refused;
        counts.dropped_busy += dropped;
        counts.rejected += refused;
        counts
    }
}
