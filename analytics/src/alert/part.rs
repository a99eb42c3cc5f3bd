//! The domains or servers of one client, or the clients of one domain, that an alert is about
//! together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

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
    bits: BTreeMap<Part, u64>,
    /// The same by price: a flood of parts asks for the cheapest each time.
    order: BTreeSet<(u64, Part)>,
}

impl From<BTreeMap<Part, u64>> for Parts {
    fn from(bits: BTreeMap<Part, u64>) -> Self {
        let order = bits.iter().map(|(part, bits)| (*bits, part.clone())).collect();
        Self { bits, order }
    }
}

impl From<Parts> for BTreeMap<Part, u64> {
    fn from(parts: Parts) -> Self {
        parts.bits
    }
}

impl Parts {
    /// Adds `bits` to `part`.
    pub fn add(&mut self, part: Part, bits: u32) {
        let mut left = 0;
        if let Some(known) = self.bits.get(&part).copied() {
            left = known;
            self.order.remove(&(known, part.clone()));
        } else if self.bits.len() >= MOST
            && let Some((cheapest, gone)) = self.order.pop_first()
        {
            self.bits.remove(&gone);
            left = cheapest;
        }
        let bits = left + u64::from(bits);
        self.order.insert((bits, part.clone()));
        self.bits.insert(part, bits);
    }

    /// Tells whether `part` is one of them.
    #[must_use]
    pub fn has(&self, part: &Part) -> bool {
        self.bits.contains_key(part)
    }

    /// Returns the number of parts.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.bits.len()).unwrap_or(u32::MAX)
    }

    /// Walks the parts with the price of their names in bytes, the dearest first.
    pub fn dearest(&self) -> impl Iterator<Item = (&Part, u64)> {
        let mut parts: Vec<_> = self.bits.iter().map(|(part, bits)| (part, *bits)).collect();
        // Stable: among equals the order of their names.
        parts.sort_by_key(|(_, bits)| std::cmp::Reverse(*bits));
        parts.into_iter().map(|(part, bits)| (part, bits.div_ceil(8)))
    }

    /// Tells whether one part makes more than two thirds of all.
    #[must_use]
    pub fn is_mostly_one(&self) -> bool {
        let sum: u64 = self.bits.values().sum();
        self.bits.values().max().is_some_and(|most| most * 3 > sum * 2)
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
