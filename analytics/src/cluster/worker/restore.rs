//! How a worker takes over a node: what was saved, and what came since.

use geophone_kafka::group::Partition;

use super::Worker;
use crate::cluster::message::{FactBatch, decode};
use crate::cluster::output::Output;
use crate::cluster::plan::WorkerError;
use crate::cluster::saved::{Origin, Reader, Saved};
use crate::cluster::task::{Kind, Task};
use crate::pipeline::ImageError;

/// Other rules that are told of.
const NOTICES: usize = 64;

impl Worker {
    /// Makes the task of a partition: what was saved, and then the messages since once more.
    pub(super) fn take_over(&mut self, partition: &Partition) -> Result<Task, WorkerError> {
        let (topic, number) = partition;
        let (kind, word) = if *topic == self.names.records {
            (Kind::Pair, "records")
        } else {
            (Kind::Owner, "rollups")
        };
        let name = format!("{word}/{number}");
        let analytics = self.analytics.sized(kind.sizes(&self.plan.state, self.split));
        let mut task =
            Task::new(kind, analytics, u32::try_from(*number).unwrap_or_default(), self.split);
        let refused = |why: String| WorkerError::State { node: name.clone(), why };
        let saved = self.saved(&name, *number)?;
        if let Some((saved, origin)) = &saved {
            if origin.seed_check != self.origin.seed_check {
                return Err(refused("it was made with another sensor.hash_seed".to_owned()));
            }
            if origin.group != self.origin.group {
                return Err(refused(format!(
                    "the group {} saved it, and this is {}; give each group topics of its own \
                     (kafka.topics.prefix)",
                    origin.group, self.origin.group
                )));
            }
            let from = || format!("{name} was saved by geophone {}", origin.program);
            self.notice(origin.terms, from);
            let restored = task.restore(saved);
            restored.map_err(|error: ImageError| refused(error.to_string()))?;
        }
        let committed = self.group.committed(partition)?;
        // A new leader may be behind for a moment; a topic that was made anew stays so.
        let next = committed.max(saved.is_some().then(|| task.next()));
        let facts = saved.is_some().then(|| task.facts()).filter(|_| kind == Kind::Pair);
        for (topic, number, needed) in [(topic, *number, next), (&self.names.domains, 0, facts)] {
            let Some(needed) = needed else { continue };
            let end = self.log.end((topic, number), needed)?;
            if end < needed {
                return Err(refused(format!(
                    "{needed} messages of {topic}/{number} were taken and it has {end}: the topic was \
                     made anew"
                )));
            }
        }
        let log = &self.log;
        if kind == Kind::Pair {
            let from = Some(task.facts());
            log.read((&self.names.domains, 0), from, None, &mut |taken| {
                // What is no batch is buried by whoever reads it first.
                if let Ok(batch) = decode::<FactBatch>(&taken.value) {
                    task.learn(taken.offset, &batch);
                }
            })?;
        }
        if let Some(committed) = committed {
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

    /// Notes that somebody judged by `terms`, and says so once where those are not this worker's.
    pub(super) fn notice(&mut self, terms: u64, who: impl FnOnce() -> String) {
        let own = self.origin.terms;
        if terms != own && self.noticed.len() < NOTICES && self.noticed.insert(terms) {
            self.notices.push(format!(
                "WARNING: {} under other rules or settings ({terms:016x}, here {own:016x}); what is \
                 remembered goes on, but verdicts depend on who has which partition until every \
                 worker has the same rules, baseline and configuration",
                who()
            ));
        }
    }

    fn saved(&self, name: &str, number: i32) -> Result<Option<(Saved, Origin)>, WorkerError> {
        let mut reader = Reader::default();
        self.log.read((&self.names.state, number), None, None, &mut |taken| {
            reader.take(name, &taken.key, taken.value);
        })?;
        let refused = |why: &str| WorkerError::State { node: name.to_owned(), why: why.to_owned() };
        reader.finish(name).map_err(refused)
    }
}
