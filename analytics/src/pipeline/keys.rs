//! The hashes by which a transaction finds what is remembered of it.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::record::Transaction;

use crate::state::Hashes;

/// What a transaction is charged to, as hashes; letters are folded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// (client, domain).
    pub(super) pair: u64,
    /// (client, name).
    pub(super) name: u64,
    /// The client over all domains.
    pub(super) client: u64,
    /// The domain over all clients.
    pub(super) domain: u64,
    /// The name, whoever asks.
    pub(super) site_name: u64,
    /// (client, domain, answer).
    pub(super) answer: u64,
    /// Whether the name has capital letters.
    pub(super) capitals: bool,
}

impl Keys {
    /// Hashes client, domain and name of `transaction`.
    pub(super) fn of(transaction: &Transaction, hasher: &FixedState) -> Self {
        let folded = transaction.qname.folded();
        let domain = hasher.hash_one(folded.from(usize::from(transaction.domain_at)));
        let site_name = hasher.hash_one(folded.from(0));
        let capitals = folded.from(0) != transaction.qname.wire();
        let client = hasher.hash_one(transaction.client);
        let both = |other: u64| hasher.hash_one((client, other));
        let (pair, name) = (both(domain), both(site_name));
        let data = &transaction.answer;
        let answer = hasher.hash_one((pair, data.fingerprint, data.addresses));
        Self { pair, name, client, domain, site_name, answer, capitals }
    }

    /// Returns those that find what is remembered of every transaction.
    pub(super) fn hashes(&self, transaction: &Transaction) -> Hashes {
        let Self { pair, domain, name, site_name, .. } = *self;
        let answer = (transaction.answer.rdata_bytes > 0).then_some(self.answer);
        Hashes { pair, domain, name, site_name, answer }
    }

    /// Hashes (client, server), for names under no domain.
    pub(super) fn server(&self, transaction: &Transaction, hasher: &FixedState) -> u64 {
        hasher.hash_one((self.client, transaction.server, "undelegated"))
    }
}
