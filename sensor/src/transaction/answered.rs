//! Queries that wait no more, answered or not, so that an answer to one of them is told apart.
//!
//! A query gets one answer. A second that says the same is a retransmission or a frame mirrored
//! twice; one that says something else is forged, or the first one was (on-path injection, a race
//! that a forger won or lost). A query that was sent more than once may get as many answers as that,
//! and they may differ: load balancing answers each. A server that failed and then knows contradicts
//! nobody. Where the capture lost the repetition, only the time tells: nobody repeats a query at once.

use super::Key;
use crate::limited::LimitedMap;
use crate::record::{Mismatch, Transaction, Transport};

/// Queries that are remembered; one more makes the oldest forgotten.
const ANSWERED: u32 = 16_384;
/// Microseconds after its answer for which a query is.
const SPAN: u64 = 5_000_000;
/// Microseconds for which one without an answer is, once its time was up.
const LATE: u64 = 60_000_000;

/// The server failed (RFC 1035 section 4.1.1).
const SERVFAIL: u16 = 2;

/// The answered queries.
pub(super) struct Answered {
    table: LimitedMap<Key, Told>,
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
        Self { table: LimitedMap::new(ANSWERED, seed) }
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
        let answered = transaction.rtt_micros.unwrap_or_default();
        if let Some((_, told)) = self.table.claim(key) {
            *told = Told {
                asked: transaction.time.micros(),
                time: transaction.time.micros().saturating_add_unsigned(answered),
                question: question_of(transaction),
                says: transaction.has_answer().then(|| says(transaction)),
                due: transaction.retries,
            };
        }
    }

    /// Tells what an answer that nobody waits for is to a query that was answered before, and how many
    /// microseconds it came after that query.
    pub(super) fn again(&mut self, key: &Key, orphan: &Transaction) -> Option<(Mismatch, u64)> {
        let slot = self.table.find(key)?;
        let told = self.table.value_mut(slot)?;
        let late = orphan.time.micros().abs_diff(told.time);
        let span = if told.says.is_some() { SPAN } else { LATE };
        if late > span || told.question != question_of(orphan) {
            return None;
        }
        let after = orphan.time.micros().abs_diff(told.asked);
        let Some(said) = told.says else { return Some((Mismatch::Late, after)) };
        if told.due > 0 {
            told.due -= 1;
            return Some((Mismatch::Repeat, after));
        }
        let agrees = said == says(orphan) || said.rcode == SERVFAIL;
        Some((if agrees { Mismatch::Repeat } else { Mismatch::Conflict }, after))
    }
}

fn question_of(transaction: &Transaction) -> u64 {
    let name = crate::record::hash_of(transaction.qname.folded().from(0), 0);
    name ^ u64::from(transaction.qtype)
}

fn says(transaction: &Transaction) -> Says {
    let answer = &transaction.answer;
    Says { rcode: answer.rcode, addresses: answer.addresses, payload: answer.fingerprint }
}
