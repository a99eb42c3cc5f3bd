//! What a transaction is charged to: its client and domain, and what is wider than these.

use geophone_sensor::record::Transaction;

use super::charge::Charge;
use super::keys::Keys;
use super::sighting::sighting_of;
use super::suspicion::{is_moved, is_near};
use super::{Analytics, Fill, Moment};
use crate::alert::{Alert, Subject};
use crate::price::NamePrice;
use crate::state::{Charged, DomainFacts, KeyState, Novelty, Scope, Sighting, Signal};

/// Bytes a client may ask of each domain before an account over many domains counts: what a site
/// that is visited for the first time costs.
const FREE_BYTES: f64 = 24.0;

/// What goes into one account.
struct Entry<'a> {
    key: u64,
    subject: Subject,
    seen: Sighting,
    novelty: Novelty,
    price: Option<NamePrice>,
    charge: &'a Charge,
    /// The domain's facts, where they matter to the account.
    facts: Option<DomainFacts>,
}

/// What was found of (client, domain) when it was charged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// Whether it was met for the first time.
    pub(super) fresh: bool,
    /// Price of its novel names since then, in bits.
    total_bits: u32,
    /// What is known of the domain.
    facts: Option<DomainFacts>,
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
        let facts = self.tables.domains.note(keys.domain, keys.client, transaction.time);
        let entry = Entry {
            key: keys.pair,
            subject: Subject::Domain,
            seen: sighting_of(transaction),
            novelty: charge.novelty,
            price: charge.price.filter(|_| charge.novelty.name),
            charge,
            facts,
        };
        let Met { fresh, total_bits, .. } = self.enter(transaction, keys, &entry, sink);
        Met { fresh, total_bits, facts }
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
            facts: None,
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
        let Some(Charged { distinct, account, fresh }) = charged else {
            return Met::default();
        };
        let met = Met { fresh, total_bits: account.total_bits, facts: None };
        let Some(figures) = self.tables.figures.at(entry.key, time) else { return met };
        figures.add(&entry.seen, &entry.novelty);
        let now = account.now(time);
        let (tier, share) = buckets.fullest(&account.levels, now);
        let names = Fill { scope: Scope::ClientDomain, tier, share };
        let mut fullest = names;
        // What else a client can tell counts where the domain is rare: the popular ones are
        // repeated all day, and belong to nobody who listens to one client.
        let rare = entry.facts.is_some_and(|facts| facts.is_rare(self.config.state.rare_clients));
        if rare && !entry.charge.allowed && transaction.has_query() {
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
            if subject == Subject::Domain && is_moved(novelty, fullest) {
                // A rotation that tells of the domain stays among the most recent.
                self.is_told_by_rotation(transaction, key, client);
            }
            return met;
        }
        let state = KeyState { account, figures: *figures };
        let moment = Moment { key, client, subject, state, names, fullest, part: 0 };
        self.look(transaction, &moment, novelty, entry.price, sink);
        met
    }

    /// Charges the client over all fresh, rare domains, and the domain over all clients; not for
    /// what an open alert tells of already.
    pub(super) fn wider_accounts(
        &mut self,
        transaction: &Transaction,
        keys: &Keys,
        charge: &Charge,
        met: &Met,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        if charge.price.is_none() || charge.novelty.charged_bytes <= 0.0 {
            return;
        }
        if self.suspects.is_open(keys.pair) {
            return;
        }
        let Some(facts) = met.facts else { return };
        let state = &self.config.state;
        let fresh = facts.is_fresh(transaction.time, state.fresh_span());
        let new = fresh && facts.is_rare(state.rare_clients);
        let clients = facts.clients();
        let so_far = met.total_bits;
        let bytes = if new { self.rotation_bytes(transaction, keys, charge, so_far) } else { 0.0 };
        if bytes > 0.0 {
            self.counters.bytes_rotation += whole(bytes);
            let wide = Wide { scope: Scope::Client, key: keys.client, bytes };
            self.widen(wide, transaction, charge, sink);
        }
        if charge.site_novel && clients > 1 {
            let bytes = charge.novelty.charged_bytes;
            self.counters.bytes_shared += whole(bytes);
            let wide = Wide { scope: Scope::Domain, key: keys.domain, bytes };
            self.widen(wide, transaction, charge, sink);
        }
    }

    /// Returns what a name of a fresh, rare domain counts for in its client's rotation.
    ///
    /// Under a domain that an allowance names nothing: no attacker owns it. Under a suffix nobody
    /// registers all of it, the domain too where it is met for the first time: such domains cost
    /// nothing, and one server after the other may be asked for them.
    fn rotation_bytes(
        &mut self,
        transaction: &Transaction,
        keys: &Keys,
        charge: &Charge,
        so_far: u32,
    ) -> f64 {
        let charged = charge.novelty.charged_bytes;
        if charge.listed {
            return 0.0;
        }
        if !transaction.name.suffix_known {
            let told = self.suspects.is_open(keys.server(transaction, &self.hasher));
            let all = charge.whole.map_or(charged, |(novelty, _)| novelty.charged_bytes);
            return if told { 0.0 } else { all };
        }
        (f64::from(so_far) / 8.0 - FREE_BYTES).clamp(0.0, charged)
    }

    fn widen(
        &mut self,
        wide: Wide,
        transaction: &Transaction,
        charge: &Charge,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Wide { scope, key, bytes } = wide;
        // A rotation under no suffix is about whole names.
        let own = charge.price.map(|price| (charge.novelty, price));
        let whole = charge.whole.filter(|_| scope == Scope::Client);
        let Some((novelty, price)) = whole.or(own) else { return };
        let time = transaction.time;
        let buckets = self.rules.leak.scope(scope);
        let (ledger, subject) = match scope {
            Scope::Client => (&mut self.tables.clients, Subject::Rotation),
            _ => (&mut self.tables.shared, Subject::Shared),
        };
        let novel = Some(novelty.leaked_bits());
        let charged = ledger.charge(key, time, novel, bytes, buckets);
        let Some(Charged { account, .. }) = charged else { return };
        let (tier, share) = buckets.fullest(&account.levels, account.now(time));
        let Some(figures) = self.tables.figures.at(key, time) else { return };
        figures.add(&sighting_of(transaction), &novelty);
        let fill = Fill { scope, tier, share };
        let state = KeyState { account, figures: *figures };
        let part = novelty.bits;
        let moment = Moment { key, client: key, subject, state, names: fill, fullest: fill, part };
        self.look(transaction, &moment, &novelty, Some(price), sink);
    }
}

/// An account over many domains or clients.
#[derive(Clone, Copy)]
struct Wide {
    scope: Scope,
    key: u64,
    bytes: f64,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a price of one name is below 300 bytes"
)]
fn whole(bytes: f64) -> u64 {
    bytes.ceil() as u64
}
