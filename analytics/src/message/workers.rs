//! What workers tell each other and what they save, in words.

use geophone_kafka::follow::Taken;
use geophone_kafka::topic::Topic;
use geophone_sensor::time::Timestamp;
use serde_json::{Value, json};

use super::{text, transaction_line};
use crate::cluster::message::{FactBatch, RollupBatch, decode};
use crate::cluster::saved::outline;

const SECOND: i64 = 1_000_000;

/// Returns a message between workers, or of the saved state, as JSON; `None` for one that is none.
pub(super) fn words(topic: Topic, taken: &Taken) -> Option<Value> {
    match topic {
        Topic::Rollups => decode(&taken.value).ok().map(|batch| rollups(&batch)),
        Topic::Domains => decode(&taken.value).ok().map(|batch| facts(&batch)),
        Topic::State => state(taken),
        Topic::Alerts | Topic::Dead | Topic::Records | Topic::Ticks => None,
    }
}

fn rollups(batch: &RollupBatch) -> Value {
    let RollupBatch { from, terms, rollups, ticks, complete } = batch;
    let rollups = rollups.iter().map(|(place, rollup)| {
        let mut words = rollup.words();
        if let Some(words) = words.as_object_mut() {
            words.insert("second".to_owned(), second(place.second));
            words.insert("order".to_owned(), json!([place.order, place.part]));
        }
        words
    });
    json!({ "rollups": {
        "from": from,
        "terms": format!("{terms:016x}"),
        "rollups": rollups.collect::<Vec<_>>(),
        "ticks": ticks.len(),
        "complete": second(*complete),
    } })
}

fn facts(batch: &FactBatch) -> Value {
    let FactBatch { from, facts, complete } = batch;
    let facts = facts.iter().map(|(found, fact)| {
        let mut words = fact.words();
        if let Some(words) = words.as_object_mut() {
            words.insert("second".to_owned(), second(*found));
        }
        words
    });
    json!({ "facts": {
        "from": from,
        "facts": facts.collect::<Vec<_>>(),
        "complete": second(*complete),
    } })
}

/// A head by what it says, a piece by its number and length.
fn state(taken: &Taken) -> Option<Value> {
    let key = std::str::from_utf8(&taken.key).ok()?;
    let mut parts = key.split('/');
    let node = [parts.next()?, parts.next()?].join("/");
    let words = match (parts.next(), outline(&taken.value)) {
        (Some(piece), _) => {
            json!({ "node": node, "piece": piece, "octets": taken.value.len() })
        }
        (None, Some(head)) => json!({
            "node": node,
            "pieces": head.pieces,
            "octets": head.octets,
            "next": head.next,
            "facts": head.facts,
            "program": head.origin.program,
            "group": head.origin.group,
            "terms": format!("{:016x}", head.origin.terms),
        }),
        (None, None) => return None,
    };
    Some(json!({ "state": words }))
}

/// A second as a time; nothing for the one before all.
fn second(second: i64) -> Value {
    match second.checked_mul(SECOND) {
        Some(micros) => Timestamp(micros).to_string().into(),
        None => Value::Null,
    }
}

/// Returns what [`words`] returned as a line for the message and one for each thing in it.
pub(super) fn lines(words: &Value) -> Vec<String> {
    let each = |all: &Value, name: &str| all.get(name).and_then(Value::as_array).cloned();
    if let Some(batch) = words.get("rollups") {
        let rollups = each(batch, "rollups").unwrap_or_default();
        let mut lines = vec![format!(
            "from records/{}: {} rollups, {} ticks; complete up to {}",
            field(batch, "from"),
            rollups.len(),
            field(batch, "ticks"),
            field(batch, "complete"),
        )];
        lines.extend(rollups.iter().map(|rollup| {
            let record = rollup.get("record");
            let line = record.and_then(transaction_line);
            let line = line.or_else(|| record.map(text)).unwrap_or_default();
            format!("{}  {line}", rollup.get("about").map(about).unwrap_or_default())
        }));
        return lines;
    }
    if let Some(batch) = words.get("facts") {
        let facts = each(batch, "facts").unwrap_or_default();
        let mut lines = vec![format!(
            "from rollups/{}: {} facts; complete up to {}",
            field(batch, "from"),
            facts.len(),
            field(batch, "complete"),
        )];
        lines.extend(facts.iter().map(Value::to_string));
        return lines;
    }
    vec![words.get("state").unwrap_or(words).to_string()]
}

fn field(value: &Value, name: &str) -> String {
    value.get(name).map(text).unwrap_or_default()
}

/// What an owner is told of, in words.
fn about(told: &Value) -> String {
    if let Some(case) = told.get("case") {
        return format!("case of {}", field(case, "rule"));
    }
    let (kind, charge) = match (told.get("domain"), told.get("rotation")) {
        (Some(charge), _) => ("domain", charge),
        (_, Some(charge)) => ("client", charge),
        _ => return text(told),
    };
    let novel = if field(charge, "novel") == "true" { ", novel" } else { "" };
    format!("{kind} {} B{novel}", field(charge, "bytes"))
}

#[cfg(test)]
mod tests {
    use geophone_sensor::feature::NameReader;
    use geophone_sensor::name::Name;
    use geophone_sensor::record::{Record, Status, Transaction};

    use geophone_sensor::decode::message::Flags;

    use super::*;
    use crate::cluster::message::{Place, encode};
    use crate::cluster::saved::{Origin, Saved, to_messages};
    use crate::config::Config;
    use crate::message::{to_line, to_ndjson};
    use crate::pipeline::Analytics;
    use crate::rule::Rules;

    fn taken(key: &[u8], value: Vec<u8>) -> Taken {
        Taken { partition: 3, offset: 9, key: key.to_vec(), value }
    }

    fn json_of(topic: Topic, taken: &Taken) -> Value {
        serde_json::from_str(&to_ndjson(topic, taken)).unwrap()
    }

    /// What a first query is told of, by a node that shares and what its owner finds out.
    fn told() -> (RollupBatch, FactBatch) {
        let mut config = Config::default();
        config.state = config.state.least();
        let mut pair = Analytics::new(config, Rules::builtin().unwrap());
        let mut owner = pair.blank();
        pair.spread();
        let qname = Name::parse("mail.ex\u{1b}mple.com").unwrap();
        let (domain_at, name) = NameReader::default().read(&qname);
        let status = Status::Answered;
        let asked = Transaction {
            qname,
            domain_at,
            name,
            status,
            qtype: 1,
            flags: Flags(0x0100),
            ..Transaction::default()
        };
        pair.record(&Record::Transaction(&asked), &mut |_| {});
        let place = Place { second: 60, sensor: 1, epoch: 1, order: 7, part: 0 };
        let rollups: Vec<_> = pair.rollups().into_iter().map(|rollup| (place, rollup)).collect();
        let mut facts = Vec::new();
        for (_, rollup) in &rollups {
            owner.own(rollup, &mut |_| {}).unwrap();
            facts.extend(owner.found_out().into_iter().map(|fact| (60, fact)));
        }
        let batch = RollupBatch { from: 5, terms: 1, rollups, ticks: vec![], complete: i64::MIN };
        (batch, FactBatch { from: 2, facts, complete: 61 })
    }

    #[test]
    fn rollups_and_facts_are_told_in_words() {
        let (rollups, facts) = told();
        let message = taken(&[0, 0, 0, 5], encode(&rollups));
        let json = json_of(Topic::Rollups, &message);
        let told = &json["rollups"]["rollups"][0];
        assert_eq!(
            (&json["rollups"]["from"], &json["rollups"]["complete"]),
            (&json!(5), &Value::Null)
        );
        let about = &told["about"]["domain"];
        assert_eq!(about["novel"], true, "{told}");
        assert!(about["bytes"].as_f64().unwrap() > 0.0, "{told}");
        assert!(about["name"]["price_bits"].as_f64().unwrap() > 0.0, "{told}");
        assert_eq!(told["record"]["kind"], "transaction");
        let line = to_line(Topic::Rollups, &message);
        assert!(
            line.contains("\n")
                && line.contains("domain 1.375 B, novel")
                && line.contains("case of dga"),
            "{line}"
        );
        assert!(!line.contains('\u{1b}'));

        let message = taken(&[0, 0, 0, 2], encode(&facts));
        let json = json_of(Topic::Domains, &message);
        assert_eq!(json["facts"]["complete"], "1970-01-01T00:01:01.000000Z");
        assert_eq!(json["facts"]["facts"][0]["crowded"], false, "{json}");
        assert!(to_line(Topic::Domains, &message).contains("from rollups/2: 1 facts"));
    }

    #[test]
    fn saved_state_is_told_by_its_head_and_its_pieces() {
        let saved = Saved { next: 11, facts: 12, node: vec![1; 700_000] };
        let origin = Origin {
            program: "0.1.0".to_owned(),
            group: "g".to_owned(),
            seed_check: 1,
            terms: 0xabc,
        };
        let all = to_messages("records/4", &saved, &origin);
        let told: Vec<Value> = all
            .iter()
            .map(|(key, value)| json_of(Topic::State, &taken(key.as_bytes(), value.clone())))
            .collect();
        assert_eq!(
            told[1]["state"],
            json!({ "node": "records/4", "piece": "1", "octets": 175_712 })
        );
        let head = &told[2]["state"];
        assert_eq!((&head["next"], &head["octets"]), (&json!(11), &json!(700_000)));
        assert_eq!(head["terms"], "0000000000000abc");
        let line = to_line(Topic::State, &taken(b"records/4", all[2].1.clone()));
        assert!(line.contains("\"pieces\":2"), "{line}");
        assert!(to_line(Topic::State, &taken(b"records/4", vec![7])).contains("unreadable"));
    }
}
