//! From a key near alarm to an alert that is told, told again and closed.

use std::hash::BuildHasher;

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::judgement::judgement;
use super::{Analytics, Fill, Moment};
use crate::alert::{Action, Alert, Judgement, OpenAlert, Subject, Suspect};
use crate::detect::Features;
use crate::price::NamePrice;
use crate::state::{Change, Figures, KeyState, Novelty};

/// A key whose fullest bucket is this full is suspected: its evidence is kept from then on.
const SUSPECT_FILL: f64 = 0.125;
/// So is one that got this much text and opaque data never answered before, in bytes…
const SUSPECT_TEXT: u32 = 512;
/// …or so much of anything that answers carry…
const SUSPECT_ANSWERS: u32 = 2_048;
/// …or asked this many queries of opaque types.
const SUSPECT_OPAQUE: u32 = 2;

/// What the detectors are asked about.
pub(super) struct Weighed<'a> {
    pub(super) key: u64,
    pub(super) state: &'a KeyState,
    pub(super) features: &'a Features<'a>,
    /// The fullest bucket of all.
    pub(super) fullest: Fill,
    pub(super) time: Timestamp,
}

/// Tells whether a key comes near alarm.
pub(super) fn is_near(figures: &Figures, fullest: Fill) -> bool {
    fullest.share >= SUSPECT_FILL
        || figures.novel_text_bytes >= SUSPECT_TEXT
        || figures.opaque_queries >= SUSPECT_OPAQUE
        || figures.novel_answer_bytes >= SUSPECT_ANSWERS
}

/// Tells whether a transaction moved what detectors look at, or has to be told anyway.
pub(super) fn is_moved(novelty: &Novelty, fullest: Fill) -> bool {
    let moved = novelty.name || novelty.answer_bytes > 0 || novelty.charged_bytes > 0.0;
    moved || fullest.share > 1.0
}

impl Analytics {
    /// Looks at a key after a transaction: suspects it, and weighs it where its figures moved.
    pub(super) fn look(
        &mut self,
        transaction: &Transaction,
        moment: &Moment,
        novelty: &Novelty,
        price: Option<NamePrice>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        self.suspect(transaction, moment, price, sink);
        if is_moved(novelty, moment.fullest) {
            self.judge(transaction, moment, sink);
        }
    }

    /// Adds to the evidence of a suspect, or begins one where the key comes near alarm.
    fn suspect(
        &mut self,
        transaction: &Transaction,
        moment: &Moment,
        price: Option<NamePrice>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let samples = usize::try_from(self.config.alert.samples).unwrap_or_default();
        if let Some(suspect) = self.suspects.find(moment.key) {
            suspect.add(transaction, price, samples);
            suspect.add_part(transaction, moment.part);
            return;
        }
        if !is_near(&moment.state.figures, moment.fullest) {
            return;
        }
        if let Some(gone) = self.suspects.begin(moment.key, moment.subject, transaction) {
            self.close(gone, "evicted: more suspects than the table holds", sink);
        }
        if let Some(suspect) = self.suspects.find(moment.key) {
            suspect.add(transaction, price, samples);
            suspect.add_part(transaction, moment.part);
        }
    }

    /// Weighs a suspect whose figures moved; opens, updates or leaves its alert.
    fn judge(
        &mut self,
        transaction: &Transaction,
        moment: &Moment,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        if moment.fullest.share <= 1.0
            && moment.subject == Subject::Domain
            && self.is_told_by_rotation(transaction, moment.key, moment.client)
        {
            return;
        }
        let Some(suspect) = self.suspects.find(moment.key) else { return };
        if moment.fullest.share <= 1.0 && suspect.waits_for_overflow() {
            return;
        }
        let state = &moment.state;
        let features = Features::new(state, moment.names.share, transaction).with(suspect.signs());
        let fullest = moment.fullest;
        let time = transaction.time;
        let weighed = Weighed { key: moment.key, state, features: &features, fullest, time };
        self.weigh(&weighed, sink);
    }

    /// Tells whether an open alert about the client's rotation names this domain: one campaign is
    /// one alert, until the domain overflows a bucket of its own.
    fn is_told_by_rotation(&self, transaction: &Transaction, key: u64, client: u64) -> bool {
        !self.suspects.is_open(key)
            && self.tables.facts.is_in_rotation(client, || transaction.domain_text())
    }

    /// Asks the detectors about a suspect; opens, updates or leaves its alert.
    pub(super) fn weigh(&mut self, weighed: &Weighed<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        let Some(suspect) = self.suspects.find(weighed.key) else { return };
        self.counters.judgements += 1;
        let Weighed { state, features, .. } = weighed;
        self.probe.note(suspect, weighed);
        let records = state.account.total_queries;
        let judgement = judgement(&self.rules, features, weighed.fullest, suspect, records);
        let Some(judgement) = judgement else { return };
        self.judged_as(weighed.key, judgement, state, weighed.time, sink);
    }

    /// Opens, updates or leaves the alert of the suspect `key`.
    pub(super) fn judged_as(
        &mut self,
        key: u64,
        judgement: Judgement,
        state: &KeyState,
        time: Timestamp,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Some(suspect) = self.suspects.find(key) else { return };
        let Some(detector) = self.rules.detector(judgement.detector) else { return };
        let (mut open, action) = match suspect.open.take() {
            None => {
                suspect.name_the_largest();
                self.counters.alerts_opened += 1;
                let open = OpenAlert::open(judgement, suspect, state, &self.rules);
                (open, Some(Action::Open))
            }
            Some(mut open) => {
                let worth = open.renew(judgement, state, suspect.sharers(), &self.rules);
                let count = if worth {
                    &mut self.counters.alerts_updated
                } else {
                    &mut self.counters.alerts_suppressed
                };
                *count += 1;
                (open, worth.then_some(Action::Update))
            }
        };
        if let Some(action) = action {
            let mut alert = open.tell(action, time, suspect, detector);
            alert.loss = self.losses.between(alert.start, alert.time);
            alert.direction = self.site.direction(alert.client, alert.server);
            sink(&alert);
        }
        suspect.open = Some(open);
    }

    /// Closes what showed nothing new for long.
    pub(super) fn close_idle(&mut self, sink: &mut impl FnMut(&Alert<'_>)) {
        let (now, patience) = (self.now, self.config.alert.close_after());
        while let Some(gone) = self.suspects.take_idle(|suspect| now.since(suspect.last) > patience)
        {
            // When its time was over, not when the next record came by.
            let time = gone.last.plus(patience);
            let because = "idle: nothing new for the time in alert.close_after_seconds";
            self.close_at(time, gone, because, sink);
        }
    }

    /// Tells now the end of a suspect's alert, if one is open.
    pub(super) fn close(
        &mut self,
        suspect: Suspect,
        because: &'static str,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        self.close_at(self.now, suspect, because, sink);
    }

    fn close_at(
        &mut self,
        time: Timestamp,
        mut suspect: Suspect,
        because: &'static str,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Some(mut open) = suspect.open.take() else { return };
        let Some(detector) = self.rules.detector(open.detector()) else { return };
        self.counters.alerts_closed += 1;
        if suspect.subject == Subject::Rotation {
            let client = self.hasher.hash_one(suspect.client);
            self.tables.facts.change(Change::Rotation { client, domains: Vec::new() });
        }
        let mut alert = open.tell(Action::Close, time, &suspect, detector);
        alert.loss = self.losses.between(alert.start, alert.time);
        alert.direction = self.site.direction(alert.client, alert.server);
        alert.closed_because = Some(because);
        sink(&alert);
    }
}
