//! The domains or servers of one client, or the clients of one domain, that an alert is about
//! together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use geophone_sensor::record::{hash_of, hash_of_host};
use serde::{Deserialize, Serialize};

/// Parts kept apart; the cheapest gives way to one that is dearer.
const MOST: usize = 64;

/// One domain, client or server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// A client.
    Client(IpAddr),
    /// A registered domain.
    Domain(String),
    /// A server.
    Server(IpAddr),
}

impl Part {
    fn hash(&self) -> u64 {
        match self {
            Self::Client(client) => hash_of_host(*client, 0),
            Self::Domain(domain) => hash_of(domain.as_bytes(), 1),
            Self::Server(server) => hash_of_host(*server, 2),
        }
    }

    /// Returns the client, if it is one.
    #[must_use]
    pub const fn client(&self) -> Option<IpAddr> {
        match self {
            Self::Client(client) => Some(*client),
            Self::Domain(_) | Self::Server(_) => None,
        }
    }

    /// Returns the server, if it is one.
    #[must_use]
    pub const fn server(&self) -> Option<IpAddr> {
        match self {
            Self::Server(server) => Some(*server),
            Self::Client(_) | Self::Domain(_) => None,
        }
    }

    /// Returns the domain, if it is one.
    #[must_use]
    pub fn domain(&self) -> Option<String> {
        match self {
            Self::Client(_) | Self::Server(_) => None,
            Self::Domain(domain) => Some(domain.clone()),
        }
    }
}

/// Parts with the price of their names in bits, bounded (Space-Saving: one that comes new takes
/// over the price of the cheapest, so none is priced too low).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Part, u64>", into = "BTreeMap<Part, u64>")]
pub struct Parts {
    /// The hash of each part in `known`, by which it is found: a flood of parts asks each time.
    hashes: Vec<u64>,
    bits: Vec<u64>,
    known: Vec<Part>,
}

impl From<BTreeMap<Part, u64>> for Parts {
    fn from(all: BTreeMap<Part, u64>) -> Self {
        let hashes = all.keys().map(Part::hash).collect();
        let (known, bits) = all.into_iter().unzip();
        Self { hashes, bits, known }
    }
}

impl From<Parts> for BTreeMap<Part, u64> {
    fn from(parts: Parts) -> Self {
        parts.known.into_iter().zip(parts.bits).collect()
    }
}

impl Parts {
    /// Adds `bits` to `part`.
    pub fn add(&mut self, part: Part, bits: u32) {
        let bits = u64::from(bits);
        let hash = part.hash();
        if let Some(place) = self.place_of(hash, &part) {
            if let Some(known) = self.bits.get_mut(place) {
                *known += bits;
            }
        } else if self.known.len() < MOST {
            self.hashes.push(hash);
            self.bits.push(bits);
            self.known.push(part);
        } else {
            self.replace_cheapest(hash, part, bits);
        }
    }

    /// Among equals the one of the least hash is the cheapest, in whatever order they came.
    fn replace_cheapest(&mut self, hash: u64, part: Part, bits: u64) {
        let cheapest = (0_usize..)
            .zip(self.bits.iter_mut().zip(&mut self.hashes))
            .min_by_key(|(_, (bits, hash))| (**bits, **hash));
        let Some((place, (known, tag))) = cheapest else { return };
        *known += bits;
        *tag = hash;
        if let Some(gone) = self.known.get_mut(place) {
            *gone = part;
        }
    }

    fn place_of(&self, hash: u64, part: &Part) -> Option<usize> {
        let mut places = (0..).zip(&self.hashes).filter(|(_, known)| **known == hash);
        places.find_map(|(place, _)| (self.known.get(place) == Some(part)).then_some(place))
    }

    /// Tells whether `part` is one of them.
    #[must_use]
    pub fn has(&self, part: &Part) -> bool {
        self.place_of(part.hash(), part).is_some()
    }

    /// Returns the number of parts.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.known.len()).unwrap_or(u32::MAX)
    }

    /// Walks the parts.
    pub fn known(&self) -> impl Iterator<Item = &Part> {
        self.known.iter()
    }

    /// Walks the parts with the price of their names in bytes, the dearest first.
    pub fn dearest(&self) -> impl Iterator<Item = (&Part, u64)> {
        let mut parts: Vec<_> = self.known.iter().zip(self.bits.iter().copied()).collect();
        parts.sort_by_key(|(part, bits)| (Reverse(*bits), *part));
        parts.into_iter().map(|(part, bits)| (part, bits.div_ceil(8)))
    }

    /// Tells whether one part makes more than two thirds of all.
    #[must_use]
    pub fn is_mostly_one(&self) -> bool {
        let sum: u64 = self.bits.iter().sum();
        self.bits.iter().max().is_some_and(|most| most * 3 > sum * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(n: usize) -> Part {
        Part::Domain(format!("d{n:03}.org"))
    }

    #[test]
    fn the_dearest_come_first_and_none_is_priced_too_low() {
        let mut parts = Parts::default();
        for n in 0..MOST + 10 {
            parts.add(domain(n), 80);
        }
        parts.add(domain(3), 8_000);
        parts.add(domain(500), 16);
        let told: Vec<_> = parts.dearest().collect();
        assert_eq!(told.len(), MOST);
        assert_eq!(told[0].0, &domain(3));
        let newest = told.iter().find(|(part, _)| **part == domain(500)).unwrap();
        assert!(newest.1 >= 2, "{newest:?}");
    }

    #[test]
    fn one_part_may_make_most_of_it() {
        let mut parts = Parts::default();
        parts.add(domain(1), 300);
        parts.add(domain(2), 100);
        assert!(parts.is_mostly_one());
        parts.add(domain(2), 100);
        assert!(!parts.is_mostly_one());
    }
}
