//! What is known of domains and clients as a whole, as those are told it who charge a client and a
//! domain.
//!
//! Whoever owns a domain or a client finds out and says so ([`Change`]); everybody else knows some
//! seconds later ([`LAG`]). The delay is the same whether the owner sits in this process or across a
//! cluster, so the verdicts are the same too.
//!
//! What was forgotten, or is not known yet, counts as a domain that is new and rare: that charges
//! more, never less.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::limited::LimitedMap;
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::abuse::{Duty, Guess, Roles};

use super::image::{OtherSizes, entries, refill};
use super::known::{Known, KnownDomains, KnownImage};

/// Wildcards that are remembered.
const WILDCARDS: u32 = 4_096;
/// Hosts that are known for what they do.
const DUTIES: u32 = 1_024;
/// Clients whose open rotation is remembered.
const ROTATIONS: u32 = 1_024;
/// Changes that wait; one more makes the oldest known early.
const PENDING: usize = 1 << 16;
const SECOND: i64 = 1_000_000;

/// Seconds that must be over after the one in which something was found out before others know. So
/// many seconds can be under way in a cluster at once: what one process can do without.
pub const LAG: i64 = 5;

/// Something that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// Of the domain of this hash: since when it is known, and whether many ask it.
    Domain { hash: u64, first: Timestamp, crowded: bool },
    /// The addresses that all names of the (domain, type) of this hash have, as a hash; none where
    /// they differ.
    Wildcard { hash: u64, addresses: Option<u32> },
    /// The domains that an open alert about the rotation of the client of this hash names; none
    /// when there is no such alert.
    Rotation { client: u64, domains: Vec<String> },
    /// What a host of the site is taken for.
    Duty(Guess),
}

/// Everything that is known, bounded.
pub struct Facts {
    domains: KnownDomains,
    wildcards: LimitedMap<u64, u32>,
    rotations: LimitedMap<u64, Vec<String>>,
    duties: LimitedMap<(IpAddr, Duty), u32>,
    /// Guesses in the order in which they became known.
    guesses: Vec<Guess>,
    pending: VecDeque<(i64, Change)>,
    /// The second that goes on.
    second: i64,
    /// Whether seconds are told by ticks, not by the times of transactions.
    ticks: bool,
}

/// An image of what is known.
#[derive(Serialize, Deserialize)]
pub(crate) struct FactsImage {
    domains: KnownImage,
    wildcards: Vec<(u64, u32)>,
    rotations: Vec<(u64, Vec<String>)>,
    duties: Vec<((IpAddr, Duty), u32)>,
    pending: VecDeque<(i64, Change)>,
    second: i64,
    ticks: bool,
}

impl Facts {
    /// Returns an image of what is known.
    pub(crate) fn image(&self) -> FactsImage {
        FactsImage {
            domains: self.domains.image(),
            wildcards: entries(&self.wildcards),
            rotations: entries(&self.rotations),
            duties: entries(&self.duties),
            pending: self.pending.clone(),
            second: self.second,
            ticks: self.ticks,
        }
    }

    /// Puts an image where nothing is known.
    pub(crate) fn put(&mut self, image: FactsImage) -> Result<(), OtherSizes> {
        self.domains.put(image.domains)?;
        refill(&mut self.wildcards, image.wildcards)?;
        refill(&mut self.rotations, image.rotations)?;
        refill(&mut self.duties, image.duties)?;
        self.pending = image.pending;
        (self.second, self.ticks) = (image.second, image.ticks);
        Ok(())
    }

    /// Makes room for `domains` domains; `seed` keys the hashes.
    #[must_use]
    pub fn new(domains: u32, seed: u64) -> Self {
        Self {
            domains: KnownDomains::new(domains),
            wildcards: LimitedMap::new(WILDCARDS, seed),
            rotations: LimitedMap::new(ROTATIONS, seed),
            duties: LimitedMap::new(DUTIES, seed),
            guesses: Vec::new(),
            pending: VecDeque::new(),
            second: i64::MIN,
            ticks: false,
        }
    }

    /// Octets of the table of domains.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.domains.memory()
    }

    /// Tells whether the domain of `hash` is rare, as far as is known.
    pub(crate) fn is_rare(&self, hash: u64) -> bool {
        self.domains.find(hash).is_none_or(|known| !known.is_crowded())
    }

    /// Tells whether the domain of `hash` was first seen less than `span` before `time`, as far as
    /// is known.
    pub(crate) fn is_fresh(&self, hash: u64, time: Timestamp, span: Duration) -> bool {
        self.domains.find(hash).is_none_or(|known| time.since(known.first()) < span)
    }

    /// Tells whether all names of the (domain, type) of `hash` are known to have these addresses.
    pub(crate) fn is_wildcard(&self, hash: u64, addresses: u32) -> bool {
        let slot = self.wildcards.find(&hash);
        slot.and_then(|slot| self.wildcards.value(slot)).is_some_and(|known| *known == addresses)
    }

    /// Tells whether an open alert about the client's rotation names `domain`.
    pub(crate) fn is_in_rotation(&self, client: u64, domain: impl FnOnce() -> String) -> bool {
        let slot = self.rotations.find(&client);
        slot.and_then(|slot| self.rotations.value(slot))
            .is_some_and(|domains| domains.contains(&domain()))
    }

    /// Returns what a host is taken for, as a client and as a server.
    pub(crate) fn duties_of(&self, host: IpAddr) -> (Roles, Roles) {
        if self.duties.is_empty() {
            return (Roles::NONE, Roles::NONE);
        }
        let all = [Duty::Authoritative, Duty::Resolver, Duty::Iterator];
        let known = all.into_iter().filter(|duty| self.duties.find(&(host, *duty)).is_some());
        known.fold((Roles::NONE, Roles::NONE), |(client, server), duty| {
            let (of_client, of_server) = duty.roles();
            (client.and(of_client), server.and(of_server))
        })
    }

    /// Returns every guess, in the order in which they became known; at most as many as are kept.
    pub(crate) fn guesses(&self) -> &[Guess] {
        &self.guesses
    }

    /// Asks for the line of a domain.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        self.domains.touch(hash)
    }

    /// Takes a change that will be known when [`LAG`] more seconds are over.
    pub(crate) fn change(&mut self, change: Change) {
        self.pending.push_back((self.second, change));
        if self.pending.len() > PENDING
            && let Some((_, change)) = self.pending.pop_front()
        {
            self.learn(change);
        }
    }

    /// Takes away what is not known yet.
    pub(crate) fn take_pending(&mut self) -> impl Iterator<Item = Change> {
        self.pending.drain(..).map(|(_, change)| change)
    }

    /// Ends the second that begins at `begins`: what was found out [`LAG`] seconds before is known.
    pub(crate) fn tick(&mut self, begins: Timestamp) {
        self.ticks = true;
        self.end(begins.micros().div_euclid(SECOND));
    }

    /// Takes the time of a transaction, which ends seconds where there are no ticks.
    pub(crate) fn at(&mut self, time: Timestamp) {
        if !self.ticks {
            let second = time.micros().div_euclid(SECOND);
            if second > self.second {
                self.end(second - 1);
            }
        }
    }

    fn end(&mut self, second: i64) {
        // Time that goes back ends seconds too: what was found out must not wait for it to return.
        let second = second.max(self.second);
        while self.pending.front().is_some_and(|(found, _)| found.saturating_add(LAG) <= second) {
            if let Some((_, change)) = self.pending.pop_front() {
                self.learn(change);
            }
        }
        self.second = self.second.max(second.saturating_add(1));
    }

    /// Knows from now on.
    pub(crate) fn learn(&mut self, change: Change) {
        match change {
            Change::Domain { hash, first, crowded } => {
                self.domains.learn(hash, Known::new(first, crowded));
            }
            Change::Wildcard { hash, addresses } => put(&mut self.wildcards, hash, addresses),
            Change::Rotation { client, domains } => {
                let domains = Some(domains).filter(|domains| !domains.is_empty());
                put(&mut self.rotations, client, domains);
            }
            Change::Duty(guess) => {
                let key = (guess.host, guess.duty);
                let most = usize::try_from(DUTIES).unwrap_or_default();
                if self.duties.find(&key).is_none() && self.guesses.len() < most {
                    self.guesses.push(guess);
                }
                put(&mut self.duties, key, Some(guess.others));
            }
        }
    }
}

/// Sets or removes what stands for `key`; the one longest unchanged gives way.
fn put<K: Eq + Hash + Clone, V: Default>(map: &mut LimitedMap<K, V>, key: K, value: Option<V>) {
    let slot = map.find(&key);
    let Some(value) = value else {
        if let Some(slot) = slot {
            map.release(slot);
        }
        return;
    };
    if let Some(slot) = slot {
        map.touch(slot);
        if let Some(held) = map.value_mut(slot) {
            *held = value;
        }
        return;
    }
    if map.is_full()
        && let Some(oldest) = map.oldest()
    {
        map.release(oldest);
    }
    if let Some((_, held)) = map.claim(key) {
        *held = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * SECOND)
    }

    fn crowded(hash: u64) -> Change {
        Change::Domain { hash, first: at(1), crowded: true }
    }

    #[test]
    fn a_change_is_known_when_some_more_seconds_are_over() {
        let mut facts = Facts::new(8, 0);
        facts.tick(at(4));
        facts.change(crowded(7));
        for second in [5, 5 + LAG - 1] {
            facts.tick(at(second));
            assert!(facts.is_rare(7) && facts.is_fresh(7, at(900), Duration::from_secs(10)));
        }
        facts.tick(at(5 + LAG));
        assert!(!facts.is_rare(7) && !facts.is_fresh(7, at(11), Duration::from_secs(10)));
        assert!(facts.is_fresh(7, at(10), Duration::from_secs(10)));
    }

    #[test]
    fn without_ticks_the_times_of_transactions_end_the_seconds() {
        let mut facts = Facts::new(8, 0);
        facts.at(at(4));
        facts.change(crowded(7));
        for (second, rare) in [(5, true), (3, true), (4 + LAG, true), (5 + LAG, false)] {
            facts.at(at(second));
            assert_eq!(facts.is_rare(7), rare, "{second}");
        }
        facts.tick(at(30));
        facts.change(crowded(8));
        facts.at(at(99));
        assert!(facts.is_rare(8), "once there are ticks, only they end seconds");
    }

    #[test]
    fn what_is_no_longer_so_is_forgotten() {
        let mut facts = Facts::new(8, 0);
        let rotation = |domains: &[&str]| Change::Rotation {
            client: 3,
            domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        };
        let named = |facts: &Facts| facts.is_in_rotation(3, || "b.example".to_owned());
        facts.learn(rotation(&["a.example", "b.example"]));
        assert!(named(&facts) && !facts.is_in_rotation(4, || "b.example".to_owned()));
        facts.learn(rotation(&[]));
        assert!(!named(&facts));
        for (addresses, known) in
            [(Some(9), true), (Some(9), true), (Some(8), false), (None, false)]
        {
            facts.learn(Change::Wildcard { hash: 5, addresses });
            assert_eq!(facts.is_wildcard(5, 9), known);
        }
    }

    #[test]
    fn nothing_grows_with_what_is_told() {
        let mut facts = Facts::new(8, 0);
        facts.tick(at(1));
        for n in 0..100_000 {
            facts.change(crowded(n));
            facts.change(Change::Wildcard { hash: n, addresses: Some(1) });
        }
        assert!(facts.pending.len() <= PENDING);
        facts.tick(at(2 + LAG));
        assert_eq!((facts.pending.len(), facts.wildcards.len()), (0, 4_096));
        assert!(!facts.is_rare(99_999) && facts.is_rare(0));
    }
}
