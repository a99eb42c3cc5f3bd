//! Every table of the analytics together: made, measured and saved as one.

use super::account::Ledger;
use super::domain::DomainTable;
use super::facts::Facts;
use super::key::FigureTable;
use super::seen::SeenFilter;
use crate::config::StateConfig;

/// What a transaction is found by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes {
    /// Of (client, domain).
    pub(crate) pair: u64,
    /// Of the domain.
    pub(crate) domain: u64,
    /// Of (client, name).
    pub(crate) name: u64,
    /// Of the name, whoever asks.
    pub(crate) site_name: u64,
    /// Of (client, domain, answer), where there is an answer with data.
    pub(crate) answer: Option<u64>,
}

/// Everything that is remembered but the suspects.
pub struct Tables {
    /// Which names were seen before.
    pub seen: SeenFilter,
    /// What is owed by (client, domain), and by (client, server) where there is no domain.
    pub keys: Ledger,
    /// What is owed by a client over fresh, rare domains together.
    pub clients: Ledger,
    /// What is owed by a domain over all clients.
    pub shared: Ledger,
    /// What scorecards weigh.
    pub figures: FigureTable,
    /// Since when domains are known, and who asks them.
    pub domains: DomainTable,
    /// What of this everybody knows.
    pub facts: Facts,
}

impl Tables {
    /// Makes empty tables of the configured sizes.
    #[must_use]
    pub fn new(config: &StateConfig, seed: u64) -> Self {
        Self {
            seen: SeenFilter::new(config.seen_names, config.seen_span()),
            keys: Ledger::new(config.keys),
            clients: Ledger::new(config.clients),
            shared: Ledger::new(config.domains),
            figures: FigureTable::new(config.figures, config.window()),
            domains: DomainTable::new(config.domains),
            facts: Facts::new(config.known_domains, seed),
        }
    }

    /// Reads one word of every line that the transaction of these hashes will need.
    ///
    /// The reads wait for nothing, so their cache misses overlap, where one after the other they
    /// would be most of what a transaction costs. What they return means nothing.
    pub(crate) fn touch(&self, hashes: &Hashes) -> u64 {
        let Hashes { pair, domain, name, site_name, answer } = *hashes;
        let account = self.keys.touch(pair);
        let lines = self.seen.touch(name)
            ^ answer.map_or(0, |answer| self.seen.touch(answer))
            ^ self.figures.touch(pair)
            ^ self.facts.touch(domain);
        // Whoever is new to a domain is told to its owner, too. That is a guess of the processor's
        // until the account is there, and a flood makes it a good one.
        let owner = match account == pair {
            true => 0,
            false => self.domains.touch(domain) ^ self.seen.touch(site_name),
        };
        account ^ lines ^ owner
    }

    /// Octets of all tables; they do not grow.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.seen.memory()
            + self.keys.memory()
            + self.clients.memory()
            + self.shared.memory()
            + self.figures.memory()
            + self.domains.memory()
            + self.facts.memory()
    }

    /// Keys of the contract that gave way to others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.keys.evicted() + self.clients.evicted() + self.shared.evicted()
    }

    /// The most by which any level may be above the truth, in bytes: what was inherited from keys
    /// that gave way.
    #[must_use]
    pub fn leak_error_bytes(&self) -> f32 {
        self.keys
            .worst_inherited()
            .max(self.clients.worst_inherited())
            .max(self.shared.worst_inherited())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_tables_take_what_is_promised_for_a_million_keys() {
        let config = StateConfig::default();
        let need = config.need();
        assert!(config.keys >= 1_000_000 && need <= 100 << 20, "{} MiB", need >> 20);
        assert_eq!(u64::try_from(Tables::new(&config, 0).memory()).unwrap(), need);
    }
}
