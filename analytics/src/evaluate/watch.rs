//! The analytics with everything written down that the metrics need.

use std::collections::BTreeMap;
use std::net::IpAddr;

use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

use super::corpus::{Truth, is_at_or_below};
use super::figure::real;
use super::publication::Publication;
use super::published::{Published, PublishedScore};
use super::trace::{Cards, KeyTrace, Progress, Row};
use super::trained::is_scored;
use crate::alert::{Action, Alert};
use crate::config::Config;
use crate::pipeline::{Analytics, Judged};
use crate::rule::Rules;

/// An alert that opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// The rule.
    pub rule: String,
    /// Who asks.
    pub client: IpAddr,
    /// The registered domain; empty where the server is meant.
    pub domain: String,
    /// The sum of its points.
    pub score: i32,
    /// Whether the leak contract overflowed.
    pub overflow: bool,
}

/// A channel that the corpus says is there, as it was met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channel {
    /// How far it came.
    pub whole: Progress,
    /// The rule of the first alert about it, and how far it was then.
    pub first: Option<(String, Progress)>,
    began: Option<Timestamp>,
}

/// What one capture gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The capture could not be read to its end.
    pub damaged: bool,
    /// Queries that were read.
    pub queries: u64,
    /// One per truth of the capture.
    pub channels: Vec<Channel>,
    /// Alerts about no channel.
    pub beside: Vec<Raised>,
    /// Every key that was judged, in the order of client and domain.
    pub keys: Vec<KeyTrace>,
    /// One per published rule.
    pub published: Vec<Publication>,
}

/// The analytics, watched.
pub struct Watch {
    analytics: Analytics,
    cards: Cards,
    truths: Vec<Truth>,
    keys: BTreeMap<(IpAddr, String), KeyTrace>,
    rules: Vec<(Box<dyn Published>, Publication)>,
    outcome: Outcome,
}

impl Channel {
    fn take(&mut self, transaction: &Transaction) {
        let began = *self.began.get_or_insert(transaction.time);
        // An answer whose query was not seen tells of one.
        self.whole.queries += u64::from(transaction.status != Status::Continued);
        self.whole.seconds = transaction.time.since(began).as_secs_f64();
        self.whole.raw_bytes += u64::from(transaction.name.subdomain_length);
    }
}

impl Watch {
    /// Begins with empty tables.
    #[must_use]
    pub fn new(config: Config, rules: &Rules, truths: &[Truth]) -> Self {
        let mut analytics = Analytics::new(config, rules.clone());
        let cards = Cards::new(rules, analytics.watch());
        let channels = vec![Channel::default(); truths.len()];
        Self {
            analytics,
            cards,
            truths: truths.to_vec(),
            keys: BTreeMap::new(),
            rules: Vec::new(),
            outcome: Outcome { channels, ..Outcome::default() },
        }
    }

    /// Runs `rules` beside ours.
    pub fn beside(&mut self, rules: Vec<Box<dyn Published>>) {
        let pair = |rule: Box<dyn Published>| {
            let publication = Publication::new(rule.name(), rule.threshold());
            (rule, publication)
        };
        self.rules = rules.into_iter().map(pair).collect();
    }

    /// Takes one record.
    pub fn record(&mut self, record: &Record<'_>) {
        let transaction = match record {
            Record::Transaction(transaction) => Some(*transaction),
            _ => None,
        };
        let part = transaction.and_then(|transaction| self.part(transaction));
        if let Some(transaction) = transaction {
            self.outcome.queries += u64::from(transaction.has_query());
            if let Some(channel) = part.and_then(|index| self.outcome.channels.get_mut(index)) {
                channel.take(transaction);
            }
        }
        let Self { analytics, truths, outcome, .. } = self;
        analytics.record(record, &mut |alert| raised(alert, truths, outcome));
        for judged in self.analytics.judged() {
            self.judged(judged, part);
        }
        if let Some(transaction) = transaction.filter(|transaction| is_scored(transaction)) {
            let Self { rules, truths, outcome, .. } = self;
            for (rule, publication) in rules {
                rule.transaction(transaction, &mut |score| {
                    tell(publication, score, truths, outcome);
                });
            }
        }
    }

    /// Ends the input and returns what there was.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let Self { analytics, truths, outcome, rules, .. } = &mut self;
        analytics.finish(&mut |alert| raised(alert, truths, outcome));
        for (rule, publication) in rules {
            rule.finish(&mut |score| tell(publication, score, truths, outcome));
        }
        self.outcome.published = self.rules.into_iter().map(|(_, found)| found).collect();
        self.outcome.keys = self.keys.into_values().collect();
        self.outcome
    }

    /// Returns how the channels stand.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.outcome.channels
    }

    /// The channel that `transaction` is part of.
    fn part(&self, transaction: &Transaction) -> Option<usize> {
        if self.truths.is_empty() {
            return None;
        }
        let qname = transaction.qname.text_from(0).to_ascii_lowercase();
        self.truths.iter().position(|truth| truth.is_part(transaction.client, &qname))
    }

    fn judged(&mut self, judged: Judged, part: Option<usize>) {
        let own = |channel: &mut Channel| {
            channel.whole.priced_bytes = channel.whole.priced_bytes.max(judged.leak_bytes);
            channel.whole
        };
        let at = part.and_then(|index| self.outcome.channels.get_mut(index)).map(own);
        let at = at.unwrap_or_else(|| Progress {
            queries: u64::from(judged.queries),
            priced_bytes: judged.leak_bytes,
            ..Progress::default()
        });
        let row = Row { overflow: judged.leak_fill > 1.0, values: judged.values, at };
        let key = (judged.client, judged.domain);
        let trace = self
            .keys
            .entry(key)
            .or_insert_with_key(|(client, domain)| KeyTrace::new(*client, domain.clone(), part));
        trace.truth = trace.truth.or(part);
        trace.push(row, &self.cards);
    }
}

/// Writes down an alert: the first about its channel, or one beside all of them.
fn raised(alert: &Alert<'_>, truths: &[Truth], outcome: &mut Outcome) {
    if alert.action != Action::Open {
        return;
    }
    let samples = || alert.samples.iter().map(|s| s.qname.text_from(0).to_ascii_lowercase());
    let domains = || std::iter::once(&alert.domain).chain(alert.domains.iter().map(|(d, _)| d));
    let clients = || std::iter::once(alert.client).chain(alert.clients.iter().map(|(c, _)| *c));
    // An alert about a server is about whatever its client is said to do, or shows the names of.
    let by_server = |truth: &Truth| {
        alert.domain.is_empty()
            && (truth.client == Some(alert.client)
                || samples().any(|name| truth.is_part(alert.client, &name)))
    };
    let meant = |truth: &Truth| {
        clients().any(|client| domains().any(|domain| truth.is_meant(client, domain)))
            || by_server(truth)
    };
    let mut about_channel = false;
    for (truth, channel) in truths.iter().zip(&mut outcome.channels) {
        if !meant(truth) {
            continue;
        }
        about_channel = true;
        let priced_bytes = real(alert.leak_bytes);
        let at = Progress { priced_bytes, ..channel.whole };
        channel.first.get_or_insert_with(|| (alert.detector.id.clone(), at));
    }
    if !about_channel {
        outcome.beside.push(Raised {
            rule: alert.detector.id.clone(),
            client: alert.client,
            domain: alert.domain.clone(),
            score: alert.score,
            overflow: alert.overflow.is_some(),
        });
    }
}

fn tell(found: &mut Publication, score: PublishedScore, truths: &[Truth], outcome: &Outcome) {
    let truth = truths.iter().position(|truth| match score.client {
        Some(client) => truth.is_meant(client, &score.domain),
        None => {
            is_at_or_below(&score.domain, &truth.domain)
                || (!score.domain.is_empty() && is_at_or_below(&truth.domain, &score.domain))
        }
    });
    let channel = truth.and_then(|index| outcome.channels.get(index));
    let at = channel.map(|channel| channel.whole).unwrap_or_default();
    found.take(score, truth, at);
}
