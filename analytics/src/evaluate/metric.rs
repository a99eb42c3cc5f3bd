//! Recall, false alarms and delay at one operating point.
//!
//! An operating point is a number of points by which every threshold is moved up. The leak
//! contract has no score, so no point silences it.

use serde::Serialize;

use super::corpus::{Capture, Role};
use super::figure::{Spread, count, real, rounded};
use super::interval::{Share, most_events};
use super::trace::{Cards, Progress, Said};
use super::watch::Outcome;

/// Octets of names from which a channel must be found.
const MUST_FIND_BYTES: u64 = 1024;
/// Octets of names a second from which a channel is fast (theory: targets for delay).
const FAST: f64 = 100.0;

/// A capture, what it gave, and what scorecards say of every row of it.
#[derive(Debug)]
pub struct Scored<'a> {
    /// The capture.
    pub capture: &'a Capture,
    /// What it gave.
    pub outcome: &'a Outcome,
    said: Vec<Vec<Said>>,
}

/// False alarms against the queries that could have raised them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FalseAlarms {
    /// Keys of benign captures that raise an alert.
    pub alarms: u64,
    /// Queries of the benign captures.
    pub queries: u64,
    /// Alarms a million queries.
    pub per_million: f64,
    /// The rate is below this at 95 %: for no alarm, three in all queries (rule of three).
    pub per_million_below: f64,
}

/// How long it took until the first alert of each channel that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Delay {
    /// Queries of the channel.
    pub queries: Option<Spread>,
    /// Seconds since its first query.
    pub seconds: Option<Spread>,
    /// Price of its names in bytes: what can have left at most.
    pub priced_bytes: Option<Spread>,
    /// Octets of its names before the domain.
    pub raw_bytes: Option<Spread>,
}

/// What is found, and what it costs, at one operating point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Points by which every threshold is moved up.
    pub shift: i32,
    /// False alarms on the benign captures.
    pub false_alarms: FalseAlarms,
    /// Attack captures of which a channel is found.
    pub recall: Share,
    /// The same, of captures that carry at least 1 KiB.
    pub recall_of_1_kib: Share,
    /// The same by the scorecards alone.
    pub recall_by_evidence: Share,
    /// The same by the leak contract alone.
    pub recall_by_contract: Share,
    /// Delay of all channels found.
    pub delay: Delay,
    /// Delay of those that send more than 100 octets a second.
    pub delay_of_fast: Delay,
}

impl Delay {
    /// Spreads how far the channels were.
    #[must_use]
    pub fn of(found: &[Progress]) -> Self {
        let spread = |figure: fn(&Progress) -> f64| Spread::of(found.iter().map(figure));
        Self {
            queries: spread(|at| real(at.queries)),
            seconds: spread(|at| at.seconds),
            priced_bytes: spread(|at| at.priced_bytes),
            raw_bytes: spread(|at| real(at.raw_bytes)),
        }
    }
}

impl FalseAlarms {
    /// Takes the rate of `alarms` in `queries`.
    #[must_use]
    pub fn new(alarms: u64, queries: u64) -> Self {
        let per_million = |events: f64| rounded(events * 1e6 / real(queries.max(1)));
        Self {
            alarms,
            queries,
            per_million: per_million(real(alarms)),
            per_million_below: per_million(most_events(alarms)),
        }
    }
}

impl<'a> Scored<'a> {
    /// Puts every row of `outcome` to `cards`.
    #[must_use]
    pub fn new(capture: &'a Capture, outcome: &'a Outcome, cards: &Cards) -> Self {
        let said = |row| cards.said(row);
        let keys = outcome.keys.iter().map(|key| key.rows.iter().map(said).collect());
        Self { capture, outcome, said: keys.collect() }
    }

    /// Tells whether a channel is found at `shift`, by either path.
    #[must_use]
    pub fn is_found(&self, shift: i32) -> bool {
        self.channels().any(|said| said.iter().any(|said| said.is_raised(shift)))
    }

    fn is_found_by(&self, path: impl Fn(&Said) -> bool) -> bool {
        self.channels().any(|said| said.iter().any(&path))
    }

    /// What is said of the keys that are part of a channel.
    fn channels(&self) -> impl Iterator<Item = &[Said]> {
        let keys = self.outcome.keys.iter().zip(&self.said);
        keys.filter(|(key, _)| key.truth.is_some()).map(|(_, said)| said.as_slice())
    }

    /// How far each channel that is found at `shift` was, and whether it is a fast one.
    #[must_use]
    pub fn found(&self, shift: i32) -> Vec<(Progress, bool)> {
        let mut found = Vec::new();
        for (index, channel) in self.outcome.channels.iter().enumerate() {
            let keys = self.outcome.keys.iter().zip(&self.said);
            let own = keys.filter(|(key, _)| key.truth == Some(index));
            let first = own.filter_map(|(key, said)| Some(key.first(said, shift)?.at));
            if let Some(at) = first.min_by(|a, b| a.queries.cmp(&b.queries)) {
                let whole = channel.whole;
                let fast = real(whole.raw_bytes) > FAST * whole.seconds.max(f64::MIN_POSITIVE);
                found.push((at, fast));
            }
        }
        found
    }

    /// The most points above the threshold of any of its channels.
    #[must_use]
    pub fn best_margin(&self) -> Option<i32> {
        self.channels().flatten().map(|said| said.margin).max()
    }

    /// Octets that its channels sent: the manifest's word, or the names' length.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        let names = || self.outcome.channels.iter().map(|channel| channel.whole.raw_bytes).sum();
        self.capture.payload_bytes.unwrap_or_else(names)
    }

    /// For each key of a benign capture: the most points above the threshold, and whether the
    /// leak contract overflowed.
    pub fn worst(&self) -> impl Iterator<Item = Said> {
        self.said.iter().map(|said| Said {
            margin: said.iter().map(|said| said.margin).max().unwrap_or(i32::MIN),
            overflow: said.iter().any(|said| said.overflow),
        })
    }
}

/// The benign captures of `scored`.
pub fn benign<'s, 'a>(scored: &'s [Scored<'a>]) -> impl Iterator<Item = &'s Scored<'a>> {
    scored.iter().filter(|scored| scored.capture.role == Role::Benign)
}

/// The captures of `scored` that hold a channel of which a query was read.
pub fn attacks<'s, 'a>(scored: &'s [Scored<'a>]) -> impl Iterator<Item = &'s Scored<'a>> {
    scored.iter().filter(|scored| {
        scored.capture.role == Role::Attack
            && scored.outcome.channels.iter().any(|channel| channel.whole.queries > 0)
    })
}

/// Queries of the benign captures.
#[must_use]
pub fn benign_queries(scored: &[Scored<'_>]) -> u64 {
    benign(scored).map(|scored| scored.outcome.queries).sum()
}

/// Measures everything at `shift`.
#[must_use]
pub fn point(scored: &[Scored<'_>], shift: i32) -> Point {
    let alarms = benign(scored).flat_map(Scored::worst).filter(|said| said.is_raised(shift));
    let false_alarms = FalseAlarms::new(count(alarms.count()), benign_queries(scored));
    let large = attacks(scored).filter(|scored| scored.sent_bytes() >= MUST_FIND_BYTES);
    let found: Vec<_> = attacks(scored).flat_map(|scored| scored.found(shift)).collect();
    let at = |wanted: fn(&(Progress, bool)) -> bool| {
        found.iter().filter(|found| wanted(found)).map(|(at, _)| *at).collect::<Vec<_>>()
    };
    let evidence = |said: &Said| said.margin >= shift;
    Point {
        shift,
        false_alarms,
        recall: Share::of(attacks(scored).map(|scored| scored.is_found(shift))),
        recall_of_1_kib: Share::of(large.map(|scored| scored.is_found(shift))),
        recall_by_evidence: Share::of(attacks(scored).map(|scored| scored.is_found_by(evidence))),
        recall_by_contract: Share::of(
            attacks(scored).map(|scored| scored.is_found_by(|said| said.overflow)),
        ),
        delay: Delay::of(&at(|_| true)),
        delay_of_fast: Delay::of(&at(|(_, fast)| *fast)),
    }
}
