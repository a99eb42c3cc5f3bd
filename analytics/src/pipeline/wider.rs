//! What is wider than a client and a domain: a client over its fresh, rare domains, and a domain
//! over all its clients.
//!
//! Whoever charges the client and the domain tells the owner of what is wider ([`Rollup`]). The
//! owner keeps its accounts, and what it finds out about the whole goes to everybody as facts.
//! Nothing else passes between the two, so they need not be in the same process.

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::accounts::Met;
use super::charge::Charge;
use super::keys::Keys;
use super::sighting::sighting_of;
use super::{Analytics, Fill, Moment, OwnedRollup};
use crate::alert::{Alert, Part, Subject};
use crate::price::NamePrice;
use crate::state::{Change, Charged, KeyState, Novelty, Scope, Wildcards};

/// Bytes a client may ask of each domain before an account over many domains counts: what a site
/// that is visited for the first time costs.
const FREE_BYTES: f64 = 24.0;

/// Microseconds after which the owner of a domain is told again that a client asks it.
const HOUR: i64 = 3_600_000_000;

/// What an owner is told about a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rollup<'a> {
    pub(super) about: About,
    pub(super) transaction: &'a Transaction,
    /// What is charged, in bytes; 0 for what an open alert tells of already.
    pub(super) bytes: f64,
    /// The name, where it is novel to its client.
    pub(super) name: Option<(Novelty, NamePrice)>,
}

/// Whose owner is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    /// A client over its fresh, rare domains.
    Client { key: u64 },
    /// A domain over all clients.
    Domain {
        key: u64,
        client: u64,
        /// The name, whoever asks; and the wildcard that it may be of.
        name: Option<(u64, Option<u64>)>,
    },
}

impl Analytics {
    /// Tells the owners of the client and of the domain what there is to tell.
    pub(super) fn tell_owners(
        &mut self,
        transaction: &Transaction,
        keys: &Keys,
        charge: &Charge,
        met: &Met,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let known = !met.fresh && hour_of(met.last) == hour_of(transaction.time);
        if charge.price.is_none() && known {
            return;
        }
        let charged = charge.novelty.charged_bytes;
        let told = charge.price.is_none() || charged <= 0.0 || self.suspects.is_open(keys.pair);
        if !told {
            let bytes = self.rotation_bytes(transaction, keys, charge, met.total_bits);
            if bytes > 0.0 {
                // A rotation under no suffix is about whole names.
                let own = || charge.price.map(|price| (charge.novelty, price));
                let name = charge.whole.or_else(own);
                let about = About::Client { key: keys.client };
                self.hand_over(&Rollup { about, transaction, bytes, name }, sink);
            }
        }
        let about = About::Domain {
            key: keys.domain,
            client: keys.client,
            name: charge
                .name_novel
                .then(|| (keys.site_name, Wildcards::key(transaction, keys.domain, &self.hasher))),
        };
        let bytes = if told { 0.0 } else { charged };
        let name = charge.price.map(|price| (charge.novelty, price));
        self.hand_over(&Rollup { about, transaction, bytes, name }, sink);
    }

    /// Hands a rollup to its owner: to this process, or to whoever takes it from here.
    fn hand_over(&mut self, rollup: &Rollup<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        let seed = self.config.sensor.hash_seed;
        match &mut self.outgoing {
            Some(outgoing) => outgoing.push(OwnedRollup::of(rollup, seed)),
            None => self.take_rollup(rollup, sink),
        }
    }

    /// Returns what a name of a fresh, rare domain counts for in its client's rotation.
    ///
    /// Under a domain that an allowance names nothing: no attacker owns it. Under a suffix nobody
    /// registers all of it, the domain too where it is met for the first time: such domains cost
    /// nothing, and one server after the other may be asked for them.
    fn rotation_bytes(
        &self,
        transaction: &Transaction,
        keys: &Keys,
        charge: &Charge,
        so_far: u32,
    ) -> f64 {
        let (facts, span) = (&self.tables.facts, self.config.state.fresh_span());
        if charge.listed
            || !facts.is_rare(keys.domain)
            || !facts.is_fresh(keys.domain, transaction.time, span)
        {
            return 0.0;
        }
        let charged = charge.novelty.charged_bytes;
        if !transaction.name.suffix_known {
            let told = self.suspects.is_open(keys.server(transaction, &self.hasher));
            let all = charge.whole.map_or(charged, |(novelty, _)| novelty.charged_bytes);
            return if told { 0.0 } else { all };
        }
        (f64::from(so_far) / 8.0 - FREE_BYTES).clamp(0.0, charged)
    }

    /// Takes what an owner is told.
    pub(super) fn take_rollup(&mut self, rollup: &Rollup<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        match rollup.about {
            About::Client { key } => {
                self.counters.bytes_rotation += whole(rollup.bytes);
                self.rotate(key, rollup, sink);
            }
            About::Domain { key, client, name } => {
                let clients = self.meet(key, client, rollup.transaction.time);
                let Some((hash, wildcard)) = name else { return };
                let Rollup { transaction, bytes, .. } = *rollup;
                let novel = self.tables.seen.insert(hash, transaction.time);
                if let Some(wildcard) = wildcard {
                    let mut news = |change| self.tables.facts.change(change);
                    let addresses = transaction.answer.addresses;
                    self.wildcards.add(wildcard, addresses, client, &mut news);
                }
                if novel && clients > 1 && bytes > 0.0 {
                    self.counters.bytes_shared += whole(bytes);
                    self.widen(Scope::Domain, key, rollup, sink);
                }
            }
        }
    }

    /// Notes that a client asks a domain; returns how many do.
    fn meet(&mut self, domain: u64, client: u64, time: Timestamp) -> u8 {
        let most = self.config.state.rare_clients;
        let Some((clients, news)) = self.tables.domains.note(domain, client, time, most) else {
            return 0;
        };
        if let Some(change) = news {
            self.tables.facts.change(change);
        }
        clients
    }

    /// Charges a rotation, and tells everybody which domains an open alert about it names.
    fn rotate(&mut self, key: u64, rollup: &Rollup<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        let part = Part::Domain(rollup.transaction.domain_text());
        let named = |analytics: &mut Self| {
            analytics.suspects.is_open(key)
                && analytics.suspects.find(key).is_some_and(|suspect| suspect.parts.has(&part))
        };
        let before = named(self);
        self.widen(Scope::Client, key, rollup, sink);
        if before || !named(self) {
            return;
        }
        if let Some(suspect) = self.suspects.find(key) {
            let domains = suspect.domains().into_iter().map(|(domain, _)| domain).collect();
            self.tables.facts.change(Change::Rotation { client: key, domains });
        }
    }

    fn widen(
        &mut self,
        scope: Scope,
        key: u64,
        rollup: &Rollup<'_>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Rollup { transaction, bytes, name, .. } = *rollup;
        let Some((novelty, price)) = name else { return };
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

const fn hour_of(time: Timestamp) -> i64 {
    time.micros().div_euclid(HOUR)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a price of one name is below 300 bytes"
)]
fn whole(bytes: f64) -> u64 {
    bytes.ceil() as u64
}
