//! The score once more: the stored values through the rules in force.
//!
//! An alert shows its values with three decimals, so a value stands for every number that rounds
//! to it. Where one of these gives the points that were stored, the rule still says the same.

use serde::Serialize;

use super::stored::StoredAlert;
use crate::detect::{Feature, Term};
use crate::rule::{Detector, Rules};
use crate::severity::Severity;

/// Half of the last decimal that an alert shows…
const HALF_STEP: f64 = 0.000_5;
/// …or what the seven digits of large values leave open.
const RELATIVE: f64 = 1e-6;

/// The scorecard as it was, and as it would be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreSheet {
    /// The stored score.
    pub score: i32,
    /// The score that an alert took then.
    pub threshold: i32,
    /// The sum of the stored points; anything but the score means a damaged document.
    pub sum: i32,
    /// One line a feature, most stored points first.
    pub lines: Vec<ScoreLine>,
    /// What the rules in force say; `None` where they have no such detector.
    pub now: Option<ScoreNow>,
    /// Whether the values of all features were stored, or only of those that gave points.
    pub complete: bool,
}

/// One feature's part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreLine {
    /// The feature.
    pub feature: String,
    /// What it measures, where this version knows it.
    pub meaning: &'static str,
    /// Its value, where it was stored.
    pub value: Option<f64>,
    /// The value from which it gives points.
    pub from: f64,
    /// What ordinary traffic shows.
    pub usual: f64,
    /// The points stored.
    pub stored: i32,
    /// The points by the rules in force, where they can be computed.
    pub now: Option<i32>,
    /// Why it gives no points though its value would, or why nothing can be said.
    pub note: Option<String>,
}

/// What the rules in force make of the stored values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreNow {
    /// The score.
    pub score: i32,
    /// The score that an alert takes.
    pub threshold: i32,
    /// The severity of that score alone.
    pub severity: Severity,
    /// Whether anything differs from what was stored.
    pub differs: bool,
    /// Whether the score is enough for an alert.
    pub enough: bool,
    /// Whether an overflow of the leak contract is enough, too.
    pub on_leak: bool,
    /// The detector that is furthest above its threshold now, where it is another one.
    pub named_by: Option<String>,
}

/// What a term gives: the least and the most, and what the value as shown gives.
#[derive(Clone, Copy)]
struct Given {
    least: i32,
    most: i32,
    shown: i32,
}

impl ScoreSheet {
    /// Computes the sheet of `alert` by `rules`.
    pub(super) fn of(alert: &StoredAlert, rules: &Rules) -> Self {
        let facts = &alert.geophone;
        let detector = rules.all().find(|detector| detector.id == alert.rule.id);
        let mut lines: Vec<ScoreLine> = Vec::new();
        for evidence in &facts.evidence {
            if let Some(line) = lines.iter_mut().find(|line| line.feature == evidence.feature) {
                line.stored += evidence.points;
                continue;
            }
            lines.push(ScoreLine {
                feature: evidence.feature.clone(),
                meaning: meaning(&evidence.feature),
                value: alert.value(&evidence.feature),
                from: evidence.threshold,
                usual: evidence.baseline,
                stored: evidence.points,
                now: None,
                note: None,
            });
        }
        for term in detector.iter().flat_map(|detector| &detector.card.terms) {
            let feature = feature_name(term.feature);
            if lines.iter().all(|line| line.feature != feature) {
                lines.push(ScoreLine {
                    meaning: meaning(&feature),
                    value: alert.value(&feature),
                    feature,
                    from: term.threshold(),
                    usual: term.baseline,
                    stored: 0,
                    now: None,
                    note: None,
                });
            }
        }
        if let Some(detector) = detector {
            lines.iter_mut().for_each(|line| line.weigh(detector, alert));
        }
        Self {
            score: facts.score,
            threshold: facts.threshold,
            sum: facts.evidence.iter().map(|evidence| evidence.points).sum(),
            now: detector.map(|detector| ScoreNow::of(alert, detector, &lines, rules)),
            lines,
            complete: !facts.features.is_empty(),
        }
    }
}

impl ScoreLine {
    /// Puts in what `detector` gives for this feature.
    fn weigh(&mut self, detector: &Detector, alert: &StoredAlert) {
        let terms: Vec<_> = detector
            .card
            .terms
            .iter()
            .filter(|term| feature_name(term.feature) == self.feature)
            .collect();
        if terms.is_empty() {
            self.now = Some(0);
            self.note = Some("the rule has no such term any more".to_owned());
            return;
        }
        let Some(value) = self.value else {
            self.note = Some("its value was not stored".to_owned());
            // The old version left out what gave no points.
            self.now = (self.stored == 0).then_some(0);
            return;
        };
        let mut sum = Given { least: 0, most: 0, shown: 0 };
        for term in terms {
            let given = given(term, value, alert);
            if let (Some((gate, least)), 0, true) = (term.gate, given.shown, given.most == 0)
                && term.points_at(value) != 0
            {
                let gate = feature_name(gate);
                let at = alert.value(&gate).map_or_else(String::new, |at| format!(", it is {at}"));
                self.note = Some(format!("counts only from {gate} {least} on{at}"));
            }
            sum.least += given.least;
            sum.most += given.most;
            sum.shown += given.shown;
        }
        let still = (sum.least..=sum.most).contains(&self.stored);
        self.now = Some(if still { self.stored } else { sum.shown });
    }
}

impl ScoreNow {
    fn of(alert: &StoredAlert, detector: &Detector, lines: &[ScoreLine], rules: &Rules) -> Self {
        let facts = &alert.geophone;
        let score = lines.iter().map(|line| line.now.unwrap_or(line.stored)).sum();
        let threshold = detector.card.threshold;
        let changed = lines.iter().any(|line| line.now.is_some_and(|now| now != line.stored));
        let own = score - threshold;
        let best = rules
            .detectors
            .iter()
            .filter(|other| other.id != detector.id && !facts.features.is_empty())
            .map(|other| (margin(other, alert), &other.id))
            .max_by_key(|(margin, _)| *margin)
            .filter(|(margin, _)| *margin > own && *margin >= 0);
        Self {
            score,
            threshold,
            severity: detector.severity.of(score),
            differs: changed || threshold != facts.threshold,
            enough: own >= 0,
            on_leak: detector.on_leak,
            named_by: best.map(|(_, id)| id.clone()),
        }
    }
}

/// How far above its threshold `detector` is.
fn margin(detector: &Detector, alert: &StoredAlert) -> i32 {
    let points = detector.card.terms.iter().map(|term| {
        let value = alert.value(&feature_name(term.feature));
        value.map_or(0, |value| given(term, value, alert).shown)
    });
    points.sum::<i32>() - detector.card.threshold
}

fn given(term: &Term, value: f64, alert: &StoredAlert) -> Given {
    let slack = slack(value);
    let ends = [term.points_at(value - slack), term.points_at(value + slack)];
    let open = Given {
        least: ends.into_iter().min().unwrap_or_default(),
        most: ends.into_iter().max().unwrap_or_default(),
        shown: term.points_at(value),
    };
    // A gate whose feature was not stored was open: the term stands among the evidence.
    let Some((gate, least)) = term.gate else { return open };
    let Some(at) = alert.value(&feature_name(gate)) else { return open };
    let slack = self::slack(at);
    match (at - slack >= least, at + slack >= least) {
        (true, _) => open,
        (false, false) => Given { least: 0, most: 0, shown: 0 },
        (false, true) => Given {
            least: open.least.min(0),
            most: open.most.max(0),
            shown: if at >= least { open.shown } else { 0 },
        },
    }
}

fn slack(value: f64) -> f64 {
    HALF_STEP.max(value.abs() * RELATIVE)
}

/// The name that rules and alerts carry.
pub(super) fn feature_name(feature: Feature) -> String {
    serde_json::to_value(feature)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// What a feature measures, for a reader.
fn meaning(feature: &str) -> &'static str {
    match feature {
        "amplification_ratio" => "octets answered per octet asked",
        "answer_changes" => "distinct answers beyond the first",
        "answer_payload" => "octets of text, names and opaque data an answer",
        "beacon" => "how regularly new names come, 0 to 1 (detect::beacon)",
        "big_type_share" => {
            "share of queries for types with large answers (ANY, TXT, DNSKEY, RRSIG), 0 to 1"
        }
        "bits_per_char" => "bits a character of the new names is worth",
        "brute_names" => "distinct short host names of one zone that do not exist, in the window",
        "carrier_share" => "share of queries for types that carry names or text",
        "client_share" => "share of the busiest client, 0 to 1",
        "clients" => "clients that take part",
        "conflicts" => "queries with answers that contradict each other, in the window",
        "coverage" => "share of the densest block of 256 addresses that was asked for, 0 to 1",
        "defect_kinds" => "distinct things that were wrong with messages",
        "defective" => "messages with something wrong, in the window",
        "dga_evidence" => {
            "evidence that names are generated, in decibans, summed over names that do not exist"
        }
        "domain_rate" => "queries for the domain within a minute, from all clients",
        "domains" => {
            "registered domains that take part: more than one where a client rotates over several"
        }
        "failure_rise" => "failed answers a second as a multiple of what is usual for the host",
        "flips" => "times that a name turned between public and private addresses, in the window",
        "half_open" => "TCP connections that did not open, in the window",
        "held" => "TCP connections opened within half a minute and not ended",
        "identity_names" => {
            "distinct names asked for that tell what a server is (version.bind and its like)"
        }
        "impatience" => {
            "share of questions that came while the last answer was still to be kept, 0 to 1"
        }
        "internal_names" => "distinct internal names asked of servers outside",
        "label_entropy" => "entropy of the new names, bits a character",
        "leak_fill" => "how full the fullest bucket of the leak contract is",
        "minutes" => "minutes from the first to the last",
        "mismatches" => "answers to a waiting query but with another id or question, in the window",
        "name_length" => "octets of a new name before the domain",
        "names" => "distinct names",
        "not_dns_bytes" => "octets of payloads that are not DNS",
        "not_dns_payloads" => "payloads that are not DNS, in the window",
        "novel_addresses" => {
            "octets of addresses in sets not answered before, since it is suspected"
        }
        "novel_answers" => {
            "octets of addresses and names (but for PTR) in answers not seen before, in the window"
        }
        "novel_names" => "names not asked before",
        "novel_text" => "octets of text and opaque data not answered before",
        "nx_domains" => "distinct registered domains that do not exist, in the window",
        "nx_names" => "distinct names that do not exist or get no answer, in the window",
        "nx_rise" => "that number over what is usual; 1 where nothing is known to be usual",
        "nxdomain_share" => "share of answers that no such name exists",
        "opaque_share" => "share of queries for types that carry anything",
        "ports" => "distinct ports that take part",
        "private_answers" => "answers that point a public name to a private address, in the window",
        "queries" => "queries in the window",
        "query_rate" => "queries a second",
        "rate_rise" => "queries a second over what is usual; 1 where nothing is known to be usual",
        "raw_packets" => "datagrams of a tunnel that speaks no DNS on the DNS port",
        "recursions" => "names of others resolved for clients outside, in the window",
        "registered_zone" => {
            "1 where the zone is a registered domain, 0 where it is a public suffix"
        }
        "rendezvous" => "generated names that did resolve",
        "resolvers" => "distinct resolvers that answer over encrypted channels",
        "servers" => "servers that take part",
        "short_lived" => "share of answers that may be kept for five seconds at most, 0 to 1",
        "siblings" => "distinct names of one zone asked for meanwhile",
        "swept_addresses" => "distinct addresses whose names were asked for, in the window",
        "syn_rate" => "TCP connections asked for a second",
        "text_share" => "share of queries for text",
        "text_size" => "octets of new text an answer",
        "tool_signature" => {
            "share of names that the recogniser of a known tool expects, 0 to 1; 0 where none does"
        }
        "transfer_bytes" => "octets that left in zone transfers, in the window",
        "transfers" => "zone transfers asked for, in the window",
        "tunnel_protocol" => {
            "1 where the protocol is one that carries others (VPN, SSH, TLS, QUIC), 0 otherwise"
        }
        "two_way" => "1 where payloads went both ways, 0 otherwise",
        "unasked_answers" => "answers nobody asked for, in the window",
        "undelegated" => "share of names under no suffix anybody registers that do not exist",
        "undesignated" => "questions past the resolvers that are meant to be asked, in the window",
        "unique_ratio" => "share of queries whose name is new",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(values: &[(&str, f64, i32)], features: &[(&str, f64)]) -> StoredAlert {
        let evidence: Vec<_> = values
            .iter()
            .map(|(feature, value, points)| {
                serde_json::json!({"feature": feature, "value": value, "points": points})
            })
            .collect();
        let score: i32 = values.iter().map(|(.., points)| points).sum();
        let features: serde_json::Map<_, _> =
            features.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let text = serde_json::json!({
            "event": {"id": "x"}, "rule": {"id": "dns-tunnel"},
            "geophone": {"score": score, "threshold": 26, "evidence": evidence, "features": features},
        });
        StoredAlert::read(&text.to_string()).unwrap()
    }

    #[test]
    fn the_rules_that_raised_it_give_the_same_points() {
        let rules = Rules::builtin().unwrap();
        let alert = stored(&[("leak_fill", 11.762, 18), ("opaque_share", 1.0, 14)], &[]);
        let sheet = ScoreSheet::of(&alert, &rules);
        let now = sheet.now.unwrap();
        assert_eq!((now.score, now.differs, now.enough), (32, false, true));
        assert!(!sheet.complete);
    }

    #[test]
    fn a_value_at_the_edge_of_two_points_keeps_those_it_got() {
        let rules = Rules::builtin().unwrap();
        // leak_fill gives 8 at 0.5 and 14 at 1: 8.5 points are at 0.541666…, shown as 0.542.
        for points in [8, 9] {
            let now = ScoreSheet::of(&stored(&[("leak_fill", 0.542, points)], &[]), &rules).now;
            assert!(!now.as_ref().unwrap().differs, "{points}: {now:?}");
        }
        let now = ScoreSheet::of(&stored(&[("leak_fill", 0.542, 7)], &[]), &rules).now.unwrap();
        assert_eq!((now.score, now.differs), (9, true));
    }

    #[test]
    fn every_feature_has_its_words_here_and_its_line_in_the_rules_readme() {
        let readme = include_str!("../../../rules/README.md");
        let watched = crate::detect::WATCHED.iter().flat_map(|(_, features)| features.iter());
        for feature in Feature::OF_KEYS.iter().chain(watched) {
            let name = feature.name();
            assert!(!meaning(&name).is_empty(), "{name}");
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn a_closed_gate_is_told_and_a_rule_that_is_gone_too() {
        let rules = Rules::builtin().unwrap();
        let features = [("leak_fill", 2.0), ("domain_rate", 300.0), ("novel_names", 3.0)];
        let sheet = ScoreSheet::of(&stored(&[("leak_fill", 2.0, 15)], &features), &rules);
        let rate = sheet.lines.iter().find(|line| line.feature == "domain_rate").unwrap();
        assert_eq!(rate.now, Some(0));
        assert!(rate.note.as_ref().unwrap().contains("novel_names 8"), "{rate:?}");
        let mut gone = rules;
        gone.detectors.retain(|detector| detector.id != "dns-tunnel");
        assert!(ScoreSheet::of(&stored(&[], &features), &gone).now.is_none());
    }
}
