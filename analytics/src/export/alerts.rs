//! The alerts of some inputs: of each, what was told last.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::net::IpAddr;

use clap::ValueEnum as _;
use geophone_sensor::time::Timestamp;

use super::ExportError;
use super::comment::plain;
use crate::alert::Confidence;
use crate::explain::{LineFault, StoredAlert, each_line};
use crate::severity::Severity;

/// Octets of alerts that are kept.
const MOST_KEPT: usize = 256 * 1024 * 1024;
/// `geophone.closed_because` of an alert that a capture's end closed: nothing says it is over.
const INPUT_ENDED: &str = "the input ended";

/// The alerts of some inputs.
#[derive(Debug, Default)]
pub struct Alerts {
    inputs: Vec<String>,
    by_id: BTreeMap<String, Told>,
    kept: usize,
}

/// What an alert said last.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) time: Option<Timestamp>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) is_closed: bool,
    pub(super) rule: String,
    pub(super) subject: String,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) domains: Vec<String>,
    pub(super) server: Option<IpAddr>,
    /// Between whom, as `network.direction` says; empty where it does not.
    pub(super) direction: String,
    pub(super) clients: Vec<IpAddr>,
    pub(super) techniques: Vec<String>,
    pub(super) reason: String,
}

impl Alerts {
    /// Reads an input, whose name is `origin`, one document a line. Of one alert the document with
    /// the latest `@timestamp` counts, among equals the one read last.
    ///
    /// # Errors
    /// An input that cannot be read, is no NDJSON of alerts, or holds too many.
    pub fn read(&mut self, input: &mut impl BufRead, origin: &str) -> Result<(), ExportError> {
        let name = || origin.to_owned();
        let wrong = |line, what| ExportError::Line { origin: name(), line, what };
        self.inputs.push(plain(origin, 80));
        each_line(input, |number, line| {
            let text = line.map_err(|fault| match fault {
                LineFault::Read(source) => ExportError::Read { origin: name(), source },
                fault => wrong(number, fault.to_string()),
            })?;
            let alert = StoredAlert::read(text)
                .map_err(|error| wrong(number, format!("not an alert in JSON: {error}")))?;
            if alert.event.id.is_empty() || !matches!(alert.event.kind.as_str(), "alert" | "") {
                let what = "JSON, but no alert: event.id is missing, or event.kind is not alert";
                return Err(wrong(number, what.to_owned()));
            }
            self.take(alert);
            if self.kept > MOST_KEPT {
                return Err(ExportError::TooMuch { origin: name() });
            }
            Ok(())
        })
    }

    fn take(&mut self, alert: StoredAlert) {
        let (id, told) = (alert.event.id.clone(), Told::of(alert));
        let octets = told.octets() + id.len();
        match self.by_id.get_mut(&id) {
            Some(before) if told.time < before.time => {}
            Some(before) => {
                self.kept = (self.kept + octets).saturating_sub(before.octets() + id.len());
                *before = told;
            }
            None => {
                self.kept += octets;
                self.by_id.insert(id, told);
            }
        }
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Returns the names of the inputs, printable.
    pub(super) fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Returns the latest time of all.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.by_id.values().filter_map(|told| told.time.max(told.end)).max()
    }

    /// Returns the alerts with their ids, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Told)> {
        self.by_id.iter().map(|(id, told)| (id.as_str(), told))
    }
}

impl Told {
    fn of(alert: StoredAlert) -> Self {
        let facts = alert.geophone;
        let time = moment_of(&alert.time);
        let own = alert.dns.question.registered_domain.into_iter();
        let others = facts.domains.into_iter().map(|part| part.domain);
        let clients = facts.clients.iter().map(|part| part.client.as_str());
        let because = facts.closed_because.unwrap_or_default();
        Self {
            time,
            start: moment_of(&alert.event.start),
            end: moment_of(&alert.event.end).or(time),
            is_closed: alert.event.action == "close" && because != INPUT_ENDED,
            rule: alert.rule.id,
            subject: facts.subject,
            severity: Severity::from_str(&facts.severity, false).unwrap_or_default(),
            confidence: Confidence::from_str(&facts.confidence, false).unwrap_or(Confidence::Low),
            domains: own.chain(others).filter(|domain| !domain.is_empty()).collect(),
            server: address_of(&alert.destination.ip),
            direction: alert.network.direction,
            clients: std::iter::once(alert.source.ip.as_str())
                .chain(clients)
                .filter_map(address_of)
                .collect(),
            techniques: alert.threat.technique.id,
            reason: alert.event.reason,
        }
    }

    /// Returns about how much memory it takes.
    fn octets(&self) -> usize {
        let texts = self.domains.iter().chain(&self.techniques);
        let texts = texts.chain([&self.rule, &self.subject, &self.reason, &self.direction]);
        let text: usize = texts.map(|text| text.len() + size_of::<String>()).sum();
        size_of::<Self>() + text + self.clients.len() * size_of::<IpAddr>()
    }
}

/// Reads a time as alerts have it; one that is none is no fault.
fn moment_of(text: &str) -> Option<Timestamp> {
    match text.strip_suffix("us") {
        Some(micros) => micros.parse().ok().map(Timestamp),
        None => Some(Timestamp(text.parse::<jiff::Timestamp>().ok()?.as_microsecond())),
    }
}

fn address_of(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, second: u32, action: &str, because: &str) -> String {
        format!(
            r#"{{"@timestamp":"2026-01-01T00:00:{second:02}.5Z","event":{{"id":"{id}","kind":"alert","action":"{action}"}},"geophone":{{"closed_because":"{because}"}}}}"#
        )
    }

    fn read(lines: &[String]) -> Result<Alerts, String> {
        let mut alerts = Alerts::default();
        let text = lines.join("\n");
        alerts.read(&mut text.as_bytes(), "\"a.ndjson\"").map_err(|error| error.to_string())?;
        Ok(alerts)
    }

    #[test]
    fn what_was_told_last_counts_in_whatever_order_it_stands() {
        let mut lines = vec![
            document("a", 1, "open", ""),
            document("a", 9, "close", "idle: nothing new"),
            document("b", 2, "open", ""),
            document("b", 9, "close", INPUT_ENDED),
            document("c", 1, "close", "idle: nothing new"),
            document("c", 9, "open", ""),
        ];
        for _ in 0..2 {
            let alerts = read(&lines).unwrap();
            let closed: Vec<_> = alerts.iter().map(|(id, told)| (id, told.is_closed)).collect();
            assert_eq!(closed, [("a", true), ("b", false), ("c", false)]);
            assert_eq!(alerts.latest(), Some(Timestamp(1_767_225_609_500_000)));
            lines.reverse();
        }
    }

    #[test]
    fn a_line_that_is_no_alert_is_named() {
        for (line, expected) in [
            ("HIGH dns-tunnel", "\"a.ndjson\":2: not an alert in JSON"),
            ("[1]", "\"a.ndjson\":2: not an alert in JSON"),
            ("{}", "\"a.ndjson\":2: JSON, but no alert"),
            (r#"{"event":{"id":"a","kind":"metric"}}"#, "\"a.ndjson\":2: JSON, but no alert"),
        ] {
            let error = read(&[document("a", 1, "open", ""), line.to_owned()]).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(read(&[]).unwrap().is_empty());
    }
}
