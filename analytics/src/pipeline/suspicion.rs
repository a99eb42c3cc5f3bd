//! From a key near alarm to an alert that is told, told again and closed.

use geophone_sensor::record::Transaction;

use super::judgement::judgement;
use super::{Analytics, Moment};
use crate::alert::{Action, Alert, OpenAlert, Subject, Suspect};
use crate::detect::Features;
use crate::price::NamePrice;
use crate::state::Novelty;

/// A key whose fullest bucket is this full is suspected: its evidence is kept from then on.
const SUSPECT_FILL: f64 = 0.125;
/// So is one that got this much text and opaque data never answered before, in bytes…
const SUSPECT_TEXT: u32 = 512;
/// …or asked this many queries of opaque types.
const SUSPECT_OPAQUE: u32 = 2;

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
        let moved = novelty.name || novelty.text_bytes > 0 || novelty.charged_bytes > 0.0;
        self.suspect(transaction, moment, price, sink);
        if moved || moment.fullest.share > 1.0 {
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
        let figures = &moment.state.figures;
        let near = moment.fullest.share >= SUSPECT_FILL
            || figures.novel_text_bytes >= SUSPECT_TEXT
            || figures.opaque_queries >= SUSPECT_OPAQUE;
        if !near {
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
        let Some(suspect) = self.suspects.find(moment.key) else { return };
        if suspect.is_one_of_many_no_more(moment.fullest.share) {
            return;
        }
        self.counters.judgements += 1;
        let state = &moment.state;
        let domains = match suspect.subject {
            Subject::Rotation => suspect.parts.count(),
            _ => 1,
        };
        let features = Features::new(state, moment.names.share, transaction).with_domains(domains);
        let open = suspect.open.as_ref().map(OpenAlert::detector);
        let Some(judgement) = judgement(&self.rules, &features, moment.fullest, open) else {
            return;
        };
        let Some(detector) = self.rules.detectors.get(judgement.detector) else { return };
        let action = match suspect.open.take() {
            None => {
                suspect.name_the_largest();
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

    /// Closes what showed nothing new for long.
    pub(super) fn close_idle(&mut self, sink: &mut impl FnMut(&Alert<'_>)) {
        let (now, patience) = (self.now, self.config.alert.close_after());
        while let Some(gone) = self.suspects.take_idle(|suspect| now.since(suspect.last) > patience)
        {
            self.close(gone, "idle: nothing new for the time in alert.close_after_seconds", sink);
        }
    }

    /// Tells the end of a suspect's alert, if one is open.
    pub(super) fn close(
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
}
