//! Messages of Kafka's topics in words: for `tail`, and for whoever looks for a fault.
//!
//! What a message says is made harmless for terminals: control characters never get out raw.

mod workers;

use geophone_kafka::envelope::Envelope;
use geophone_kafka::follow::Taken;
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::topic::Topic;
use geophone_sensor::record::{OwnedRecord, WIRE_VERSION, Wire, from_wire, to_json};
use geophone_sensor::time::Timestamp;
use serde_json::{Value, json};

/// Octets of a message nobody can read that are shown.
const SHOWN: usize = 64;

/// Returns a message as one line of JSON: an alert as it is, everything else with its place.
#[must_use]
pub fn to_ndjson(topic: Topic, taken: &Taken) -> String {
    match (topic, document(&taken.value)) {
        (Topic::Alerts, Some(alert)) => alert.to_string(),
        (_, other) => {
            let mut line = json!({ "partition": taken.partition, "offset": taken.offset });
            let body = match other {
                Some(document) => json!({ "document": document }),
                None => workers::words(topic, taken).unwrap_or_else(|| enveloped(taken)),
            };
            if let (Some(line), Value::Object(body)) = (line.as_object_mut(), body) {
                line.extend(body);
            }
            line.to_string()
        }
    }
}

/// Returns a message as a short line.
#[must_use]
pub fn to_line(topic: Topic, taken: &Taken) -> String {
    let place = format!("{:>3} {:>9} ", taken.partition, taken.offset);
    let text = match (topic, document(&taken.value)) {
        (Topic::Alerts, Some(alert)) => return harmless(&alert_line(&alert)),
        (_, Some(document)) => document.to_string(),
        (_, None) => {
            if let Some(words) = workers::words(topic, taken) {
                let lines = workers::lines(&words).into_iter().map(|line| harmless(&line));
                return place + &lines.collect::<Vec<_>>().join("\n              ");
            }
            let body = enveloped(taken);
            record_line(&body).unwrap_or_else(|| body.to_string())
        }
    };
    place + &harmless(&text)
}

fn document(value: &[u8]) -> Option<Value> {
    serde_json::from_slice(value).ok().filter(Value::is_object)
}

/// What an enveloped message holds, or why it holds nothing.
fn enveloped(taken: &Taken) -> Value {
    let unreadable = |why: String| {
        json!({
            "key": hex(&taken.key),
            "octets": taken.value.len(),
            "head": hex(taken.value.get(..SHOWN).unwrap_or(&taken.value)),
            "unreadable": why,
        })
    };
    let (envelope, body) = match Envelope::read(&taken.value) {
        Ok(read) => read,
        Err(error) => return unreadable(error.to_string()),
    };
    let Envelope { schema, version, epoch, sequence, order, sensor } = envelope;
    let mut line = json!({
        "schema": char::from(schema).to_string(),
        "version": version,
        "sensor": sensor,
        "epoch": format!("{epoch:016x}"),
        "sequence": sequence,
        "order": order,
    });
    let (name, value) = match (Wire::of(schema), schema) {
        (Some(kind), _) => match record(kind, version, body) {
            Ok(record) => ("record", record),
            Err(why) => return unreadable(why),
        },
        (None, heartbeat::SCHEMA) => match Heartbeat::read(body) {
            Some(beat) => ("heartbeat", heartbeat_json(&beat)),
            None => return unreadable("not a heartbeat".to_owned()),
        },
        (None, _) => return unreadable(format!("nothing is known of schema {schema}")),
    };
    if let Some(line) = line.as_object_mut() {
        line.insert(name.to_owned(), value);
    }
    line
}

fn record(kind: Wire, version: u16, body: &[u8]) -> Result<Value, String> {
    if version != WIRE_VERSION {
        return Err(format!("version {version}, this program reads version {WIRE_VERSION}"));
    }
    let record = from_wire(kind, body).map_err(|error| error.to_string())?;
    let mut line = Vec::new();
    to_json(&OwnedRecord::as_record(&record), &mut line).map_err(|error| error.to_string())?;
    serde_json::from_slice(&line).map_err(|error| error.to_string())
}

fn heartbeat_json(beat: &Heartbeat) -> Value {
    json!({
        "reached": Timestamp(beat.reached).to_string(),
        "floor": Timestamp(beat.floor).to_string(),
        "partitions": beat.partitions,
        "seed_check": format!("{:016x}", beat.seed_check),
        "last": beat.last,
    })
}

fn alert_line(alert: &Value) -> String {
    let text = |pointer: &str| match alert.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    format!(
        "{}  {:<8} {:<6} {}  {} -> {}  {}",
        text("/@timestamp"),
        text("/geophone/severity").to_uppercase(),
        text("/event/action"),
        text("/rule/id"),
        text("/source/ip"),
        text("/dns/question/registered_domain"),
        text("/event/reason"),
    )
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn record_line(body: &Value) -> Option<String> {
    if let Some(beat) = body.get("heartbeat") {
        return Some(format!("{}  heartbeat of {}", text(&beat["reached"]), text(&body["sensor"])));
    }
    transaction_line(body.get("record")?)
}

fn transaction_line(record: &Value) -> Option<String> {
    let field = |name: &str| record.get(name).map(text).unwrap_or_default();
    let head = format!("{}  {} -> {}", field("time"), field("client"), field("server"));
    Some(match record.get("kind")?.as_str()? {
        "transaction" => {
            let rcode = record.pointer("/answer/rcode").map_or_else(|| field("status"), text);
            format!("{head}  {} {} {rcode}", field("qtype"), field("qname"))
        }
        "not_dns" => format!("{head}  {} of {} octets", field("protocol"), field("bytes")),
        _ => {
            let (who, figures) = (field("address"), field("figures"));
            format!("{}  {} {who}  {figures}", field("time"), field("role"))
        }
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Takes the power over a terminal from a text: every control character becomes its escape.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { out.extend(letter.escape_default()) } else { out.push(letter) }
    }
    out
}

#[cfg(test)]
mod tests {
    use geophone_sensor::record::{Record, Transaction, to_wire};

    use super::*;

    fn taken(value: Vec<u8>) -> Taken {
        Taken { partition: 3, offset: 9, key: vec![1, 2], value }
    }

    fn message(schema: u8, version: u16, body: &[u8]) -> Taken {
        let mut value = Vec::new();
        let sensor = "tap\u{1b}[2J";
        Envelope { schema, version, epoch: 10, sequence: 7, order: 9, sensor }.write(&mut value);
        value.extend_from_slice(body);
        taken(value)
    }

    #[test]
    fn a_record_is_shown_with_its_place_in_both_forms() {
        let mut body = Vec::new();
        let kind = to_wire(&Record::Transaction(&Transaction::default()), &mut body).unwrap();
        let message = message(kind.letter(), WIRE_VERSION, &body);
        let line: Value = serde_json::from_str(&to_ndjson(Topic::Records, &message)).unwrap();
        assert_eq!(
            (&line["partition"], &line["offset"], &line["sequence"]),
            (&json!(3), &json!(9), &json!(7))
        );
        assert_eq!(line["record"]["kind"], "transaction");
        assert!(to_line(Topic::Records, &message).contains("0.0.0.0 -> 0.0.0.0"));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_shown_and_harmless() {
        for (message, why) in [
            (taken(b"\x1b[2Jhello".to_vec()), "does not begin with GPH"),
            (message(b'r', 99, &[]), "version 99"),
            (message(b'r', WIRE_VERSION, &[1, 2]), "not a record"),
            (message(b'z', 1, &[]), "schema 122"),
            (message(b'h', 1, &[1]), "not a heartbeat"),
        ] {
            let (json, line) = (to_ndjson(Topic::Dead, &message), to_line(Topic::Dead, &message));
            assert!(json.contains(why) && line.contains(why), "{json} {line}");
            assert!(!json.contains('\u{1b}') && !line.contains('\u{1b}'));
        }
        let beat = Heartbeat { reached: 0, floor: 0, partitions: 1, seed_check: 2, last: false };
        let mut body = Vec::new();
        beat.write(&mut body);
        let line = to_line(Topic::Records, &message(heartbeat::SCHEMA, 1, &body));
        assert!(line.contains("heartbeat of tap") && !line.contains('\u{1b}'), "{line}");
    }

    #[test]
    fn an_alert_is_the_alert_and_nothing_else() {
        let alert = json!({ "event": { "action": "open", "reason": "a\u{1b}b" }, "rule": { "id": "dns-tunnel" } });
        let message = taken(alert.to_string().into_bytes());
        assert_eq!(to_ndjson(Topic::Alerts, &message), alert.to_string());
        let line = to_line(Topic::Alerts, &message);
        assert!(line.contains("dns-tunnel") && line.contains("a\\u{1b}b"), "{line}");
    }
}
