//! What a node of a cluster gets of the tables that are configured for a whole process, and what a
//! worker takes with its nodes.

use crate::config::{Config, StateConfig};

/// Keys of a table that a node has no use for.
const LEAST: u32 = 64;
/// Octets of what waits for its turn in a worker and of Kafka's buffers, rounded up, at their usual
/// sizes: messages fetched (16 MiB), those of a transaction, the image of one node.
const UNDER_WAY_BYTES: u64 = 96 << 20;

impl StateConfig {
    /// Returns the same with every table next to nothing.
    #[must_use]
    pub fn least(&self) -> Self {
        Self {
            keys: LEAST,
            figures: LEAST,
            clients: LEAST,
            domains: LEAST,
            known_domains: LEAST,
            seen_names: LEAST,
            suspects: LEAST,
            cases: LEAST,
            ..self.clone()
        }
    }

    /// Returns the tables of one of so many nodes that charge clients and their domains: its share
    /// of what it uses, and all of what everybody knows.
    #[must_use]
    pub fn of_pair_node(&self, nodes: u32) -> Self {
        Self {
            keys: share(self.keys, nodes),
            figures: share(self.figures, nodes),
            known_domains: self.known_domains,
            seen_names: share(self.seen_names, nodes),
            suspects: share(self.suspects, nodes),
            cases: share(self.cases, nodes),
            ..self.least()
        }
    }

    /// Returns the tables of one of so many nodes that keep what is wider.
    #[must_use]
    pub fn of_owner_node(&self, nodes: u32) -> Self {
        Self {
            figures: share(self.figures, nodes),
            clients: share(self.clients, nodes),
            domains: share(self.domains, nodes),
            seen_names: share(self.seen_names, nodes),
            suspects: share(self.suspects, nodes),
            cases: share(self.cases, nodes),
            ..self.least()
        }
    }
}

impl Config {
    /// Adds up what a worker takes at its fullest that has `share` nodes of each kind where there
    /// are `nodes` of each, in bytes. Its tables are bound; what is under way depends on how large
    /// messages are, and is an estimate.
    #[must_use]
    pub fn worker_need(&self, share: u32, nodes: u32) -> u64 {
        let of = |state: StateConfig| state.need() + self.alerts_need(&state);
        let each = of(self.state.of_pair_node(nodes)) + of(self.state.of_owner_node(nodes));
        each * u64::from(share) + Self::FIXED_BYTES + UNDER_WAY_BYTES
    }
}

/// A share and a quarter: keys do not fall evenly.
fn share(all: u32, nodes: u32) -> u32 {
    (all / nodes.max(1)).saturating_mul(5).div_ceil(4).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Tables;

    /// Octets that a node spends on tables it does not use.
    const UNUSED: u64 = 64 << 10;

    #[test]
    fn all_nodes_of_a_worker_take_no_more_than_is_promised() {
        let config = Config::default();
        let whole = &config.state;
        for nodes in [1, 7, 12, 24, 96] {
            let memory = |state: &StateConfig| {
                let memory = u64::try_from(Tables::new(state, 0).memory()).unwrap();
                assert_eq!(memory, state.need());
                memory
            };
            let (pair, owner) = (whole.of_pair_node(nodes), whole.of_owner_node(nodes));
            let all = u64::from(nodes) * (memory(&pair) + memory(&owner));
            // A quarter more than its share, and up to the next power of two, is two and a half; and
            // what everybody knows, in each pair node.
            let known = u64::from(nodes) * u64::from(whole.known_domains) * 16;
            let bound = whole.need() * 5 / 2 + known + u64::from(nodes) * UNUSED;
            assert!(all <= bound, "{nodes} nodes: {} of {} MiB", all >> 20, bound >> 20);
            assert!(config.worker_need(nodes, nodes) >= all);
            // A table that a node does not use is next to nothing.
            let unused = StateConfig { known_domains: LEAST, ..whole.least() };
            assert!(unused.need() <= UNUSED);
            assert_eq!((pair.clients, pair.domains, owner.keys), (LEAST, LEAST, LEAST));
            assert_eq!(owner.known_domains, LEAST);
        }
    }

    #[test]
    fn a_worker_takes_half_of_the_tables_when_it_has_half_of_the_nodes() {
        let config = Config::default();
        let tables = |share| config.worker_need(share, 24) - config.worker_need(0, 24);
        assert_eq!(tables(24), 2 * tables(12));
        assert!(config.worker_need(24, 24) < 640 << 20, "{}", config.worker_need(24, 24) >> 20);
    }
}
