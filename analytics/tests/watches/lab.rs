//! Records by hand into the analytics, and what it tells of them.

use std::net::IpAddr;

use geophone_analytics::alert::{Action, Alert};
use geophone_analytics::config::{Config, NetworkConfig};
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_analytics::severity::Severity;
use geophone_sensor::record::{Record, Role, SensorFigures, Tick, TickFigures};
use geophone_sensor::time::Timestamp;

use crate::query::Query;

/// When every scenario begins: no full window of any rule, so that bounds hold across windows.
const START: f64 = 1_800_001_777.3;

/// An alert that opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) rule: String,
    pub(crate) headline: String,
    /// Seconds since the scenario began.
    pub(crate) second: f64,
    pub(crate) client: IpAddr,
    pub(crate) server: IpAddr,
    pub(crate) domain: String,
    pub(crate) severity: Severity,
    pub(crate) score: i32,
    /// The features that gave points, and how many.
    pub(crate) evidence: Vec<(String, i32)>,
    /// How many names are shown.
    pub(crate) samples: usize,
    /// The bucket of the leak contract that overflowed, if one did.
    overflow: String,
}

impl Opened {
    fn of(alert: &Alert<'_>) -> Self {
        let evidence = alert.evidence.iter().map(|e| (e.feature.name(), e.points));
        Self {
            rule: alert.detector.id.clone(),
            headline: alert.headline.clone(),
            second: seconds(alert.time),
            client: alert.client,
            server: alert.server,
            domain: alert.domain.clone(),
            severity: alert.severity,
            score: alert.score,
            evidence: evidence.collect(),
            samples: alert.samples.len(),
            overflow: alert.overflow.as_ref().map_or_else(String::new, |o| format!("{o:?}")),
        }
    }

    /// In one line, for messages.
    fn line(&self) -> String {
        let Self { rule, headline, second, client, domain, overflow, .. } = self;
        let evidence = &self.evidence;
        format!("{rule} after {second:.1} s, {client} {domain}: {headline}{overflow} {evidence:?}")
    }

    /// Holds the headline to what an analyst is promised: all of `parts` are in it.
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.headline.contains(part), "{part:?} is not in {:?}", self.headline);
        }
        self
    }

    /// Holds the evidence to its promise: each of `features` gave points.
    pub(crate) fn shows(&self, features: &[&str]) -> &Self {
        for feature in features {
            let points = self.evidence.iter().find(|(name, _)| name == feature);
            assert!(points.is_some_and(|(_, points)| *points > 0), "{feature}: {}", self.line());
        }
        self
    }

    /// Holds it to its bound.
    pub(crate) fn within(&self, from: f64, seconds: f64) -> &Self {
        let after = self.second - from;
        assert!((0.0..=seconds).contains(&after), "after {after:.1} s: {}", self.line());
        self
    }
}

/// The analytics from empty tables, with what it told.
pub(crate) struct Lab {
    analytics: Analytics,
    opened: Vec<Opened>,
    /// The rule and the headline of everything that was told, in order.
    headlines: Vec<(String, String)>,
    /// The domains and the clients that the last alert named.
    domains: Vec<String>,
    clients: Vec<IpAddr>,
}

impl Lab {
    /// A site of which nothing is configured.
    pub(crate) fn new() -> Self {
        Self::of("")
    }

    /// A site of which the table `[network]` says `network`.
    pub(crate) fn of(network: &str) -> Self {
        let network: NetworkConfig = toml::from_str(network).unwrap();
        let config = Config { network, ..crate::alone::config() };
        let analytics = Analytics::new(config, Rules::builtin().unwrap());
        let (domains, clients) = (Vec::new(), Vec::new());
        Self { analytics, opened: Vec::new(), headlines: Vec::new(), domains, clients }
    }

    /// Takes a query or an answer, `second` after the scenario began.
    pub(crate) fn hear(&mut self, second: f64, query: Query) {
        self.take(&Record::Transaction(&query.at(time(second))));
    }

    /// Takes one second of a host.
    pub(crate) fn tick(&mut self, second: f64, role: Role, host: &str, figures: TickFigures) {
        let address = Some(host.parse().unwrap());
        let time = time(second);
        self.take(&Record::Tick(&Tick { time, role, address, figures, sensor: None }));
    }

    /// Takes one second of the sensor.
    pub(crate) fn goes_on(&mut self, second: f64) {
        self.all_in_all(second, TickFigures::default());
    }

    /// Takes one second of the sensor, in which this happened in all.
    pub(crate) fn all_in_all(&mut self, second: f64, figures: TickFigures) {
        let sensor = Some(SensorFigures::default());
        self.take(&Record::Tick(&Tick { time: time(second), sensor, figures, ..Tick::default() }));
    }

    /// How often anything was told: opened, updated or closed.
    pub(crate) fn told(&self) -> usize {
        self.headlines.len()
    }

    /// Takes a record as it is.
    pub(crate) fn take(&mut self, record: &Record<'_>) {
        let Self { opened, headlines, .. } = self;
        self.analytics.record(record, &mut |alert| {
            let sum: i32 = alert.evidence.iter().map(|evidence| evidence.points).sum();
            assert_eq!(sum, alert.score, "points add up: {}", alert.headline);
            headlines.push((alert.detector.id.clone(), alert.headline.clone()));
            if alert.action == Action::Open {
                opened.push(Opened::of(alert));
            }
        });
    }

    /// Returns the one alert of the scenario, which is of `rule`.
    pub(crate) fn one(&self, rule: &str) -> &Opened {
        assert_eq!(self.opened.len(), 1, "{}", lines(&self.opened));
        self.one_of(rule)
    }

    /// Returns the one alert of `rule`, where others may tell the same traffic.
    pub(crate) fn one_of(&self, rule: &str) -> &Opened {
        let found: Vec<_> = self.opened.iter().filter(|opened| opened.rule == rule).collect();
        assert_eq!(found.len(), 1, "{}", lines(&self.opened));
        found[0]
    }

    /// Returns how many alerts of `rule` opened.
    pub(crate) fn count(&self, rule: &str) -> usize {
        self.opened.iter().filter(|opened| opened.rule == rule).count()
    }

    /// Tells whether `rule` told something.
    pub(crate) fn has(&self, rule: &str) -> bool {
        self.opened.iter().any(|opened| opened.rule == rule)
    }

    /// Ends the scenario and returns the last headline of `rule`; empty where it told nothing.
    pub(crate) fn last(&mut self, rule: &str) -> String {
        let Self { headlines, domains, clients, .. } = self;
        self.analytics.finish(&mut |alert| {
            *domains = alert.domains.iter().map(|(domain, _)| domain.clone()).collect();
            *clients = alert.clients.iter().map(|(client, _)| *client).collect();
            headlines.push((alert.detector.id.clone(), alert.headline.clone()));
        });
        let last = self.headlines.iter().rev().find(|(of, _)| of == rule);
        last.map_or_else(String::new, |(_, headline)| headline.clone())
    }

    /// Returns the domains of the last alert that closed.
    pub(crate) fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Returns the clients of the last alert that closed.
    pub(crate) fn clients(&self) -> &[IpAddr] {
        &self.clients
    }

    /// Holds that `rule` told nothing, where others may tell the same traffic.
    pub(crate) fn silent_of(&self, rule: &str) {
        let told = self.opened.iter().any(|opened| opened.rule == rule);
        assert!(!told, "{}", lines(&self.opened));
    }

    /// Holds that nothing was told.
    pub(crate) fn silent(&self) {
        assert!(self.opened.is_empty(), "{}", lines(&self.opened));
    }
}

fn lines(opened: &[Opened]) -> String {
    let lines: Vec<_> = opened.iter().map(Opened::line).collect();
    format!("{} alerts:\n{}", opened.len(), lines.join("\n"))
}

/// The capture time `second` after the scenario began.
pub(crate) fn time(second: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^53 microseconds")]
    Timestamp(((START + second) * 1e6).round() as i64)
}

fn seconds(time: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53 microseconds")]
    let micros = time.micros() as f64;
    micros / 1e6 - START
}
