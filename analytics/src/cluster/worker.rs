//! A worker: takes its share of the partitions, and commits what it says, how far it is and what it
//! remembers in one transaction.
//!
//! State is not sent change by change. Now and then a node is saved whole, and whoever takes it over
//! reads that and takes the messages since once more, without saying anything: nodes are functions
//! of what they read, so it ends where the other one stopped.

mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use geophone_kafka::admin::Admin;
use geophone_kafka::group::{Group, Partition};
use geophone_kafka::log::{Log, Tail};
use geophone_kafka::patience::now;
use geophone_kafka::properties::Properties;
use geophone_kafka::topic::{Topic, partition_of, partitions_of};
use geophone_sensor::record::{hash_of, seed_check};

use super::message::{FactBatch, decode};
use super::output::Output;
use super::pair::Split;
use super::parts::{LARGEST, of_facts, of_rollups};
use super::plan::{WorkerCounts, WorkerError, WorkerPlan};
use super::saved::{Origin, to_messages};
use super::task::Task;
use crate::pipeline::Analytics;

/// How long messages are gathered before they are taken together.
const GATHER: Duration = Duration::from_millis(20);
/// Messages that are gathered at most.
const BATCH: usize = 20_000;
/// A partition with so many messages waiting is not read on.
const BACKLOG: usize = 10_000;
/// Guesses about hosts that are told at most.
const GUESSES: usize = 1_024;
/// How long brokers may be silent while state is restored.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker.
pub struct Worker {
    plan: WorkerPlan,
    group: Group,
    names: Names,
    split: Split,
    alert_partitions: u32,
    /// The rules and all that nodes have in common; remembers nothing.
    analytics: Analytics,
    tasks: BTreeMap<Partition, Task>,
    saves: BTreeMap<Partition, Instant>,
    paused: Vec<Partition>,
    facts: Tail,
    /// For what is read once: saved state, and messages taken before.
    log: Log,
    /// What is committed…
    counts: WorkerCounts,
    /// …what is about to be…
    ending: WorkerCounts,
    /// …and what is not yet.
    open: WorkerCounts,
    /// What this worker judges by, and what others did that was noticed already.
    origin: Origin,
    noticed: BTreeSet<u64>,
    notices: Vec<String>,
    /// Hashes of the guesses about hosts that were told.
    guesses_told: BTreeSet<u64>,
}

/// The topics' names.
struct Names {
    records: String,
    rollups: String,
    state: String,
    domains: String,
    alerts: String,
    dead: String,
}

impl Worker {
    /// Checks that the topics are there and joins the group.
    ///
    /// # Errors
    /// Properties, brokers or topics that cannot be used.
    pub fn join(plan: WorkerPlan, analytics: &Analytics) -> Result<Self, WorkerError> {
        let properties = Properties::resolve(&plan.settings)?;
        let there = Admin::new(&properties)?.partitions()?;
        let name = |topic: Topic| topic.name(&plan.settings.topics);
        let partitions = |topic: Topic| partitions_of(&there, &name(topic), properties.brokers());
        partitions(Topic::Dead)?;
        let seed = analytics.config().sensor.hash_seed;
        let (pairs, owners) = (partitions(Topic::Records)?, partitions(Topic::Rollups)?);
        // Saved state stands beside what it is of; facts are in one order for everybody.
        let states = pairs.max(owners);
        for (topic, least, most) in [(Topic::State, states, u32::MAX), (Topic::Domains, 1, 1)] {
            let found = partitions(topic)?;
            if found < least || found > most {
                let needed =
                    if most == least { least.to_string() } else { format!("at least {least}") };
                return Err(WorkerError::Partitions { topic: name(topic), found, needed });
            }
        }
        let split = Split { pairs, owners, seed };
        let alert_partitions = partitions(Topic::Alerts)?;
        let names = Names {
            records: name(Topic::Records),
            rollups: name(Topic::Rollups),
            state: name(Topic::State),
            domains: name(Topic::Domains),
            alerts: name(Topic::Alerts),
            dead: name(Topic::Dead),
        };
        let topics = [names.records.clone(), names.rollups.clone()];
        let group = Group::join(&properties, &plan.group, &plan.name, &topics)?;
        let log = Log::new(&properties, PATIENCE)?;
        let facts = Tail::open(&properties, &names.domains, 0, PATIENCE)?;
        Ok(Self {
            group,
            names,
            split,
            alert_partitions,
            analytics: analytics.sized(plan.state.least()),
            tasks: BTreeMap::new(),
            saves: BTreeMap::new(),
            paused: Vec::new(),
            facts,
            log,
            counts: WorkerCounts::default(),
            ending: WorkerCounts::default(),
            open: WorkerCounts::default(),
            origin: Origin {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                group: plan.group.clone(),
                seed_check: seed_check(seed),
                terms: analytics.terms(),
            },
            noticed: BTreeSet::new(),
            notices: Vec::new(),
            guesses_told: BTreeSet::new(),
            plan,
        })
    }

    /// Returns what it did so far, as far as that is committed.
    #[must_use]
    pub const fn counts(&self) -> WorkerCounts {
        let mut counts = self.counts;
        counts.undone += self.open.taken + self.ending.taken;
        counts
    }

    /// Returns what an operator should know since the last call.
    pub fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Returns how many keys of the leak contract its nodes remember.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.tasks.values().map(Task::keys).sum()
    }

    /// Returns how many partitions it has.
    #[must_use]
    pub fn share(&self) -> usize {
        self.tasks.len()
    }

    /// Takes what has come and commits what there is to say of it; returns how many messages that
    /// were.
    ///
    /// # Errors
    /// A transaction that failed: the worker must be made anew.
    pub fn step(&mut self) -> Result<usize, WorkerError> {
        self.settle(false)?;
        self.gather()?;
        self.read_facts()?;
        let mut out = Output::default();
        let mut taken = 0;
        for (name, task) in &mut self.tasks {
            let before = task.counts();
            taken += task.work(BATCH, &mut out);
            let counts = task.counts().since(before);
            let of_sensors = name.0 == self.names.records;
            let kind = if of_sensors { &mut self.open.records } else { &mut self.open.batches };
            kind.add(counts);
        }
        self.open.taken += u64::try_from(taken).unwrap_or_default();
        self.open.dead += u64::try_from(out.dead.len()).unwrap_or_default();
        for terms in std::mem::take(&mut out.terms) {
            self.notice(terms, || "another worker of the group works".to_owned());
        }
        let due = self.due(self.plan.save_every);
        if taken > 0 || !out.is_empty() || due.is_some() {
            self.commit(out, due.as_slice())?;
        }
        self.pace()?;
        Ok(taken)
    }

    /// Saves every node and leaves the group.
    ///
    /// # Errors
    /// A transaction that failed.
    pub fn leave(mut self) -> Result<WorkerCounts, WorkerError> {
        // All in one: the group may go on without this worker at any moment.
        let changed = self.tasks.iter().filter(|(_, task)| task.is_changed());
        let due: Vec<Partition> = changed.map(|(name, _)| name.clone()).collect();
        if !due.is_empty() {
            self.commit(Output::default(), &due)?;
        }
        self.settle(true)?;
        self.group.leave();
        Ok(self.counts())
    }

    /// Reads messages for a moment and gives them to their tasks.
    fn gather(&mut self) -> Result<(), WorkerError> {
        let mut waited = false;
        for _ in 0..BATCH {
            // Waits for the first; then takes what is there.
            let patience = if waited { Duration::ZERO } else { GATHER };
            let message = self.group.poll(patience)?;
            waited = true;
            self.drop_lost();
            match message {
                Some((topic, taken)) => {
                    let partition = (topic, taken.partition);
                    if !self.tasks.contains_key(&partition) {
                        self.follow_group()?;
                    }
                    if let Some(task) = self.tasks.get_mut(&partition) {
                        task.queue(taken.offset, taken.value);
                    }
                }
                None => break,
            }
        }
        self.follow_group()
    }

    /// Drops what the group took away, even if it was given back since: others were at it.
    fn drop_lost(&mut self) {
        for gone in self.group.lost() {
            self.tasks.remove(&gone);
            self.paused.retain(|paused| *paused != gone);
        }
    }

    /// Drops what the group took away and takes over what it gave.
    fn follow_group(&mut self) -> Result<(), WorkerError> {
        self.drop_lost();
        let owned = self.group.owned()?;
        // Where the group fell apart, librdkafka takes everything away and says nothing of it.
        self.tasks.retain(|name, _| owned.contains(name));
        self.paused.retain(|name| owned.contains(name));
        for partition in owned {
            if !self.tasks.contains_key(&partition) {
                let task = self.take_over(&partition)?;
                // It may have been paused when it was taken away; librdkafka keeps that.
                self.group.pause(&partition, false)?;
                self.saves.insert(partition.clone(), now());
                self.tasks.insert(partition, task);
            }
        }
        Ok(())
    }

    /// Gives the pair nodes what owners have found out.
    fn read_facts(&mut self) -> Result<(), WorkerError> {
        let tasks = &mut self.tasks;
        let (told, notices) = (&mut self.guesses_told, &mut self.notices);
        self.facts.drain(&mut |taken| {
            if let Ok(batch) = decode::<FactBatch>(&taken.value) {
                for guess in batch.facts.iter().filter_map(|(_, fact)| fact.guess()) {
                    if told.len() < GUESSES && told.insert(hash_of(guess.as_bytes(), 0)) {
                        notices.push(guess);
                    }
                }
                tasks.values_mut().for_each(|task| task.learn(taken.offset, &batch));
            }
        })?;
        Ok(())
    }

    /// The node whose last save is longest ago, and at least so long. One at a time: the images of
    /// all of them together would hold everything else up, and take memory.
    fn due(&self, age: Duration) -> Option<Partition> {
        let waited =
            |name: &Partition| self.saves.get(name).map_or(Duration::MAX, Instant::elapsed);
        let changed = self.tasks.iter().filter(|(_, task)| task.is_changed());
        let ages = changed.map(|(name, _)| (waited(name), name));
        let oldest = ages.max_by_key(|(waited, _)| *waited);
        oldest.filter(|(waited, _)| *waited >= age).map(|(_, name)| name.clone())
    }

    /// Looks what became of the last transaction; where `waits` is set, until it has ended.
    fn settle(&mut self, waits: bool) -> Result<(), WorkerError> {
        if self.group.settle(waits)? {
            self.counts.add(&std::mem::take(&mut self.ending));
        }
        Ok(())
    }

    /// Says `out`, saves what is due, and begins to end the transaction.
    fn commit(&mut self, out: Output, due: &[Partition]) -> Result<(), WorkerError> {
        self.settle(true)?;
        self.group.begin()?;
        self.send(out)?;
        for partition in due {
            let Some(task) = self.tasks.get_mut(partition) else { continue };
            let word = if partition.0 == self.names.records { "records" } else { "rollups" };
            let name = format!("{word}/{}", partition.1);
            let saved = task.save().map_err(|error| WorkerError::State {
                node: name.clone(),
                why: error.to_string(),
            })?;
            for (key, value) in to_messages(&name, &saved, &self.origin) {
                self.group.send(&self.names.state, partition.1, key.as_bytes(), &value)?;
            }
            self.saves.insert(partition.clone(), now());
            self.open.saved += 1;
        }
        let offsets: Vec<(Partition, i64)> =
            self.tasks.iter().map(|(name, task)| (name.clone(), task.next())).collect();
        self.group.commit(&offsets)?;
        self.open.transactions += 1;
        self.ending = std::mem::take(&mut self.open);
        Ok(())
    }

    fn send(&mut self, out: Output) -> Result<(), WorkerError> {
        let Output { alerts, rollups, facts, dead, .. } = out;
        for (id, document) in &alerts {
            let partition = partition_of(hash_of(id.as_bytes(), 0), self.alert_partitions);
            self.group.send(&self.names.alerts, partition, id.as_bytes(), document.as_bytes())?;
        }
        for ((from, owner), mut batch) in rollups {
            batch.terms = self.origin.terms;
            self.open.rollups += u64::try_from(batch.rollups.len()).unwrap_or_default();
            let owner = i32::try_from(owner).unwrap_or_default();
            for part in of_rollups(batch) {
                self.group.send(&self.names.rollups, owner, &from.to_be_bytes(), &part)?;
            }
        }
        for batch in facts {
            let key = batch.from.to_be_bytes();
            for part in of_facts(batch) {
                self.group.send(&self.names.domains, 0, &key, &part)?;
            }
        }
        self.open.alerts += u64::try_from(alerts.len()).unwrap_or_default();
        for (payload, why) in dead {
            // Enough to see what it is.
            let head = payload.get(..LARGEST).unwrap_or(&payload);
            self.group.send(&self.names.dead, 0, why.as_bytes(), head)?;
        }
        Ok(())
    }

    /// Stops reading partitions whose messages pile up, and goes on with those that have room.
    fn pace(&mut self) -> Result<(), WorkerError> {
        for (partition, task) in &self.tasks {
            let paused = self.paused.contains(partition);
            if !paused && task.backlog() > BACKLOG {
                self.group.pause(partition, true)?;
                self.paused.push(partition.clone());
            } else if paused && task.backlog() < BACKLOG / 2 {
                self.group.pause(partition, false)?;
                self.paused.retain(|other| other != partition);
            }
        }
        Ok(())
    }
}
