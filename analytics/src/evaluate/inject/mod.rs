//! Attacks put into benign captures: what is found at which rate, in which encoding, how spread.
//!
//! Works on records, so it measures the analytics only. What an attack carries is known here to
//! the bit, so the leak contract is checked against the truth and not against a price. Resolvers
//! are no axis: a record has the same figures behind each.

mod attack;
pub mod cell;
mod encoding;

use std::collections::BTreeMap;

use geophone_sensor::decode::rdata::type_name;
use geophone_sensor::record::{Record, Transaction};
use serde::Serialize;

use self::attack::{Attack, Attacker, Background, allowed_bytes};
use self::cell::Cell;
pub use self::encoding::Encoding;
use super::corpus::{Capture, Role, Truth};
use super::figure::{Spread, count, real, rounded};
use super::interval::Share;
use super::run::{Harness, each};
use super::watch::Watch;
use crate::config::Config;

/// Benign captures that attacks are put into, in turn.
const BACKGROUNDS: usize = 8;
/// The recall from which a rate counts as detectable (theory: minimum detectable rate).
const DETECTABLE: f64 = 0.95;

/// What injection showed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Injection {
    /// Cells of the grid that were run.
    pub cells: u64,
    /// Benign captures they were put into.
    pub backgrounds: Vec<String>,
    /// Attacks found.
    pub recall: Share,
    /// The least rate, in octets of data a second, from which on 95 % are found, by number of
    /// domains.
    pub minimum_detectable_rate: BTreeMap<usize, Option<f64>>,
    /// Attacks found by the value of each axis.
    pub axes: Vec<Axis>,
    /// The leak contract against what was really carried.
    pub contract: Contract,
    /// Attacks through one domain that were missed.
    pub missed_on_one_domain: Vec<Cell>,
}

/// One value of one axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// The axis.
    pub axis: &'static str,
    /// The value.
    pub value: String,
    /// Attacks found.
    pub recall: Share,
    /// Of those through one domain, attacks found.
    pub recall_on_one_domain: Share,
    /// Queries until the first alert.
    pub queries: Option<Spread>,
    /// Seconds until the first alert.
    pub seconds: Option<Spread>,
    /// Octets of data that were out by then.
    pub bytes: Option<Spread>,
}

/// The leak contract, per (client, domain), against what was really carried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contract {
    /// Attacks in which no domain took more than the contract allows without an alert.
    pub kept: Share,
    /// Octets of data out at the first alert, as a share of what the contract allows at that time.
    pub share_used: Option<Spread>,
    /// Attacks that broke it.
    pub broken: Vec<Cell>,
}

/// What became of one attack.
struct Fate {
    cell: Cell,
    /// Queries, seconds, octets of data, and those as a share of what the contract allows.
    first: Option<(u64, f64, f64, f64)>,
    kept: bool,
}

/// Runs `cells` over the benign captures of the corpus; nothing where there are none.
#[must_use]
pub fn inject(harness: &Harness, captures: &[Capture], cells: &[Cell]) -> Option<Injection> {
    let chosen = chosen(captures);
    if chosen.is_empty() {
        return None;
    }
    let backgrounds: Vec<_> = chosen
        .iter()
        .map(|capture| Background::read(&capture.path, &harness.config.sensor))
        .collect();
    let jobs: Vec<_> = cells.iter().copied().zip(backgrounds.iter().cycle()).enumerate().collect();
    let fates = each(&jobs, harness.workers, |(index, (cell, background))| {
        let attack = Attacker::new().attack((*index, cell), background, &harness.rules.leak);
        fate(harness, *cell, &attack, background)
    });
    Some(Injection {
        backgrounds: chosen.iter().map(|capture| capture.file.clone()).collect(),
        ..summary(&fates)
    })
}

/// The benign captures at even distances in the corpus.
fn chosen(captures: &[Capture]) -> Vec<&Capture> {
    let benign: Vec<_> = captures.iter().filter(|capture| capture.role == Role::Benign).collect();
    let stride = benign.len().div_ceil(BACKGROUNDS).max(1);
    benign.into_iter().step_by(stride).collect()
}

/// Small tables: one attack and little around it.
fn small(config: &Config) -> Config {
    let mut config = config.clone();
    config.state.keys = config.state.keys.min(16_384);
    config.state.seen_names = config.state.seen_names.min(262_144);
    config.state.suspects = config.state.suspects.min(1_024);
    config
}

fn fate(harness: &Harness, cell: Cell, attack: &Attack, background: &Background) -> Fate {
    let domain = |domain: &geophone_sensor::name::Name| Truth {
        client: Some(attack.client),
        domain: domain.to_string(),
    };
    let truths: Vec<_> = attack.domains.iter().map(domain).collect();
    let mut watch = Watch::new(small(&harness.config), &harness.rules, &truths);
    let end = attack.leaks.last().map(|leak| leak.transaction.time).unwrap_or_default();
    let around = background.until(end);
    let mut around = around.iter().peekable();
    let mut fate = Fate { cell, first: None, kept: true };
    let mut domains = vec![(None, 0.0); attack.domains.len()];
    let (mut sent, mut queries) = (0.0, 0);
    let start = attack.leaks.first().map(|leak| leak.transaction.time).unwrap_or_default();
    for leak in &attack.leaks {
        let now = leak.transaction.time;
        while let Some(other) = around.next_if(|other: &&Transaction| other.time <= now) {
            watch.record(&Record::Transaction(other));
        }
        watch.record(&Record::Transaction(&leak.transaction));
        sent += leak.bytes;
        queries += 1;
        let Some((began, own)) = domains.get_mut(leak.domain) else { continue };
        *own += leak.bytes;
        let seconds = now.since(*began.get_or_insert(now)).as_secs_f64();
        let allowed = allowed_bytes(&harness.rules.leak, seconds);
        let told = |channel: Option<&super::watch::Channel>| {
            channel.is_some_and(|channel| channel.first.is_some())
        };
        fate.kept &= *own <= allowed || told(watch.channels().get(leak.domain));
        if fate.first.is_none() && watch.channels().iter().any(|channel| told(Some(channel))) {
            let seconds = now.since(start).as_secs_f64();
            fate.first = Some((queries, seconds, sent, *own / allowed));
        }
    }
    fate
}

fn summary(fates: &[Fate]) -> Injection {
    let found = |fate: &Fate| fate.first.is_some();
    let cells = |wanted: fn(&Fate) -> bool| {
        fates.iter().filter(|fate| wanted(fate)).map(|fate| fate.cell).collect::<Vec<_>>()
    };
    let mut minimum_detectable_rate = BTreeMap::new();
    for domains in cell::DOMAINS {
        let own: Vec<_> = fates.iter().filter(|fate| fate.cell.domains == domains).collect();
        minimum_detectable_rate.insert(domains, minimum_rate(&own));
    }
    let share = fates.iter().filter_map(|fate| fate.first.map(|(.., share)| share));
    Injection {
        cells: count(fates.len()),
        backgrounds: Vec::new(),
        recall: Share::of(fates.iter().map(found)),
        minimum_detectable_rate,
        axes: axes(fates),
        contract: Contract {
            kept: Share::of(fates.iter().map(|fate| fate.kept)),
            share_used: Spread::of(share),
            broken: cells(|fate| !fate.kept),
        },
        missed_on_one_domain: cells(|fate| fate.first.is_none() && fate.cell.domains == 1),
    }
}

/// The least rate such that at it and at every higher one enough attacks are found; a rate of
/// which no cell was run says nothing.
fn minimum_rate(fates: &[&Fate]) -> Option<f64> {
    let mut least = None;
    for rate in cell::RATES {
        let same = |fate: &&&Fate| (fate.cell.rate - rate).abs() < f64::EPSILON;
        let share = Share::of(fates.iter().filter(same).map(|fate| fate.first.is_some()));
        if share.of == 0 {
            continue;
        }
        if share.value() < DETECTABLE {
            return least;
        }
        least = Some(rate);
    }
    least
}

fn axes(fates: &[Fate]) -> Vec<Axis> {
    let mut axes = Vec::new();
    let mut tell = |axis: &'static str, value: String, is: &dyn Fn(&Cell) -> bool| {
        let own: Vec<_> = fates.iter().filter(|fate| is(&fate.cell)).collect();
        if !own.is_empty() {
            axes.push(one(axis, value, &own));
        }
    };
    for rate in cell::RATES {
        tell("rate", format!("{rate} B/s"), &|cell| (cell.rate - rate).abs() < f64::EPSILON);
    }
    for encoding in cell::ENCODINGS {
        tell("encoding", word(encoding), &|cell| cell.encoding == encoding);
    }
    for chunk in cell::CHUNKS {
        tell("chunk", format!("{chunk} B"), &|cell| cell.chunk == chunk);
    }
    for domains in cell::DOMAINS {
        tell("domains", domains.to_string(), &|cell| cell.domains == domains);
    }
    for qtype in cell::QTYPES {
        tell("qtype", type_name(qtype), &|cell| cell.qtype == qtype);
    }
    for jitter in cell::JITTERS {
        tell("jitter", word(jitter), &|cell| cell.jitter == jitter);
    }
    for host in cell::HOSTS {
        tell("host", word(host), &|cell| cell.host == host);
    }
    axes
}

fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn one(axis: &'static str, value: String, fates: &[&Fate]) -> Axis {
    let first = || fates.iter().filter_map(|fate| fate.first);
    Axis {
        axis,
        value,
        recall: Share::of(fates.iter().map(|fate| fate.first.is_some())),
        recall_on_one_domain: Share::of(
            fates.iter().filter(|fate| fate.cell.domains == 1).map(|fate| fate.first.is_some()),
        ),
        queries: Spread::of(first().map(|(queries, ..)| real(queries))),
        seconds: Spread::of(first().map(|(_, seconds, ..)| rounded(seconds))),
        bytes: Spread::of(first().map(|(_, _, bytes, _)| bytes)),
    }
}
