//! A node that owns a partition of the records: clients and their domains.
//!
//! It takes records in the order of its partition. At the end of a second it waits until the owners
//! have said what they found out some seconds before ([`LAG`]), so what it knows of them does not
//! depend on who was faster.

use std::collections::BTreeMap;

use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::{self, Heartbeat};
use geophone_kafka::topic::partition_of;
use geophone_sensor::record::{
    OwnedRecord, Role, WIRE_VERSION, Wire, from_wire, hash_of, seed_check,
};
use serde::{Deserialize, Serialize};

use super::clock::{Arrival, Clocks};
use super::message::{FactBatch, Place, Poison, decode, encode};
use super::output::Output;
use crate::pipeline::{Analytics, Fact, ImageError};
use crate::state::LAG;

/// The node of the records' first partition also hands the sensors' ticks to the owners.
const HANDS_TICKS: u32 = 0;

/// The second before the first heartbeat; one later than what an owner took that was told nothing.
pub(super) const BEFORE_ALL: i64 = i64::MIN + 1;

/// How the work is split.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// Partitions of the records.
    pub pairs: u32,
    /// Partitions of the rollups.
    pub owners: u32,
    /// The seed by which sensors and workers hash.
    pub seed: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is done with.
    Done,
    /// It waits for what owners find out; ask again when they have said more.
    Waits,
}

/// Messages of a node, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCounts {
    /// Messages taken: the sum of the next three.
    pub taken: u64,
    /// Of these, messages that were of use.
    pub used: u64,
    /// Of these, messages that had been taken before.
    pub again: u64,
    /// Of these, messages nobody can use.
    pub dead: u64,
    /// Parts of messages of use that nobody can use.
    pub buried: u64,
    /// Messages that never came: what a sensor counted and the partition lacks.
    pub missing: u64,
    /// Of those of use, records of a sensor that was behind the others.
    #[serde(skip)]
    pub late: u64,
    /// Starts of sensors that ended without a last word; the first partition's node counts them.
    #[serde(skip)]
    pub cut_off: u64,
}

impl NodeCounts {
    /// Returns what was counted since `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            taken: self.taken - before.taken,
            used: self.used - before.used,
            again: self.again - before.again,
            dead: self.dead - before.dead,
            buried: self.buried - before.buried,
            missing: self.missing - before.missing,
            late: self.late - before.late,
            cut_off: self.cut_off - before.cut_off,
        }
    }

    /// Adds another count.
    pub const fn add(&mut self, more: Self) {
        self.taken += more.taken;
        self.used += more.used;
        self.again += more.again;
        self.dead += more.dead;
        self.buried += more.buried;
        self.missing += more.missing;
        self.late += more.late;
        self.cut_off += more.cut_off;
    }
}

/// The node.
pub struct PairNode {
    analytics: Analytics,
    partition: u32,
    split: Split,
    clocks: Clocks,
    /// The second that goes on for the analytics; the clocks may be one ahead.
    second: i64,
    told: i64,
    facts: BTreeMap<i64, Vec<Fact>>,
    /// Up to which second each owner has said everything.
    complete: Vec<i64>,
    counts: NodeCounts,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    #[serde(with = "crate::octets")]
    analytics: Vec<u8>,
    clocks: Clocks,
    second: i64,
    facts: BTreeMap<i64, Vec<Fact>>,
    complete: Vec<i64>,
    counts: NodeCounts,
}

impl PairNode {
    /// Makes a node that remembers nothing.
    #[must_use]
    pub fn new(mut analytics: Analytics, partition: u32, split: Split) -> Self {
        analytics.spread();
        let owners = usize::try_from(split.owners).unwrap_or_default();
        Self {
            analytics,
            partition,
            split,
            clocks: Clocks::default(),
            second: BEFORE_ALL,
            told: i64::MIN,
            facts: BTreeMap::new(),
            complete: vec![i64::MIN; owners],
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

    /// Takes the next message of its partition, or the same again if it waited.
    pub fn take(&mut self, payload: &[u8], out: &mut Output) -> Taken {
        match self.read(payload, out) {
            Ok(Taken::Waits) => return Taken::Waits,
            Ok(Taken::Done) => {}
            Err(poison) => {
                // It was there, whatever it is: the next one is not held to miss it.
                if let Ok((envelope, _)) = Envelope::read(payload)
                    && let Arrival::After(lost) = self.clocks.arrive(&envelope)
                {
                    self.counts.missing += lost;
                }
                self.counts.dead += 1;
                out.dead.push((payload.to_vec(), poison.to_string()));
            }
        }
        self.counts.taken += 1;
        if self.partition == HANDS_TICKS {
            self.counts.cut_off = self.clocks.cut_off();
        }
        Taken::Done
    }

    fn read(&mut self, payload: &[u8], out: &mut Output) -> Result<Taken, Poison> {
        let (envelope, body) = Envelope::read(payload)?;
        if envelope.schema == heartbeat::SCHEMA {
            let beat = Heartbeat::read(body).ok_or_else(|| unknown(&envelope))?;
            return self.heartbeat(&envelope, &beat, out);
        }
        let known = [Wire::NotDns, Wire::Tick, Wire::Transaction];
        let kind = known.into_iter().find(|kind| kind.letter() == envelope.schema);
        let kind = kind.filter(|_| envelope.version == WIRE_VERSION);
        let record = from_wire(kind.ok_or_else(|| unknown(&envelope))?, body)?;
        match self.clocks.arrive(&envelope) {
            Arrival::Next => {}
            Arrival::After(lost) => self.counts.missing += lost,
            Arrival::Again => {
                self.counts.again += 1;
                return Ok(Taken::Done);
            }
        }
        if let OwnedRecord::Tick(tick) = &record
            && tick.role == Role::Sensor
            && self.partition == HANDS_TICKS
        {
            let place = self.place(&envelope, 0);
            (0..self.split.owners).for_each(|owner| out.tick(self.partition, owner, place, body));
        }
        self.analytics.record(&record.as_record(), &mut |alert| out.alert(alert));
        self.hand_out(&envelope, out);
        self.counts.used += 1;
        self.counts.late += u64::from(self.clocks.is_late(&envelope));
        Ok(Taken::Done)
    }

    /// Hands what was made of one record to its owners.
    fn hand_out(&mut self, envelope: &Envelope<'_>, out: &mut Output) {
        let rollups = self.analytics.rollups();
        for (part, rollup) in (0_u16..).zip(rollups) {
            let place = self.place(envelope, part);
            let owner = partition_of(rollup.owner, self.split.owners);
            out.rollup(self.partition, u32::try_from(owner).unwrap_or_default(), place, rollup);
        }
    }

    fn place(&self, envelope: &Envelope<'_>, part: u16) -> Place {
        Place {
            second: self.second,
            sensor: hash_of(envelope.sensor.as_bytes(), 0),
            epoch: envelope.epoch,
            order: envelope.order,
            part,
        }
    }

    fn heartbeat(
        &mut self,
        envelope: &Envelope<'_>,
        beat: &Heartbeat,
        out: &mut Output,
    ) -> Result<Taken, Poison> {
        if beat.partitions != self.split.pairs {
            return Err(Poison::Sensor(
                "the sensor spreads records over another number of partitions; restart it",
            ));
        }
        if beat.seed_check != seed_check(self.split.seed) {
            return Err(Poison::Sensor("the sensor has another sensor.hash_seed; set the same"));
        }
        self.clocks.beat(envelope, beat);
        let Some(second) = self.clocks.second() else {
            self.counts.used += 1;
            return Ok(Taken::Done);
        };
        if second > self.second {
            // Whoever waits has nothing more to say of what is over.
            if self.told < second - 1 {
                self.told = second - 1;
                for owner in 0..self.split.owners {
                    out.complete(self.partition, owner, second - 1);
                }
            }
            if self.complete.iter().any(|complete| *complete < second - 1 - LAG) {
                return Ok(Taken::Waits);
            }
            self.second = second;
            let later = self.facts.split_off(&(second - LAG));
            for fact in std::mem::replace(&mut self.facts, later).into_values().flatten() {
                self.analytics.learn(fact);
            }
        }
        match self.clocks.arrive(envelope) {
            Arrival::Again => {
                self.counts.again += 1;
                return Ok(Taken::Done);
            }
            Arrival::After(lost) => self.counts.missing += lost,
            Arrival::Next => {}
        }
        self.counts.used += 1;
        Ok(Taken::Done)
    }

    /// Takes what an owner found out.
    pub fn learn(&mut self, batch: &FactBatch) {
        for (second, fact) in &batch.facts {
            self.facts.entry(*second).or_default().push(fact.clone());
        }
        let from = usize::try_from(batch.from).unwrap_or(usize::MAX);
        if let Some(complete) = self.complete.get_mut(from) {
            *complete = (*complete).max(batch.complete);
        }
    }

    /// Returns everything it remembers, as octets.
    ///
    /// # Errors
    /// None that is known.
    pub fn save(&self) -> Result<Vec<u8>, ImageError> {
        Ok(encode(&Saved {
            analytics: self.analytics.image()?,
            clocks: self.clocks.clone(),
            second: self.second,
            facts: self.facts.clone(),
            complete: self.complete.clone(),
            counts: self.counts,
        }))
    }

    /// Takes over what [`save`](Self::save) wrote, into a node that remembers nothing.
    ///
    /// # Errors
    /// Octets that are damaged or of another version, or of other sizes.
    pub fn restore(&mut self, octets: &[u8]) -> Result<(), ImageError> {
        let saved: Saved = decode(octets).map_err(|_| postcard::Error::DeserializeUnexpectedEnd)?;
        self.analytics.put(&saved.analytics)?;
        (self.clocks, self.second, self.facts) = (saved.clocks, saved.second, saved.facts);
        (self.complete, self.counts) = (saved.complete, saved.counts);
        // Said again: whoever was told before hears nothing new.
        self.told = i64::MIN;
        Ok(())
    }
}

fn unknown(envelope: &Envelope<'_>) -> Poison {
    Poison::Schema { schema: char::from(envelope.schema), version: envelope.version }
}
