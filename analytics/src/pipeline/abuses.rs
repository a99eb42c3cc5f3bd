//! The other abuses of port 53: from a record to whose case it is, and from a case to its alert.

use std::hash::BuildHasher;
use std::time::Duration;

use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;

use super::{Analytics, OwnedRollup};
use crate::abuse::{Abuses, Duty, Guess, Look, Notice, Roles, Seen, Sign};
use crate::alert::{Alert, Judgement, Part, Reasons, Subject};
use crate::severity::Severity;
use crate::state::KeyState;

/// How long the sensor must have watched before a host unheard of is known to be quiet.
const WARM_UP: Duration = Duration::from_secs(360);
/// How long it must have watched before a server unheard of is known to be new.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where a case is told.
#[derive(Clone, Copy)]
struct Share {
    /// The key of its alert: its own, or its campaign's.
    alert: u64,
    is_shared: bool,
}

/// A case that is weighed.
struct Case {
    watch: u8,
    key: u64,
    share: Share,
    /// The detector's number in the rules.
    number: usize,
    score: i32,
    at: Timestamp,
}

impl Analytics {
    /// Tells the owners of the cases that a record belongs to.
    pub(super) fn notice(&mut self, record: &Record<'_>, sink: &mut impl FnMut(&Alert<'_>)) {
        let known = self.guess(record);
        let at = Seen::time_of(record);
        let steady = match record {
            Record::Tick(tick) => self.flow.is_steady(&tick.figures),
            _ => false,
        };
        let watched = |span| self.since.is_some_and(|since| at.since(since) > span);
        let cut_off = match record {
            Record::Transaction(asked) => self.outage.meet(asked),
            _ => false,
        };
        let roles = known
            .and(self.met)
            .with(Roles::SITE_CUT_OFF, cut_off)
            .with(Roles::SITE_STEADY, steady)
            .with(Roles::SETTLED, watched(WARM_UP))
            .with(Roles::DAY_OLD, watched(DAY));
        let turned = match record {
            Record::Transaction(asked) => self.turns.meet(asked, roles),
            _ => false,
        };
        let roles = roles.with(Roles::NAME_TURNED, turned);
        let seen = Seen { record: *record, roles, at };
        let mut notices = std::mem::take(&mut self.notices);
        self.abuses.notice(&seen, &self.rules, &mut notices);
        for notice in notices.drain(..) {
            match &mut self.outgoing {
                Some(outgoing) if !Abuses::is_local(notice.watch) => {
                    let seed = self.config.sensor.hash_seed;
                    outgoing.push(OwnedRollup::of_notice(notice, record, seed));
                }
                _ => self.take_notice(notice, record, sink),
            }
        }
        self.notices = notices;
    }

    /// Returns what is known of the hosts of a record: what the configuration says, or what they are
    /// taken for where it says nothing.
    fn guess(&mut self, record: &Record<'_>) -> Roles {
        let roles = self.site.roles(record);
        let (client, server) = Seen::hosts_of(record);
        let facts = &self.tables.facts;
        let of_client = client.map_or(Roles::NONE, |client| facts.duties_of(client).0);
        let of_server = server.map_or(Roles::NONE, |server| facts.duties_of(server).1);
        let seen = Seen { record: *record, roles, at: Seen::time_of(record) };
        let sign = self.guesses.meet(&seen, |duty| self.site.is_guessed(duty));
        let asks_anew = sign.is_some_and(|sign| sign.duty() == Duty::Resolver);
        let roles = roles.with(Roles::PAIR_NEW, asks_anew);
        if let Some(sign) = sign {
            match &mut self.outgoing {
                Some(outgoing) => {
                    outgoing.push(OwnedRollup::of_sign(sign, self.config.sensor.hash_seed));
                }
                None => self.take_sign(sign),
            }
        }
        roles.and(of_client).and(of_server)
    }

    /// Takes a sign of what a host does.
    pub(super) fn take_sign(&mut self, sign: Sign) {
        if let Some(change) = self.guesses.take(sign) {
            self.tables.facts.change(change);
        }
    }

    /// Returns what hosts of the site are taken for, in the order in which that became known.
    #[must_use]
    pub fn guesses(&self) -> &[Guess] {
        self.tables.facts.guesses()
    }

    /// Takes a record into a case; opens, updates or leaves its alert.
    pub(super) fn take_notice(
        &mut self,
        notice: Notice,
        record: &Record<'_>,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let seen = Seen { record: *record, roles: notice.roles, at: Seen::time_of(record) };
        self.now = seen.at;
        self.close_idle(sink);
        let Some(number) = self.abuses.number(notice.watch) else { return };
        let Some(detector) = self.rules.detector(number) else { return };
        self.counters.notices += 1;
        let key = self.hasher.hash_one((notice.watch, notice.about.key(&seen)));
        let campaign = notice.about.campaign();
        let joined = campaign.and_then(|_| self.abuses.campaign(notice.watch, key));
        let mut share = Share { alert: joined.unwrap_or(key), is_shared: joined.is_some() };
        let suspected = self.suspects.has(share.alert);
        let Some(look) = self.abuses.take(&notice, key, &seen, detector, suspected) else { return };
        if !look.weigh {
            self.note(share, &seen, &look);
            return;
        }
        let score = detector.card.score_of(|feature| look.values.value(feature));
        let threshold = detector.card.threshold;
        if !suspected && score * 2 < threshold {
            return;
        }
        if !suspected && let Some(gone) = self.suspects.insert(share.alert, notice.suspect(&seen)) {
            self.close(gone, "evicted: more suspects than the table holds", sink);
        }
        if let Some(about) = campaign.filter(|_| score >= threshold && joined.is_none()) {
            // Cases of a campaign share an alert once they are cases.
            let alert = self.hasher.hash_one((notice.watch, about, look.cause));
            self.abuses.join(notice.watch, key, alert);
            self.suspects.join(key, alert);
            share = Share { alert, is_shared: true };
        }
        self.note(share, &seen, &look);
        if share.is_shared && score < threshold {
            return;
        }
        let weighed = Case { watch: notice.watch, key, share, number, score, at: seen.at };
        self.weigh_case(&weighed, &seen, &look, sink);
    }

    /// Adds a record to the evidence about a case near alarm, or about its campaign.
    fn note(&mut self, share: Share, seen: &Seen<'_>, look: &Look) {
        let samples = usize::try_from(self.config.alert.samples).unwrap_or_default();
        let Some(suspect) = self.suspects.find(share.alert) else { return };
        suspect.last = suspect.last.max(seen.at);
        match seen.record {
            Record::NotDns(payload) => suspect.note_payload(payload, samples),
            Record::Transaction(transaction) => suspect.note(transaction, samples),
            _ => {}
        }
        let (client, server) = Seen::hosts_of(&seen.record);
        if let Some(server) = server {
            suspect.server = server;
        }
        if let Some(part) = &look.part {
            suspect.count_part(part.clone());
        }
        if let Some(client) = client
            && share.is_shared
            && suspect.subject == Subject::Client
        {
            suspect.count_part(Part::Client(client));
        }
    }

    fn weigh_case(
        &mut self,
        case: &Case,
        seen: &Seen<'_>,
        look: &Look,
        sink: &mut impl FnMut(&Alert<'_>),
    ) {
        let Case { watch, key, share, number, score, at } = *case;
        let Some(detector) = self.rules.detector(number) else { return };
        let Some(suspect) = self.suspects.find(share.alert) else { return };
        self.counters.judgements += 1;
        if suspect.open.is_none() && score < detector.card.threshold {
            return;
        }
        let noted = suspect.notes(score, look.records);
        suspect.first = suspect.first.min(look.first);
        if noted {
            // What is told is what the worst of them does.
            if let (Some(client), _) = Seen::hosts_of(&seen.record)
                && suspect.subject == Subject::Client
            {
                suspect.client = client;
            }
            suspect.headline = self.abuses.headline(watch, key, suspect, at, detector);
        }
        let value = |feature| look.values.value(feature);
        let reasons =
            || Reasons { evidence: detector.card.evidence_of(value), features: look.values.all() };
        let judgement = Judgement {
            detector: number,
            score,
            reasons: noted.then(reasons),
            overflow: None,
            overflow_severity: Severity::Low,
        };
        let mut state = KeyState::default();
        state.account.first = if share.is_shared { suspect.first } else { look.first };
        state.account.total_queries = look.records;
        state.account.total_novel = look.unique;
        self.judged_as(share.alert, judgement, &state, at, sink);
    }
}
