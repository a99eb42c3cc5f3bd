//! The thread between those who make messages and librdkafka: sends, spools, drains, counts.
//!
//! Order: a message goes to librdkafka only when nothing waits before it, so what one partition
//! gets keeps the order it was made in, across outages and restarts.

mod order;
mod ending;
mod outage;
mod runs;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

pub use self::order::Pace;
pub(crate) use self::order::{Habits, Order};
use self::outage::Outage;
use self::runs::Runs;
use crate::counts::Counts;
use crate::message::Message;
use crate::producer::{Report, SendError, Sender};
use crate::spool::{Spool, SpoolError};

/// How long the thread sleeps when nothing comes.
const PAUSE: Duration = Duration::from_millis(10);
/// How long it waits at a time for room, and for the last deliveries.
const STEP: Duration = Duration::from_millis(100);
/// Messages that leave the spool before new ones are looked at.
const DRAIN: u32 = 10_000;
/// Batches that are taken before reports are looked at.
const BATCHES: u32 = 16;

/// A message that goes before all others, with the file of the spool it comes from.
type Held = (Option<u64>, Vec<u8>);

/// Sends, spools, drains, counts.
pub(crate) struct Pump {
    sender: Sender,
    spool: Option<Spool>,
    habits: Habits,
    pub(crate) counts: Counts,
    held: VecDeque<Held>,
    /// The number of the next message, in the order they were handed over.
    next: usize,
    runs: Runs,
    /// Whether messages go to the spool, or are dropped, for now.
    outage: Option<Outage>,
    /// Whether a replay stopped waiting.
    gave_up: bool,
    /// What was last said of the spool.
    complaint: String,
    first_rejection: Option<String>,
}

impl Pump {
    pub(crate) fn new(
        sender: Sender,
        spool: Option<Spool>,
        habits: Habits,
        counts: Counts,
    ) -> Self {
        // What an earlier run left is the end of its outage.
        let outage = Some(Outage { spooled: counts.recovered, ..Outage::default() });
        Self {
            sender,
            spool,
            habits,
            held: VecDeque::new(),
            next: 0,
            runs: Runs::default(),
            outage: outage.filter(|_| counts.recovered > 0),
            counts,
            gave_up: false,
            complaint: String::new(),
            first_rejection: None,
        }
    }

    /// Works until everybody who sends orders is gone; returns the counts.
    pub(crate) fn run(mut self, orders: &Receiver<Order>) -> Counts {
        let mut idle = PAUSE;
        loop {
            match orders.recv_timeout(idle) {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            for _ in 1..BATCHES {
                let Ok(order) = orders.try_recv() else { break };
                self.take(order);
            }
            self.reports(Duration::ZERO);
            idle = if self.drain() { Duration::ZERO } else { PAUSE };
        }
        self.finish();
        self.counts
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Dropped(n) => {
                self.counts.produced += n;
                self.counts.dropped_busy += n;
            }
            Order::Batch(octets, n) => {
                self.counts.produced += n;
                let mut rest = octets.as_slice();
                while let Some((message, behind)) = Message::read(rest) {
                    let length = rest.len() - behind.len();
                    self.offer(&message, rest.get(..length).unwrap_or_default());
                    rest = behind;
                }
                if let Some(Err(error)) = self.spool.as_mut().map(Spool::flush) {
                    self.complain(&error.to_string());
                }
            }
        }
    }

    /// Sends a message, or puts it behind those that wait.
    fn offer(&mut self, message: &Message<'_>, octets: &[u8]) {
        // Without a spool there is nothing better than librdkafka's own memory.
        let spooled = self.spool.is_some() && self.sender.is_away();
        if !self.waits() && !spooled {
            if self.send(message, None) {
                return;
            }
            if self.sender.is_fatal() {
                // What was on its way comes back, and goes before this one.
                self.mend();
                self.held.push_back((None, octets.to_vec()));
                return;
            }
        }
        let waits = self.habits.pace == Pace::Replay && !spooled && !self.gave_up;
        if waits && self.wait_for_room(message) {
            return;
        }
        self.spool(octets);
    }

    /// Tells whether messages wait that must go first.
    fn waits(&self) -> bool {
        !self.held.is_empty() || self.spool.as_ref().is_some_and(Spool::has_unread)
    }

    /// Hands a message to librdkafka; `false` where it has no room for it.
    fn send(&mut self, message: &Message<'_>, file: Option<u64>) -> bool {
        match self.sender.send(message, self.next) {
            Ok(()) => {
                let spool = self.spool.as_ref();
                let is_there = |file| spool.is_some_and(|spool| spool.has_file(file));
                self.runs.note(self.next, file, is_there);
                self.next += 1;
                self.counts.in_flight += 1;
                true
            }
            Err(SendError::Rejected(error)) => {
                self.reject(&error.to_string());
                self.settle(file);
                true
            }
            Err(SendError::Full) => false,
            // Whoever looks next makes the producer anew: what comes back then goes before this one.
            Err(SendError::Fatal) => false,
        }
    }

    /// Waits until `message` could be sent, as long as something moves.
    fn wait_for_room(&mut self, message: &Message<'_>) -> bool {
        let mut waited = Duration::ZERO;
        while waited < self.habits.patience {
            waited = if self.reports(STEP) > 0 { Duration::ZERO } else { waited + STEP };
            self.drain();
            if !self.waits() && self.send(message, None) {
                return true;
            }
            if self.spool.is_some() && self.sender.is_away() {
                return false;
            }
        }
        self.gave_up = true;
        false
    }

    fn spool(&mut self, octets: &[u8]) {
        if self.outage.is_none() {
            let (is_away, has_spool) = (self.sender.is_away(), self.spool.is_some());
            let trouble = self.sender.trouble_words();
            let (outage, words) = Outage::begin(is_away, has_spool, &trouble);
            self.outage = Some(outage);
            self.counts.outages += 1;
            (self.habits.say)(&words);
        }
        let put = self.spool.as_mut().map(|spool| spool.append(octets));
        let bytes = self.spool.as_ref().map(Spool::bytes).unwrap_or_default();
        self.counts.spool_peak_bytes = self.counts.spool_peak_bytes.max(bytes);
        let outage = self.outage.get_or_insert_default();
        let why = match put {
            Some(Ok(true)) => {
                outage.spooled += 1;
                self.counts.through_spool += 1;
                return;
            }
            Some(Ok(false)) => "the spool is full, raise kafka.spool_mib".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "there is no spool, give --spool DIR".to_owned(),
        };
        self.counts.dropped_full += 1;
        if let Some(words) = outage.drop_one(&why) {
            (self.habits.say)(&words);
        }
    }

    /// Sends what waits, a good many at a time; tells whether there may be more.
    fn drain(&mut self) -> bool {
        self.mend();
        let mut octets = Vec::new();
        for _ in 0..DRAIN {
            let (file, octets) = match self.held.pop_front() {
                Some(held) => held,
                None => match self.next_spooled(&mut octets) {
                    Some(file) => (Some(file), std::mem::take(&mut octets)),
                    None => {
                        self.end_outage();
                        return false;
                    }
                },
            };
            let sent = match Message::read(&octets) {
                Some((message, _)) => self.send(&message, file),
                None => {
                    self.counts.unreadable += 1;
                    self.settle(file);
                    true
                }
            };
            if !sent {
                self.held.push_front((file, octets));
                self.mend();
                return false;
            }
        }
        true
    }

    /// Makes a producer anew that cannot go on.
    fn mend(&mut self) {
        if self.sender.is_fatal() {
            self.renew();
        }
    }

    fn end_outage(&mut self) {
        if !self.sender.is_away()
            && let Some(outage) = self.outage.take()
        {
            (self.habits.say)(&outage.end());
        }
    }

    fn next_spooled(&mut self, octets: &mut Vec<u8>) -> Option<u64> {
        let spool = self.spool.as_mut()?;
        loop {
            let first = spool.first_unread()?;
            match spool.next(octets) {
                Ok(file) => return file,
                // It may be there another time.
                Err(error @ (SpoolError::File { .. } | SpoolError::InUse(_))) => {
                    self.complain(&error.to_string());
                    return None;
                }
                Err(error) => {
                    let lost = spool.give_up(first).unwrap_or_default();
                    self.counts.unreadable += lost;
                    (self.habits.say)(&format!("{error}; {lost} messages in it are lost"));
                    if lost == 0 {
                        return None;
                    }
                }
            }
        }
    }

    /// Waits `patience` for reports and takes note of them; returns how many there were.
    fn reports(&mut self, patience: Duration) -> usize {
        let mut told = 0;
        loop {
            let reports = self.sender.poll(if told == 0 { patience } else { Duration::ZERO });
            if reports.is_empty() {
                return told;
            }
            told += reports.len();
            let back = self.note(reports);
            self.take_up(back);
        }
    }

    /// Takes note of reports; returns what came back.
    fn note(&mut self, reports: Vec<Report>) -> Vec<(usize, Held)> {
        let mut back = Vec::new();
        for report in reports {
            self.counts.in_flight -= 1;
            match report {
                Report::Delivered(tag) => {
                    self.counts.delivered += 1;
                    let file = self.runs.file_of(tag);
                    self.settle(file);
                }
                Report::Returned(tag, octets) => back.push((tag, (self.runs.file_of(tag), octets))),
                Report::Rejected(tag, error) => {
                    self.reject(&error.to_string());
                    let file = self.runs.file_of(tag);
                    self.settle(file);
                }
            }
        }
        if self.counts.in_flight == 0 {
            self.runs.clear();
        }
        back
    }

    /// Puts messages that came back before all others, in the order they had.
    fn take_up(&mut self, mut back: Vec<(usize, Held)>) {
        back.sort_by_key(|(tag, _)| *tag);
        for (_, held) in back.into_iter().rev() {
            self.held.push_front(held);
        }
    }

    fn settle(&mut self, file: Option<u64>) {
        if let (Some(spool), Some(file)) = (&mut self.spool, file)
            && let Err(error) = spool.settle(file)
        {
            (self.habits.say)(&error.to_string());
        }
    }

    /// Says what is wrong with the spool, once.
    fn complain(&mut self, why: &str) {
        if self.complaint != why {
            self.complaint = why.to_owned();
            (self.habits.say)(why);
        }
    }

    fn reject(&mut self, why: &str) {
        self.counts.rejected += 1;
        if self.first_rejection.is_none() {
            self.first_rejection = Some(why.to_owned());
            (self.habits.say)(&format!(
                "Kafka will not take a message, it is dropped and counted: {why}"
            ));
        }
    }

    /// Makes the producer anew after an error that ends an idempotent one; nothing is lost, and
    /// what was on its way may be there twice, under the same sequence number.
    fn renew(&mut self) {
        let reports = self.sender.take_back();
        let back = self.note(reports);
        self.take_up(back);
        self.counts.restarts += 1;
        if let Err(error) = self.sender.renew() {
            (self.habits.say)(&error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Properties;
    use crate::settings::KafkaSettings;

    /// A pump whose brokers never answer.
    fn pump(spool: Spool) -> Pump {
        let settings = KafkaSettings { brokers: "127.0.0.1:9".into(), ..KafkaSettings::default() };
        let properties = Properties::resolve(&settings).unwrap();
        let sender = Sender::new(&properties, vec!["t".into()], 64).unwrap();
        let habits =
            Habits { pace: Pace::Live, patience: Duration::ZERO, say: Box::new(|_: &str| {}) };
        Pump::new(sender, Some(spool), habits, Counts::default())
    }

    fn batch(values: &[&[u8]]) -> Order {
        let mut octets = Vec::new();
        for value in values {
            Message { topic: 0, partition: 0, key: b"k", value }.write(&mut octets);
        }
        Order::Batch(octets, u64::try_from(values.len()).unwrap())
    }

    #[test]
    fn sums_balance_where_the_spool_cannot_be_written_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), 1 << 20).unwrap();
        let mut pump = pump(spool);
        pump.take(batch(&[b"A", b"B"]));
        assert_eq!(pump.counts.in_flight, 2);
        std::fs::remove_dir_all(dir.path()).unwrap();
        pump.finish();
        assert_eq!((pump.counts.dropped_full, pump.counts.imbalance()), (2, None));
    }

    #[test]
    fn a_spool_file_that_cannot_be_opened_for_now_is_not_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), 1 << 20).unwrap();
        let mut pump = pump(spool);
        pump.sender.suppose_away();
        pump.take(batch(&[b"A", b"B"]));
        let path = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let path = path.filter(|path| path.extension().is_some()).min().unwrap();
        let aside = dir.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(!pump.drain());
        assert_eq!(pump.counts.unreadable, 0);
        std::fs::rename(&aside, &path).unwrap();
        pump.drain();
        assert_eq!(pump.counts.in_flight + u64::try_from(pump.held.len()).unwrap(), 2);
    }
}
