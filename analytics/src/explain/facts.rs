//! The facts of an alert in the order a reader asks for them: what, who, how much, since when.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::attack::Technique;
use super::silence::whole;
use super::stored::{StoredAlert, StoredOverflow};
use crate::alert::{bytes, rate};
use crate::rule::Rules;
use crate::state::Bucket;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct What {
    /// `rule.id`.
    pub rule: String,
    /// The rule's name.
    pub name: String,
    /// What the rule finds, in a sentence.
    pub sentence: String,
    /// How bad.
    pub severity: String,
    /// Why so bad.
    pub severity_because: String,
    /// How sure.
    pub confidence: String,
    /// Why so sure.
    pub confidence_because: String,
    /// ATT&CK techniques.
    pub techniques: Vec<Technique>,
    /// What most of the names look encoded with.
    pub encoding: Option<String>,
    /// The tool that was recognised, with what was said of it.
    pub tool: Option<String>,
    /// What to do.
    pub advice: String,
    /// Why the alert closed.
    pub closed_because: Option<String>,
    /// Times it got a little worse and nothing was told.
    pub suppressed: u64,
}

/// Between whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// What happens in one clause, where a watch saw it; otherwise it is about names of a domain.
    pub headline: Option<String>,
    /// Who asked.
    pub client: String,
    /// Who was asked last.
    pub server: String,
    /// The registered domain; `None` where the names are under no registered suffix.
    pub domain: Option<String>,
    /// Whether the public suffix list knows the domain's suffix.
    pub suffix_known: Option<bool>,
    /// The domains of a rotation or the clients of a shared domain, with the price of their names.
    pub together: Vec<String>,
    /// VLANs and tunnels that the last query came through, the outermost first.
    pub seen_on: Vec<String>,
}

/// How much could have left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leak {
    /// The price of all new names, in bytes: no encoding carries more.
    pub bytes: u64,
    /// What could have been told by other ways than new names, and what came down.
    pub elsewhere: Vec<String>,
    /// By how much bucket levels may be too high, in bytes.
    pub error_bytes: u64,
    /// The bucket of the leak contract that overflowed.
    pub overflow: Option<OverflowView>,
}

/// A bucket that overflowed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverflowView {
    /// Its name.
    pub bucket: String,
    /// What it held, in bytes.
    pub level_bytes: f64,
    /// What may come at once, in bytes.
    pub burst_bytes: f64,
    /// What may go on for ever, in bytes a second.
    pub bytes_per_second: f64,
    /// How far over, in bytes.
    pub over_bytes: f64,
    /// What the bucket of that name in the rules in force makes of it.
    pub now: String,
}

/// Since when and how fast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct When {
    /// When the client first asked.
    pub first: String,
    /// When it last did something new.
    pub last: String,
    /// From first to last, in seconds.
    pub seconds: f64,
    /// Queries.
    pub queries: u64,
    /// Of these, names never asked before.
    pub unique: u64,
    /// Queries a second; `None` where no time passed.
    pub queries_per_second: Option<f64>,
    /// The price of the names, in bytes a second.
    pub bytes_per_second: Option<f64>,
}

/// What was asked and answered since the alert was near.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traffic {
    /// Queries by type, most first.
    pub types: Vec<(String, u64)>,
    /// Answers by response code, most first.
    pub rcodes: Vec<(String, u64)>,
    /// Octets of queries.
    pub bytes_up: u64,
    /// Octets of answers.
    pub bytes_down: u64,
    /// Frames that were read and dropped meanwhile, and the share dropped in percent.
    pub loss: Option<(u64, u64, f64)>,
}

impl What {
    pub(super) fn of(alert: &StoredAlert, rules: &Rules) -> Self {
        let facts = &alert.geophone;
        Self {
            rule: alert.rule.id.clone(),
            name: alert.rule.name.clone(),
            sentence: alert.rule.description.clone(),
            severity: facts.severity.clone(),
            severity_because: severity_because(alert, rules),
            confidence: facts.confidence.clone(),
            confidence_because: confidence_because(alert),
            techniques: alert.threat.technique.id.iter().map(|id| Technique::of(id)).collect(),
            encoding: facts.encoding.clone(),
            tool: in_words(&facts.tool),
            advice: facts.advice.clone(),
            closed_because: facts.closed_because.clone(),
            suppressed: facts.suppressed,
        }
    }
}

fn severity_because(alert: &StoredAlert, rules: &Rules) -> String {
    let facts = &alert.geophone;
    let ladder = rules.all().find(|detector| detector.id == alert.rule.id);
    let by_score = ladder.map(|detector| detector.severity.of(facts.score));
    let bucket = facts.leak_contract.as_ref().and_then(|overflow| bucket(overflow, rules));
    let score = by_score.map_or_else(
        || format!("the score was {}", facts.score),
        |severity| format!("a score of {} is {}", facts.score, severity.name()),
    );
    match bucket {
        Some(bucket) => {
            format!(
                "{score}, an overflow of bucket {} at least {}",
                bucket.name,
                bucket.severity.name()
            )
        }
        None => score,
    }
}

fn confidence_because(alert: &StoredAlert) -> String {
    let facts = &alert.geophone;
    let (score, threshold) = (facts.score, facts.threshold);
    match (score >= threshold, facts.leak_contract.is_some()) {
        (true, _) if score >= threshold.saturating_add(threshold / 2) => {
            format!("the score of {score} is half as much again as the {threshold} needed, or more")
        }
        (true, true) => {
            format!(
                "the score of {score} reaches {threshold}, and the leak contract overflowed too"
            )
        }
        (true, false) => format!("the score of {score} reaches {threshold}"),
        (false, true) => format!(
            "the leak contract alone: bytes could have left, but the score of {score} is below \
             {threshold}"
        ),
        (false, false) => format!("the score of {score} is below {threshold}"),
    }
}

/// A value of a form this version need not know: text, or its parts.
fn in_words(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let parts: Vec<_> = values.iter().filter_map(in_words).collect();
            (!parts.is_empty()).then(|| parts.join("; "))
        }
        Value::Object(fields) => {
            let parts = fields.iter().filter_map(|(key, value)| {
                let words = in_words(value)?;
                Some(if key == "name" { words } else { format!("{key} {words}") })
            });
            let parts: Vec<_> = parts.collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        other => Some(other.to_string()),
    }
}

impl Who {
    pub(super) fn of(alert: &StoredAlert) -> Self {
        let tunnels = alert.geophone.tunnels.iter().map(|tunnel| match tunnel.id {
            Some(id) => format!("{} {id}", tunnel.kind),
            None => tunnel.kind.clone(),
        });
        let network = &alert.network;
        let inner = network.inner.as_ref().and_then(|inner| inner.vlan.as_ref());
        let vlans = network.vlan.iter().chain(inner).map(|vlan| format!("VLAN {}", vlan.id));
        Self {
            headline: alert.geophone.headline.clone(),
            client: alert.source.ip.clone(),
            server: alert.destination.ip.clone(),
            domain: alert.dns.question.registered_domain.clone(),
            suffix_known: alert.geophone.suffix_known,
            together: together(alert),
            seen_on: tunnels.chain(vlans).collect(),
        }
    }
}

impl Who {
    /// Returns who asked whom, in a sentence.
    pub(super) fn sentence(&self) -> String {
        let Self { client, server, .. } = self;
        if let Some(headline) = &self.headline {
            return headline.clone();
        }
        let Some(domain) = &self.domain else {
            return format!(
                "{client} asked {server} for names under no registered suffix: the data stands \
                 where a domain would"
            );
        };
        let unknown = self.suffix_known == Some(false);
        let suffix = if unknown { " (a suffix that nobody registers)" } else { "" };
        format!("{client} asked {server} for names of {domain}{suffix}")
    }
}

fn together(alert: &StoredAlert) -> Vec<String> {
    let facts = &alert.geophone;
    let domains = facts.domains.iter().map(|part| (&part.domain, part.count, part.leak_bytes));
    let clients = facts.clients.iter().map(|part| (&part.client, part.count, part.leak_bytes));
    let figure = |count: Option<u64>, leak| count.map_or_else(|| bytes(leak), |n| n.to_string());
    let words = |(part, count, leak)| format!("{part} ({})", figure(count, leak));
    let servers = facts.servers.iter().map(|part| (&part.server, Some(part.count), 0));
    domains.chain(clients).chain(servers).map(words).collect()
}

/// The other channels in the order of their names, those that carried nothing left out.
fn elsewhere(alert: &StoredAlert) -> Vec<String> {
    let words = [
        ("repeats_bytes", "by which known names were repeated, in which case"),
        ("types_bytes", "by the types asked for"),
        ("timing_bytes", "by the times"),
        ("answers_bytes", "down in answers"),
    ];
    let bounds = &alert.geophone.channels;
    let told = |(key, how): (&str, &str)| {
        let bound = bounds.get(key).copied().filter(|bound| *bound > 0)?;
        Some(format!("{} {how}", bytes(bound)))
    };
    words.into_iter().filter_map(told).collect()
}

impl Leak {
    pub(super) fn of(alert: &StoredAlert, rules: &Rules) -> Self {
        let facts = &alert.geophone;
        Self {
            bytes: facts.leak_bytes,
            elsewhere: elsewhere(alert),
            error_bytes: facts.leak_error_bytes,
            overflow: facts.leak_contract.as_ref().map(|overflow| OverflowView {
                bucket: overflow.bucket.clone(),
                level_bytes: overflow.level_bytes,
                burst_bytes: overflow.burst_bytes,
                bytes_per_second: overflow.bytes_per_second,
                over_bytes: overflow.level_bytes - overflow.burst_bytes,
                now: today(overflow, rules),
            }),
        }
    }
}

fn bucket<'a>(overflow: &StoredOverflow, rules: &'a Rules) -> Option<&'a Bucket> {
    rules.leak.iter().map(|(_, bucket)| bucket).find(|bucket| bucket.name == overflow.bucket)
}

/// Holds the stored level against the bucket of today.
fn today(overflow: &StoredOverflow, rules: &Rules) -> String {
    let Some(bucket) = bucket(overflow, rules) else {
        return "the rules in force have no bucket of that name".to_owned();
    };
    let allowed =
        format!("{} + {}", bytes(whole(bucket.burst_bytes)), rate(bucket.bytes_per_second));
    let same_rate = (bucket.bytes_per_second - overflow.bytes_per_second).abs() < 1e-9;
    let over = overflow.level_bytes > bucket.burst_bytes;
    match (same_rate, over) {
        (true, true) if (bucket.burst_bytes - overflow.burst_bytes).abs() < 1e-9 => {
            "the same by the rules in force".to_owned()
        }
        (true, true) => format!("the rules in force allow {allowed}: it would overflow too"),
        (true, false) => format!("the rules in force allow {allowed}: it would not overflow"),
        (false, _) => format!(
            "the rules in force allow {allowed}, at another rate: the level would have been another"
        ),
    }
}

impl When {
    pub(super) fn of(alert: &StoredAlert) -> Self {
        let facts = &alert.geophone;
        let seconds = seconds(&alert.event.start, &alert.event.end);
        let per_second = |n: u64| (seconds > 0.0).then(|| thousandths(real(n) / seconds));
        Self {
            first: alert.event.start.clone(),
            last: alert.event.end.clone(),
            seconds,
            queries: facts.queries,
            unique: facts.unique,
            queries_per_second: per_second(facts.queries),
            bytes_per_second: per_second(facts.leak_bytes),
        }
    }
}

fn seconds(first: &str, last: &str) -> f64 {
    let parsed = |text: &str| text.parse::<jiff::Timestamp>().ok();
    match (parsed(first), parsed(last)) {
        (Some(first), Some(last)) => last.duration_since(first).as_secs_f64().max(0.0),
        _ => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts in one alert are far below 2^53")]
const fn real(n: u64) -> f64 {
    n as f64
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Traffic {
    pub(super) fn of(alert: &StoredAlert) -> Self {
        let facts = &alert.geophone;
        Self {
            types: most_first(&facts.types),
            rcodes: most_first(&facts.rcodes),
            bytes_up: facts.bytes_up,
            bytes_down: facts.bytes_down,
            loss: facts.loss.as_ref().map(|loss| (loss.frames, loss.dropped, loss.percent)),
        }
    }
}

fn most_first(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(name, n)| (name.clone(), *n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_of_any_form_is_put_into_words() {
        let told = |text: &str| in_words(&serde_json::from_str(text).unwrap());
        assert_eq!(told("null"), None);
        assert_eq!(told("\"iodine\"").as_deref(), Some("iodine"));
        let rich = r#"{"name":"dnscat2","because":["hex","MX"],"sure":0.9}"#;
        assert_eq!(told(rich).as_deref(), Some("because hex; MX, dnscat2, sure 0.9"));
    }

    #[test]
    fn a_changed_contract_is_held_against_the_level_then() {
        let rules = Rules::builtin().unwrap();
        let overflow = |burst_bytes, bytes_per_second| StoredOverflow {
            bucket: "fast".to_owned(),
            level_bytes: 500.0,
            burst_bytes,
            bytes_per_second,
        };
        assert!(today(&overflow(400.0, 4.0), &rules).contains("would not overflow"));
        assert!(today(&overflow(400.0, 2.0), &rules).contains("at another rate"));
        let same = StoredOverflow { level_bytes: 600.0, ..overflow(512.0, 4.0) };
        assert!(today(&same, &rules).starts_with("the same"));
    }
}
