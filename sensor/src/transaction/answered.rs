//! Queries that wait no more, answered or not, so that an answer to one of them is told apart.
//!
//! A query gets one answer. A second that says the same is a retransmission or a frame mirrored
//! twice; one that says something else is forged, or the first one was (on-path injection, a race
//! that a forger won or lost). A query that was sent more than once may get as many answers as that,
//! and they may differ: load balancing answers each; but what comes again at once is a copy, of the
//! mirror or of who stands on the path and passes it on. A server that failed and then knows contradicts
//! nobody. Where the capture lost the repetition, only the time tells: nobody repeats a query at once.

use super::Key;
use crate::limited::LimitedMap;
use crate::name::Name;
use crate::record::{Mismatch, Transaction, Transport, hash_of};
use crate::time::Timestamp;

/// Queries that are remembered; one more makes the oldest forgotten.
const ANSWERED: u32 = 16_384;
/// Microseconds after its answer for which a query is.
const SPAN: u64 = 5_000_000;
/// Microseconds for which one without an answer is, once its time was up.
const LATE: u64 = 60_000_000;
/// Microseconds within which nobody repeats a query: what comes again so soon was mirrored twice, or
/// passed on by who stands on the path.
const AT_ONCE: u64 = 100_000;
/// Waiting queries whose repetitions are remembered.
const REPEATED: u32 = 4_096;

/// The server failed (RFC 1035 section 4.1.1).
const SERVFAIL: u16 = 2;

/// The answered queries.
pub(super) struct Answered {
    table: LimitedMap<Key, Told>,
    /// How often queries that wait were repeated, copies left out.
    repeated: LimitedMap<Key, u16>,
}

/// What a query was told.
#[derive(Default)]
struct Told {
    /// When it was asked and when told, in microseconds.
    asked: i64,
    time: i64,
    /// The name and the type, as a hash.
    question: u64,
    /// What the answer says; `None` where there was none.
    says: Option<Says>,
    /// Further answers that retries account for.
    due: u16,
}

/// What an answer says, as far as that tells answers apart; whatever the order of its records.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Says {
    rcode: u16,
    addresses: u32,
    payload: u32,
}

impl Answered {
    pub(super) fn new(seed: u64) -> Self {
        Self { table: LimitedMap::new(ANSWERED, seed), repeated: LimitedMap::new(REPEATED, seed) }
    }

    /// Takes note that a query that waits since `asked` came again at `time`.
    pub(super) fn repeat(&mut self, key: Key, asked: Timestamp, time: Timestamp) {
        if key.transport != Transport::Udp || is_at_once(asked.micros(), time) {
            return;
        }
        if let Some(times) = self.repeated.find(&key).and_then(|at| self.repeated.value_mut(at)) {
            *times = times.saturating_add(1);
            return;
        }
        if self.repeated.is_full()
            && let Some(oldest) = self.repeated.oldest()
        {
            self.repeated.release(oldest);
        }
        if let Some((_, times)) = self.repeated.claim(key) {
            *times = 1;
        }
    }

    /// Tells whether the answer to a query contradicts what the same query was told at once before, of
    /// which this one is a copy; returns how many microseconds that one had waited.
    pub(super) fn contradicts(&self, key: &Key, copy: &Transaction) -> Option<u64> {
        let told = self.table.find(key).and_then(|slot| self.table.value(slot))?;
        told.says.filter(|said| said.rcode != SERVFAIL && *said != says(copy))?;
        let is_copy = is_at_once(told.asked, copy.time)
            && told.question == question_of(&copy.qname, copy.qtype);
        is_copy.then(|| told.time.abs_diff(told.asked))
    }

    /// Remembers a transaction over UDP, as it is handed on.
    pub(super) fn note(&mut self, key: Key, transaction: &Transaction) {
        if key.transport != Transport::Udp {
            return;
        }
        if let Some(slot) = self.table.find(&key) {
            self.table.release(slot);
        }
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            self.table.release(oldest);
        }
        let due = self.repeated.find(&key).map_or(0, |slot| {
            let times = self.repeated.value(slot).copied().unwrap_or_default();
            self.repeated.release(slot);
            times
        });
        let answered = transaction.rtt_micros.unwrap_or_default();
        if let Some((_, told)) = self.table.claim(key) {
            *told = Told {
                asked: transaction.time.micros(),
                time: transaction.time.micros().saturating_add_unsigned(answered),
                question: question_of(&transaction.qname, transaction.qtype),
                says: transaction.has_answer().then(|| says(transaction)),
                due,
            };
        }
    }

    /// Tells what an answer that nobody waits for is to a query that was answered before, and how many
    /// microseconds that query had waited for its answer.
    pub(super) fn again(&mut self, key: &Key, orphan: &Transaction) -> Option<(Mismatch, u64)> {
        let slot = self.table.find(key)?;
        let told = self.table.value_mut(slot)?;
        let late = orphan.time.micros().abs_diff(told.time);
        let span = if told.says.is_some() { SPAN } else { LATE };
        if late > span || told.question != question_of(&orphan.qname, orphan.qtype) {
            return None;
        }
        let after = told.time.abs_diff(told.asked);
        let Some(said) = told.says else { return Some((Mismatch::Late, after)) };
        if told.due > 0 {
            told.due -= 1;
            return Some((Mismatch::Repeat, after));
        }
        let agrees = said == says(orphan) || said.rcode == SERVFAIL;
        Some((if agrees { Mismatch::Repeat } else { Mismatch::Conflict }, after))
    }
}

fn is_at_once(asked: i64, time: Timestamp) -> bool {
    time.micros().abs_diff(asked) < AT_ONCE
}

fn question_of(qname: &Name, qtype: u16) -> u64 {
    hash_of(qname.folded().from(0), 0) ^ u64::from(qtype)
}

fn says(transaction: &Transaction) -> Says {
    let answer = &transaction.answer;
    Says { rcode: answer.rcode, addresses: answer.addresses, payload: answer.fingerprint }
}
