//! Domains whose every name has the same addresses: hosting by wildcard (RFC 4592).
//!
//! A tunnel can answer every query alike too, so this alone says little: it takes several names
//! from several clients. What is forgotten counts as not seen, which charges a name in full.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::limited::LimitedMap;
use geophone_sensor::record::Transaction;
use serde::{Deserialize, Serialize};

use super::facts::Change;
use super::image::{OtherSizes, entries, refill};

/// Domains that are remembered, at about 64 octets each.
const DOMAINS: u32 = 4_096;
/// Names with the same addresses that it takes…
const NAMES: u16 = 8;
/// …and clients that asked for them.
const CLIENTS: usize = 3;

/// What the names of domains were answered with.
pub struct Wildcards {
    domains: LimitedMap<u64, Wildcard>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Wildcard {
    key: u64,
    is: bool,
    addresses: u32,
    names: u16,
    clients: [Option<u64>; CLIENTS],
}

impl Wildcards {
    /// Makes an empty memory; `seed` keys its hashes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { domains: LimitedMap::new(DOMAINS, seed) }
    }

    /// Returns an image: what is remembered, the one longest untouched first.
    pub(crate) fn image(&self) -> Vec<(u64, Wildcard)> {
        entries(&self.domains)
    }

    /// Puts an image where nothing is remembered.
    pub(crate) fn put(&mut self, image: Vec<(u64, Wildcard)>) -> Result<(), OtherSizes> {
        refill(&mut self.domains, image)
    }

    /// Hashes what a wildcard is known by: a domain and a type, for its IPv4 and IPv6 addresses are
    /// two sets. `None` where a transaction tells nothing of one.
    pub(crate) fn key(transaction: &Transaction, domain: u64, hasher: &FixedState) -> Option<u64> {
        let tells = transaction.has_answer()
            && transaction.answer.n_addresses > 0
            && transaction.domain_at > 0;
        tells.then(|| hasher.hash_one((domain, transaction.qtype)))
    }

    /// Takes the addresses of a name its client asks for the first time; `key` is that of the
    /// wildcard, `client` the hash of the client. Hands on whether all names have the same
    /// addresses, for long enough and for enough clients, where that changed, and for which key.
    pub(crate) fn add(
        &mut self,
        key: u64,
        addresses: u32,
        client: u64,
        news: &mut impl FnMut(Change),
    ) {
        let Some(wildcard) = self.wildcard(key, news) else { return };
        let before = wildcard.is;
        wildcard.add(addresses, client);
        if wildcard.is != before {
            let addresses = wildcard.is.then_some(addresses);
            news(Change::Wildcard { hash: key, addresses });
        }
    }

    fn wildcard(&mut self, key: u64, news: &mut impl FnMut(Change)) -> Option<&mut Wildcard> {
        if let Some(slot) = self.domains.find(&key) {
            self.domains.touch(slot);
            return self.domains.value_mut(slot);
        }
        if self.domains.is_full()
            && let Some(oldest) = self.domains.oldest()
        {
            if let Some(gone) = self.domains.value(oldest).filter(|gone| gone.is) {
                news(Change::Wildcard { hash: gone.key, addresses: None });
            }
            self.domains.release(oldest);
        }
        let (_, wildcard) = self.domains.claim(key)?;
        *wildcard = Wildcard { key, ..Wildcard::default() };
        Some(wildcard)
    }
}

impl Wildcard {
    fn add(&mut self, addresses: u32, client: u64) {
        if self.addresses != addresses {
            *self = Self { addresses, key: self.key, ..Self::default() };
        }
        self.names = self.names.saturating_add(1);
        if !self.clients.contains(&Some(client))
            && let Some(free) = self.clients.iter_mut().find(|free| free.is_none())
        {
            *free = Some(client);
        }
        self.is = self.names >= NAMES && self.clients.iter().all(Option::is_some);
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;
    use geophone_sensor::record::Status;

    use super::*;

    /// Adds a name of one domain; returns what there was to tell.
    fn add(wildcards: &mut Wildcards, client: u64, addresses: u32) -> Vec<Change> {
        let mut news = Vec::new();
        wildcards.add(1, addresses, client, &mut |change| news.push(change));
        news
    }

    fn told(addresses: Option<u32>) -> Vec<Change> {
        vec![Change::Wildcard { hash: 1, addresses }]
    }

    #[test]
    fn it_takes_names_and_clients_with_the_same_addresses() {
        let mut wildcards = Wildcards::new(1);
        for n in 0..10 {
            let expected = if n == 7 { told(Some(7)) } else { Vec::new() };
            assert_eq!(add(&mut wildcards, n % 3, 7), expected, "{n}");
        }
        assert_eq!(add(&mut wildcards, 0, 8), told(None), "other addresses begin anew");
    }

    #[test]
    fn one_client_alone_makes_no_wildcard_and_one_that_gives_way_is_none() {
        let mut wildcards = Wildcards::new(1);
        assert!((0..100).all(|_| add(&mut wildcards, 1, 7).is_empty()));
        (0..3).for_each(|client| drop(add(&mut wildcards, client, 7)));
        let mut news = Vec::new();
        for key in 2..=u64::from(DOMAINS) + 1 {
            wildcards.add(key, 7, 1, &mut |change| news.push(change));
        }
        assert_eq!(news, told(None));
    }

    #[test]
    fn answers_without_addresses_and_names_that_are_their_domain_tell_nothing() {
        let hasher = FixedState::with_seed(1);
        let mut transaction = Transaction {
            status: Status::Answered,
            qname: Name::parse("a.example.com").unwrap(),
            domain_at: 2,
            ..Transaction::default()
        };
        assert_eq!(Wildcards::key(&transaction, 5, &hasher), None);
        transaction.answer.n_addresses = 1;
        assert!(Wildcards::key(&transaction, 5, &hasher).is_some());
        transaction.domain_at = 0;
        assert_eq!(Wildcards::key(&transaction, 5, &hasher), None);
    }
}
