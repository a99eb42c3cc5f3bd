//! Alerts in the Elastic Common Schema, one JSON document each.
//!
//! Own facts stand under `geophone`; nothing is added to ECS's own objects.

use std::collections::BTreeMap;
use std::net::IpAddr;

use geophone_sensor::decode::rdata::{rcode_name, type_name};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::event::{Action, Alert};
use crate::detect::Feature;

/// The ECS version whose fields are used.
const ECS_VERSION: &str = "8.17.0";

/// The tactic of every technique our rules name.
const TACTICS: &[(&str, &str, &str)] = &[
    ("T1016", "TA0007", "Discovery"),
    ("T1018", "TA0007", "Discovery"),
    ("T1046", "TA0007", "Discovery"),
    ("T1048", "TA0010", "Exfiltration"),
    ("T1071", "TA0011", "Command and Control"),
    ("T1095", "TA0011", "Command and Control"),
    ("T1105", "TA0011", "Command and Control"),
    ("T1189", "TA0001", "Initial Access"),
    ("T1496", "TA0040", "Impact"),
    ("T1498", "TA0040", "Impact"),
    ("T1499", "TA0040", "Impact"),
    ("T1557", "TA0006", "Credential Access"),
    ("T1565", "TA0040", "Impact"),
    ("T1568", "TA0011", "Command and Control"),
    ("T1571", "TA0011", "Command and Control"),
    ("T1572", "TA0011", "Command and Control"),
    ("T1573", "TA0011", "Command and Control"),
    ("T1584", "TA0042", "Resource Development"),
    ("T1590", "TA0043", "Reconnaissance"),
];

/// Returns `alert` as an ECS document; keys come in alphabetical order.
#[must_use]
pub fn to_ecs(alert: &Alert<'_>) -> Value {
    let detector = alert.detector;
    let mut document = json!({
        "@timestamp": alert.time.to_string(),
        "ecs": { "version": ECS_VERSION },
        "event": event(alert),
        "message": format!("{}: {}", detector.name, alert.reason()),
        "rule": {
            "id": detector.id,
            "name": detector.name,
            "description": detector.description,
            "ruleset": "geophone",
        },
        "network": network(alert),
        "threat": threat(alert),
        "related": { "ip": related_ips(alert), "hosts": related_hosts(alert) },
        "observer": {
            "vendor": "geophone",
            "product": "geophone",
            "type": "sensor",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "geophone": own(alert),
    });
    // What an alert is not about it does not name: a flood has no client of its own.
    let mut name = |field: &str, value: Option<Value>| {
        if let (Value::Object(document), Some(value)) = (&mut document, value) {
            document.insert(field.to_owned(), value);
        }
    };
    name("source", host(alert.client).map(|ip| json!({ "ip": ip })));
    name("destination", host(alert.server).map(|ip| json!({ "ip": ip })));
    let domain = Some(&alert.domain).filter(|domain| !domain.is_empty());
    name("dns", domain.map(|name| json!({ "question": { "registered_domain": name } })));
    document
}

/// An address, unless it stands for none.
fn host(address: IpAddr) -> Option<IpAddr> {
    Some(address).filter(|address| !address.is_unspecified())
}

fn related_ips(alert: &Alert<'_>) -> Vec<IpAddr> {
    let mut ips: Vec<_> = [alert.client, alert.server].into_iter().filter_map(host).collect();
    ips.extend(alert.clients.iter().map(|(client, _)| *client).filter(|ip| *ip != alert.client));
    ips.extend(alert.servers.iter().map(|(server, _)| *server).filter(|ip| *ip != alert.server));
    ips
}

fn related_hosts<'a>(alert: &'a Alert<'_>) -> Vec<&'a String> {
    let own = Some(&alert.domain).filter(|domain| !domain.is_empty());
    let others = alert.domains.iter().map(|(domain, _)| domain).filter(|d| **d != alert.domain);
    own.into_iter().chain(others).collect()
}

/// ECS has `vlan` for the outer tag and `inner.vlan` for the one behind it; tunnels are ours.
fn network(alert: &Alert<'_>) -> Value {
    let mut network = Map::new();
    let protocol = if alert.is_payload() { "iodine" } else { "dns" };
    network.insert("protocol".to_owned(), json!(protocol));
    if let Some(direction) = alert.direction {
        network.insert("direction".to_owned(), json!(direction.name()));
    }
    if let Some(vlan) = alert.path.vlan() {
        network.insert("vlan".to_owned(), json!({ "id": vlan.to_string() }));
    }
    if let Some(vlan) = alert.path.inner_vlan() {
        network.insert("inner".to_owned(), json!({ "vlan": { "id": vlan.to_string() } }));
    }
    Value::Object(network)
}

fn event(alert: &Alert<'_>) -> Value {
    json!({
        "kind": "alert",
        "category": ["intrusion_detection"],
        "type": ["info"],
        "dataset": "geophone.alert",
        "module": "geophone",
        "provider": "geophone",
        "id": alert.id,
        "action": alert.action.name(),
        "severity": alert.severity.number(),
        "risk_score": risk(alert),
        "start": alert.start.to_string(),
        "end": alert.end.to_string(),
        "reason": alert.reason(),
    })
}

/// 50 at the threshold, 100 at twice the threshold; an overflow alone is at least 50.
fn risk(alert: &Alert<'_>) -> i32 {
    let at_least = if alert.overflow.is_some() { 50 } else { 0 };
    (alert.score * 50 / alert.detector.card.threshold).clamp(at_least, 100)
}

fn threat(alert: &Alert<'_>) -> Value {
    let techniques = &alert.detector.techniques;
    let mut tactics: Vec<_> = techniques
        .iter()
        .filter_map(|technique| TACTICS.iter().find(|(prefix, ..)| technique.starts_with(prefix)))
        .map(|(_, id, name)| (*id, *name))
        .collect();
    tactics.sort_unstable();
    tactics.dedup();
    json!({
        "framework": "MITRE ATT&CK",
        "technique": { "id": techniques },
        "tactic": {
            "id": tactics.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            "name": tactics.iter().map(|(_, name)| *name).collect::<Vec<_>>(),
        },
    })
}

fn own(alert: &Alert<'_>) -> Value {
    let evidence: Vec<_> = alert
        .evidence
        .iter()
        .map(|evidence| {
            json!({
                "feature": evidence.feature,
                "value": rounded(evidence.value),
                "threshold": rounded(evidence.threshold),
                "baseline": rounded(evidence.baseline),
                "points": evidence.points,
            })
        })
        .collect();
    let overflow = alert.overflow.as_ref().map(|overflow| {
        json!({
            "bucket": overflow.bucket,
            "key": overflow.scope.name(),
            "level_bytes": rounded(overflow.level_bytes),
            "burst_bytes": rounded(overflow.burst_bytes),
            "bytes_per_second": overflow.bytes_per_second,
        })
    });
    let loss = Some(alert.loss).filter(|loss| loss.dropped > 0).map(|loss| {
        json!({
            "frames": loss.frames,
            "dropped": loss.dropped,
            "percent": rounded(loss.percent()),
        })
    });
    json!({
        "score": alert.score,
        "threshold": alert.detector.card.threshold,
        "evidence": evidence,
        "features": features(alert),
        "severity": alert.severity,
        "confidence": alert.confidence.name(),
        "leak_contract": overflow,
        "leak_bytes": alert.leak_bytes,
        "leak_error_bytes": alert.leak_error_bytes,
        "subject": alert.subject.name(),
        "headline": Some(&alert.headline).filter(|_| alert.is_watched()),
        "domains": parts(alert, "domain", &alert.domains),
        "clients": parts(alert, "client", &alert.clients),
        "servers": parts(alert, "server", &alert.servers),
        "channels": channels(alert),
        "queries": alert.queries,
        "unique": alert.unique,
        "bytes_up": alert.bytes_up,
        "bytes_down": alert.bytes_down,
        "types": alert.types.iter().map(|(kind, n)| (type_name(*kind), json!(n)))
            .collect::<Map<_, _>>(),
        "rcodes": alert.rcodes.iter().map(|(rcode, n)| (rcode_name(*rcode), json!(n)))
            .collect::<Map<_, _>>(),
        "samples": samples(alert),
        "encoding": alert.encoding.map(crate::price::Expert::name),
        "tool": alert.tool.as_ref().and_then(|verdict| verdict.tool.name()),
        "tool_detail": alert.tool.as_ref().map(ToString::to_string),
        "tunnels": alert.path.tunnels().map(|tunnel| json!(tunnel)).collect::<Vec<_>>(),
        "suffix_known": alert.suffix_known,
        "silence": alert.silence(),
        "advice": alert.detector.advice,
        "suppressed": alert.suppressed,
        "loss": loss,
        "closed_because": alert.closed_because.filter(|_| alert.action == Action::Close),
    })
}

/// What takes part: with what it could have carried, or with how often it did for a watch.
fn parts<T: Serialize>(alert: &Alert<'_>, name: &str, parts: &[(T, u64)]) -> Vec<Value> {
    let figure = if alert.is_watched() { "count" } else { "leak_bytes" };
    parts.iter().map(|(part, n)| json!({ name: part, figure: n })).collect()
}

fn samples(alert: &Alert<'_>) -> Vec<Value> {
    alert
        .samples
        .iter()
        .map(|sample| {
            json!({
                "time": sample.time.to_string(),
                "qname": sample.qname.to_string(),
                "qtype": (!alert.is_payload()).then(|| type_name(sample.qtype)),
                "bits": rounded(sample.bits.as_f64()),
                "answer_bytes": sample.answer_bytes,
            })
        })
        .collect()
}

/// Upper bounds by channel, in bytes: novel names, then what needs none, then what came down.
fn channels(alert: &Alert<'_>) -> Value {
    let channels = &alert.channels;
    let bytes = |sixteenths: u32| u64::from(sixteenths).div_ceil(128);
    json!({
        "names_bytes": alert.leak_bytes,
        "repeats_bytes": bytes(channels.repeat),
        "types_bytes": bytes(channels.kind),
        "timing_bytes": bytes(channels.timing),
        "answers_bytes": channels.answer_bytes,
    })
}

/// Every feature's value, so that other rules can be held against a stored alert.
fn features(alert: &Alert<'_>) -> BTreeMap<Feature, f64> {
    let rounded = |(feature, value): &(Feature, f32)| (*feature, rounded(f64::from(*value)));
    alert.features.iter().map(rounded).collect()
}

/// Three decimals are what a reader can use, and the same on every machine.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
