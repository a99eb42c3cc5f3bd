//! One detector: a scorecard with what an alert says of itself.

use std::time::Duration;

use serde::Deserialize;

use super::except::{Except, RawExcept};
use super::set::RuleError;
use crate::detect::{Feature, Scorecard, Term, watched_by};
use crate::severity::Severity;

/// The version of the rule format.
pub(super) const VERSION: u32 = 1;

/// The window of a watch whose rule names none.
const WINDOW_SECONDS: u32 = 60;

/// Most points a knot may give.
const MAX_POINTS: f64 = 1000.0;

/// A detector, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    /// `rule.id`: the file's name without its ending.
    pub id: String,
    /// What to call it in one phrase.
    pub name: String,
    /// What it finds.
    pub description: String,
    /// What to do about it.
    pub advice: String,
    /// MITRE ATT&CK techniques.
    pub techniques: Vec<String>,
    /// Whether an overflow of the leak contract raises it, whatever the score.
    pub on_leak: bool,
    /// The span of capture time over which a watch counts.
    pub window: Duration,
    /// Whom a watch leaves alone.
    pub except: Vec<Except>,
    /// The scorecard.
    pub card: Scorecard,
    /// The score each severity takes.
    pub severity: SeverityLadder,
}

/// The least score of each severity above low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityLadder {
    medium: i32,
    high: i32,
    critical: i32,
}

impl SeverityLadder {
    /// Returns the severity of `score`.
    #[must_use]
    pub const fn of(&self, score: i32) -> Severity {
        if score >= self.critical {
            Severity::Critical
        } else if score >= self.high {
            Severity::High
        } else if score >= self.medium {
            Severity::Medium
        } else {
            Severity::Low
        }
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDetector {
    version: u32,
    name: String,
    description: String,
    advice: String,
    #[serde(default)]
    techniques: Vec<String>,
    #[serde(default)]
    on_leak: bool,
    threshold: i32,
    severity: SeverityLadder,
    window_seconds: Option<u32>,
    #[serde(default)]
    except: Vec<RawExcept>,
    term: Vec<RawTerm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerm {
    feature: Feature,
    knots: Vec<(f64, f64)>,
    gate: Option<RawGate>,
    baseline: f64,
    #[serde(rename = "why")]
    _why: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGate {
    feature: Feature,
    at_least: f64,
}

impl RawDetector {
    /// Checks what the form alone does not.
    pub(super) fn check(self, id: &str, origin: &str) -> Result<Detector, RuleError> {
        let wrong = |what: String| RuleError::Meaning { origin: origin.to_owned(), what };
        if self.version != VERSION {
            return Err(wrong(format!(
                "version {} of the rule format; this program reads version {VERSION}",
                self.version
            )));
        }
        if self.threshold <= 0 {
            return Err(wrong(format!("threshold {} must be above 0", self.threshold)));
        }
        let SeverityLadder { medium, high, critical } = self.severity;
        if !(medium <= high && high <= critical) {
            return Err(wrong("severity must rise from medium over high to critical".to_owned()));
        }
        let features = watched_by(id);
        let is_watch = features.is_some();
        if !is_watch && (self.window_seconds.is_some() || !self.except.is_empty()) {
            return Err(wrong(
                "only the rules of watches have window_seconds and except; \
                 a rule about clients and domains is silenced in the folder allow"
                    .to_owned(),
            ));
        }
        if is_watch && self.on_leak {
            return Err(wrong("a watch's rule cannot be raised on_leak".to_owned()));
        }
        if self.window_seconds == Some(0) {
            return Err(wrong("window_seconds must be at least 1".to_owned()));
        }
        let features = features.unwrap_or(&Feature::OF_KEYS);
        let mut terms = Vec::new();
        for raw in self.term {
            let feature = raw.feature;
            let gate = raw.gate.map(|gate| gate.feature);
            if let Some(other) =
                [Some(feature), gate].into_iter().flatten().find(|used| !features.contains(used))
            {
                let known: Vec<_> = features.iter().map(|feature| feature.name()).collect();
                return Err(wrong(format!(
                    "the feature {} is not known for this rule; it has: {}",
                    other.name(),
                    known.join(", ")
                )));
            }
            terms.push(raw.check().map_err(|what| wrong(format!("term {feature:?}: {what}")))?);
        }
        Ok(Detector {
            id: id.to_owned(),
            name: self.name,
            description: self.description,
            advice: self.advice,
            techniques: self.techniques,
            on_leak: self.on_leak,
            window: Duration::from_secs(self.window_seconds.unwrap_or(WINDOW_SECONDS).into()),
            except: self
                .except
                .into_iter()
                .map(|raw| raw.check().map_err(wrong))
                .collect::<Result<_, _>>()?,
            card: Scorecard { terms, threshold: self.threshold },
            severity: self.severity,
        })
    }
}

impl RawTerm {
    fn check(self) -> Result<Term, &'static str> {
        if self.knots.is_empty() {
            return Err("knots must have at least one [value, points]");
        }
        if self.knots.iter().any(|(x, y)| !x.is_finite() || !y.is_finite() || y.abs() > MAX_POINTS)
        {
            return Err("knots must be finite and of at most 1000 points");
        }
        let pairs = || self.knots.iter().zip(self.knots.iter().skip(1));
        if pairs().any(|(a, b)| a.0 >= b.0) {
            return Err("the values of knots must rise");
        }
        if pairs().any(|(a, b)| a.1 < b.1) && pairs().any(|(a, b)| a.1 > b.1) {
            return Err("the points of knots must only rise or only fall");
        }
        let gate = self.gate.map(|gate| (gate.feature, gate.at_least));
        Ok(Term { feature: self.feature, knots: self.knots, gate, baseline: self.baseline })
    }
}
