//! What a transaction is charged to: its client and domain, or its client and server.

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::charge::Charge;
use super::keys::Keys;
use super::sighting::sighting_of;
use super::suspicion::is_near;
use super::{Analytics, Fill, Moment};
use crate::alert::{Alert, Subject};
use crate::price::NamePrice;
use crate::state::{Charged, KeyState, Novelty, Scope, Sighting, Signal};

/// What goes into one account.
struct Entry<'a> {
    key: u64,
    subject: Subject,
    seen: Sighting,
    novelty: Novelty,
    price: Option<NamePrice>,
    charge: &'a Charge,
    /// Whether the domain is rare, where that matters to the account.
    rare: bool,
}

/// What was found of (client, domain) when it was charged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// Whether it was met for the first time.
    pub(super) fresh: bool,
    /// Price of its novel names since then, in bits.
    pub(super) total_bits: u32,
    /// When it was met before.
    pub(super) last: Timestamp,
}

impl Analytics {
    /// Charges (client, domain).
    pub(super) fn domain_account(
        &mut self,
        transaction: &Transaction,
        keys: &Keys,
        charge: &Charge,
        sink: &mut impl FnMut(&Alert<'_>),
    ) -> Met {
        let rare = self.tables.facts.is_rare(keys.domain);
        let entry = Entry {
            key: keys.pair,
            subject: Subject::Domain,
            seen: sighting_of(transaction),
            novelty: charge.novelty,
            price: charge.price.filter(|_| charge.novelty.name),
            charge,
            rare,
        };
        self.enter(transaction, keys, &entry, sink)
    }

    /// Charges (client, server) for a name under a suffix nobody registers and a domain not met
    /// before: whoever puts data where the domain would stand talks to the server itself.
    pub(super) fn undelegated_account(
        &mut self,
        transaction: &Transaction,
        keys: &Keys,
        charge: &Charge,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Some((novelty, whole)) = charge.whole else { return };
        let length = transaction.qname.wire().len();
        let octets = length.saturating_sub(usize::from(transaction.name.n_labels));
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let entry = Entry {
            key: keys.server(transaction, &self.hasher),
            subject: Subject::Undelegated,
            seen: Sighting { octets, ..sighting_of(transaction) },
            novelty,
            price: Some(whole).filter(|_| novelty.name),
            charge,
            rare: false,
        };
        self.enter(transaction, keys, &entry, sink);
    }

    /// Puts `entry` into its account.
    fn enter(
        &mut self,
        transaction: &Transaction,
        keys: &Keys,
        entry: &Entry<'_>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) -> Met {
        let (time, buckets) = (transaction.time, &self.rules.leak.client_domain);
        let bits = entry.charge.price.map(|_| entry.novelty.leaked_bits());
        let bytes = entry.novelty.charged_bytes;
        let charged = self.tables.keys.charge(entry.key, time, bits, bytes, buckets);
        let Some(Charged { distinct, last, account, fresh }) = charged else {
            return Met::default();
        };
        let met = Met { fresh, total_bits: account.total_bits, last };
        let Some(figures) = self.tables.figures.at(entry.key, time) else { return met };
        figures.add(&entry.seen, &entry.novelty);
        let now = account.now(time);
        let (tier, share) = buckets.fullest(&account.levels, now);
        let names = Fill { scope: Scope::ClientDomain, tier, share };
        let mut fullest = names;
        // What else a client can tell counts where the domain is rare: the popular ones are
        // repeated all day, and belong to nobody who listens to one client.
        if entry.rare && !entry.charge.allowed && transaction.has_query() {
            let signal = Signal {
                time: now,
                name: keys.name,
                novel: entry.charge.price.is_some(),
                distinct,
                qtype: transaction.qtype,
                qclass: transaction.qclass,
                case: entry.charge.case,
            };
            let spent = self.signals.price(&mut figures.channels, &signal).bytes();
            let contract = &self.rules.leak;
            let down = f64::from(entry.charge.novelty.answer_bytes);
            for (scope, bytes) in [(Scope::Signal, spent), (Scope::Answers, down)] {
                let channels = &mut figures.channels;
                let levels = if scope == Scope::Signal {
                    &mut channels.signal
                } else {
                    &mut channels.answers
                };
                let buckets = contract.scope(scope);
                if bytes > 0.0 {
                    buckets.pour(levels, now, bytes);
                }
                let (tier, share) = buckets.fullest(levels, now);
                if share > 1.0 && share > fullest.share {
                    fullest = Fill { scope, tier, share };
                }
            }
            figures.channels.answer_bytes =
                figures.channels.answer_bytes.saturating_add(entry.charge.novelty.answer_bytes);
        }
        let Entry { key, subject, .. } = *entry;
        let (novelty, client) = (&entry.novelty, keys.client);
        // Most keys never come near alarm: nothing of theirs is copied.
        if !is_near(figures, fullest) && !self.suspects.has(key) {
            return met;
        }
        let state = KeyState { account, figures: *figures };
        let moment = Moment { key, client, subject, state, names, fullest, part: 0 };
        self.look(transaction, &moment, novelty, entry.price, sink);
        met
    }
}
