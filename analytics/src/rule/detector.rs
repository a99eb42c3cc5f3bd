//! One detector: a scorecard on (client, domain) with what an alert says of itself.

use serde::Deserialize;

use super::set::RuleError;
use crate::detect::{Feature, Scorecard, Term};
use crate::severity::Severity;

/// The version of the rule format.
pub(super) const VERSION: u32 = 1;

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
        let mut terms = Vec::new();
        for raw in self.term {
            let feature = raw.feature;
            terms.push(raw.check().map_err(|what| wrong(format!("term {feature:?}: {what}")))?);
        }
        Ok(Detector {
            id: id.to_owned(),
            name: self.name,
            description: self.description,
            advice: self.advice,
            techniques: self.techniques,
            on_leak: self.on_leak,
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
