//! What would silence an alert, where to write it, and what that leaves loud.

use std::path::Path;

use serde::Serialize;

use super::stored::StoredAlert;
use crate::alert::{bytes, rate};
use crate::rule::Rules;

/// The budget of an allowance that names none.
const DEFAULT_BUDGET: u32 = 50;

/// How to silence an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The file to put it into.
    pub file: String,
    /// Its whole text.
    pub toml: String,
    /// What else has to be done for it to be read.
    pub then: String,
    /// What it does to this alert.
    pub effect: String,
    /// What is told all the same.
    pub still: Vec<String>,
}

impl Silence {
    /// Writes the allowance for `alert`; `directory` is where the rules in force are, `None` where
    /// they are compiled in.
    pub(super) fn of(alert: &StoredAlert, rules: &Rules, directory: Option<&Path>) -> Self {
        let facts = &alert.geophone;
        let domain = alert.dns.question.registered_domain.as_deref();
        let budget = if domain.is_some() { DEFAULT_BUDGET } else { 100 };
        let place = directory.map_or_else(
            || "my-rules/allow/site.toml".to_owned(),
            |dir| dir.join("allow/site.toml").display().to_string(),
        );
        let then = match directory {
            Some(dir) => format!("geophone rules check {}", dir.display()),
            None => "the rules in force are compiled in: copy the folder `rules` of the source to \
                     my-rules, and run with --rules my-rules"
                .to_owned(),
        };
        if facts.headline.is_some() {
            return Self::of_watch(alert, directory, then);
        }
        let body = if facts.silence.is_empty() { text(domain) } else { facts.silence.clone() };
        Self {
            file: place,
            toml: format!("version = 1\n\n{}", body.trim_end()),
            then,
            effect: effect(facts.leak_bytes, budget, rules),
            still: still(domain, budget, rules),
        }
    }
}

impl Silence {
    /// An exception stands in the file of the rule that it is from.
    fn of_watch(alert: &StoredAlert, directory: Option<&Path>, then: String) -> Self {
        let rule = &alert.rule.id;
        let file = directory.map_or_else(
            || format!("my-rules/{rule}.toml"),
            |dir| dir.join(format!("{rule}.toml")).display().to_string(),
        );
        Self {
            file,
            toml: alert.geophone.silence.trim_end().to_owned(),
            then,
            effect: format!("what the exception names no longer raises {rule}"),
            still: vec![
                "everything else that this rule finds".to_owned(),
                "every other rule, also about the same hosts".to_owned(),
            ],
        }
    }
}

fn text(domain: Option<&str>) -> String {
    match domain {
        Some(domain) => {
            let domain = domain.replace('\\', "\\\\").replace('"', "\\\"");
            format!("[[allow]]\ndomain = \"{domain}\"\nreason = \"why this is fine\"\n")
        }
        None => "[undelegated]\nreason = \"why this is fine\"\nbudget = 100\n".to_owned(),
    }
}

/// What the budget makes of what this alert saw.
fn effect(leak: u64, budget: u32, rules: &Rules) -> String {
    let bursts = rules.leak.client_domain.iter().map(|bucket| bucket.burst_bytes);
    let least = bursts.fold(f64::INFINITY, f64::min);
    // Nothing overflows that never held as much as the smallest burst.
    let enough = needed(leak, least);
    let charged = bytes(leak / u64::from(budget.max(1)));
    if enough <= u64::from(budget) {
        format!(
            "the {} of this alert would be charged as {charged}, less than any bucket holds: silent",
            bytes(leak)
        )
    } else {
        format!(
            "the {} of this alert would be charged as {charged}, which may still overflow a bucket; \
             `budget = {enough}` would certainly not",
            bytes(leak)
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bytes that left are far below 2^53, a burst is above 0"
)]
fn needed(leak: u64, burst: f64) -> u64 {
    (leak as f64 / burst).ceil().max(1.0) as u64
}

fn still(domain: Option<&str>, budget: u32, rules: &Rules) -> Vec<String> {
    let times = f64::from(budget);
    let mut still = Vec::new();
    for bucket in rules.leak.client_domain.iter() {
        still.push(format!(
            "more than {} + {} in new names (bucket {}, {budget} times the contract)",
            bytes(whole(bucket.burst_bytes * times)),
            rate(thousandths(bucket.bytes_per_second * times)),
            bucket.name
        ));
    }
    if domain.is_some() {
        still.push(
            "text and opaque data in answers, and queries for NULL and its like: an allowance is \
             about names only"
                .to_owned(),
        );
    } else {
        still.push("names of this kind that do exist: they are charged in full".to_owned());
    }
    still
}

/// Three decimals where there are any, so that products read well; slow rates stay as they are.
fn thousandths(rate: f64) -> f64 {
    if rate >= 0.05 { (rate * 1000.0).round() / 1000.0 } else { rate }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a burst is above 0 and far below 2^64"
)]
pub(super) fn whole(bytes: f64) -> u64 {
    bytes.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_read_by_the_rules_and_its_limits_are_told() {
        let line = r#"{"event":{"id":"x"},"dns":{"question":{"registered_domain":"evil.com"}},
            "geophone":{"leak_bytes":71430}}"#;
        let rules = Rules::builtin().unwrap();
        let silence = Silence::of(&StoredAlert::read(line).unwrap(), &rules, None);
        assert!(silence.effect.contains("`budget = 140`"), "{}", silence.effect);
        assert!(silence.still[0].starts_with("more than 25.6 kB + 200 B/s"), "{silence:?}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("allow")).unwrap();
        let contract = include_str!("../../../rules/leak-contract.toml");
        std::fs::write(folder.path().join("leak-contract.toml"), contract).unwrap();
        std::fs::write(folder.path().join("allow/site.toml"), &silence.toml).unwrap();
        let read = Rules::read(folder.path()).unwrap();
        assert_eq!(read.allow.iter().next().unwrap().budget, DEFAULT_BUDGET);
    }
}
