//! Entries: what is blocked, why, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use geophone_sensor::time::Timestamp;

use super::ExportSettings;
use super::alerts::{Alerts, Told};
use super::blocked::Blocked;
use super::domain::Domain;
use super::left_out::{LeftOut, Why};
use super::popular::is_popular;
use super::target::{Target, is_private, is_special};
use super::victims::{Victims, is_own_server};
use crate::alert::Confidence;
use crate::severity::Severity;

/// Alerts that an entry's reason names.
const NAMED: usize = 2;

/// One line of a list, whatever the format; several alerts may stand behind it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) target: Target,
    /// The gravest of its alerts.
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    /// When the first of them began.
    pub(super) start: Timestamp,
    /// When the last of them was last told.
    pub(super) told: Timestamp,
    /// The end of the last of them and the time an entry holds.
    pub(super) expires: Timestamp,
    pub(super) rules: BTreeSet<String>,
    pub(super) techniques: BTreeSet<String>,
    /// Their ids.
    pub(super) alerts: BTreeSet<String>,
    /// `event.reason` of the gravest.
    pub(super) reason: String,
}

/// Returns the entries that `settings` make of `alerts`, in the order of what they block; what
/// cannot be or was not asked for goes to `left_out`.
pub(super) fn entries(
    alerts: &Alerts,
    settings: &ExportSettings,
    left_out: &mut LeftOut,
) -> Vec<Entry> {
    let mut entries: BTreeMap<Target, Entry> = BTreeMap::new();
    let victims = Victims::of(alerts);
    for (id, told) in alerts.iter() {
        let expires = match expiry(told, settings) {
            Ok(expires) => expires,
            Err(why) => {
                left_out.add(why, id);
                continue;
            }
        };
        for target in targets(id, told, &victims, settings, left_out) {
            let new = Entry::new(target.clone(), id, told, expires);
            match entries.get_mut(&target) {
                Some(entry) => entry.join(new),
                None => drop(entries.insert(target, new)),
            }
        }
    }
    entries.into_values().collect()
}

/// Returns when an alert's entries run out, or why it is not taken.
fn expiry(told: &Told, settings: &ExportSettings) -> Result<Timestamp, Why> {
    let end = told.end.ok_or(Why::NoTime)?;
    let expires = end.plus(settings.expires);
    if !settings.rules.is_empty() && !settings.rules.contains(&told.rule) {
        Err(Why::OtherRule)
    } else if told.is_closed && !settings.include_closed {
        Err(Why::Closed)
    } else if settings.since.is_some_and(|since| end < since) {
        Err(Why::BeforeSince)
    } else if told.severity < settings.min_severity {
        Err(Why::Severity)
    } else if told.confidence < settings.min_confidence {
        Err(Why::Confidence)
    } else if settings.now.is_some_and(|now| expires <= now) {
        Err(Why::Expired)
    } else {
        Ok(expires)
    }
}

/// Returns what an alert blocks, checked.
fn targets(
    id: &str,
    told: &Told,
    victims: &Victims,
    settings: &ExportSettings,
    left_out: &mut LeftOut,
) -> Vec<Target> {
    let clients = || told.clients.iter().copied().map(Target::Client);
    let blocked = Blocked::by(&told.rule, &told.subject);
    let named: Vec<Result<Target, (Why, String)>> = match blocked {
        Blocked::Connected if !told.domains.is_empty() => {
            left_out.add(Why::RuleBlocksNothing, id);
            return Vec::new();
        }
        Blocked::Nothing => {
            left_out.add(Why::RuleBlocksNothing, id);
            return Vec::new();
        }
        Blocked::Domains if !told.domains.is_empty() => {
            told.domains.iter().map(|domain| checked(domain, told, victims, settings)).collect()
        }
        Blocked::Domains | Blocked::Server | Blocked::Connected => {
            let own = is_own_server(told) && !settings.reach.private_servers;
            let server = Target::Server;
            let named = told.server.map(|host| match own {
                true => Err((Why::PrivateServer, server(host).to_string())),
                false => Ok(server(host)),
            });
            named.into_iter().collect()
        }
        Blocked::Clients => clients().map(Ok).collect(),
    };
    if named.is_empty() {
        left_out.add(Why::NamesNothing, id);
    }
    let mut targets = Vec::new();
    let mut is_kept = false;
    for target in named {
        match target.and_then(|target| allowed(target, settings)) {
            Ok(target) => targets.push(target),
            Err((why, what)) => {
                is_kept |= why == Why::Kept;
                left_out.add(why, &what);
            }
        }
    }
    // Who asks what is never to be blocked is not to be blamed for it.
    if settings.reach.clients && blocked != Blocked::Clients && !is_kept {
        for client in clients() {
            match allowed(client, settings) {
                Ok(client) => targets.push(client),
                Err((why, what)) => left_out.add(why, &what),
            }
        }
    }
    targets
}

fn checked(
    domain: &str,
    told: &Told,
    victims: &Victims,
    settings: &ExportSettings,
) -> Result<Target, (Why, String)> {
    let fault = |why| (why, domain.to_owned());
    let checked = Domain::new(domain).map_err(fault)?;
    if !checked.is_delegated() && !settings.reach.undelegated {
        return Err(fault(Why::Undelegated));
    }
    if is_popular(checked.as_str()) && !settings.reach.popular {
        return Err(fault(Why::Popular));
    }
    match victims.excuse(&checked, told, settings) {
        Some(why) => Err(fault(why)),
        None => Ok(Target::Domain(checked)),
    }
}

fn allowed(target: Target, settings: &ExportSettings) -> Result<Target, (Why, String)> {
    let special = |address: &IpAddr| is_special(*address).then_some(Why::SpecialAddress);
    let private = |address: &IpAddr| {
        (is_private(*address) && !settings.reach.private_servers).then_some(Why::PrivateServer)
    };
    let own = |address: &IpAddr| {
        (is_private(*address) && !settings.reach.clients).then_some(Why::OwnClient)
    };
    let why = match &target {
        Target::Domain(_) => None,
        Target::Client(address) => special(address).or_else(|| own(address)),
        Target::Server(address) => special(address).or_else(|| private(address)),
    };
    let why =
        why.or_else(|| settings.keep.iter().any(|kept| kept.meets(&target)).then_some(Why::Kept));
    match why {
        Some(why) => Err((why, target.to_string())),
        None => Ok(target),
    }
}

impl Entry {
    fn new(target: Target, id: &str, told: &Told, expires: Timestamp) -> Self {
        let end = told.end.unwrap_or_default();
        let start = told.start.unwrap_or(end).min(end);
        Self {
            target,
            severity: told.severity,
            confidence: told.confidence,
            start,
            told: told.time.unwrap_or(end).max(start),
            expires,
            rules: BTreeSet::from([told.rule.clone()]),
            techniques: told.techniques.iter().cloned().collect(),
            alerts: BTreeSet::from([id.to_owned()]),
            reason: told.reason.clone(),
        }
    }

    /// Takes in another alert about the same.
    fn join(&mut self, other: Self) {
        let gravity = |entry: &Self| (entry.severity, entry.confidence, entry.expires);
        if gravity(&other) > gravity(self) {
            self.reason = other.reason;
        }
        self.severity = self.severity.max(other.severity);
        self.confidence = self.confidence.max(other.confidence);
        self.start = self.start.min(other.start);
        self.told = self.told.max(other.told);
        self.expires = self.expires.max(other.expires);
        self.rules.extend(other.rules);
        self.techniques.extend(other.techniques);
        self.alerts.extend(other.alerts);
    }

    /// Returns rule, gravity, alerts and reason in one line; not yet safe for any format.
    pub(super) fn why(&self) -> String {
        let rules: Vec<_> = self.rules.iter().map(String::as_str).collect();
        let named: Vec<_> = self.alerts.iter().take(NAMED).map(String::as_str).collect();
        let more = match self.alerts.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{}, {}, confidence {}, alert {}{more}: {}",
            rules.join("+"),
            self.severity.name(),
            self.confidence.name(),
            named.join(", "),
            self.reason,
        )
    }
}
