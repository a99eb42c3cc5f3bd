//! Domains whose every name has the same addresses: hosting by wildcard (RFC 4592).
//!
//! A tunnel can answer every query alike too, so this alone says little: it takes several names
//! from several clients. What is forgotten counts as not seen, which charges a name in full.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::limited::LimitedMap;
use geophone_sensor::record::Transaction;

/// Domains that are remembered, at about 64 octets each.
const DOMAINS: u32 = 4_096;
/// Names with the same addresses that it takes…
const NAMES: u16 = 8;
/// …and clients that asked for them.
const CLIENTS: usize = 3;

/// What the names of domains were answered with.
pub struct Wildcards {
    domains: LimitedMap<u64, Wildcard>,
    hasher: FixedState,
}

#[derive(Clone, Copy, Default)]
struct Wildcard {
    addresses: u32,
    names: u16,
    clients: [Option<u64>; CLIENTS],
}

impl Wildcards {
    /// Makes an empty memory; `seed` keys its hashes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { domains: LimitedMap::new(DOMAINS, seed), hasher: FixedState::with_seed(seed) }
    }

    /// Takes a name its client asks for the first time; tells whether all names of its domain had
    /// the same addresses, for long enough and for enough clients. `domain` and `client` are the
    /// hashes of both, letters folded.
    pub(crate) fn add(&mut self, transaction: &Transaction, domain: u64, client: u64) -> bool {
        let answer = &transaction.answer;
        if !transaction.has_answer() || answer.n_addresses == 0 || transaction.domain_at == 0 {
            return false;
        }
        // By type: its IPv4 and IPv6 addresses are two sets.
        let key = self.hasher.hash_one((domain, transaction.qtype));
        self.wildcard(key).is_some_and(|wildcard| wildcard.add(answer.addresses, client))
    }

    fn wildcard(&mut self, key: u64) -> Option<&mut Wildcard> {
        if let Some(slot) = self.domains.find(&key) {
            self.domains.touch(slot);
            return self.domains.value_mut(slot);
        }
        if self.domains.is_full()
            && let Some(oldest) = self.domains.oldest()
        {
            self.domains.release(oldest);
        }
        let (_, wildcard) = self.domains.claim(key)?;
        *wildcard = Wildcard::default();
        Some(wildcard)
    }
}

impl Wildcard {
    fn add(&mut self, addresses: u32, client: u64) -> bool {
        if self.addresses != addresses {
            *self = Self { addresses, ..Self::default() };
        }
        self.names = self.names.saturating_add(1);
        if !self.clients.contains(&Some(client))
            && let Some(free) = self.clients.iter_mut().find(|free| free.is_none())
        {
            *free = Some(client);
        }
        self.names >= NAMES && self.clients.iter().all(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use geophone_sensor::name::Name;
    use geophone_sensor::record::Status;

    use super::*;

    fn add(wildcards: &mut Wildcards, n: u8, client: u8, addresses: u32) -> bool {
        wildcards.add(&asked(n, client, addresses), 1, u64::from(client))
    }

    fn asked(n: u8, client: u8, addresses: u32) -> Transaction {
        let qname = Name::parse(&format!("n{n}.ExamplE.com")).unwrap();
        let mut transaction = Transaction {
            status: Status::Answered,
            client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, client)),
            domain_at: u8::try_from(qname.wire().len() - 12).unwrap(),
            qtype: 1,
            qname,
            ..Transaction::default()
        };
        (transaction.answer.n_addresses, transaction.answer.addresses) = (1, addresses);
        transaction
    }

    #[test]
    fn it_takes_names_and_clients_with_the_same_addresses() {
        let mut wildcards = Wildcards::new(1);
        let told: Vec<bool> = (0..10).map(|n| add(&mut wildcards, n, n % 3, 7)).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 3, "{told:?}");
        assert!(!add(&mut wildcards, 10, 0, 8), "other addresses begin anew");
    }

    #[test]
    fn one_client_alone_makes_no_wildcard_and_neither_do_answers_without_addresses() {
        let mut wildcards = Wildcards::new(1);
        assert!((0..100).all(|n| !add(&mut wildcards, n, 1, 7)));
        let mut empty = asked(0, 1, 0);
        empty.answer.n_addresses = 0;
        assert!(!wildcards.add(&empty, 1, 1));
    }
}
