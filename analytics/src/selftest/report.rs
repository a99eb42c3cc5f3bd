//! What a selftest says: a line a scenario.

use std::fmt;

use serde::Serialize;

/// How a scenario went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should.
    Pass,
    /// Missed, for a reason that is known: this version does not claim to find it.
    Gap,
    /// Not as it should.
    Fail,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Gap => "gap",
            Self::Fail => "FAIL",
        }
    }
}

/// What came of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a phrase.
    pub about: &'static str,
    /// `alert` or `nothing`.
    pub expected: &'static str,
    /// The same, or how many of how many.
    pub found: String,
    /// The rule that named the first alert.
    pub rule: Option<String>,
    /// Frames played in.
    pub frames: usize,
    /// Queries of the client until the first alert opened.
    pub queries: Option<usize>,
    /// Octets of hidden payload that had been moved by then.
    pub payload_bytes: Option<u64>,
    /// What geophone said could have left at most.
    pub priced_bytes: Option<u64>,
    /// Capture time from the first query to the alert, in seconds.
    pub seconds: Option<f64>,
    /// Whether the points of every alert add up, and are the same when explained.
    pub points_add_up: bool,
    /// Whether every frame, message, record and alert ended in a counter.
    pub counters_balance: bool,
    /// How it went.
    pub verdict: Verdict,
    /// What is wrong, or known.
    pub notes: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// One a scenario, and one for all at once.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Tells whether nothing failed; what this version is known to miss is no failure.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.verdict != Verdict::Fail)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count()
    }
}

impl fmt::Display for Report {
    /// Writes a table; lines below a scenario say what is wrong with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18} {:<8} {:<8} {:<16} {:>7} {:>7} {:>7} {:>10}  {:<6} {:<8} verdict",
            "scenario",
            "expected",
            "found",
            "rule",
            "queries",
            "moved B",
            "price B",
            "after s",
            "points",
            "counters"
        )?;
        for outcome in &self.outcomes {
            writeln!(
                f,
                "{:<18} {:<8} {:<8} {:<16} {:>7} {:>7} {:>7} {:>10}  {:<6} {:<8} {}",
                outcome.name,
                outcome.expected,
                outcome.found,
                outcome.rule.as_deref().unwrap_or("-"),
                shown(outcome.queries),
                shown(outcome.payload_bytes),
                shown(outcome.priced_bytes),
                outcome.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}")),
                if outcome.points_add_up { "add up" } else { "WRONG" },
                if outcome.counters_balance { "balance" } else { "WRONG" },
                outcome.verdict.name(),
            )?;
            for note in &outcome.notes {
                writeln!(f, "    {note}")?;
            }
        }
        let (gaps, failed) = (self.count(Verdict::Gap), self.count(Verdict::Fail));
        let verdict = if self.passed() { "PASS" } else { "FAIL" };
        writeln!(
            f,
            "{verdict}: {} as expected, {gaps} known gaps, {failed} failed",
            self.count(Verdict::Pass)
        )
    }
}

fn shown(number: Option<impl fmt::Display>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
