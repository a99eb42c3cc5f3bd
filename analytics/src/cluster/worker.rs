//! A worker: takes its share of the partitions, and commits what it says, how far it is and what it
//! remembers in one transaction.
//!
//! State is not sent change by change. Now and then a node is saved whole, and whoever takes it over
//! reads that and takes the messages since once more, without saying anything: nodes are functions
//! of what they read, so it ends where the other one stopped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use geophone_kafka::admin::Admin;
use geophone_kafka::group::{Group, Partition};
use geophone_kafka::log::{Log, Tail};
use geophone_kafka::patience::now;
use geophone_kafka::properties::Properties;
use geophone_kafka::topic::{Topic, partition_of};
use geophone_sensor::record::hash_of;

use super::message::{FactBatch, RollupBatch, decode, encode};
use super::output::Output;
use super::pair::{NodeCounts, Split};
use super::plan::{WorkerCounts, WorkerError, WorkerPlan};
use super::saved::{Reader, Saved, to_messages};
use super::task::{Kind, Task};
use crate::pipeline::{Analytics, ImageError};

/// How long messages are gathered before they are taken together.
const GATHER: Duration = Duration::from_millis(20);
/// Messages that are gathered at most.
const BATCH: usize = 20_000;
/// A partition with so many messages waiting is not read on.
const BACKLOG: usize = 40_000;
/// Rollups in one message.
const ROLLUPS: usize = 512;
/// How long brokers may be silent while state is restored.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker.
pub struct Worker {
    plan: WorkerPlan,
    group: Group,
    names: Names,
    split: Split,
    alert_partitions: u32,
    pair: Analytics,
    owner: Analytics,
    tasks: BTreeMap<Partition, Task>,
    saves: BTreeMap<Partition, Instant>,
    paused: Vec<Partition>,
    facts: Tail,
    /// For what is read once: saved state, and messages taken before.
    log: Log,
    counts: WorkerCounts,
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
        let partitions = |topic: Topic| {
            there.get(&name(topic)).copied().ok_or_else(|| WorkerError::NoTopic {
                topic: name(topic),
                brokers: properties.brokers().to_owned(),
            })
        };
        for topic in [Topic::State, Topic::Domains, Topic::Dead] {
            partitions(topic)?;
        }
        let seed = analytics.config().sensor.hash_seed;
        let (pairs, owners) = (partitions(Topic::Records)?, partitions(Topic::Rollups)?);
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
        let sized = |kind: Kind| analytics.sized(kind.sizes(&analytics.config().state, split));
        let topics = [names.records.clone(), names.rollups.clone()];
        let group = Group::join(&properties, &plan.group, &plan.name, &topics)?;
        let log = Log::new(&properties, PATIENCE)?;
        let facts = Tail::open(&properties, &names.domains, 0, PATIENCE)?;
        Ok(Self {
            group,
            names,
            split,
            alert_partitions,
            pair: sized(Kind::Pair),
            owner: sized(Kind::Owner),
            tasks: BTreeMap::new(),
            saves: BTreeMap::new(),
            paused: Vec::new(),
            facts,
            log,
            counts: WorkerCounts::default(),
            plan,
        })
    }

    /// Returns what it did so far.
    #[must_use]
    pub const fn counts(&self) -> WorkerCounts {
        self.counts
    }

    /// Returns what the nodes it has now counted.
    #[must_use]
    pub fn node_counts(&self) -> NodeCounts {
        self.tasks.values().map(Task::counts).fold(NodeCounts::default(), |sum, node| NodeCounts {
            taken: sum.taken + node.taken,
            again: sum.again + node.again,
            dead: sum.dead + node.dead,
            missing: sum.missing + node.missing,
        })
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
        self.gather()?;
        self.read_facts()?;
        let mut out = Output::default();
        let mut taken = 0;
        for task in self.tasks.values_mut() {
            taken += task.work(BATCH, &mut out);
        }
        self.counts.taken += u64::try_from(taken).unwrap_or_default();
        let due: Vec<Partition> = self.due(self.plan.save_every);
        if taken > 0 || !out.is_empty() || !due.is_empty() {
            self.commit(out, &due)?;
        }
        self.pace()?;
        Ok(taken)
    }

    /// Saves every node and leaves the group.
    ///
    /// # Errors
    /// A transaction that failed.
    pub fn leave(mut self) -> Result<WorkerCounts, WorkerError> {
        let due = self.due(Duration::ZERO);
        if !due.is_empty() {
            self.commit(Output::default(), &due)?;
        }
        self.group.leave();
        Ok(self.counts)
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
        for partition in self.group.owned()? {
            if !self.tasks.contains_key(&partition) {
                let task = self.take_over(&partition)?;
                self.saves.insert(partition.clone(), now());
                self.tasks.insert(partition, task);
            }
        }
        Ok(())
    }

    /// Makes the task of a partition: what was saved, and then the messages since once more.
    fn take_over(&mut self, partition: &Partition) -> Result<Task, WorkerError> {
        let (topic, number) = partition;
        let (kind, word) = if *topic == self.names.records {
            (Kind::Pair, "records")
        } else {
            (Kind::Owner, "rollups")
        };
        let name = format!("{word}/{number}");
        let analytics = if kind == Kind::Pair { &self.pair } else { &self.owner };
        let mut task =
            Task::new(kind, analytics, u32::try_from(*number).unwrap_or_default(), self.split);
        let refused = |why: String| WorkerError::State { node: name.clone(), why };
        let log = &self.log;
        let saved = self.saved(&name, *number)?;
        if let Some(saved) = &saved {
            let restored = task.restore(saved);
            restored.map_err(|error: ImageError| refused(error.to_string()))?;
        }
        if kind == Kind::Pair {
            let from = Some(task.facts());
            log.read((&self.names.domains, 0), from, None, &mut |taken| {
                // What is no batch is buried by whoever reads it first.
                if let Ok(batch) = decode::<FactBatch>(&taken.value) {
                    task.learn(taken.offset, &batch);
                }
            })?;
        }
        if let Some(committed) = self.group.committed(partition)? {
            let from = saved.is_some().then(|| task.next());
            let mut again = 0;
            log.read((topic, *number), from, Some(committed), &mut |taken| {
                task.queue(taken.offset, taken.value);
                // Said already.
                again += task.work(usize::MAX, &mut Output::default());
            })?;
            self.counts.retaken += u64::try_from(again).unwrap_or_default();
            if task.backlog() > 0 {
                return Err(refused("what the owners found out is no longer kept".to_owned()));
            }
        }
        self.counts.restored += 1;
        Ok(task)
    }

    fn saved(&self, name: &str, number: i32) -> Result<Option<Saved>, WorkerError> {
        let mut reader = Reader::default();
        self.log.read((&self.names.state, number), None, None, &mut |taken| {
            reader.take(name, &taken.key, taken.value);
        })?;
        let refused = |why: &str| WorkerError::State { node: name.to_owned(), why: why.to_owned() };
        reader.finish(name).map_err(refused)
    }

    /// Gives the pair nodes what owners have found out.
    fn read_facts(&mut self) -> Result<(), WorkerError> {
        let tasks = &mut self.tasks;
        self.facts.drain(&mut |taken| {
            if let Ok(batch) = decode::<FactBatch>(&taken.value) {
                tasks.values_mut().for_each(|task| task.learn(taken.offset, &batch));
            }
        })?;
        Ok(())
    }

    /// The nodes whose last save is so long ago.
    fn due(&self, age: Duration) -> Vec<Partition> {
        let old = |partition: &Partition| {
            self.saves.get(partition).is_none_or(|saved| saved.elapsed() >= age)
        };
        let due = self.tasks.iter().filter(|(name, task)| task.is_changed() && old(name));
        due.map(|(name, _)| name.clone()).collect()
    }

    fn commit(&mut self, out: Output, due: &[Partition]) -> Result<(), WorkerError> {
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
            for (key, value) in to_messages(&name, &saved) {
                self.group.send(&self.names.state, partition.1, key.as_bytes(), &value)?;
            }
            self.saves.insert(partition.clone(), now());
            self.counts.saved += 1;
        }
        let offsets: Vec<(Partition, i64)> =
            self.tasks.iter().map(|(name, task)| (name.clone(), task.next())).collect();
        self.group.commit(&offsets)?;
        self.counts.transactions += 1;
        Ok(())
    }

    fn send(&mut self, out: Output) -> Result<(), WorkerError> {
        let Output { alerts, rollups, facts, dead } = out;
        for (id, document) in &alerts {
            let partition = partition_of(hash_of(id.as_bytes(), 0), self.alert_partitions);
            self.group.send(&self.names.alerts, partition, id.as_bytes(), document.as_bytes())?;
        }
        for ((from, owner), batch) in rollups {
            self.counts.rollups += u64::try_from(batch.rollups.len()).unwrap_or_default();
            let owner = i32::try_from(owner).unwrap_or_default();
            for part in parts(batch) {
                self.group.send(&self.names.rollups, owner, &from.to_be_bytes(), &encode(&part))?;
            }
        }
        for batch in facts {
            let key = batch.from.to_be_bytes();
            self.group.send(&self.names.domains, 0, &key, &encode(&batch))?;
        }
        self.counts.alerts += u64::try_from(alerts.len()).unwrap_or_default();
        self.counts.dead += u64::try_from(dead.len()).unwrap_or_default();
        for (payload, why) in dead {
            self.group.send(&self.names.dead, 0, why.as_bytes(), &payload)?;
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

/// Splits a batch that is too large for one message; the last part says what is complete.
fn parts(batch: RollupBatch) -> Vec<RollupBatch> {
    let RollupBatch { from, mut rollups, ticks, complete } = batch;
    let mut all = Vec::new();
    while rollups.len() > ROLLUPS {
        let later = rollups.split_off(ROLLUPS);
        let (ticks, complete) = (Vec::new(), i64::MIN);
        all.push(RollupBatch { from, rollups, ticks, complete });
        rollups = later;
    }
    all.push(RollupBatch { from, rollups, ticks, complete });
    all
}
