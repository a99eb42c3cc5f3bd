//! The analytics as one thing: records in, alerts out, everything counted.
//!
//! Owns every table and no thread; its only clock is the time of the records.

mod abuses;
mod accounts;
mod charge;
mod counters;
mod foreign;
mod image;
mod judgement;
mod keys;
mod owned;
mod probe;
mod sighting;
mod suspicion;
mod wider;

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use geophone_sensor::record::{Record, Status, Transaction, hash_of};
use geophone_sensor::time::Timestamp;

use self::charge::whole_name;
pub use self::counters::AnalyticsCounters;
pub use self::image::ImageError;
use self::keys::Keys;
pub use self::owned::{Fact, OwnedRollup};
use self::probe::Probe;
pub use self::probe::{Judged, watched_features};
use crate::abuse::{Abuses, Flow, Guesses, Notice, Outage, Roles, Site, Turns};
pub use crate::abuse::{Duty, Guess, HostHabits, UsualRate};
use crate::alert::{Alert, Subject, Suspect, Suspects};
use crate::config::{Config, StateConfig};
use crate::price::Pricer;
use crate::rule::Rules;
use crate::state::{
    KeyState, LossHistory, SavedError, Scope, SignalPricer, Tables, Tier, Wildcards, load_octets,
    save_octets,
};

/// The response code for a name that does not exist (RFC 1035 section 4.1.1).
const NXDOMAIN: u16 = 3;

/// A bucket and how full it is; above 1 it overflows.
#[derive(Clone, Copy, Debug)]
struct Fill {
    scope: Scope,
    tier: Tier,
    share: f64,
}

/// A key right after a transaction.
struct Moment {
    key: u64,
    /// The key of the client over all domains.
    client: u64,
    subject: Subject,
    state: KeyState,
    /// The fullest bucket of the contract for names.
    names: Fill,
    /// The fullest bucket of all.
    fullest: Fill,
    /// For an account over many: what this transaction adds for its domain or its client, in bits.
    part: u32,
}

/// Records in, alerts out.
pub struct Analytics {
    rules: Rules,
    config: Config,
    pricer: Arc<Pricer>,
    signals: SignalPricer,
    tables: Tables,
    suspects: Suspects,
    wildcards: Wildcards,
    hasher: FixedState,
    counters: AnalyticsCounters,
    losses: LossHistory,
    probe: Probe,
    abuses: Abuses,
    site: Site,
    guesses: Guesses,
    flow: Flow,
    outage: Outage,
    turns: Turns,
    /// When the sensor began to watch, as far as is known.
    since: Option<Timestamp>,
    /// What was found out about the name of the record at hand: that its client met the domain for
    /// the first time, that this is rare, that an allowance lists it.
    met: Roles,
    /// Notices of one record; here so that its memory is kept.
    notices: Vec<Notice>,
    /// What owners elsewhere are to be told; `None` where this process owns everything.
    outgoing: Option<Vec<OwnedRollup>>,
    now: Timestamp,
}

impl Analytics {
    /// Makes empty tables of the configured sizes.
    #[must_use]
    pub fn new(config: Config, rules: Rules) -> Self {
        Self::with_pricer(config, rules, Arc::new(Pricer::new()))
    }

    fn with_pricer(config: Config, rules: Rules, pricer: Arc<Pricer>) -> Self {
        let seed = config.sensor.hash_seed;
        Self {
            pricer,
            signals: SignalPricer::default(),
            tables: Tables::new(&config.state, seed),
            suspects: Suspects::new(config.state.suspects, seed),
            wildcards: Wildcards::new(seed),
            hasher: FixedState::with_seed(seed),
            counters: AnalyticsCounters::default(),
            losses: LossHistory::default(),
            probe: Probe::default(),
            abuses: Abuses::new(config.state.cases, seed, &rules),
            site: Site::new(&config.network),
            guesses: Guesses::new(seed),
            flow: Flow::default(),
            outage: Outage::default(),
            turns: Turns::new(seed),
            since: None,
            met: Roles::NONE,
            notices: Vec::new(),
            outgoing: None,
            now: Timestamp(i64::MIN),
            rules,
            config,
        }
    }

    /// Takes one record and hands on what there is to tell.
    pub fn record(&mut self, record: &Record<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        self.counters.records += 1;
        self.met = Roles::NONE;
        self.take_record(record, sink);
        self.notice(record, sink);
    }

    fn take_record(&mut self, record: &Record<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        match record {
            Record::NotDns(payload) => self.foreign(payload, sink),
            Record::Tick(tick) => {
                self.counters.records_ticks += 1;
                if let Some(sensor) = &tick.sensor {
                    self.losses.add(tick.time, sensor);
                    // An owner may hear of nothing else for long, and must be done with its
                    // suspects in the same second as one process.
                    self.now = tick.time.plus(Duration::from_secs(1));
                    self.close_idle(sink);
                    self.tables.facts.tick(tick.time);
                    self.since.get_or_insert(tick.time);
                    self.flow.add(tick);
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
        self.tables.facts.at(transaction.time);
        self.close_idle(sink);
        if transaction.qtype == 0 && transaction.qname.is_root() {
            self.counters.records_without_question += 1;
            return;
        }
        self.counters.records_scored += 1;
        // Whoever floods or probes a server of this site says nothing of the site.
        if self.site.serves(transaction) {
            return;
        }
        let keys = Keys::of(transaction, &self.hasher);
        black_box(self.tables.touch(&keys.hashes(transaction)));
        let mut charge = self.charge(transaction, &keys);
        let met = self.domain_account(transaction, &keys, &charge, sink);
        self.met = Roles::NONE
            .with(Roles::DOMAIN_NEW, met.fresh)
            .with(Roles::DOMAIN_RARE, self.tables.facts.is_rare(keys.domain))
            .with(Roles::NAME_LISTED, charge.listed);
        if met.fresh && !transaction.name.suffix_known {
            charge.whole = whole_name(&self.pricer, transaction, &charge);
            self.undelegated_account(transaction, &keys, &charge, sink);
        }
        self.tell_owners(transaction, &keys, &charge, &met, sink);
    }

    /// Puts `rules` in force; what is remembered stays, and alerts whose detector is gone close.
    pub fn reload(&mut self, rules: Rules, sink: &mut impl FnMut(&Alert<'_>)) {
        let mut gone = Vec::new();
        let old = &self.rules;
        self.suspects.for_each(|suspect| {
            let Some(open) = &mut suspect.open else { return };
            let id = old.detector(open.detector()).map(|detector| &detector.id);
            match id.and_then(|id| rules.number_of(id)) {
                Some(index) => open.retarget(index),
                None => gone.push(Suspect { open: suspect.open.take(), ..suspect.clone() }),
            }
        });
        for suspect in gone {
            self.close(suspect, "its rule is gone since the rules were read again", sink);
        }
        self.abuses.use_rules(&rules);
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
            keys_used: self.tables.keys.used(),
            keys_evicted: self.tables.evicted(),
            figures_evicted: self.tables.figures.evicted(),
            domains_evicted: self.tables.domains.evicted(),
            leak_error_bytes: self.leak_error_bytes(),
            suspects_evicted: self.suspects.evicted,
            cases_evicted: self.abuses.evicted(),
            seen_turned_early: self.tables.seen.early_turns,
            ..self.counters.clone()
        }
    }

    /// The most by which any level of the leak contract may be too high, in bytes.
    #[must_use]
    pub fn leak_error_bytes(&self) -> u64 {
        whole(self.tables.leak_error_bytes())
    }

    /// The capture time that was reached.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the same analytics with nothing remembered.
    #[must_use]
    pub fn blank(&self) -> Self {
        self.sized(self.config.state.clone())
    }

    /// Returns the same with nothing remembered, and with tables of other sizes.
    #[must_use]
    pub fn sized(&self, state: StateConfig) -> Self {
        let config = Config { state, ..self.config.clone() };
        Self::with_pricer(config, self.rules.clone(), Arc::clone(&self.pricer))
    }

    /// Writes what is remembered.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn save(&self, out: &mut impl Write) -> Result<(), SavedError> {
        self.tables.save(self.config.sensor.hash_seed, self.now, out)?;
        save_octets(&self.abuses.save_habits(), out)
    }

    /// Returns what every host that is followed is used to, the lowest address first.
    #[must_use]
    pub fn habits(&self) -> Vec<HostHabits> {
        let mut all: Vec<_> = self.abuses.habits().collect();
        all.sort_by_key(|habits| (habits.host, habits.server));
        all
    }

    /// Reads what was saved into tables that are empty; returns the capture time it was saved at.
    ///
    /// # Errors
    /// Input that is damaged, or of another version or hash seed.
    pub fn load(&mut self, input: &mut impl Read) -> Result<Timestamp, SavedError> {
        let (seed, rare) = (self.config.sensor.hash_seed, self.config.state.rare_clients);
        let time = self.tables.load(seed, rare, input)?;
        let habits = load_octets(input)?;
        if !self.abuses.recall_habits(&habits) {
            return Err(SavedError::Damaged("what hosts are used to cannot be read"));
        }
        Ok(time)
    }

    /// Returns a hash of what verdicts depend on beside what comes in and the sizes of tables: rules,
    /// learned budgets, settings. The same in every process that has the same.
    #[must_use]
    pub fn terms(&self) -> u64 {
        let StateConfig { fresh_days, rare_clients, seen_hours, window_seconds, .. } =
            self.config.state;
        let state = [fresh_days, rare_clients, seen_hours, window_seconds];
        let text = format!("{:?} {:?} {state:?}", self.rules, self.config.alert);
        hash_of(text.as_bytes(), 0)
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Octets of the tables that do not grow.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.tables.memory()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a level is not negative and far below 2^64"
)]
fn whole(bytes: f32) -> u64 {
    bytes.ceil() as u64
}
