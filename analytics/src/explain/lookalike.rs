//! Why this is none of the things that are allowed to look like it.
//!
//! What stored samples do not tell, they are not held to: the answers to each of them, and whether
//! all names of the domain had the same ones.

use std::collections::BTreeMap;

use geophone_sensor::decode::rdata::type_number;
use geophone_sensor::time::Timestamp;
use serde::Serialize;

use super::sample::SampleName;
use super::stored::StoredAlert;
use crate::rule::{Facts, Misfit, Rules};

/// One class, held against the alert's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lookalike {
    /// The nearest class, none where no class is near.
    pub class: Option<String>,
    /// Why the names are not excused by it, in a sentence.
    pub verdict: String,
    /// Samples of which this is true.
    pub samples: usize,
    /// Samples looked at.
    pub of: usize,
}

/// Holds each sample against the class nearest to it; what is true of most comes first.
pub(super) fn lookalikes(
    alert: &StoredAlert,
    samples: &[SampleName],
    rules: &Rules,
) -> Vec<Lookalike> {
    if alert.geophone.headline.is_some() {
        // No class of names excuses what is not about names.
        return Vec::new();
    }
    let suffix_known = alert.geophone.suffix_known != Some(false);
    let mut verdicts: BTreeMap<(Option<String>, String), usize> = BTreeMap::new();
    for sample in samples {
        let facts = Facts {
            qname: &sample.name,
            domain_at: sample.domain_at,
            suffix_known,
            qtype: type_number(&sample.sample.qtype).unwrap_or_default(),
            time: micros(&sample.sample.time),
            answer: None,
            same_answers: false,
        };
        let why = rules.allow.explain(&facts);
        let class = why.class.clone().filter(|_| why.misfit != Misfit::NoClass);
        *verdicts.entry((class, why.to_string())).or_insert(0) += 1;
    }
    let of = samples.len();
    let mut all: Vec<_> = verdicts
        .into_iter()
        .map(|((class, verdict), samples)| Lookalike { class, verdict, samples, of })
        .collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.samples));
    all
}

fn micros(time: &str) -> Timestamp {
    let stamp = time.parse::<jiff::Timestamp>();
    Timestamp(stamp.map_or(0, jiff::Timestamp::as_microsecond))
}

#[cfg(test)]
mod tests {
    use super::super::sample::names_of;
    use super::*;

    fn verdict(qname: &str, domain: &str) -> String {
        let line = format!(
            r#"{{"event":{{"id":"x"}},"dns":{{"question":{{"registered_domain":"{domain}"}}}},
            "geophone":{{"samples":[{{"time":"2026-11-21T04:23:58.196589Z","qname":"{qname}",
            "qtype":"A"}}]}}}}"#
        );
        let alert = StoredAlert::read(&line).unwrap();
        let all = lookalikes(&alert, &names_of(&alert), &Rules::builtin().unwrap());
        assert_eq!((all.len(), all[0].samples, all[0].of), (1, 1, 1));
        all[0].verdict.clone()
    }

    #[test]
    fn the_nearest_class_and_what_does_not_fit_are_told() {
        let told = verdict("4.3.2.1.evil.com", "evil.com");
        assert!(told.contains("but not under"), "{told}");
        let told = verdict("mzxw6ytboi4tqnzrgm3d.mzxw6ytboi4tqnzrgm3d.e5.sk", "e5.sk");
        assert!(told.contains("e5.sk") && told.contains("the names are not"), "{told}");
        let told = verdict("mzxw6ytboi4tqnzrgm3dmzxw6ytboi4tqnzrgm3d.evil.com", "evil.com");
        assert!(!told.is_empty());
    }
}
