//! The analytics as one thing: records in, alerts out, everything counted.
//!
//! Owns every table and no thread; its only clock is the time of the records.

mod counters;
mod judgement;
mod probe;
mod sighting;

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

pub use self::counters::AnalyticsCounters;
use self::judgement::judgement;
use self::probe::Probe;
pub use self::probe::{Judged, watched_features};
use self::sighting::sighting_of;
use crate::alert::{Action, Alert, OpenAlert, Subject, Suspect, Suspects};
use crate::config::Config;
use crate::detect::Features;
use crate::price::{NamePrice, Pricer};
use crate::rule::{Allow, Rules};
use crate::state::{KeyState, KeyTable, LossHistory, Novelty, SeenFilter, Sighting, Tier};

/// A key whose fullest bucket is this full is suspected: its evidence is kept from then on.
const SUSPECT_FILL: f64 = 0.125;
/// So is one that got this much text and opaque data never answered before, in bytes…
const SUSPECT_TEXT: u32 = 512;
/// …or asked this many queries of opaque types.
const SUSPECT_OPAQUE: u32 = 2;

/// The response code for a name that does not exist (RFC 1035 section 4.1.1).
const NXDOMAIN: u16 = 3;

/// What a transaction is charged to.
struct Account {
    key: u64,
    subject: Subject,
    seen: Sighting,
}

/// A key right after a transaction.
struct Moment {
    key: u64,
    subject: Subject,
    state: KeyState,
    /// The fullest bucket and how full it is.
    fill: (Tier, f64),
}

/// Records in, alerts out.
pub struct Analytics {
    rules: Rules,
    config: Config,
    pricer: Pricer,
    seen: SeenFilter,
    keys: KeyTable,
    suspects: Suspects,
    hasher: FixedState,
    counters: AnalyticsCounters,
    losses: LossHistory,
    probe: Probe,
    now: Timestamp,
}

impl Analytics {
    /// Makes empty tables of the configured sizes.
    #[must_use]
    pub fn new(config: Config, rules: Rules) -> Self {
        let seed = config.sensor.hash_seed;
        Self {
            pricer: Pricer::new(),
            seen: SeenFilter::new(config.state.seen_names, config.state.seen_span()),
            keys: KeyTable::new(config.state.keys, config.state.window()),
            suspects: Suspects::new(config.state.suspects, seed),
            hasher: FixedState::with_seed(seed),
            counters: AnalyticsCounters::default(),
            losses: LossHistory::default(),
            probe: Probe::default(),
            now: Timestamp(i64::MIN),
            rules,
            config,
        }
    }

    /// Takes one record and hands on what there is to tell.
    pub fn record(&mut self, record: &Record<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        self.counters.records += 1;
        match record {
            Record::NotDns(_) => self.counters.records_not_dns += 1,
            Record::Tick(tick) => {
                self.counters.records_ticks += 1;
                if let Some(sensor) = &tick.sensor {
                    self.losses.add(tick.time, sensor);
                }
            }
            Record::Transaction(transaction) if transaction.status == Status::Continued => {
                self.counters.records_continued += 1;
            }
            Record::Transaction(transaction) => self.transaction(transaction, sink),
            _ => self.counters.records_unknown += 1,
        }
    }

    fn transaction(&mut self, transaction: &Transaction, sink: &mut impl FnMut(&Alert<'_>)) {
        // Not the latest time ever seen: one frame from the future would close every alert.
        self.now = transaction.time;
        self.close_idle(sink);
        if transaction.qtype == 0 && transaction.qname.is_root() {
            self.counters.records_without_question += 1;
            return;
        }
        self.counters.records_scored += 1;
        let (key, name) = self.hashes(transaction);
        let (novelty, price) = self.novelty(transaction, key, name);
        let domain = Account { key, subject: Subject::Domain, seen: sighting_of(transaction) };
        let fresh = self.account(&domain, transaction, &novelty, price, sink);
        if let Some(price) = price.filter(|_| fresh && !transaction.name.suffix_known) {
            self.undelegated(transaction, &novelty, price, sink);
        }
    }

    /// Charges one account for a transaction; tells whether the account is new.
    fn account(
        &mut self,
        account: &Account,
        transaction: &Transaction,
        novelty: &Novelty,
        price: Option<NamePrice>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) -> bool {
        let Account { key, subject, seen } = *account;
        let Some(found) = self.keys.at(key, transaction.time, &self.rules.leak) else {
            return false;
        };
        found.state.add(&seen, novelty, &self.rules.leak);
        let (state, fresh) = (*found.state, found.fresh);
        let moved = novelty.name || novelty.text_bytes > 0 || novelty.charged_bytes > 0.0;
        let fill = self.rules.leak.fullest(&state.levels);
        let moment = Moment { key, subject, fill, state };
        self.suspect(transaction, &moment, price.filter(|_| novelty.name), sink);
        if moved {
            self.judge(transaction, &moment, sink);
        }
        fresh
    }

    /// Charges (client, server) for a name under a suffix nobody registers and a domain not met
    /// before: whoever puts data where the domain would stand talks to the server itself.
    fn undelegated(
        &mut self,
        transaction: &Transaction,
        novelty: &Novelty,
        price: NamePrice,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let length = transaction.qname.wire().len();
        let whole = self.pricer.price(&transaction.qname, length);
        // The share that an allowance left of the price holds for the whole name too.
        let share = novelty.charged_bytes / price.bits.as_bytes();
        let charged = Novelty {
            charged_bytes: whole.bits.as_bytes() * share,
            bits: whole.bits.raw().div_ceil(256),
            ..*novelty
        };
        let octets = length.saturating_sub(usize::from(transaction.name.n_labels));
        let seen = Sighting {
            octets: u32::try_from(octets).unwrap_or(u32::MAX),
            ..sighting_of(transaction)
        };
        let server = (transaction.client, transaction.server, "undelegated");
        let key = self.hasher.hash_one(server);
        let account = Account { key, subject: Subject::Undelegated, seen };
        self.account(&account, transaction, &charged, Some(whole), sink);
    }

    /// Returns the hash of (client, domain) and of (client, name), letters folded.
    fn hashes(&self, transaction: &Transaction) -> (u64, u64) {
        let mut lower = [0_u8; 256];
        let wire = transaction.qname.wire();
        for (cell, byte) in lower.iter_mut().zip(wire) {
            *cell = byte.to_ascii_lowercase();
        }
        let at = usize::from(transaction.domain_at);
        let domain = lower.get(at..wire.len()).unwrap_or_default();
        let name = lower.get(..wire.len()).unwrap_or_default();
        let hash = |part: &[u8]| self.hasher.hash_one((transaction.client, part));
        (hash(domain), hash(name))
    }

    fn novelty(
        &mut self,
        transaction: &Transaction,
        key: u64,
        name: u64,
    ) -> (Novelty, Option<NamePrice>) {
        let mut novelty = Novelty::default();
        let answer = &transaction.answer;
        let text = answer.text_bytes.saturating_add(answer.opaque_bytes);
        // What nobody asked for is a flood, not a download.
        if text > 0 && transaction.status == Status::Answered {
            let hash = self.hasher.hash_one((key, answer.fingerprint));
            if self.seen.insert(hash, transaction.time) {
                novelty.text_bytes = text;
            }
        }
        if !self.seen.insert(name, transaction.time) {
            return (novelty, None);
        }
        self.counters.names_novel += 1;
        let price = self.pricer.price(&transaction.qname, usize::from(transaction.domain_at));
        let bytes = price.bits.as_bytes();
        novelty.bits = price.bits.raw().div_ceil(256);
        self.counters.bits_priced += u64::from(novelty.bits);
        match allowance(&self.rules, transaction) {
            Some(allow) => {
                novelty.charged_bytes = bytes / f64::from(allow.budget);
                self.counters.names_allowed += 1;
                self.counters.bits_allowed += u64::from(novelty.bits);
            }
            None => {
                novelty.charged_bytes = bytes;
                novelty.name = true;
            }
        }
        (novelty, Some(price))
    }

    /// Adds to the evidence of a suspect, or begins one where the key comes near alarm.
    fn suspect(
        &mut self,
        transaction: &Transaction,
        moment: &Moment,
        price: Option<NamePrice>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Moment { key, subject, fill: (_, fill), state } = moment;
        let samples = usize::try_from(self.config.alert.samples).unwrap_or_default();
        if let Some(suspect) = self.suspects.find(*key) {
            suspect.add(transaction, price, samples);
            return;
        }
        let near = *fill >= SUSPECT_FILL
            || state.novel_text_bytes >= SUSPECT_TEXT
            || state.opaque_queries >= SUSPECT_OPAQUE;
        if !near {
            return;
        }
        if let Some(gone) = self.suspects.begin(*key, *subject, transaction) {
            self.close(gone, "evicted: more suspects than the table holds", sink);
        }
        if let Some(suspect) = self.suspects.find(*key) {
            suspect.add(transaction, price, samples);
        }
    }

    /// Weighs a suspect whose figures moved; opens, updates or leaves its alert.
    fn judge(
        &mut self,
        transaction: &Transaction,
        moment: &Moment,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Some(suspect) = self.suspects.find(moment.key) else { return };
        self.counters.judgements += 1;
        let state = &moment.state;
        let features = Features::new(state, moment.fill.1, transaction);
        self.probe.note(suspect, state, &features, transaction.time);
        let open = suspect.open.as_ref().map(OpenAlert::detector);
        let Some(judgement) = judgement(&self.rules, &features, moment.fill, open) else { return };
        let Some(detector) = self.rules.detectors.get(judgement.detector) else { return };
        let action = match suspect.open.take() {
            None => {
                suspect.open = Some(OpenAlert::open(judgement, suspect, state, &self.rules));
                self.counters.alerts_opened += 1;
                Action::Open
            }
            Some(mut open) => {
                let worth = open.renew(judgement, state, &self.rules);
                suspect.open = Some(open);
                if !worth {
                    self.counters.alerts_suppressed += 1;
                    return;
                }
                self.counters.alerts_updated += 1;
                Action::Update
            }
        };
        if let Some(mut open) = suspect.open.take() {
            let mut alert = open.tell(action, transaction.time, suspect, detector);
            alert.loss = self.losses.between(alert.start, alert.time);
            sink(&alert);
            suspect.open = Some(open);
        }
    }

    fn close_idle(&mut self, sink: &mut impl FnMut(&Alert<'_>)) {
        let (now, patience) = (self.now, self.config.alert.close_after());
        while let Some(gone) = self.suspects.take_idle(|suspect| now.since(suspect.last) > patience)
        {
            self.close(gone, "idle: nothing new for the time in alert.close_after_seconds", sink);
        }
    }

    fn close(
        &mut self,
        mut suspect: Suspect,
        because: &'static str,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Some(mut open) = suspect.open.take() else { return };
        let Some(detector) = self.rules.detectors.get(open.detector()) else { return };
        self.counters.alerts_closed += 1;
        let mut alert = open.tell(Action::Close, self.now, &suspect, detector);
        alert.loss = self.losses.between(alert.start, alert.time);
        alert.closed_because = Some(because);
        sink(&alert);
    }

    /// Puts `rules` in force; what is remembered stays, and alerts whose detector is gone close.
    pub fn reload(&mut self, rules: Rules, sink: &mut impl FnMut(&Alert<'_>)) {
        let ids: Vec<_> = rules.detectors.iter().map(|detector| detector.id.clone()).collect();
        let mut gone = Vec::new();
        let old = &self.rules.detectors;
        self.suspects.for_each(|suspect| {
            let Some(open) = &mut suspect.open else { return };
            let id = old.get(open.detector()).map(|detector| &detector.id);
            match ids.iter().position(|new| Some(new) == id) {
                Some(index) => open.retarget(index),
                None => gone.push(Suspect { open: suspect.open.take(), ..suspect.clone() }),
            }
        });
        for suspect in gone {
            self.close(suspect, "its rule is gone since the rules were read again", sink);
        }
        self.rules = rules;
    }

    /// Ends the input: closes every open alert, the one longest idle first.
    pub fn finish(&mut self, sink: &mut impl FnMut(&Alert<'_>)) {
        while let Some(gone) = self.suspects.take_idle(|_| true) {
            self.close(gone, "the input ended", sink);
        }
    }

    /// Returns what became of every record and alert so far.
    #[must_use]
    pub fn counters(&self) -> AnalyticsCounters {
        AnalyticsCounters {
            keys_used: self.keys.used(),
            keys_evicted: self.keys.evicted(),
            suspects_evicted: self.suspects.evicted,
            seen_turned_early: self.seen.early_turns,
            ..self.counters.clone()
        }
    }

    /// Octets of the tables that do not grow.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.keys.memory() + self.seen.memory()
    }
}

fn allowance<'a>(rules: &'a Rules, transaction: &Transaction) -> Option<&'a Allow> {
    let nobody = transaction.has_answer()
        && transaction.answer.rcode == NXDOMAIN
        && !transaction.name.suffix_known;
    let undelegated = rules.allow.undelegated().filter(|_| nobody);
    undelegated.or_else(|| rules.allow.find(&transaction.qname, transaction.time))
}
