//! A node that owns a partition of the rollups: clients over all their domains, domains over all
//! their clients.
//!
//! It takes a second when every pair node has told everything of it, in the order in which one
//! process would have met it.

use std::collections::BTreeMap;

use geophone_sensor::record::{Wire, from_wire};
use serde::{Deserialize, Serialize};

use super::message::{Place, Poison, RollupBatch, decode, encode};
use super::output::Output;
use super::pair::{BEFORE_ALL, NodeCounts, Split};
use crate::pipeline::{Analytics, Fact, ImageError, OwnedRollup};

/// The node.
pub struct OwnerNode {
    analytics: Analytics,
    partition: u32,
    /// Up to which second each pair node has told everything.
    complete: Vec<i64>,
    /// Every second up to this one is taken.
    done: i64,
    /// What is told of later seconds, with its offset.
    waiting: BTreeMap<Place, (Told, i64)>,
    counts: NodeCounts,
}

/// What a pair node tells.
enum Told {
    Rollup(OwnedRollup),
    /// The tick of a sensor.
    Tick(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
struct Saved {
    #[serde(with = "crate::octets")]
    analytics: Vec<u8>,
    complete: Vec<i64>,
    done: i64,
    counts: NodeCounts,
}

impl OwnerNode {
    /// Makes a node that remembers nothing.
    #[must_use]
    pub fn new(analytics: Analytics, partition: u32, split: Split) -> Self {
        let pairs = usize::try_from(split.pairs).unwrap_or_default();
        Self {
            analytics,
            partition,
            complete: vec![i64::MIN; pairs],
            done: i64::MIN,
            waiting: BTreeMap::new(),
            counts: NodeCounts::default(),
        }
    }

    /// Returns what it counted.
    #[must_use]
    pub const fn counts(&self) -> NodeCounts {
        self.counts
    }

    /// Returns its analytics.
    #[must_use]
    pub const fn analytics(&self) -> &Analytics {
        &self.analytics
    }

    /// Returns the last second that is taken.
    #[must_use]
    pub const fn done(&self) -> i64 {
        self.done
    }

    /// Returns the least offset that is still needed where everything before `next` was taken.
    #[must_use]
    pub fn needs(&self, next: i64) -> i64 {
        self.waiting.values().map(|(_, offset)| *offset).min().unwrap_or(next)
    }

    /// Takes the message at `offset` of its partition.
    pub fn take(&mut self, payload: &[u8], offset: i64, out: &mut Output) {
        self.counts.taken += 1;
        match decode::<RollupBatch>(payload) {
            Ok(batch) => {
                self.counts.used += 1;
                self.batch(batch, offset, out);
            }
            Err(poison) => {
                self.counts.dead += 1;
                out.dead.push((payload.to_vec(), poison.to_string()));
            }
        }
    }

    fn batch(&mut self, batch: RollupBatch, offset: i64, out: &mut Output) {
        out.hear(batch.terms);
        let ticks = batch.ticks.into_iter().map(|(place, tick)| (place, Told::Tick(tick)));
        let rollups = batch.rollups.into_iter().map(|(place, told)| (place, Told::Rollup(told)));
        for (place, told) in ticks.chain(rollups) {
            // What was taken before a restart comes again.
            if place.second > self.done {
                self.waiting.insert(place, (told, offset));
            }
        }
        let from = usize::try_from(batch.from).unwrap_or(usize::MAX);
        if let Some(complete) = self.complete.get_mut(from) {
            *complete = (*complete).max(batch.complete);
        }
        let least = self.complete.iter().copied().min().unwrap_or(i64::MIN);
        if least > self.done {
            self.finish(least, out);
        }
    }

    /// Takes every second up to `second`.
    fn finish(&mut self, second: i64, out: &mut Output) {
        let mut facts: Vec<(i64, Fact)> = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            let place = *first.key();
            if place.second > second {
                break;
            }
            match first.remove().0 {
                Told::Rollup(rollup) => {
                    if let Err(error) = self.analytics.own(&rollup, &mut |alert| out.alert(alert)) {
                        self.bury(&encode(&rollup), &error.into(), out);
                    }
                }
                Told::Tick(tick) => match from_wire(Wire::Tick, &tick) {
                    Ok(record) => {
                        self.analytics.record(&record.as_record(), &mut |alert| out.alert(alert));
                    }
                    Err(error) => self.bury(&tick, &error.into(), out),
                },
            }
            // What came before the first heartbeat came in the second that it ended.
            let found_in = if place.second == BEFORE_ALL { second } else { place.second };
            let found = self.analytics.found_out().into_iter();
            facts.extend(found.map(|fact| (found_in, fact)));
        }
        self.done = second;
        out.facts(self.partition, facts, second);
    }

    fn bury(&mut self, payload: &[u8], poison: &Poison, out: &mut Output) {
        self.counts.buried += 1;
        out.dead.push((payload.to_vec(), poison.to_string()));
    }

    /// Returns everything it remembers but what waits, as octets.
    ///
    /// # Errors
    /// None that is known.
    pub fn save(&self) -> Result<Vec<u8>, ImageError> {
        Ok(encode(&Saved {
            analytics: self.analytics.image()?,
            complete: self.complete.clone(),
            done: self.done,
            counts: self.counts,
        }))
    }

    /// Takes over what [`save`](Self::save) wrote, into a node that remembers nothing. What waited
    /// then must be told again.
    ///
    /// # Errors
    /// Octets that are damaged or of another version, or of other sizes.
    pub fn restore(&mut self, octets: &[u8]) -> Result<(), ImageError> {
        let saved: Saved = decode(octets).map_err(|_| postcard::Error::DeserializeUnexpectedEnd)?;
        self.analytics.put(&saved.analytics)?;
        (self.complete, self.done, self.counts) = (saved.complete, saved.done, saved.counts);
        Ok(())
    }
}
