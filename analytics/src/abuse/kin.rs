//! How much a domain has in common with a family of others: length and suffix.
//!
//! A program makes its domains by one recipe; what people visit comes in all lengths, and about half
//! of it under `com`.

use geophone_sensor::record::hash_of;
use serde::{Deserialize, Serialize};

/// Suffixes that are followed; families know up to some dozens, most of them a handful.
const SUFFIXES: usize = 16;
/// The share of `com` among registered domains, and that of any other suffix at most (Verisign's
/// Domain Name Industry Brief of 2024: 157 of 362 million, and 20 of the next one).
const COM: f64 = 0.45;
const OTHER: f64 = 0.05;
/// Length of the registered label of what people visit: mean and deviation in octets (OpenDNS's lists
/// of 10,000 domains each: 8.2 and 3.8 for the most visited, 10.1 and 5.1 for any).
const MEAN: f64 = 9.0;
const DEVIATION: f64 = 4.4;
/// Domains of the usual deviation that a family begins with: a few alike are chance.
const DOUBT: f64 = 2.0;
/// The share of a family's domains that are of any length.
const STRAY: f64 = 0.1;
/// What the length may say at most, in decibans.
const MOST_BY_LENGTH: f64 = 10.0;
/// Domains by which closeness is held to be none, to begin with.
const FEW: f64 = 10.0;

/// What the domains of a family have in common.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kin {
    count: u32,
    mean: f64,
    /// Sum of the squared distances from the mean (Welford 1962).
    squares: f64,
    suffixes: [(u32, u32); SUFFIXES],
    /// How often there was a suffix that was not there before.
    fresh: u32,
    /// Sums over all of them, in decibans: how drawn they look, and what each had in common with those
    /// before it.
    drawn: f64,
    common: f64,
}

impl Kin {
    /// Takes a domain into the family: the label that was registered, the suffix's wire form, how
    /// `drawn` it looks and how `likely` it is one of the family in all, in decibans.
    pub(super) fn add(&mut self, label: &[u8], suffix: &[u8], drawn: f64, likely: f64) {
        self.drawn += drawn;
        self.common += likely - drawn;
        self.count = self.count.saturating_add(1);
        let length = octets(label);
        let distance = length - self.mean;
        self.mean += distance / f64::from(self.count);
        self.squares += distance * (length - self.mean);
        let hash = short_hash(suffix);
        let known = self.suffixes.iter().position(|(known, n)| *known == hash && *n > 0);
        self.fresh = self.fresh.saturating_add(u32::from(known.is_none()));
        let place = known.or_else(|| self.suffixes.iter().position(|(_, n)| *n == 0));
        if let Some((known, n)) = place.and_then(|place| self.suffixes.get_mut(place)) {
            (*known, *n) = (hash, n.saturating_add(1));
        }
    }

    /// Tells whether it has none yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns how much more a domain looks like one of the family than like one that people visit,
    /// in decibans, by length and suffix, the suffix saying `most` at most; 0 for a family of none.
    pub(super) fn alike(&self, label: &[u8], suffix: &[u8], most: f64) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let by_length = decibans(self.length_ratio(octets(label)));
        let by_suffix = decibans(self.suffix_ratio(suffix));
        by_length.min(MOST_BY_LENGTH) + by_suffix.clamp(-MOST_BY_LENGTH, most)
    }

    /// Returns how much more its domains look like each other than like what people visit, in
    /// decibans a domain; little of a few.
    pub(super) fn closeness(&self) -> f64 {
        self.common / (f64::from(self.count) + FEW)
    }

    /// Returns how drawn its domains look, in decibans a domain.
    pub(super) fn drawn(&self) -> f64 {
        self.drawn / f64::from(self.count.max(1))
    }

    fn length_ratio(&self, length: f64) -> f64 {
        let variance =
            (self.squares + DOUBT * DEVIATION * DEVIATION) / (f64::from(self.count) + DOUBT);
        let spread = variance.sqrt();
        let (here, usual) = (off(length, self.mean, spread), off(length, MEAN, DEVIATION));
        STRAY + (1.0 - STRAY) * DEVIATION / spread * (usual - here).exp()
    }

    fn suffix_ratio(&self, suffix: &[u8]) -> f64 {
        let hash = short_hash(suffix);
        let seen = self.suffixes.iter().find(|(known, n)| *known == hash && *n > 0);
        let usual = if suffix.eq_ignore_ascii_case(b"\x03com") { COM } else { OTHER };
        // One that is new has the share that new ones had so far (method C of Moffat 1990).
        let fresh = f64::from(self.fresh);
        seen.map_or(fresh, |(_, n)| f64::from(*n) / usual) / (f64::from(self.count) + fresh)
    }
}

/// Half the squared distance from the mean in deviations: the normal density's exponent.
fn off(value: f64, mean: f64, deviation: f64) -> f64 {
    ((value - mean) / deviation).powi(2) / 2.0
}

fn decibans(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}

fn octets(label: &[u8]) -> f64 {
    f64::from(u8::try_from(label.len()).unwrap_or(u8::MAX))
}

fn short_hash(suffix: &[u8]) -> u32 {
    u32::try_from(hash_of(&suffix.to_ascii_lowercase(), 0) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kin_is_of_one_length_and_of_the_same_suffixes() {
        let mut kin = Kin::default();
        for n in 0..40 {
            kin.add(&vec![b'a'; 16 + n % 3], b"\x03net", 0.0, 0.0);
        }
        let here = |suffix: &[u8]| kin.alike(b"settlevillagewonder", suffix, 6.0);
        assert!(here(b"\x03net") > 10.0 && here(b"\x03NET") > 10.0);
        assert!(here(b"\x03net") > here(b"\x02de") + 10.0);
        assert!(kin.alike(b"wikipedia", b"\x03org", 6.0) < -15.0);
    }

    #[test]
    fn where_all_is_as_usual_nothing_is_said() {
        let mut kin = Kin::default();
        for n in 0..100 {
            let suffix: &[u8] = if n % 9 < 4 { b"\x03com" } else { b"\x03org" };
            kin.add(&vec![b'a'; 2 + n % 15], suffix, 0.0, 0.0);
        }
        let said = kin.alike(b"wikipedia", b"\x03com", 6.0);
        assert!(said.abs() < 1.0, "{said}");
    }

    #[test]
    fn two_alike_are_chance() {
        let mut kin = Kin::default();
        assert!(kin.alike(b"example", b"\x03com", 6.0).abs() < f64::EPSILON);
        kin.add(b"example", b"\x03com", 0.0, 0.0);
        let said = kin.alike(b"samples", b"\x03com", 6.0);
        assert!((0.0..3.0).contains(&said), "{said}");
    }

    #[test]
    fn more_suffixes_than_are_followed_do_no_harm() {
        let mut kin = Kin::default();
        for n in 0..60_u8 {
            kin.add(b"nine-four", &[2, b'a' + n % 20, b'x'], 0.0, 0.0);
        }
        let said =
            [b"\x02zx", b"\x02sx", b"\x02ax"].map(|suffix| kin.alike(b"nine-four", suffix, 6.0));
        assert!(said.is_sorted() && said[0] > 0.0, "{said:?}");
    }
}
