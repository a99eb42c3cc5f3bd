//! A node with what waits for it.

use std::collections::VecDeque;

use super::message::FactBatch;
use super::output::Output;
use super::owner::OwnerNode;
use super::pair::{NodeCounts, PairNode, Split, Taken};
use super::saved::Saved;
use crate::config::StateConfig;
use crate::pipeline::{Analytics, ImageError};

/// What a worker does for one partition.
pub struct Task {
    node: Node,
    waiting: VecDeque<(i64, Vec<u8>)>,
    /// The offset behind the last message taken.
    next: i64,
    /// The offset behind the last facts it knows.
    facts: i64,
    /// Whether it took anything since it was saved.
    changed: bool,
}

enum Node {
    Pair(Box<PairNode>),
    Owner(Box<OwnerNode>),
}

/// Which of the two kinds of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A partition of the records.
    Pair,
    /// A partition of the rollups.
    Owner,
}

impl Kind {
    /// Returns the tables a node of this kind gets, of those configured for a whole process.
    #[must_use]
    pub fn sizes(self, whole: &StateConfig, split: Split) -> StateConfig {
        match self {
            Self::Pair => whole.of_pair_node(split.pairs),
            Self::Owner => whole.of_owner_node(split.owners),
        }
    }
}

impl Task {
    /// Makes a task that remembers nothing, for a partition that is read from its beginning.
    #[must_use]
    pub fn new(kind: Kind, analytics: Analytics, partition: u32, split: Split) -> Self {
        let node = match kind {
            Kind::Pair => Node::Pair(Box::new(PairNode::new(analytics, partition, split))),
            Kind::Owner => Node::Owner(Box::new(OwnerNode::new(analytics, partition, split))),
        };
        Self { node, waiting: VecDeque::new(), next: 0, facts: 0, changed: false }
    }

    /// Takes over what was saved.
    ///
    /// # Errors
    /// State that is damaged, of another version or of other sizes.
    pub fn restore(&mut self, saved: &Saved) -> Result<(), ImageError> {
        match &mut self.node {
            Node::Pair(node) => node.restore(&saved.node)?,
            Node::Owner(node) => node.restore(&saved.node)?,
        }
        (self.next, self.facts) = (saved.next, saved.facts);
        Ok(())
    }

    /// Returns what it remembers.
    ///
    /// # Errors
    /// None that is known.
    pub fn save(&mut self) -> Result<Saved, ImageError> {
        self.changed = false;
        let facts = self.facts;
        Ok(match &self.node {
            Node::Pair(node) => Saved { next: self.next, facts, node: node.save()? },
            Node::Owner(node) => Saved { next: node.needs(self.next), facts, node: node.save()? },
        })
    }

    /// Returns the offset behind the last message taken.
    #[must_use]
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// Returns the offset behind the last facts it knows.
    #[must_use]
    pub const fn facts(&self) -> i64 {
        self.facts
    }

    /// Tells whether it took anything since it was saved.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Returns the messages that wait.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.waiting.len()
    }

    /// Returns what its node counted.
    #[must_use]
    pub fn counts(&self) -> NodeCounts {
        match &self.node {
            Node::Pair(node) => node.counts(),
            Node::Owner(node) => node.counts(),
        }
    }

    /// Returns how many clients with a domain it remembers.
    #[must_use]
    pub fn keys(&self) -> u64 {
        match &self.node {
            Node::Pair(node) => node.analytics().counters().keys_used,
            Node::Owner(_) => 0,
        }
    }

    /// Lets a message wait for its turn; one that was taken already is left out.
    pub fn queue(&mut self, offset: i64, payload: Vec<u8>) {
        if offset >= self.next {
            self.waiting.push_back((offset, payload));
        }
    }

    /// Takes the facts at `offset`.
    pub fn learn(&mut self, offset: i64, batch: &FactBatch) {
        if offset < self.facts {
            return;
        }
        self.facts = offset + 1;
        if let Node::Pair(node) = &mut self.node {
            node.learn(batch);
            self.changed = true;
        }
    }

    /// Takes what waits, up to `most` messages; returns how many.
    pub fn work(&mut self, most: usize, out: &mut Output) -> usize {
        let mut taken = 0;
        while taken < most
            && let Some((offset, payload)) = self.waiting.front()
        {
            match &mut self.node {
                Node::Pair(node) => {
                    if node.take(payload, out) == Taken::Waits {
                        break;
                    }
                }
                Node::Owner(node) => node.take(payload, *offset, out),
            }
            self.next = offset + 1;
            self.waiting.pop_front();
            self.changed = true;
            taken += 1;
        }
        taken
    }
}
