//! Whose the hosts are, guessed from what they do, where the configuration does not say.
//!
//! A host that few others deal with is taken for nothing: [`FEWEST`] different ones must, and whoever
//! asks servers outside must ask more than `dig +trace` does. Guesses
//! excuse and never accuse: a resolver is no beacon, and who asks it asks no stranger.

use std::net::IpAddr;

use geophone_sensor::limited::LimitedMap;
use geophone_sensor::record::{hash_of, hash_of_host};
use serde::{Deserialize, Serialize};

use super::about::host_hash;
use super::distinct::Distinct;
use super::seen::{Roles, Seen};
use crate::state::Change;

/// Others that must have dealt with a host before it is taken for something.
pub(crate) const FEWEST: u32 = 5;
/// Servers outside that a host must ask without recursion; two traces of `dig` ask some ten.
const ITERATES: u32 = 30;
/// Pairs of hosts that were met already.
const MET: u32 = 16_384;
/// Hosts that are followed.
const HOSTS: u32 = 1_024;

/// What a host of the site is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Duty {
    /// Answers with authority (AA, RFC 1035 section 4.1.1) and does not recurse.
    Authoritative,
    /// Recurses for clients of the site.
    Resolver,
    /// Asks many servers outside without asking them to recurse, as resolvers do.
    Iterator,
}

/// A guess, with how many others dealt with the host when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guess {
    /// The host.
    pub host: IpAddr,
    /// What it is taken for.
    pub duty: Duty,
    /// How many others led to it.
    pub others: u32,
}

/// One sign: a host dealt with another for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sign {
    duty: Duty,
    host: IpAddr,
    /// Hash of the other.
    other: u64,
}

/// What guesses are made of.
pub(crate) struct Guesses {
    met: LimitedMap<u64, ()>,
    hosts: LimitedMap<(Duty, IpAddr), Distinct>,
}

/// An image of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct GuessImage {
    hosts: Vec<((Duty, IpAddr), Distinct)>,
}

impl Duty {
    const fn number(self) -> u32 {
        match self {
            Self::Authoritative => 0,
            Self::Resolver => 1,
            Self::Iterator => 2,
        }
    }

    /// Returns how many others must have dealt with a host.
    const fn fewest(self) -> u32 {
        match self {
            Self::Authoritative | Self::Resolver => FEWEST,
            Self::Iterator => ITERATES,
        }
    }

    /// Returns the roles that a host with it has, as a client and as a server.
    pub(crate) const fn roles(self) -> (Roles, Roles) {
        match self {
            Self::Authoritative => (Roles::NONE, Roles::SERVER_AUTHORITATIVE),
            Self::Resolver | Self::Iterator => (Roles::CLIENT_RESOLVER, Roles::SERVER_RESOLVER),
        }
    }
}

impl std::fmt::Display for Guess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, others, .. } = self;
        match self.duty {
            Duty::Authoritative => {
                write!(f, "taking {host} for an authoritative server: {others} clients ask it")
            }
            Duty::Resolver => write!(f, "taking {host} for a resolver: {others} clients ask it"),
            Duty::Iterator => {
                write!(f, "taking {host} for a resolver: it asks {others} servers outside")
            }
        }
    }
}

impl Sign {
    /// Reads the sign that a record is of, if any; `known` tells the roles of its hosts.
    fn of(seen: &Seen<'_>) -> Option<Self> {
        let asked = seen.transaction().filter(|asked| asked.has_query() && asked.has_answer())?;
        let inside = |role| seen.roles.has(role);
        let recurses = asked.answer_flags.recursion_available();
        let desired = asked.flags.recursion_desired();
        let (client, server) = (asked.client, asked.server);
        let (duty, host, other) = if inside(Roles::SERVER_INSIDE) {
            if desired && recurses && inside(Roles::CLIENT_INSIDE) {
                (Duty::Resolver, server, client)
            } else if asked.answer_flags.authoritative() && !recurses {
                (Duty::Authoritative, server, client)
            } else {
                return None;
            }
        } else if inside(Roles::CLIENT_INSIDE) && !desired {
            (Duty::Iterator, client, server)
        } else {
            return None;
        };
        Some(Self { duty, host, other: host_hash(other) })
    }

    /// Returns what the host did.
    pub(crate) const fn duty(&self) -> Duty {
        self.duty
    }

    /// Returns the hash of the owner of the host under `seed`.
    pub(crate) fn owner(&self, seed: u64) -> u64 {
        hash_of_host(self.host, seed)
    }
}

impl Guesses {
    pub(crate) fn new(seed: u64) -> Self {
        Self { met: LimitedMap::new(MET, seed), hosts: LimitedMap::new(HOSTS, seed) }
    }

    /// Returns the sign of a record, unless it was met before or is of a duty that is not `guessed`.
    pub(crate) fn meet(&mut self, seen: &Seen<'_>, guessed: impl Fn(Duty) -> bool) -> Option<Sign> {
        let sign = Sign::of(seen).filter(|sign| guessed(sign.duty))?;
        let both = sign.other ^ host_hash(sign.host).rotate_left(17 + sign.duty.number());
        let pair = hash_of(&both.to_be_bytes(), 0);
        if self.met.find(&pair).is_some() {
            return None;
        }
        if self.met.is_full()
            && let Some(oldest) = self.met.oldest()
        {
            self.met.release(oldest);
        }
        self.met.claim(pair);
        Some(sign)
    }

    /// Takes a sign; returns what to tell everybody, once a host.
    pub(crate) fn take(&mut self, sign: Sign) -> Option<Change> {
        let Sign { duty, host, other } = sign;
        let key = (duty, host);
        let others = if let Some(slot) = self.hosts.find(&key) {
            self.hosts.touch(slot);
            self.hosts.value_mut(slot)?
        } else {
            if self.hosts.is_full()
                && let Some(oldest) = self.hosts.oldest()
            {
                self.hosts.release(oldest);
            }
            let (_, others) = self.hosts.claim(key)?;
            others.clear();
            others
        };
        let new = others.add(other);
        let others = others.count();
        (new && others == duty.fewest()).then_some(Change::Duty(Guess { host, duty, others }))
    }

    pub(crate) fn image(&self) -> GuessImage {
        GuessImage { hosts: crate::state::entries(&self.hosts) }
    }

    pub(crate) fn put(&mut self, image: GuessImage) -> Result<(), crate::state::OtherSizes> {
        crate::state::refill(&mut self.hosts, image.hosts)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use geophone_sensor::decode::message::Flags;
    use geophone_sensor::record::{Record, Status, Transaction};
    use geophone_sensor::time::Timestamp;

    use super::*;

    const RESOLVES: Flags = Flags(0x8180);
    const AUTHORITY: Flags = Flags(0x8400);

    fn told(
        guesses: &mut Guesses,
        client: [u8; 4],
        server: [u8; 4],
        answer: Flags,
    ) -> Option<Guess> {
        let [client, server] = [client, server].map(|host| IpAddr::V4(Ipv4Addr::from(host)));
        let flags = Flags(if answer == AUTHORITY { 0 } else { 0x0100 });
        let transaction = Transaction {
            client,
            server,
            flags,
            answer_flags: answer,
            status: Status::Answered,
            ..Transaction::default()
        };
        let is_inside = |host: IpAddr| host.to_string().starts_with("10.");
        let roles = Roles::default()
            .with(Roles::CLIENT_INSIDE, is_inside(client))
            .with(Roles::SERVER_INSIDE, is_inside(server));
        let record = Record::Transaction(&transaction);
        let sign = guesses.meet(&Seen { record, roles, at: Timestamp(0) }, |_| true)?;
        match guesses.take(sign) {
            Some(Change::Duty(guess)) => Some(guess),
            _ => None,
        }
    }

    #[test]
    fn five_clients_make_a_resolver_and_it_is_told_once() {
        let mut guesses = Guesses::new(7);
        let mut all = Vec::new();
        for round in 0..3 {
            for client in 1..=9 {
                let found = told(&mut guesses, [10, 0, 0, client], [10, 0, 0, 53], RESOLVES);
                all.extend(found.map(|guess| (round, client, guess.to_string())));
            }
        }
        let words = "taking 10.0.0.53 for a resolver: 5 clients ask it".to_owned();
        assert_eq!(all, [(0, 5, words)]);
    }

    #[test]
    fn strangers_and_servers_outside_are_taken_for_nothing() {
        let mut guesses = Guesses::new(7);
        for n in 1..=9 {
            assert_eq!(told(&mut guesses, [10, 0, 0, n], [8, 8, 8, 8], RESOLVES), None);
            assert_eq!(told(&mut guesses, [192, 0, 2, n], [10, 0, 0, 53], RESOLVES), None);
        }
    }

    #[test]
    fn who_answers_with_authority_and_who_asks_many_servers_are_told_apart() {
        let mut guesses = Guesses::new(7);
        let mut all = Vec::new();
        for n in 1..=30 {
            all.extend(told(&mut guesses, [192, 0, 2, n], [10, 0, 0, 60], AUTHORITY));
            all.extend(told(&mut guesses, [10, 0, 0, 53], [198, 51, 100, n], AUTHORITY));
        }
        let duties: Vec<_> = all.iter().map(|guess| guess.duty).collect();
        assert_eq!(duties, [Duty::Authoritative, Duty::Iterator]);
        assert!(all[1].to_string().contains("it asks 30 servers outside"));
    }
}
