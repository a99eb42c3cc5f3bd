//! A bundle of indicators (STIX 2.1).
//!
//! An identity for geophone, an indicator an entry, and a report that says what a comment says in
//! the other formats. Ids come from what is indicated and since when, so a later export of the same
//! alert is a later version of the same object. No sightings: they would carry clients' addresses.

use std::net::IpAddr;

use geophone_sensor::time::Timestamp;
use serde_json::{Value, json};

use super::List;
use super::comment::{plain, reason};
use super::entry::Entry;
use super::target::Target;
use super::uuid;
use crate::alert::Confidence;

/// When the identity came to be: it never changes.
const BEGINNING: &str = "2026-01-01T00:00:00.000Z";
/// Octets of a label or an external id.
const WORD: usize = 60;

pub(super) fn write(list: &List<'_>) -> String {
    let identity = format!("identity--{}", uuid::of("identity"));
    let indicators: Vec<_> = list.entries.iter().map(|entry| indicator(entry, &identity)).collect();
    let named: Vec<_> = indicators.iter().filter_map(|it| it.get("id").cloned()).collect();
    let report = (!named.is_empty()).then(|| report(list, &identity, &named));
    let mut objects = vec![json!({
        "type": "identity",
        "spec_version": "2.1",
        "id": identity,
        "created": BEGINNING,
        "modified": BEGINNING,
        "name": "geophone",
        "description": "A passive sensor for tunnels in DNS.",
        "identity_class": "system",
    })];
    objects.extend(indicators);
    objects.extend(report);
    let all = Value::Array(objects);
    let id = format!("bundle--{}", uuid::of(&format!("bundle {all}")));
    let bundle = json!({ "type": "bundle", "id": id, "objects": all });
    format!("{bundle:#}\n")
}

fn indicator(entry: &Entry, identity: &str) -> Value {
    let pattern = pattern(&entry.target);
    let created = stamp(entry.start);
    let id = uuid::of(&format!("indicator {pattern} {created}"));
    let rules: Vec<_> = entry.rules.iter().map(|rule| plain(rule, WORD)).collect();
    let techniques: Vec<_> = entry
        .techniques
        .iter()
        .map(|id| json!({ "source_name": "mitre-attack", "external_id": plain(id, WORD) }))
        .collect();
    let mut labels = rules.clone();
    labels.push(format!("severity-{}", entry.severity.name()));
    let mut indicator = json!({
        "type": "indicator",
        "spec_version": "2.1",
        "id": format!("indicator--{id}"),
        "created_by_ref": identity,
        "created": created,
        "modified": stamp(entry.told.max(entry.start)),
        "name": format!("{} ({})", entry.target, rules.join(", ")),
        "description": reason(entry),
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": stamp(entry.start),
        "confidence": confidence(entry.confidence),
        "labels": labels,
    });
    if let Some(fields) = indicator.as_object_mut() {
        // An empty list is not allowed (section 2.10), nor an end that is no later (section 4.7).
        if !techniques.is_empty() {
            fields.insert("external_references".to_owned(), techniques.into());
        }
        let (from, until) = (stamp(entry.start), stamp(entry.expires));
        if until > from {
            fields.insert("valid_until".to_owned(), until.into());
        }
    }
    indicator
}

fn report(list: &List<'_>, identity: &str, named: &[Value]) -> Value {
    let description = list.head.join("\n");
    let time = stamp(list.latest);
    let id = uuid::of(&format!("report {description} {named:?} {time}"));
    json!({
        "type": "report",
        "spec_version": "2.1",
        "id": format!("report--{id}"),
        "created_by_ref": identity,
        "created": time,
        "modified": time,
        "published": time,
        "name": "Block list of geophone",
        "description": description,
        "report_types": ["indicator"],
        "object_refs": named,
    })
}

/// Returns the pattern (section 9); domains are checked and addresses are numbers, so nothing in it
/// needs an escape.
fn pattern(target: &Target) -> String {
    match target {
        Target::Domain(domain) => {
            let name = domain.as_str();
            format!("[domain-name:value = '{name}' OR domain-name:value LIKE '%.{name}']")
        }
        Target::Server(IpAddr::V4(address)) => format!("[ipv4-addr:value = '{address}']"),
        Target::Server(IpAddr::V6(address)) => format!("[ipv6-addr:value = '{address}']"),
        Target::Client(address) => {
            format!(
                "[network-traffic:src_ref.value = '{address}' AND network-traffic:dst_port IN (53, 853)]"
            )
        }
    }
}

/// The middle of each grade (appendix A, "None / Low / Med / High").
const fn confidence(confidence: Confidence) -> u8 {
    match confidence {
        Confidence::Low => 15,
        Confidence::Medium => 50,
        Confidence::High => 85,
    }
}

/// Returns `time` in milliseconds, within the years that RFC 3339 can write.
fn stamp(time: Timestamp) -> String {
    let within = time.micros().clamp(0, LAST_MICROS);
    jiff::Timestamp::from_microsecond(within)
        .map_or_else(|_| BEGINNING.to_owned(), |stamp| format!("{stamp:.3}"))
}

/// 9999-12-30T00:00:00Z.
const LAST_MICROS: i64 = 253_402_128_000_000_000;
