//! A look at every judgement, for those who measure detectors; every other run leaves it off.

use std::collections::BTreeSet;
use std::net::IpAddr;

use geophone_sensor::time::Timestamp;

use super::Analytics;
use super::suspicion::Weighed;
use crate::alert::Suspect;
use crate::detect::Feature;
use crate::rule::Rules;

/// What the detectors were asked about once.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Who asks.
    pub client: IpAddr,
    /// The registered domain; empty where names have none and the server is meant.
    pub domain: String,
    /// When, in capture time.
    pub time: Timestamp,
    /// How full the fullest bucket of the leak contract is; above 1 it overflows.
    pub leak_fill: f64,
    /// Price of the novel names since the key was first met, in bytes.
    pub leak_bytes: f64,
    /// Queries since then.
    pub queries: u32,
    /// The values of [`Analytics::watch`]'s features, in their order.
    pub values: Vec<f64>,
}

/// Takes notes once it is switched on.
#[derive(Default)]
pub(super) struct Probe {
    features: Option<Vec<Feature>>,
    judged: Vec<Judged>,
}

impl Probe {
    /// Notes a judgement, if anybody wants to know.
    #[inline]
    pub(super) fn note(&mut self, suspect: &Suspect, weighed: &Weighed<'_>) {
        let Some(wanted) = &self.features else { return };
        let Weighed { state, features, .. } = weighed;
        self.judged.push(Judged {
            client: suspect.client,
            domain: suspect.domain.clone(),
            time: weighed.time,
            leak_fill: weighed.fullest.share,
            leak_bytes: f64::from(state.account.total_bits) / 8.0,
            queries: state.account.total_queries,
            values: wanted.iter().map(|feature| features.value(*feature)).collect(),
        });
    }
}

impl Analytics {
    /// Notes every judgement from here on; returns the features whose values are noted.
    pub fn watch(&mut self) -> Vec<Feature> {
        let features = watched_features(&self.rules);
        self.probe.features = Some(features.clone());
        features
    }

    /// Takes the judgements noted since the last call; who watches must take them after every
    /// record, for they are kept until then.
    pub fn judged(&mut self) -> Vec<Judged> {
        std::mem::take(&mut self.probe.judged)
    }
}

/// Returns every feature that a term or a gate of `rules` looks at, each once, in the order of names.
#[must_use]
pub fn watched_features(rules: &Rules) -> Vec<Feature> {
    let terms = rules.detectors.iter().flat_map(|detector| &detector.card.terms);
    let features: BTreeSet<Feature> = terms
        .flat_map(|term| [Some(term.feature), term.gate.map(|(feature, _)| feature)])
        .flatten()
        .collect();
    features.into_iter().collect()
}
