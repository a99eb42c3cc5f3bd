//! An alert as it was stored: the ECS document, read with patience.
//!
//! Fields this version does not know are passed over and fields that are missing read as empty, so
//! documents of older and newer versions can be explained as far as they go.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredAlert {
    #[serde(rename = "@timestamp")]
    pub(crate) time: String,
    pub(crate) event: StoredEvent,
    pub(crate) rule: StoredRule,
    pub(crate) source: StoredHost,
    pub(crate) destination: StoredHost,
    pub(crate) dns: StoredDns,
    pub(crate) network: StoredNetwork,
    pub(crate) threat: StoredThreat,
    pub(crate) geophone: StoredFacts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredEvent {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) action: String,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredRule {
    pub(crate) id: String,
    pub(super) name: String,
    pub(super) description: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredHost {
    pub(crate) ip: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredDns {
    pub(crate) question: StoredQuestion,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredQuestion {
    pub(crate) registered_domain: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredNetwork {
    pub(crate) direction: String,
    pub(super) vlan: Option<StoredVlan>,
    pub(super) inner: Option<StoredInner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredInner {
    pub(super) vlan: Option<StoredVlan>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredVlan {
    pub(super) id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredThreat {
    pub(crate) technique: StoredTechnique,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredTechnique {
    pub(crate) id: Vec<String>,
}

/// What stands under `geophone`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredFacts {
    pub(super) score: i32,
    pub(super) threshold: i32,
    pub(super) evidence: Vec<StoredEvidence>,
    /// Empty in documents of versions that did not store them.
    pub(super) features: BTreeMap<String, f64>,
    /// What happens in one clause, where a watch saw it.
    pub(crate) headline: Option<String>,
    pub(crate) severity: String,
    pub(crate) confidence: String,
    pub(super) leak_contract: Option<StoredOverflow>,
    pub(super) leak_bytes: u64,
    pub(super) leak_error_bytes: u64,
    /// Upper bounds by channel, in bytes.
    pub(super) channels: BTreeMap<String, u64>,
    /// What is meant: `domain`, `server`, … (`Subject::name`).
    pub(crate) subject: String,
    /// The domains of a rotation.
    pub(crate) domains: Vec<StoredDomain>,
    /// The clients of a domain that several share.
    pub(crate) clients: Vec<StoredClient>,
    /// The servers that a client should not have asked.
    pub(super) servers: Vec<StoredServer>,
    pub(super) queries: u64,
    pub(super) unique: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) types: BTreeMap<String, u64>,
    pub(super) rcodes: BTreeMap<String, u64>,
    pub(super) samples: Vec<StoredSample>,
    pub(super) encoding: Option<String>,
    pub(super) tool: Value,
    pub(super) tunnels: Vec<StoredTunnel>,
    pub(super) suffix_known: Option<bool>,
    pub(super) silence: String,
    pub(super) advice: String,
    pub(super) suppressed: u64,
    pub(super) loss: Option<StoredLoss>,
    pub(crate) closed_because: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredDomain {
    pub(crate) domain: String,
    pub(super) leak_bytes: u64,
    /// How often it took part, where a watch counted.
    pub(super) count: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredServer {
    pub(super) server: String,
    /// How often it took part.
    pub(super) count: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredClient {
    pub(crate) client: String,
    pub(super) leak_bytes: u64,
    /// How often it took part, where a watch counted.
    pub(super) count: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredEvidence {
    pub(super) feature: String,
    pub(super) value: f64,
    pub(super) threshold: f64,
    pub(super) baseline: f64,
    pub(super) points: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredOverflow {
    pub(super) bucket: String,
    pub(super) level_bytes: f64,
    pub(super) burst_bytes: f64,
    pub(super) bytes_per_second: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct StoredSample {
    pub(super) time: String,
    pub(super) qname: String,
    pub(super) qtype: String,
    pub(super) bits: f64,
    pub(super) answer_bytes: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredTunnel {
    pub(super) kind: String,
    pub(super) id: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredLoss {
    pub(super) frames: u64,
    pub(super) dropped: u64,
    pub(super) percent: f64,
}

impl StoredAlert {
    /// Reads one line; every string comes out fit for a terminal.
    pub(crate) fn read(line: &str) -> Result<Self, serde_json::Error> {
        let mut value: Value = serde_json::from_str(line)?;
        if let Some(source) = value.get_mut("_source") {
            value = source.take();
        }
        clean(&mut value);
        serde_json::from_value(value)
    }

    /// Returns the value of a feature, from the list of all or else from the evidence.
    pub(super) fn value(&self, feature: &str) -> Option<f64> {
        let facts = &self.geophone;
        facts.features.get(feature).copied().or_else(|| {
            facts.evidence.iter().find(|line| line.feature == feature).map(|line| line.value)
        })
    }
}

/// Makes every string in `value` harmless and takes out fields that hold nothing, which read as
/// missing ones do.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = harmless(text),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            if fields.keys().any(|key| harmless(key) != *key) {
                let old = std::mem::take(fields);
                *fields = old.into_iter().map(|(key, value)| (harmless(&key), value)).collect();
            }
            fields.values_mut().for_each(clean);
        }
        _ => {}
    }
}

/// Escapes what a terminal could obey: control characters but the line feed, and marks that turn
/// the direction of text around or show nothing.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        );
        if hidden || (character.is_control() && character != '\n') {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_missing_or_new_are_no_fault() {
        let line = r#"{"event":{"id":"a1","new":[1]},"geophone":{"score":3,"tool":null,"x":{}}}"#;
        let alert = StoredAlert::read(line).unwrap();
        assert_eq!((alert.event.id.as_str(), alert.geophone.score), ("a1", 3));
        assert!(alert.geophone.tool.is_null() && alert.geophone.samples.is_empty());
        let hit = format!(r#"{{"_index":"alerts","_source":{line}}}"#);
        assert_eq!(StoredAlert::read(&hit).unwrap().event.id, "a1");
    }

    #[test]
    fn fields_that_hold_nothing_are_as_good_as_missing() {
        let line = r#"{"event":{"id":"a1","end":null},"dns":null,"source":{"ip":null},
            "geophone":{"samples":[{"qname":"00ff","qtype":null}],"loss":null}}"#;
        let alert = StoredAlert::read(line).unwrap();
        assert!(alert.event.end.is_empty() && alert.geophone.loss.is_none());
        assert_eq!(alert.geophone.samples.first().unwrap().qname, "00ff");
    }

    #[test]
    fn nothing_stored_can_command_a_terminal() {
        let line =
            "{\"event\":{\"id\":\"a\\u001b[2J\\u202e\"},\"geophone\":{\"types\":{\"A\\u009b\":1}}}";
        let alert = StoredAlert::read(line).unwrap();
        assert_eq!(alert.event.id, "a\\u{1b}[2J\\u{202e}");
        assert_eq!(alert.geophone.types.keys().next().unwrap(), "A\\u{9b}");
    }
}
