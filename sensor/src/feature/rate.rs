//! Running query rates per registered domain, over all clients, in bounded memory.

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;

use crate::time::Timestamp;

/// Cells that one domain may be in.
const WAYS: usize = 4;
/// The short window, in microseconds.
const SHORT: i64 = 10_000_000;
/// The long window, in microseconds.
const LONG: i64 = 60_000_000;

/// How many queries a registered domain got lately, from all clients, this one included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Queries in the last 10 seconds.
    pub queries_10s: u32,
    /// Queries in the last 60 seconds.
    pub queries_60s: u32,
}

/// A table of running rates; the quietest of a few candidates gives way to a new domain.
///
/// A rate is the count of the window begun last and the fitting share of the one before, so it is
/// exact for steady traffic and within one window otherwise.
pub struct DomainRates {
    sets: Vec<[Cell; WAYS]>,
    mask: u64,
    hasher: FixedState,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    tag: u32,
    short: Window,
    long: Window,
}

#[derive(Clone, Copy, Default)]
struct Window {
    /// Number of the window since the epoch, modulo 2^32.
    index: u32,
    current: u32,
    before: u32,
}

impl DomainRates {
    /// Makes a table for about `domains` domains, rounded up to a power of two.
    #[must_use]
    pub fn new(domains: u32, seed: u64) -> Self {
        let n_sets = (usize::try_from(domains).unwrap_or(WAYS) / WAYS).next_power_of_two();
        let mask = u64::try_from(n_sets - 1).unwrap_or_default();
        let hasher = FixedState::with_seed(seed);
        Self { sets: vec![[Cell::default(); WAYS]; n_sets], mask, hasher }
    }

    /// Octets the table takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of_val(self.sets.as_slice())
    }

    /// Counts a query for `domain` (wire form, any case) at `time` and returns its rates.
    pub fn count(&mut self, domain: &[u8], time: Timestamp) -> Rates {
        let mut lower = [0_u8; 256];
        for (cell, byte) in lower.iter_mut().zip(domain) {
            *cell = byte.to_ascii_lowercase();
        }
        let hash = self.hasher.hash_one(lower.get(..domain.len()).unwrap_or_default());
        let tag = u32::try_from(hash >> 32).unwrap_or_default().max(1);
        let Some(set) =
            usize::try_from(hash & self.mask).ok().and_then(|set| self.sets.get_mut(set))
        else {
            return Rates::default();
        };
        if let Some(cell) = set.iter_mut().find(|cell| cell.tag == tag) {
            return cell.count(time);
        }
        let now = Window::index_at(time, LONG);
        match set.iter_mut().min_by_key(|cell| cell.activity(now)) {
            Some(quietest) => {
                *quietest = Cell { tag, ..Cell::default() };
                quietest.count(time)
            }
            None => Rates::default(),
        }
    }
}

impl Cell {
    fn count(&mut self, time: Timestamp) -> Rates {
        Rates {
            queries_10s: self.short.count(time, SHORT),
            queries_60s: self.long.count(time, LONG),
        }
    }

    fn activity(&self, now: u32) -> u32 {
        match now.wrapping_sub(self.long.index) {
            0 => self.long.current.saturating_add(self.long.before),
            1 => self.long.current,
            _ => 0,
        }
    }
}

impl Window {
    /// Windows are numbered modulo 2^32: neighbours are told apart, which is all that is needed.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only the difference modulo 2^32 is used"
    )]
    const fn index_at(time: Timestamp, width: i64) -> u32 {
        time.micros().div_euclid(width) as u32
    }

    fn count(&mut self, time: Timestamp, width: i64) -> u32 {
        let index = Self::index_at(time, width);
        match index.wrapping_sub(self.index) {
            0 => {}
            1 => (self.before, self.current) = (self.current, 0),
            // A step back in time counts into the window at hand.
            back if back > u32::MAX / 2 => return self.add(width, width),
            _ => (self.before, self.current) = (0, 0),
        }
        self.index = index;
        self.add(time.micros().rem_euclid(width), width)
    }

    fn add(&mut self, elapsed: i64, width: i64) -> u32 {
        self.current = self.current.saturating_add(1);
        let share = i64::from(self.before).saturating_mul(width - elapsed) / width;
        self.current.saturating_add(u32::try_from(share).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_domain_shows_its_rate() {
        let mut rates = DomainRates::new(16, 1);
        let mut last = Rates::default();
        for tenth in 0..3000 {
            last = rates.count(b"\x07example\x03com", Timestamp(tenth * 100_000));
        }
        assert!((99..=101).contains(&last.queries_10s), "{last:?}");
        assert!((599..=601).contains(&last.queries_60s), "{last:?}");
        let later = rates.count(b"\x07EXAMPLE\x03com", Timestamp(4_000_000_000));
        assert_eq!((later.queries_10s, later.queries_60s), (1, 1));
    }

    #[test]
    fn a_flood_of_domains_does_not_evict_a_busy_one() {
        let mut rates = DomainRates::new(16, 1);
        for n in 0..100 {
            rates.count(b"\x04busy\x03com", Timestamp(n));
        }
        for n in 0..1000_u16 {
            rates.count(&n.to_be_bytes(), Timestamp(200));
        }
        assert_eq!(rates.count(b"\x04busy\x03com", Timestamp(300)).queries_10s, 101);
    }
}
