//! Finds one alert among documents, one a line.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use super::lines::{LineFault, each_line};
use super::stored::{StoredAlert, harmless};

/// Octets of alerts that are kept while the right one is looked for.
const MOST_KEPT: usize = 256 * 1024 * 1024;
/// Alerts that an error lists.
const LISTED: usize = 5;

/// Which alert is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one whose `event.id` is this or begins with it.
    Id(String),
    /// The one opened last.
    Last,
    /// The only one there is.
    Only,
}

/// Why no alert can be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// More than one alert is meant.
    #[error("{origin} has more than one alert {of}; give more of the id of one of these:{list}")]
    Ambiguous {
        /// The file.
        origin: String,
        /// What they have in common.
        of: String,
        /// The alerts, one a line.
        list: String,
    },
    /// There is no alert at all.
    #[error("{origin} holds no alert; `geophone replay --format ecs --alerts FILE` writes some")]
    Empty {
        /// The file.
        origin: String,
    },
    /// A line that is no alert.
    #[error(
        "{origin}:{line}: {what}; explain reads alerts as `geophone replay --format ecs` writes \
         them, one JSON document a line"
    )]
    Line {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// No alert of that id.
    #[error("{origin} has no alert \"{id}\"; the nearest:{list}")]
    Missing {
        /// The file.
        origin: String,
        /// The id.
        id: String,
        /// The nearest alerts, one a line.
        list: String,
    },
    /// The input cannot be read.
    #[error("cannot read {origin}: {source}")]
    Read {
        /// The file.
        origin: String,
        /// Why.
        source: std::io::Error,
    },
    /// More alerts than are kept.
    #[error(
        "{origin} has more than {} MiB of alerts: give a file with fewer, as `grep ID` makes it",
        MOST_KEPT / 1024 / 1024
    )]
    TooMuch {
        /// The file.
        origin: String,
    },
}

/// What tells one document from another.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Head {
    #[serde(rename = "@timestamp")]
    time: String,
    event: HeadEvent,
    rule: HeadRule,
    source: HeadHost,
    dns: HeadDns,
    #[serde(rename = "_source")]
    wrapped: Option<Box<Self>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeadEvent {
    id: String,
    kind: String,
    action: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeadRule {
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeadHost {
    ip: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeadDns {
    question: HeadQuestion,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HeadQuestion {
    registered_domain: Option<String>,
}

/// The latest document of one alert.
struct Latest {
    time: String,
    opened: String,
    line_number: u64,
    /// Empty where the alert cannot be the one that is wanted.
    line: String,
    label: String,
}

/// The alerts of an input, by id.
struct Found {
    origin: String,
    by_id: BTreeMap<String, Latest>,
    kept: usize,
}

/// Finds the latest document of the alert that is `wanted`; `origin` names the input in errors.
///
/// # Errors
/// An input that cannot be read or is no NDJSON of alerts, or an alert that is not there or not
/// the only one that is meant.
pub(super) fn find(
    input: &mut impl BufRead,
    origin: &str,
    wanted: &Wanted,
) -> Result<StoredAlert, SearchError> {
    let mut found = Found { origin: origin.to_owned(), by_id: BTreeMap::new(), kept: 0 };
    each_line(input, |number, line| match line {
        Ok(text) => found.take(text, number, wanted),
        Err(LineFault::Read(source)) => {
            Err(SearchError::Read { origin: origin.to_owned(), source })
        }
        Err(fault) => Err(found.wrong(number, fault.to_string())),
    })?;
    let latest = found.pick(wanted)?;
    StoredAlert::read(&latest.line)
        .map_err(|error| found.wrong(latest.line_number, format!("no alert: {error}")))
}

impl Found {
    fn wrong(&self, line: u64, what: String) -> SearchError {
        SearchError::Line { origin: self.origin.clone(), line, what }
    }

    fn take(&mut self, text: &str, number: u64, wanted: &Wanted) -> Result<(), SearchError> {
        let head: Head = serde_json::from_str(text)
            .map_err(|error| self.wrong(number, format!("not an alert in JSON: {error}")))?;
        let head = match head.wrapped {
            Some(inner) => *inner,
            None => head,
        };
        if head.event.id.is_empty() || !matches!(head.event.kind.as_str(), "alert" | "") {
            return Err(self.wrong(number, "JSON, but no alert: event.id is missing".to_owned()));
        }
        let matches = match wanted {
            Wanted::Id(id) => head.event.id.starts_with(id.as_str()),
            Wanted::Last | Wanted::Only => true,
        };
        let label = head.label();
        let latest = self.by_id.entry(head.event.id).or_insert_with(|| Latest {
            time: String::new(),
            opened: String::new(),
            line_number: number,
            line: String::new(),
            label,
        });
        if head.event.action == "open" {
            latest.opened.clone_from(&head.time);
        }
        // Times of one form, so their order is that of their text; among equals the later line.
        if head.time >= latest.time {
            latest.time = head.time;
            latest.line_number = number;
            if matches {
                self.kept = self.kept.saturating_sub(latest.line.len()) + text.len();
                text.clone_into(&mut latest.line);
            }
        }
        if self.kept + self.by_id.len() * size_of::<Latest>() > MOST_KEPT {
            return Err(SearchError::TooMuch { origin: self.origin.clone() });
        }
        Ok(())
    }

    fn pick(&self, wanted: &Wanted) -> Result<&Latest, SearchError> {
        let origin = || self.origin.clone();
        if self.by_id.is_empty() {
            return Err(SearchError::Empty { origin: origin() });
        }
        match wanted {
            Wanted::Id(id) => {
                if let Some(exact) = self.by_id.get(id) {
                    return Ok(exact);
                }
                let mut matching = self.by_id.range(id.clone()..);
                let mut matching = matching.by_ref().take_while(|(key, _)| key.starts_with(id));
                match (matching.next(), matching.next()) {
                    (None, _) => Err(SearchError::Missing {
                        origin: origin(),
                        id: harmless(id),
                        list: self.nearest(id),
                    }),
                    (Some((_, only)), None) => Ok(only),
                    (Some(first), Some(second)) => Err(SearchError::Ambiguous {
                        origin: origin(),
                        of: format!("whose id begins with \"{}\"", harmless(id)),
                        list: list([first, second].into_iter().chain(matching)),
                    }),
                }
            }
            Wanted::Last => self
                .by_id
                .values()
                .max_by(|a, b| (&a.opened, &a.time).cmp(&(&b.opened, &b.time)))
                .ok_or_else(|| SearchError::Empty { origin: origin() }),
            Wanted::Only => match (self.by_id.values().next(), self.by_id.len()) {
                (Some(only), 1) => Ok(only),
                _ => Err(SearchError::Ambiguous {
                    origin: origin(),
                    of: "and no id was given (`last` is the one opened last)".to_owned(),
                    list: list(self.by_id.iter()),
                }),
            },
        }
    }

    /// The ids most like `id`: by what they begin with, then by places that agree.
    fn nearest(&self, id: &str) -> String {
        let likeness = |key: &str| {
            let pairs = || key.bytes().zip(id.bytes());
            let head = pairs().take_while(|(a, b)| a == b).count();
            (head, pairs().filter(|(a, b)| a == b).count())
        };
        let mut ids: Vec<_> = self.by_id.iter().collect();
        ids.sort_by_key(|(key, _)| std::cmp::Reverse(likeness(key)));
        list(ids.into_iter())
    }
}

fn list<'a>(alerts: impl Iterator<Item = (&'a String, &'a Latest)>) -> String {
    let mut text = String::new();
    let mut rest = 0_u64;
    for (index, (id, latest)) in alerts.enumerate() {
        if index < LISTED {
            text += &format!("\n  {}  {}", harmless(id), latest.label);
        } else {
            rest += 1;
        }
    }
    if rest > 0 {
        text += &format!("\n  and {rest} more");
    }
    text
}

impl Head {
    fn label(&self) -> String {
        let target = self.dns.question.registered_domain.as_deref().unwrap_or("no domain");
        harmless(&format!("{}  {} -> {target}", self.rule.id, self.source.ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, action: &str, second: u32, score: i32) -> String {
        format!(
            r#"{{"@timestamp":"2026-01-01T00:00:{second:02}.000000Z","event":{{"id":"{id}","kind":"alert","action":"{action}"}},"geophone":{{"score":{score}}}}}"#
        )
    }

    fn search(lines: &[String], wanted: &Wanted) -> Result<StoredAlert, String> {
        let text = lines.join("\n");
        find(&mut text.as_bytes(), "a.ndjson", wanted).map_err(|error| error.to_string())
    }

    fn two() -> Vec<String> {
        vec![
            document("abc1", "open", 1, 10),
            document("abd2", "open", 2, 20),
            document("abc1", "close", 9, 30),
        ]
    }

    #[test]
    fn the_latest_document_of_an_identity_is_taken_in_whatever_order_they_stand() {
        let mut lines = two();
        for _ in 0..2 {
            assert_eq!(search(&lines, &Wanted::Id("abc".into())).unwrap().geophone.score, 30);
            assert_eq!(search(&lines, &Wanted::Last).unwrap().geophone.score, 20);
            lines.reverse();
        }
    }

    #[test]
    fn what_is_not_clear_is_told_with_the_choices() {
        let told = search(&two(), &Wanted::Id("ab".into())).unwrap_err();
        assert!(told.contains("abc1") && told.contains("abd2") && told.contains("begins with"));
        let told = search(&two(), &Wanted::Only).unwrap_err();
        assert!(told.contains("no id was given") && told.contains("abd2"), "{told}");
        let told = search(&two(), &Wanted::Id("abd9".into())).unwrap_err();
        assert!(told.find("abd2") < told.find("abc1"), "the nearest comes first: {told}");
        assert!(search(&two()[..1], &Wanted::Only).is_ok());
    }

    #[test]
    fn a_line_that_is_no_alert_is_named() {
        for (line, part) in [
            ("HIGH  dns-tunnel", "a.ndjson:2: not an alert in JSON"),
            ("{\"v\":2}", "a.ndjson:2: JSON, but no alert: event.id is missing"),
            ("[1]", "a.ndjson:2: not an alert in JSON"),
        ] {
            let told =
                search(&[document("a", "open", 1, 1), line.to_owned()], &Wanted::Last).unwrap_err();
            assert!(told.contains(part), "{told}");
        }
        let told = search(&[], &Wanted::Last).unwrap_err();
        assert!(told.contains("holds no alert"), "{told}");
    }
}
