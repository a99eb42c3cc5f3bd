//! What is known of a domain as a whole: since when, and who asks it.

use std::time::Duration;

use geophone_sensor::time::Timestamp;

use super::sets::{Claim, Entry, Sets, Tagged};

/// Clients that are told apart; a domain with more of them has many.
const CLIENTS: usize = 8;

/// Facts of one domain: 40 octets, in a cache line with its tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainFacts {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Tags of the clients that ask it, as many as are told apart.
    pub(crate) clients: [u16; CLIENTS],
    pub(crate) n_clients: u8,
}

/// The facts of domains, bounded; the one longest unasked gives way.
pub struct DomainTable {
    sets: Sets<Vec<Tagged<DomainFacts>>>,
}

impl DomainFacts {
    /// Clients that asked the domain, counted up to eight.
    #[must_use]
    pub const fn clients(&self) -> u8 {
        self.n_clients
    }

    /// Tells whether the domain was first seen less than `span` before `time`.
    #[must_use]
    pub fn is_fresh(&self, time: Timestamp, span: Duration) -> bool {
        time.since(self.first) < span
    }

    /// Tells whether at most `most` clients ask the domain.
    #[must_use]
    pub fn is_rare(&self, most: u32) -> bool {
        u32::from(self.n_clients) <= most
    }

    /// Returns the facts as words.
    pub(crate) fn pack(&self) -> [u64; 5] {
        let four = |at: usize| {
            let tags = self.clients.iter().skip(at).take(4);
            tags.fold(0, |word, tag| word << 16 | u64::from(*tag))
        };
        let times = [self.first, self.last].map(|time| time.micros().cast_unsigned());
        let [first, last] = times;
        [first, last, four(0), four(4), u64::from(self.n_clients)]
    }

    /// Reads words back.
    pub(crate) fn unpack([first, last, low, high, n]: [u64; 5]) -> Self {
        let tag = |word: u64, shift: u32| u16::try_from(word >> shift & 0xffff).unwrap_or_default();
        let four = |word| [48, 32, 16, 0].map(|shift| tag(word, shift));
        let mut clients = [0; CLIENTS];
        for (cell, tag) in clients.iter_mut().zip(four(low).into_iter().chain(four(high))) {
            *cell = tag;
        }
        let n_clients = u8::try_from(n.min(8)).unwrap_or_default();
        let [first, last] = [first, last].map(|word| Timestamp(word.cast_signed()));
        Self { first, last, clients, n_clients }
    }

    fn add(&mut self, client: u16, time: Timestamp) {
        self.last = self.last.max(time);
        // No client has the tag of an empty cell.
        let client = client.max(1);
        if !self.clients.contains(&client)
            && let Some(cell) = self.clients.get_mut(usize::from(self.n_clients))
        {
            *cell = client;
            self.n_clients += 1;
        }
    }
}

impl DomainTable {
    /// Makes room for `domains` domains.
    #[must_use]
    pub fn new(domains: u32) -> Self {
        Self { sets: Sets::new(domains) }
    }

    /// Octets of the table.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.sets.memory()
    }

    /// Domains in the table.
    pub(crate) const fn used(&self) -> u64 {
        self.sets.used()
    }

    /// Domains that gave way to others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.sets.evicted()
    }

    /// Asks for the line of `domain`.
    pub(crate) fn touch(&self, domain: u64) -> u64 {
        self.sets.touch(domain)
    }

    /// Notes that the client of hash `client` asked the domain of hash `domain`.
    #[expect(clippy::cast_precision_loss, reason = "the order of times, not their value")]
    pub(crate) fn note(
        &mut self,
        domain: u64,
        client: u64,
        time: Timestamp,
    ) -> Option<DomainFacts> {
        let (entry, claim) = self.sets.claim(domain, |held| held.value.last.micros() as f64)?;
        let facts = &mut entry.value;
        if !matches!(claim, Claim::Known) {
            *facts = DomainFacts { first: time, last: time, ..DomainFacts::default() };
        }
        facts.add(u16::try_from(client >> 48).unwrap_or_default(), time);
        Some(*facts)
    }

    /// Returns the facts of the domain of hash `domain`.
    #[cfg(test)]
    pub(crate) fn find(&self, domain: u64) -> Option<&DomainFacts> {
        self.sets.find(domain).map(|entry| &entry.value)
    }

    /// Walks the facts in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &DomainFacts)> {
        self.sets.iter().map(|entry| (entry.tag(), &entry.value))
    }

    /// Puts back facts that were saved.
    #[expect(clippy::cast_precision_loss, reason = "the order of times, not their value")]
    pub(crate) fn restore(&mut self, domain: u64, facts: DomainFacts) {
        let worth = |held: &Tagged<DomainFacts>| held.value.last.micros() as f64;
        if let Some((entry, _)) = self.sets.claim(domain, worth) {
            entry.value = facts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_knows_since_when_and_by_how_many_it_is_asked() {
        let mut table = DomainTable::new(8);
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        for (client, seconds, clients) in
            [(1, 10, 1), (1, 11, 1), (2, 12, 2), (1, 13, 2), (3, 14, 3)]
        {
            let facts = table.note(77, client << 48, at(seconds)).unwrap();
            assert_eq!(facts.clients(), clients, "{seconds}");
        }
        let facts = table.note(77, 3 << 48, at(20)).unwrap();
        assert_eq!(DomainFacts::unpack(facts.pack()), facts);
        assert!(facts.is_fresh(at(20), Duration::from_secs(11)));
        assert!(!facts.is_fresh(at(21), Duration::from_secs(11)));
        for client in 4..40 {
            table.note(77, client << 48, at(30));
        }
        assert_eq!(table.note(77, 1 << 48, at(31)).unwrap().clients(), 8);
    }
}
