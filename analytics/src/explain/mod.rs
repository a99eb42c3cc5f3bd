//! `geophone explain`: one stored alert, computed again and put as a reader wants it.
//!
//! Works on the stored document and the rules alone: it sees no capture, changes nothing, and
//! tells where the rules in force would say something else today.

mod attack;
mod decode;
mod facts;
mod lines;
mod lookalike;
mod meaning;
mod page;
mod sample;
mod score;
mod search;
mod silence;
mod stored;

use std::io::BufRead;
use std::path::Path;

use serde::Serialize;

pub use self::attack::Technique;
pub use self::facts::{Leak, OverflowView, Traffic, What, When, Who};
pub(crate) use self::lines::{LineFault, each_line};
pub use self::lookalike::Lookalike;
pub use self::page::{Look, to_page};
pub use self::sample::{Run, SampleView};
pub use self::score::{ScoreLine, ScoreNow, ScoreSheet};
pub use self::search::{SearchError, Wanted};
pub use self::silence::Silence;
pub(crate) use self::stored::StoredAlert;
use crate::price::Pricer;
use crate::rule::Rules;

/// Everything there is to say about one alert; the JSON form is this structure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// `event.id`.
    pub id: String,
    /// What the latest document tells: `open`, `update` or `close`.
    pub action: String,
    /// When that was.
    pub time: String,
    /// The rules that the score was computed by again.
    pub rules: String,
    /// What was found.
    pub what: What,
    /// Between whom.
    pub who: Who,
    /// How much could have left.
    pub leak: Leak,
    /// Since when and how fast.
    pub when: When,
    /// The points, then and now.
    pub score: ScoreSheet,
    /// What was asked and answered.
    pub traffic: Traffic,
    /// Names, taken apart.
    pub samples: Vec<SampleView>,
    /// Why this is nothing that is allowed.
    pub lookalikes: Vec<Lookalike>,
    /// What would silence it.
    pub silence: Silence,
}

/// The rules to explain by, and where they came from.
#[derive(Clone, Copy, Debug)]
pub struct RulesInForce<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// Their directory; `None` for those compiled in.
    pub directory: Option<&'a Path>,
}

/// Finds the alert that is `wanted` in `input`, whose name is `origin`, and explains it.
///
/// # Errors
/// An input that is no NDJSON of alerts, or an alert that is not there or not the only one meant.
pub fn explain(
    input: &mut impl BufRead,
    origin: &str,
    wanted: &Wanted,
    by: RulesInForce<'_>,
) -> Result<Explanation, SearchError> {
    let alert = search::find(input, origin, wanted)?;
    Ok(Explanation::of(&alert, by))
}

/// Computes the score of one stored alert again, and nothing else.
///
/// # Errors
/// A document that is no alert.
pub fn score_again(document: &str, rules: &Rules) -> Result<ScoreSheet, SearchError> {
    let wrong = |error: serde_json::Error| SearchError::Line {
        origin: "a stored alert".to_owned(),
        line: 1,
        what: error.to_string(),
    };
    Ok(ScoreSheet::of(&StoredAlert::read(document).map_err(wrong)?, rules))
}

impl Explanation {
    fn of(alert: &StoredAlert, by: RulesInForce<'_>) -> Self {
        let RulesInForce { rules, directory } = by;
        let names = sample::names_of(alert);
        let pricer = Pricer::new();
        let samples = alert.geophone.samples.iter().map(|stored| {
            let name = names.iter().find(|name| name.sample == *stored);
            name.map_or_else(|| SampleView::unread(stored), |name| SampleView::of(name, &pricer))
        });
        Self {
            id: alert.event.id.clone(),
            action: alert.event.action.clone(),
            time: alert.time.clone(),
            rules: directory.map_or_else(
                || "the rules compiled in".to_owned(),
                |dir| format!("the rules in \"{}\"", dir.display()),
            ),
            what: What::of(alert, rules),
            who: Who::of(alert),
            leak: Leak::of(alert, rules),
            when: When::of(alert),
            score: ScoreSheet::of(alert, rules),
            traffic: Traffic::of(alert),
            samples: samples.collect(),
            lookalikes: lookalike::lookalikes(alert, &names, rules),
            silence: Silence::of(alert, rules, directory),
        }
    }
}
