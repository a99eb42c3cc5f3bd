//! What nodes have to say after a step, until it is sent.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{FactBatch, Place, RollupBatch};
use crate::alert::Alert;
use crate::pipeline::{Fact, OwnedRollup};
use crate::publisher::alert_message;

/// Everything that is to be sent, by topic.
#[derive(Debug, Default)]
pub struct Output {
    /// Alerts: identity, and ECS document.
    pub alerts: Vec<(String, String)>,
    /// What owner nodes are told, by the partitions of who tells and who is told.
    pub rollups: BTreeMap<(u32, u32), RollupBatch>,
    /// What everybody is told.
    pub facts: Vec<FactBatch>,
    /// Messages nobody can use, with the reason.
    pub dead: Vec<(Vec<u8>, String)>,
    /// What those who told something judge by; a few at most.
    pub terms: BTreeSet<u64>,
}

/// Workers under other rules that are told apart.
const MOST_TERMS: usize = 16;

impl Output {
    /// Tells whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { alerts, rollups, facts, dead, terms: _ } = self;
        alerts.is_empty() && rollups.is_empty() && facts.is_empty() && dead.is_empty()
    }

    /// Notes what somebody judges by.
    pub fn hear(&mut self, terms: u64) {
        if self.terms.len() < MOST_TERMS {
            self.terms.insert(terms);
        }
    }

    /// Adds what happened to an alert.
    pub fn alert(&mut self, alert: &Alert<'_>) {
        self.alerts.push(alert_message(alert));
    }

    /// Adds a rollup from one node for another.
    pub fn rollup(&mut self, from: u32, owner: u32, place: Place, rollup: OwnedRollup) {
        self.batch(from, owner).rollups.push((place, rollup));
    }

    /// Adds a sensor's tick for an owner node.
    pub fn tick(&mut self, from: u32, owner: u32, place: Place, tick: &[u8]) {
        self.batch(from, owner).ticks.push((place, tick.to_vec()));
    }

    /// Says that one node has told another everything up to a second.
    pub fn complete(&mut self, from: u32, owner: u32, second: i64) {
        let batch = self.batch(from, owner);
        batch.complete = batch.complete.max(second);
    }

    /// Adds what an owner node found out.
    pub fn facts(&mut self, from: u32, facts: Vec<(i64, Fact)>, complete: i64) {
        self.facts.push(FactBatch { from, facts, complete });
    }

    fn batch(&mut self, from: u32, owner: u32) -> &mut RollupBatch {
        self.rollups.entry((from, owner)).or_insert_with(|| {
            let (rollups, ticks) = (Vec::new(), Vec::new());
            RollupBatch { from, terms: 0, rollups, ticks, complete: i64::MIN }
        })
    }
}
