//! What is known of a domain as a whole: since when, and who asks it.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::Change;
use super::image::OtherSizes;
use super::sets::{Claim, Entry, Sets, SetsImage, Tagged};

/// Clients that are told apart; a domain with more of them has many.
const CLIENTS: usize = 8;

/// Microseconds after which what is known of a domain is told again, so that whoever remembers it
/// does not take it for one long unasked.
const HOUR: i64 = 3_600_000_000;

/// Facts of one domain: 40 octets, in a cache line with its tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainFacts {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Tags of the clients that ask it, as many as are told apart.
    pub(crate) clients: [u16; CLIENTS],
    pub(crate) n_clients: u8,
    /// What was told of it last: the hour, and whether it was crowded; 0 for nothing.
    told: u32,
}

/// The facts of domains, bounded; the one longest unasked gives way.
pub struct DomainTable {
    sets: Sets<Vec<Tagged<DomainFacts>>>,
}

impl DomainFacts {
    /// Tells whether more than `most` clients ask the domain.
    #[must_use]
    pub fn is_crowded(&self, most: u32) -> bool {
        u32::from(self.n_clients) > most
    }

    /// Returns what is to be told of the domain of `hash` at `time`, once an hour or where it
    /// became crowded.
    fn news(&mut self, hash: u64, time: Timestamp, most: u32) -> Option<Change> {
        let crowded = self.is_crowded(most);
        let hour = time.micros().div_euclid(HOUR).rem_euclid(1 << 30);
        let told = u32::try_from(hour).unwrap_or_default() << 1 | u32::from(crowded);
        let told = told.saturating_add(1);
        if self.told == told {
            return None;
        }
        self.told = told;
        Some(Change::Domain { hash, first: self.first, crowded })
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
        Self { first, last, clients, n_clients, told: 0 }
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

    /// Asks for the line of `hash`.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        self.sets.touch(hash)
    }

    /// Notes that the client of hash `client` asked the domain of hash `domain`; more than `most`
    /// make it crowded. Returns its clients so far and what there is to tell others.
    #[expect(clippy::cast_precision_loss, reason = "the order of times, not their value")]
    pub(crate) fn note(
        &mut self,
        domain: u64,
        client: u64,
        time: Timestamp,
        most: u32,
    ) -> Option<(u8, Option<Change>)> {
        let (entry, claim) = self.sets.claim(domain, |held| held.value.last.micros() as f64)?;
        let facts = &mut entry.value;
        if !matches!(claim, Claim::Known) {
            *facts = DomainFacts { first: time, last: time, ..DomainFacts::default() };
        }
        facts.add(u16::try_from(client >> 48).unwrap_or_default(), time);
        Some((facts.n_clients, facts.news(domain, time, most)))
    }

    /// Returns the facts of the domain of hash `domain`.
    #[cfg(test)]
    pub(crate) fn find(&self, domain: u64) -> Option<&DomainFacts> {
        self.sets.find(domain).map(|entry| &entry.value)
    }

    /// Returns an image of the facts.
    pub(crate) fn image(&self) -> SetsImage<(u64, DomainFacts)> {
        self.sets.image(|entry| (entry.tag(), entry.value))
    }

    /// Puts an image into a table that is empty.
    pub(crate) fn put(&mut self, image: SetsImage<(u64, DomainFacts)>) -> Result<(), OtherSizes> {
        self.sets.put(image, |(tag, _)| *tag, |(_, facts), entry| entry.value = facts)
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
            let (so_far, change) = table.note(77, client << 48, at(seconds), 2).unwrap();
            assert_eq!(so_far, clients, "{seconds}");
            let told = |crowded| Some(Change::Domain { hash: 77, first: at(10), crowded });
            let expected = match (seconds, clients) {
                (10, _) => told(false),
                (_, 3) => told(true),
                _ => None,
            };
            assert_eq!(change, expected, "{seconds}");
        }
        let facts = *table.find(77).unwrap();
        assert_eq!(DomainFacts::unpack(facts.pack()), DomainFacts { told: 0, ..facts });
        for client in 4..40 {
            table.note(77, client << 48, at(30), 2);
        }
        let (clients, change) = table.note(77, 1 << 48, at(31), 2).unwrap();
        assert_eq!((clients, change), (8, None));
        assert!(table.note(77, 1 << 48, at(3_600), 2).unwrap().1.is_some(), "once an hour");
    }
}
