//! Open, update, close: one campaign is one alert, told again only when it got worse.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Action, Alert, Confidence, Overflow};
use super::identity::identity;
use super::suspect::{Subject, Suspect};
use crate::detect::{Evidence, Feature};
use crate::rule::{Detector, Rules};
use crate::severity::Severity;
use crate::state::{Channels, KeyState, Loss};

/// An update is told when the possible leak has grown by this factor…
const LEAK_STEP: u64 = 4;
/// …or, where nothing is said to leave, the records are this many times as many,
const RECORD_STEP: u32 = 10;
/// …or the score by this many points, or the severity at all.
const SCORE_STEP: i32 = 10;
/// …or one more client shares it, up to so many; beyond, this many times as many.
const FEW_SHARERS: u32 = 5;
const SHARER_STEP: u32 = 2;
/// Reasons of a score that was reached before are noted again when there are more records by this
/// part of them: they are told with it, and a flood would note them a million times.
const STALE: u32 = 64;

/// What a detector says of a key at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// Which of the rules' detectors.
    pub detector: usize,
    /// The points' sum.
    pub score: i32,
    /// The reasons; `None` where the open alert would not note them ([`Suspect::notes`]).
    pub reasons: Option<Reasons>,
    /// The bucket that overflows now.
    pub overflow: Option<Overflow>,
    /// The least severity of that overflow.
    pub overflow_severity: Severity,
}

/// Why a score is what it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reasons {
    /// The lines that gave points.
    pub evidence: Vec<Evidence>,
    /// The value of every feature.
    pub features: Vec<(Feature, f32)>,
}

/// An alert that is open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenAlert {
    id: String,
    worst: Judgement,
    severity: Severity,
    figures: Figures,
    /// Records when the reasons of the worst were noted.
    noted_at: u32,
    told_score: i32,
    told_queries: u32,
    told_severity: Severity,
    told_leak: u64,
    told_sharers: u32,
    suppressed: u64,
}

/// The key's figures when they were last looked at.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Figures {
    start: Timestamp,
    leak_bytes: u64,
    leak_error_bytes: u64,
    queries: u32,
    unique: u32,
    channels: Channels,
}

impl Figures {
    fn of(state: &KeyState) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a level is not negative and far below 2^64"
        )]
        let leak_error_bytes = state.account.inherited.ceil() as u64;
        Self {
            start: state.account.first,
            leak_bytes: u64::from(state.account.total_bits).div_ceil(8),
            leak_error_bytes,
            queries: state.account.total_queries,
            unique: state.account.total_novel,
            channels: state.figures.channels,
        }
    }
}

impl OpenAlert {
    /// Opens an alert about `suspect`; the first telling is the caller's.
    #[must_use]
    pub fn open(judgement: Judgement, suspect: &Suspect, state: &KeyState, rules: &Rules) -> Self {
        let rule = rules.detector(judgement.detector).map_or("", |detector| &detector.id);
        let figures = Figures::of(state);
        let id = identity_of(rule, suspect, figures.start);
        let severity = severity_of(&judgement, rules);
        Self {
            id,
            told_score: judgement.score,
            told_severity: severity,
            told_leak: figures.leak_bytes,
            told_queries: figures.queries,
            told_sharers: suspect.sharers().max(1),
            worst: judgement,
            severity,
            noted_at: figures.queries,
            figures,
            suppressed: 0,
        }
    }

    /// Returns which of the rules' detectors raised it.
    #[must_use]
    pub const fn detector(&self) -> usize {
        self.worst.detector
    }

    /// Points to the detector where new rules have it.
    pub const fn retarget(&mut self, detector: usize) {
        self.worst.detector = detector;
    }

    /// Tells whether the reasons of a judgement of `score` would be noted, `records` being seen.
    #[must_use]
    pub const fn notes(&self, score: i32, records: u32) -> bool {
        let more = records.saturating_sub(self.noted_at);
        score > self.worst.score || score == self.worst.score && more > self.noted_at / STALE
    }

    /// Takes the newest judgement, where so many share the alert; tells whether it is worth an update.
    pub fn renew(
        &mut self,
        judgement: Judgement,
        state: &KeyState,
        sharers: u32,
        rules: &Rules,
    ) -> bool {
        let before = self.figures.queries;
        self.figures = Figures::of(state);
        if sharers > 1 {
            // One of them may have done less than another before.
            self.figures.queries = self.figures.queries.max(before);
        }
        self.severity = self.severity.max(severity_of(&judgement, rules));
        if judgement.reasons.is_some() {
            self.noted_at = self.figures.queries;
            let overflow = judgement.overflow.clone().or_else(|| self.worst.overflow.take());
            self.worst = Judgement { overflow, ..judgement };
        } else if self.worst.overflow.is_none() {
            self.worst.overflow = judgement.overflow;
        }
        let worth = self.severity > self.told_severity
            || self.worst.score >= self.told_score + SCORE_STEP
            || self.is_joined_by(sharers)
            || self.has_grown();
        if worth {
            self.told_sharers = sharers.max(1);
            self.told_queries = self.figures.queries;
            self.told_severity = self.severity;
            self.told_score = self.worst.score;
            self.told_leak = self.figures.leak_bytes;
        } else {
            self.suppressed += 1;
        }
        worth
    }

    /// Whether more clients share it than was told, by a step.
    fn is_joined_by(&self, sharers: u32) -> bool {
        sharers > self.told_sharers
            && (sharers <= FEW_SHARERS || sharers >= self.told_sharers.saturating_mul(SHARER_STEP))
    }

    /// Whether far more left than was told; where nothing is said to leave, whether far more came.
    fn has_grown(&self) -> bool {
        let Figures { leak_bytes, queries, .. } = self.figures;
        if leak_bytes > 0 {
            leak_bytes >= self.told_leak.saturating_mul(LEAK_STEP)
        } else {
            queries >= self.told_queries.max(1).saturating_mul(RECORD_STEP)
        }
    }

    /// Makes what is told, and forgets how often nothing was told before.
    pub fn tell<'a>(
        &mut self,
        action: Action,
        time: Timestamp,
        suspect: &Suspect,
        detector: &'a Detector,
    ) -> Alert<'a> {
        let Figures { start, leak_bytes, leak_error_bytes, queries, unique, channels } =
            self.figures;
        let headline = match suspect.sharers() {
            0 | 1 => suspect.headline.clone(),
            2 => format!("{}; 1 more client likewise", suspect.headline),
            n => format!("{}; {} more clients likewise", suspect.headline, n - 1),
        };
        // Whoever is alone is named already.
        let clients =
            Some(suspect.clients()).filter(|clients| suspect.sharers() != 1 || clients.len() > 1);
        let Reasons { evidence, features } = self.worst.reasons.clone().unwrap_or_default();
        Alert {
            action,
            id: self.id.clone(),
            detector,
            time,
            start,
            end: suspect.last,
            client: suspect.client,
            server: suspect.server,
            domain: suspect.domain.clone(),
            suffix_known: suspect.suffix_known,
            path: suspect.path,
            score: self.worst.score,
            evidence,
            features,
            severity: self.severity,
            confidence: self.confidence(detector),
            overflow: self.worst.overflow.clone(),
            leak_bytes,
            leak_error_bytes,
            queries,
            unique,
            bytes_up: suspect.bytes_up,
            bytes_down: suspect.bytes_down,
            types: suspect.types.clone(),
            rcodes: suspect.rcodes.clone(),
            subject: suspect.subject,
            headline,
            domains: suspect.domains(),
            clients: clients.unwrap_or_default(),
            servers: suspect.servers(),
            channels,
            samples: suspect.samples.clone(),
            encoding: suspect.encoding(),
            tool: suspect.tool.verdict(),
            suppressed: std::mem::take(&mut self.suppressed),
            loss: Loss::default(),
            direction: None,
            closed_because: None,
        }
    }

    fn confidence(&self, detector: &Detector) -> Confidence {
        let (score, threshold) = (self.worst.score, detector.card.threshold);
        let overflows = self.worst.overflow.is_some();
        if score >= threshold + threshold / 2 || (score >= threshold && overflows) {
            Confidence::High
        } else if score >= threshold {
            Confidence::Medium
        } else {
            Confidence::Low
        }
    }
}

/// Names what the alert is about and since when, and nothing that depends on when it was opened: one
/// that closes and opens again, or is told again after a restart, is the same.
fn identity_of(rule: &str, suspect: &Suspect, start: Timestamp) -> String {
    let (client, server) = (suspect.client.to_string(), suspect.server.to_string());
    let (client, domain) = (client.as_bytes(), suspect.domain.as_bytes());
    let (who, what) = match suspect.subject {
        Subject::Domain => (client, domain),
        // The domain or client that an alert over many names is the largest at the moment.
        Subject::Rotation => (client, &b""[..]),
        Subject::Shared => (&b""[..], domain),
        Subject::Undelegated => (client, server.as_bytes()),
        Subject::Client => (client, &b""[..]),
        Subject::Server => (&b""[..], server.as_bytes()),
        Subject::Zone => (&b""[..], domain),
    };
    let start = start.micros().to_be_bytes();
    let mut parts = vec![rule.as_bytes(), who, what, &start];
    if suspect.subject != Subject::Domain {
        parts.push(suspect.subject.name().as_bytes());
    }
    identity(&parts)
}

fn severity_of(judgement: &Judgement, rules: &Rules) -> Severity {
    let detector = rules.detector(judgement.detector);
    let by_score = detector.map_or(Severity::Low, |d| d.severity.of(judgement.score));
    by_score.max(judgement.overflow_severity)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn the_identity_of_an_alert_over_many_is_not_that_of_the_largest() {
        let suspect = |subject, last, domain: &str| Suspect {
            subject,
            client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
            domain: domain.to_owned(),
            ..Suspect::default()
        };
        let id = |suspect: &Suspect| identity_of("dns-tunnel", suspect, Timestamp(5));
        for (subject, domain, client) in [
            (Subject::Domain, true, true),
            (Subject::Rotation, false, true),
            (Subject::Shared, true, false),
            (Subject::Undelegated, false, true),
        ] {
            let one = id(&suspect(subject, 1, "a.org"));
            assert_eq!(one != id(&suspect(subject, 1, "b.org")), domain, "{subject:?}");
            assert_eq!(one != id(&suspect(subject, 2, "a.org")), client, "{subject:?}");
        }
        let server = |last| {
            let server = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
            id(&Suspect { server, ..suspect(Subject::Undelegated, 1, "") })
        };
        assert_ne!(server(1), server(2), "two servers are two alerts");
    }
}
