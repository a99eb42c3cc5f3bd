//! Why this is none of the things that are allowed to look like it.

use std::collections::BTreeMap;

use geophone_sensor::name::Name;
use geophone_sensor::time::Timestamp;
use serde::Serialize;

use super::sample::SampleName;
use super::stored::StoredAlert;
use crate::rule::{Allow, Rules, Shape};

/// Domains of a class that are named.
const DOMAINS_SHOWN: usize = 4;

/// One class of allowances, held against the alert's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lookalike {
    /// What the class is, as its reason says.
    pub class: String,
    /// Its domains, the first few.
    pub domains: Vec<String>,
    /// Whether the names are under one of its domains.
    pub domain_fits: bool,
    /// The shape its names must have, if any.
    pub shape: Option<String>,
    /// Samples of that shape; all of them where the class asks for none.
    pub samples_of_shape: usize,
    /// Samples that an allowance of the class holds for.
    pub samples_allowed: usize,
    /// Samples looked at.
    pub samples: usize,
    /// What does not fit, in a sentence.
    pub verdict: String,
}

/// Holds the samples against every class of allowances, the nearest first.
pub(super) fn lookalikes(
    alert: &StoredAlert,
    samples: &[SampleName],
    rules: &Rules,
) -> Vec<Lookalike> {
    let mut classes: BTreeMap<&str, Vec<&Allow>> = BTreeMap::new();
    let undelegated = rules.allow.undelegated();
    for allow in rules.allow.iter() {
        if undelegated.is_none_or(|special| special != allow) {
            classes.entry(&allow.reason).or_default().push(allow);
        }
    }
    let mut all: Vec<_> = classes
        .into_iter()
        .map(|(reason, allows)| Lookalike::of(reason, &allows, samples, rules))
        .collect();
    all.sort_by_key(|class| (!class.domain_fits, !class.is_near()));
    let nobody = alert.geophone.suffix_known == Some(false);
    if let Some(allow) = undelegated.filter(|_| nobody) {
        let (nxdomain, answers) = answers(alert);
        all.insert(0, nowhere(allow, nxdomain, answers));
    }
    all
}

impl Lookalike {
    fn of(reason: &str, allows: &[&Allow], samples: &[SampleName], rules: &Rules) -> Self {
        let under = |sample: &SampleName| {
            allows.iter().find_map(|allow| Some((*allow, boundary(&sample.name, &allow.domain)?)))
        };
        let shape = allows.iter().find_map(|allow| allow.shape);
        let fits = |sample: &&SampleName| {
            let (shape, end) = match under(sample) {
                Some((allow, end)) => (allow.shape, end),
                None => (shape, sample.domain_at),
            };
            shape.is_none_or(|shape| shape.fits(&sample.name, end))
        };
        let allowed = |sample: &&SampleName| {
            let time = micros(&sample.sample.time);
            rules.allow.find(&sample.name, time).is_some_and(|allow| allow.reason == reason)
        };
        let mut class = Self {
            class: reason.to_owned(),
            domains: allows.iter().take(DOMAINS_SHOWN).map(|a| a.domain.clone()).collect(),
            domain_fits: samples.iter().any(|sample| under(sample).is_some()),
            shape: shape.map(shape_name),
            samples_of_shape: samples.iter().filter(fits).count(),
            samples_allowed: samples.iter().filter(allowed).count(),
            samples: samples.len(),
            verdict: String::new(),
        };
        let budget = allows.iter().map(|allow| allow.budget).max().unwrap_or_default();
        class.verdict = class.verdict(budget, allows.len());
        class
    }

    /// Tells whether the domain or some names fit, so that a reader may wonder.
    pub(super) fn is_near(&self) -> bool {
        self.domain_fits || (self.shape.is_some() && self.samples_of_shape > 0)
    }

    fn verdict(&self, budget: u32, n_domains: usize) -> String {
        let Self { samples_of_shape: shaped, samples_allowed: allowed, samples, .. } = self;
        let named = self.domains.join(", ");
        let more = n_domains.saturating_sub(self.domains.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        match (self.domain_fits, &self.shape) {
            _ if *samples == 0 => "no sample to hold against it".to_owned(),
            (true, _) if allowed == samples => {
                format!("fits, and was charged a {budget}th of the price: it is above that too")
            }
            (true, Some(shape)) => format!(
                "the domain is one of its own, but only {shaped} of {samples} names have the shape \
                 {shape}; the others are charged in full"
            ),
            (true, None) => {
                "the domain is one of its own, but the allowance has expired".to_owned()
            }
            (false, Some(shape)) if shaped == samples => format!(
                "the names have its shape ({shape}), but the domain is none of {named}{more}"
            ),
            (false, Some(shape)) => format!(
                "the domain is none of {named}{more}, and {shaped} of {samples} names have the \
                 shape {shape}"
            ),
            (false, None) => format!("the domain is none of {named}{more}"),
        }
    }
}

/// Names under no suffix that anybody registers: allowed where they do not exist.
fn nowhere(allow: &Allow, nxdomain: u64, answers: u64) -> Lookalike {
    let verdict = match nxdomain {
        0 => format!("none of {answers} answers said that the name does not exist"),
        n => format!(
            "{n} of {answers} answers said that the name does not exist; these were charged a {}th \
             of the price",
            allow.budget
        ),
    };
    Lookalike {
        class: allow.reason.clone(),
        domains: Vec::new(),
        domain_fits: true,
        shape: None,
        samples_of_shape: 0,
        samples_allowed: 0,
        samples: 0,
        verdict: format!("{verdict}; all others were charged in full"),
    }
}

fn answers(alert: &StoredAlert) -> (u64, u64) {
    let rcodes = &alert.geophone.rcodes;
    (rcodes.get("NXDOMAIN").copied().unwrap_or_default(), rcodes.values().sum())
}

/// The octet of `name`'s wire form where `domain` begins, if it ends with it.
fn boundary(name: &Name, domain: &str) -> Option<usize> {
    let domain = Name::parse(domain).ok()?;
    let start = name.wire().len().checked_sub(domain.wire().len())?;
    let tail = name.suffix_at(start)?;
    tail.eq_ignore_ascii_case(domain.wire()).then_some(start)
}

/// The name of a shape as rules write it.
fn shape_name(shape: Shape) -> String {
    let mut text = String::new();
    for character in format!("{shape:?}").chars() {
        if character.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

fn micros(time: &str) -> Timestamp {
    let stamp = time.parse::<jiff::Timestamp>();
    Timestamp(stamp.map_or(0, jiff::Timestamp::as_microsecond))
}

#[cfg(test)]
mod tests {
    use super::super::sample::names_of;
    use super::*;

    fn held(qname: &str, domain: &str) -> Vec<Lookalike> {
        let line = format!(
            r#"{{"event":{{"id":"x"}},"dns":{{"question":{{"registered_domain":"{domain}"}}}},
            "geophone":{{"samples":[{{"time":"2026-11-21T04:23:58.196589Z","qname":"{qname}"}}]}}}}"#
        );
        let alert = StoredAlert::read(&line).unwrap();
        lookalikes(&alert, &names_of(&alert), &Rules::builtin().unwrap())
    }

    fn verdict(all: &[Lookalike], class: &str) -> String {
        all.iter().find(|one| one.class.contains(class)).unwrap().verdict.clone()
    }

    #[test]
    fn shape_and_domain_are_judged_apart() {
        let all = held("4.3.2.1.evil.com", "evil.com");
        let told = verdict(&all, "block list");
        assert!(told.contains("have its shape (reversed_ipv4)"), "{told}");
        let all = held("mzxw6ytboi4tqnzrgm3d.mzxw6ytboi4tqnzrgm3d.e5.sk", "e5.sk");
        let told = verdict(&all, "file reputation");
        assert!(told.contains("only 0 of 1 names have the shape hash"), "{told}");
        let all = held("mzxw6ytboi4tqnzrgm3d.e5.sk", "e5.sk");
        let told = verdict(&all, "file reputation");
        assert!(told.contains("charged a 200th"), "{told}");
        let told = verdict(&held("x.evil.com", "evil.com"), "Kubernetes");
        assert!(told.starts_with("the domain is none of cluster.local"), "{told}");
    }
}
