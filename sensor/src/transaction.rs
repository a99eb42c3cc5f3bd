//! Queries paired with their answers.
//!
//! A query waits in a bounded table until its answer comes, its time is up or the table needs the
//! place; every one becomes exactly one record, and so does every answer nobody asked for.

mod answered;
mod flows;
mod transfers;

use std::net::IpAddr;
use std::time::Duration;

use self::answered::Answered;
use self::flows::WaitingFlows;
use self::transfers::Transfers;
use crate::counter::Counters;
use crate::decode::message::Message;
use crate::decode::path::Path;
use crate::decode::rdata::answers_in_words;
use crate::decode::segment::Flow;
use crate::defect::Defect;
use crate::feature::{DomainRates, NameReader, Rates};
use crate::limited::{LimitedMap, Slot};
use crate::name::Name;
use crate::record::{Mismatch, Record, Status, Transaction, Transport};
use crate::time::Timestamp;

/// The bounds of pairing.
#[derive(Clone, Copy, Debug)]
pub struct PairingLimits {
    /// Queries waiting at once.
    pub pending: u32,
    /// How long a query waits.
    pub timeout: Duration,
    /// Domains whose rates are kept.
    pub domains: u32,
    /// Answers of a transaction given in words.
    pub answer_texts: usize,
    /// Seed of the tables' hashes.
    pub seed: u64,
}

/// Where and when a message was met.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// When it was captured.
    pub time: Timestamp,
    /// Who sent it to whom.
    pub flow: Flow,
    /// The VLAN tags and tunnels around it.
    pub path: Path,
    /// What carried it.
    pub transport: Transport,
}

/// The queries that wait, and what is needed to make records of them.
pub struct Transactions {
    pending: LimitedMap<Key, Transaction>,
    reader: NameReader,
    rates: DomainRates,
    limits: PairingLimits,
    /// Reused for answers without a query.
    orphan: Transaction,
    flows: WaitingFlows,
    transfers: Transfers,
    answered: Answered,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A response to no query that waits, but to one's addresses and ports.
    Mismatched(Mismatch),
    /// A response with its query.
    Paired,
    /// A query that waits already.
    Retried,
    /// A response nobody was seen to ask for.
    Unsolicited,
    /// A query that waits now.
    Waiting,
}

/// What an answer has in common with its query (RFC 5452 section 9.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    client: IpAddr,
    server: IpAddr,
    client_port: u16,
    server_port: u16,
    id: u16,
    transport: Transport,
}

impl Key {
    const fn ends(&self) -> [(IpAddr, u16); 2] {
        [(self.client, self.client_port), (self.server, self.server_port)]
    }
}

impl Transactions {
    /// Makes an empty table.
    #[must_use]
    pub fn new(limits: PairingLimits) -> Self {
        Self {
            pending: LimitedMap::new(limits.pending, limits.seed),
            reader: NameReader::default(),
            rates: DomainRates::new(limits.domains, limits.seed),
            limits,
            orphan: Transaction::default(),
            flows: WaitingFlows::new(limits.seed),
            transfers: Transfers::new(limits.seed),
            answered: Answered::new(limits.seed),
        }
    }

    /// Takes a query: it waits, or repeats one that does.
    pub fn query(
        &mut self,
        seen: &Sighting,
        message: &Message,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) -> Outcome {
        self.expire(seen.time, counters, sink);
        let Flow { source, destination, source_port, destination_port } = seen.flow;
        let key = Key {
            client: source,
            server: destination,
            client_port: source_port,
            server_port: destination_port,
            id: message.id,
            transport: seen.transport,
        };
        if let Some(slot) = self.pending.find(&key) {
            match self.pending.value_mut(slot) {
                Some(waiting) if is_repeated(waiting, message) => {
                    waiting.retries = waiting.retries.saturating_add(1);
                    self.answered.repeat(key, waiting.time, seen.time);
                    counters.query_retried += 1;
                    return Outcome::Retried;
                }
                _ => self.give_up(slot, counters, sink),
            }
        }
        if self.pending.is_full()
            && let Some(oldest) = self.pending.oldest()
        {
            counters.query_evicted += 1;
            self.give_up(oldest, counters, sink);
        }
        let Some((_, transaction)) = self.pending.claim(key) else { return Outcome::Waiting };
        self.flows.add(key.ends());
        start(transaction, &key, seen, message);
        (transaction.domain_at, transaction.name) = self.reader.read(&message.qname);
        transaction.rates = self.rates.count(transaction.domain_wire(), seen.time);
        transaction.query_bytes = message.bytes;
        counters.query_pending += 1;
        Outcome::Waiting
    }

    /// Takes a response, whose octets are `data`, and hands on its transaction.
    pub fn response(
        &mut self,
        seen: &Sighting,
        message: &Message,
        data: &[u8],
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) -> Outcome {
        self.expire(seen.time, counters, sink);
        let Flow { source, destination, source_port, destination_port } = seen.flow;
        let key = Key {
            client: destination,
            server: source,
            client_port: destination_port,
            server_port: source_port,
            id: message.id,
            transport: seen.transport,
        };
        let slot = self.pending.find(&key);
        if let Some(slot) = slot
            && let Some(transaction) = self.pending.value_mut(slot)
            && (!message.has_question || asks_the_same(transaction, message))
        {
            transaction.status = Status::Answered;
            transaction.rtt_micros = Some(seen.time.micros_since(transaction.time));
            answer(transaction, message, data, self.limits.answer_texts);
            if let Some(waited) = self.answered.contradicts(&key, transaction) {
                // What waited was a copy of a query that was told otherwise.
                transaction.status = Status::Unsolicited;
                transaction.mismatch = Some(Mismatch::Conflict);
                (transaction.query_bytes, transaction.rtt_micros) = (0, Some(waited));
                counters.query_pending -= 1;
                counters.query_retried += 1;
                counters.response_unsolicited += 1;
                hand_on(transaction, counters, sink);
                self.flows.remove(key.ends());
                self.pending.release(slot);
                return Outcome::Unsolicited;
            }
            self.transfers.begin(key, transaction);
            self.answered.note(key, transaction);
            counters.query_pending -= 1;
            counters.query_answered += 1;
            counters.response_paired += 1;
            hand_on(transaction, counters, sink);
            self.flows.remove(key.ends());
            self.pending.release(slot);
            return Outcome::Paired;
        }
        if slot.is_none() && self.go_on(&key, seen, message, data) {
            counters.response_continued += 1;
            hand_on(&self.orphan, counters, sink);
            return Outcome::Paired;
        }
        let orphan = &mut self.orphan;
        start(orphan, &key, seen, message);
        (orphan.domain_at, orphan.name) = self.reader.read(&message.qname);
        orphan.status = Status::Unsolicited;
        answer(orphan, message, data, self.limits.answer_texts);
        let again = slot.is_none().then(|| self.answered.again(&key, orphan)).flatten();
        let mismatch = match (slot, again) {
            (Some(_), _) => Some(Mismatch::Question),
            (None, Some((again, _))) => Some(again),
            (None, None) => self.flows.has(key.ends()).then_some(Mismatch::Id),
        };
        let contradicted = again.filter(|(mismatch, _)| *mismatch == Mismatch::Conflict);
        orphan.rtt_micros = contradicted.map(|(_, after)| after);
        orphan.mismatch = mismatch;
        counters.response_unsolicited += 1;
        hand_on(orphan, counters, sink);
        let waiting = mismatch.filter(|m| matches!(m, Mismatch::Id | Mismatch::Question));
        counters.response_mismatched += u64::from(waiting.is_some());
        waiting.map_or(Outcome::Unsolicited, Outcome::Mismatched)
    }

    /// Makes a record of a further message of a transfer; tells whether it is one.
    fn go_on(&mut self, key: &Key, seen: &Sighting, message: &Message, data: &[u8]) -> bool {
        let Some(transfer) = self.transfers.find(key) else { return false };
        let orphan = &mut self.orphan;
        start(orphan, key, seen, message);
        orphan.qname.copy_from(&transfer.qname);
        (orphan.qtype, orphan.qclass) = (transfer.qtype, transfer.qclass);
        (orphan.domain_at, orphan.name) = self.reader.read(&orphan.qname);
        orphan.status = Status::Continued;
        answer(orphan, message, data, self.limits.answer_texts);
        true
    }

    /// Hands on every query whose time is up at `now`, the longest waiting first.
    pub fn expire(
        &mut self,
        now: Timestamp,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        while let Some(slot) = self.pending.oldest() {
            let waits = self.pending.value(slot).map(|waiting| now.since(waiting.time));
            if waits.is_none_or(|waits| waits < self.limits.timeout) {
                return;
            }
            self.give_up(slot, counters, sink);
        }
    }

    /// Hands on every query that came at a time which the clock, set back to `now`, has still
    /// before it: its time would not be up until then, nor that of those behind it.
    pub fn set_back(
        &mut self,
        now: Timestamp,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let ahead = self.pending.slots().filter(|slot| {
            let time = self.pending.value(*slot).map(|waiting| waiting.time);
            time.is_some_and(|time| time.since(now) >= self.limits.timeout)
        });
        for slot in ahead.collect::<Vec<_>>() {
            self.give_up(slot, counters, sink);
        }
    }

    /// Hands on everything that still waits.
    pub fn finish(&mut self, counters: &mut Counters, sink: &mut impl FnMut(Record<'_>)) {
        while let Some(slot) = self.pending.oldest() {
            self.give_up(slot, counters, sink);
        }
    }

    fn give_up(&mut self, slot: Slot, counters: &mut Counters, sink: &mut impl FnMut(Record<'_>)) {
        if let Some(transaction) = self.pending.value(slot) {
            counters.query_pending -= 1;
            counters.query_unanswered += 1;
            hand_on(transaction, counters, sink);
            if let Some(key) = self.pending.key(slot) {
                self.answered.note(*key, transaction);
            }
        }
        if let Some(key) = self.pending.key(slot) {
            self.flows.remove(key.ends());
        }
        self.pending.release(slot);
    }
}

fn hand_on(transaction: &Transaction, counters: &mut Counters, sink: &mut impl FnMut(Record<'_>)) {
    counters.record_transactions += 1;
    counters.record_total += 1;
    sink(Record::Transaction(transaction));
}

/// Overwrites what an earlier exchange left, keeping its memory.
fn start(transaction: &mut Transaction, key: &Key, seen: &Sighting, message: &Message) {
    transaction.time = seen.time;
    transaction.status = Status::Unanswered;
    transaction.transport = key.transport;
    transaction.client = key.client;
    transaction.server = key.server;
    transaction.client_port = key.client_port;
    transaction.server_port = key.server_port;
    transaction.path = seen.path;
    transaction.id = key.id;
    transaction.flags = message.flags;
    transaction.qname.copy_from(&message.qname);
    transaction.qtype = message.qtype;
    transaction.qclass = message.qclass;
    transaction.query_bytes = 0;
    transaction.edns = message.edns;
    transaction.retries = 0;
    transaction.rates = Rates::default();
    transaction.answer_bytes = 0;
    transaction.answer_flags.0 = 0;
    transaction.mismatch = None;
    transaction.rtt_micros = None;
    transaction.answer.reset();
    transaction.answer_texts.clear();
    transaction.defects = message.defects;
}

fn answer(transaction: &mut Transaction, message: &Message, data: &[u8], most_texts: usize) {
    transaction.answer_bytes = message.bytes;
    transaction.answer_flags = message.flags;
    transaction.answer.clone_from(&message.answer);
    transaction.defects.merge(message.defects);
    if most_texts > 0 {
        transaction.answer_texts = answers_in_words(data, most_texts);
    }
}

fn asks_the_same(waiting: &Transaction, message: &Message) -> bool {
    waiting.qtype == message.qtype && same_name(&waiting.qname, &message.qname)
}

/// Tells whether a query is sent once more as it was. One in another case or class, or with more
/// than one question, says something else, so it is a transaction of its own: whoever asks can
/// tell as much by them as by another name.
fn is_repeated(waiting: &Transaction, message: &Message) -> bool {
    waiting.qtype == message.qtype
        && waiting.qclass == message.qclass
        && waiting.qname.wire() == message.qname.wire()
        && !message.defects.has(Defect::MultipleQuestions)
}

/// Length octets are below 64, so folding letters leaves them alone.
fn same_name(a: &Name, b: &Name) -> bool {
    a.wire().eq_ignore_ascii_case(b.wire())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: PairingLimits = PairingLimits {
        pending: 2,
        timeout: Duration::from_secs(10),
        domains: 16,
        answer_texts: 0,
        seed: 1,
    };

    struct Bench {
        transactions: Transactions,
        counters: Counters,
        records: Vec<Transaction>,
    }

    fn message(id: u16, qname: &str) -> Message {
        let qname = Name::parse(qname).unwrap();
        Message { id, qname, qtype: 1, has_question: true, ..Message::default() }
    }

    impl Bench {
        fn new() -> Self {
            let transactions = Transactions::new(LIMITS);
            Self { transactions, counters: Counters::default(), records: Vec::new() }
        }

        fn sighting(seconds: f64, reversed: bool) -> Sighting {
            let (client, server) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 53));
            let mut flow = Flow {
                source: client.into(),
                destination: server.into(),
                source_port: 4000,
                destination_port: 53,
            };
            if reversed {
                (flow.source, flow.destination) = (flow.destination, flow.source);
                (flow.source_port, flow.destination_port) = (53, 4000);
            }
            #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
            let time = Timestamp((seconds * 1e6) as i64);
            Sighting { time, flow, path: Path::default(), transport: Transport::Udp }
        }

        fn ask(&mut self, seconds: impl Into<f64>, id: u16, qname: &str) {
            self.counters.message_queries += 1;
            self.counters.message_total_udp += 1;
            self.counters.message_total += 1;
            self.counters.frame_udp += 1;
            self.counters.frame_read += 1;
            self.counters.frame_offered += 1;
            let (records, seen) = (&mut self.records, Self::sighting(seconds.into(), false));
            let mut sink = |record: Record<'_>| {
                let Record::Transaction(t) = record else { return };
                records.push(t.clone());
            };
            self.transactions.query(&seen, &message(id, qname), &mut self.counters, &mut sink);
        }

        fn reply(&mut self, seconds: impl Into<f64>, id: u16, qname: &str) {
            self.reply_with(seconds, id, qname, 1);
        }

        fn reply_with(&mut self, seconds: impl Into<f64>, id: u16, qname: &str, addresses: u32) {
            self.counters.message_responses += 1;
            self.counters.message_total_udp += 1;
            self.counters.message_total += 1;
            self.counters.frame_udp += 1;
            self.counters.frame_read += 1;
            self.counters.frame_offered += 1;
            let (records, seen) = (&mut self.records, Self::sighting(seconds.into(), true));
            let mut sink = |record: Record<'_>| {
                let Record::Transaction(t) = record else { return };
                records.push(t.clone());
            };
            let mut message = message(id, qname);
            message.answer.addresses = addresses;
            self.transactions.response(&seen, &message, &[], &mut self.counters, &mut sink);
        }

        fn told(&mut self) -> Vec<(String, Status, u16)> {
            assert_eq!(self.counters.imbalance(), None);
            self.records.drain(..).map(|t| (t.qname.to_string(), t.status, t.retries)).collect()
        }
    }

    fn row(name: &str, status: Status, retries: u16) -> (String, Status, u16) {
        (name.to_owned(), status, retries)
    }

    #[test]
    fn a_second_answer_repeats_or_contradicts_the_first() {
        let mut bench = Bench::new();
        bench.ask(1, 7, "a.example");
        bench.reply(1, 7, "a.example");
        bench.reply(2, 7, "a.example");
        bench.reply_with(3, 7, "a.example", 99);
        bench.reply_with(9, 7, "a.example", 98);
        bench.ask(10, 7, "a.example");
        bench.ask(10.5, 7, "a.example");
        bench.reply(11, 7, "a.example");
        bench.reply_with(11, 7, "a.example", 99);
        bench.reply_with(11, 7, "a.example", 98);
        let told: Vec<_> = bench.records.iter().map(|t| t.mismatch).collect();
        let (repeat, conflict) = (Some(Mismatch::Repeat), Some(Mismatch::Conflict));
        assert_eq!(told, [None, repeat, conflict, None, None, repeat, conflict]);
        assert_eq!(bench.records[2].rtt_micros, Some(0), "of the answer that it contradicts");
        bench.ask(20, 8, "b.example");
        bench.ask(31, 9, "c.example");
        bench.reply(32, 8, "b.example");
        assert_eq!(bench.records.last().unwrap().mismatch, Some(Mismatch::Late));
        assert_eq!(bench.counters.imbalance(), None);
    }

    #[test]
    fn a_copy_of_a_query_accounts_for_no_second_answer() {
        // Who stands on the path answers and passes the query on, in whatever order that is seen.
        for (copy, forged) in [(1.0003, 1.001), (1.001, 1.0003)] {
            let mut bench = Bench::new();
            bench.ask(1, 7, "a.example");
            if copy < forged {
                bench.ask(copy, 7, "a.example");
                bench.reply_with(forged, 7, "a.example", 66);
            } else {
                bench.reply_with(forged, 7, "a.example", 66);
                bench.ask(copy, 7, "a.example");
            }
            bench.reply(1.02, 7, "a.example");
            let told: Vec<_> = bench.records.iter().map(|t| (t.status, t.mismatch)).collect();
            let conflict = (Status::Unsolicited, Some(Mismatch::Conflict));
            assert_eq!(told, [(Status::Answered, None), conflict], "copied at {copy}");
            assert_eq!((bench.counters.query_pending, bench.counters.imbalance()), (0, None));
        }
    }

    #[test]
    fn a_script_that_asks_the_same_all_the_time_is_answered_each_time() {
        let mut bench = Bench::new();
        for n in 0..50 {
            let second = 1.0 + f64::from(n) / 100.0;
            bench.ask(second, 7, "a.example");
            bench.reply(second + 0.001, 7, "a.example");
        }
        assert!(bench.told().iter().all(|(_, status, _)| *status == Status::Answered));
    }

    #[test]
    fn a_waiting_query_takes_no_more_than_is_promised_for_it() {
        // With a name of 254 octets and the table's own fields, 640 octets are promised.
        assert!(size_of::<Transaction>() + size_of::<Key>() + 254 + 32 <= 640);
    }

    #[test]
    fn a_repeated_query_and_its_answer_in_another_case_are_one_transaction() {
        let mut bench = Bench::new();
        bench.ask(0, 7, "www.example.com");
        bench.ask(1, 7, "www.example.com");
        bench.reply(2, 7, "WWW.example.COM");
        assert_eq!(bench.records[0].rtt_micros, Some(2_000_000));
        assert_eq!(bench.told(), [row("www.example.com", Status::Answered, 1)]);
    }

    #[test]
    fn a_query_repeated_in_another_case_is_another_transaction() {
        let mut bench = Bench::new();
        bench.ask(0, 7, "www.example.com");
        bench.ask(1, 7, "wwW.example.com");
        bench.ask(2, 7, "wwW.example.com");
        bench.reply(3, 7, "www.example.com");
        assert_eq!(
            bench.told(),
            [
                row("www.example.com", Status::Unanswered, 0),
                row("wwW.example.com", Status::Answered, 1)
            ]
        );
    }

    #[test]
    fn answers_to_something_else_are_unsolicited_and_the_query_times_out() {
        let mut bench = Bench::new();
        bench.ask(0, 7, "a.example");
        bench.reply(1, 7, "b.example");
        bench.ask(11, 8, "c.example");
        assert_eq!(bench.records[0].mismatch, Some(Mismatch::Question));
        bench.reply(12, 9, "c.example");
        assert_eq!(bench.records[2].mismatch, Some(Mismatch::Id));
        bench.reply(13, 8, "c.example");
        bench.reply(14, 8, "c.example");
        assert_eq!(bench.records[4].mismatch, Some(Mismatch::Repeat), "nothing waits any more");
        assert_eq!(bench.counters.response_mismatched, 2);
        bench.records.truncate(2);
        assert_eq!(
            bench.told(),
            [row("b.example", Status::Unsolicited, 0), row("a.example", Status::Unanswered, 0)]
        );
    }

    #[test]
    fn a_transfer_of_many_messages_is_one_answer_that_goes_on() {
        let mut bench = Bench::new();
        let seen =
            |reversed| Sighting { transport: Transport::Tcp, ..Bench::sighting(0.0, reversed) };
        let query = Message { qtype: 252, ..message(7, "zone.example") };
        let more = Message { id: 7, ..Message::default() };
        let Bench { transactions, counters, records } = &mut bench;
        let mut sink = |record: Record<'_>| {
            let Record::Transaction(t) = record else { return };
            records.push(t.clone());
        };
        transactions.query(&seen(false), &query, counters, &mut sink);
        for answer in [&query, &more, &more] {
            transactions.response(&seen(true), answer, &[], counters, &mut sink);
        }
        let told: Vec<_> = records.iter().map(|t| (t.status, t.qname.to_string())).collect();
        let name = "zone.example".to_owned();
        assert_eq!(
            told,
            [
                (Status::Answered, name.clone()),
                (Status::Continued, name.clone()),
                (Status::Continued, name)
            ]
        );
        assert_eq!((counters.response_continued, counters.response_unsolicited), (2, 0));
    }

    #[test]
    fn a_full_table_gives_up_the_longest_waiting_and_counts_it() {
        let mut bench = Bench::new();
        for id in 0..4 {
            bench.ask(0, id, "x.example");
        }
        assert_eq!(bench.told().len(), 2);
        assert_eq!((bench.counters.query_evicted, bench.counters.query_pending), (2, 2));
    }
}
