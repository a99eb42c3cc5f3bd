//! The hashes by which a transaction finds what is remembered of it.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::record::Transaction;

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
}

impl Keys {
    /// Hashes client, domain and name of `transaction`.
    pub(super) fn of(transaction: &Transaction, hasher: &FixedState) -> Self {
        let mut lower = [0_u8; 256];
        let wire = transaction.qname.wire();
        for (cell, byte) in lower.iter_mut().zip(wire) {
            *cell = byte.to_ascii_lowercase();
        }
        let at = usize::from(transaction.domain_at);
        let domain = hasher.hash_one(lower.get(at..wire.len()).unwrap_or_default());
        let site_name = hasher.hash_one(lower.get(..wire.len()).unwrap_or_default());
        let client = hasher.hash_one(transaction.client);
        let both = |other: u64| hasher.hash_one((client, other));
        Self { pair: both(domain), name: both(site_name), client, domain, site_name }
    }

    /// Hashes (client, server), for names under no domain.
    pub(super) fn server(&self, transaction: &Transaction, hasher: &FixedState) -> u64 {
        hasher.hash_one((self.client, transaction.server, "undelegated"))
    }
}
