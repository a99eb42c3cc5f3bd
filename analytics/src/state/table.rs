//! The table of keys: a fixed number of them, evidence never thrown away for room.

use std::time::Duration;

use geophone_sensor::time::Timestamp;

use super::key::KeyState;
use super::leak::{LeakContract, Levels};

/// Keys that may stand in one set: their tags fill a cache line.
const WAYS: usize = 8;

/// A set-associative table of [`KeyState`], 128 octets a key.
///
/// A new key in a full set replaces the one whose buckets are emptiest and starts with the levels
/// that one left (Space-Saving, Metwally 2005): a level is never below the truth, and above it by
/// at most what was inherited, so eviction causes no miss. The error is kept and shown.
pub struct KeyTable {
    tags: Vec<[u64; WAYS]>,
    states: Vec<KeyState>,
    used: u64,
    evicted: u64,
    window: Duration,
}

/// A key's place in the table, brought up to date.
pub struct Found<'a> {
    /// The figures.
    pub state: &'a mut KeyState,
    /// Whether the key was met for the first time (or had been evicted).
    pub fresh: bool,
}

impl KeyTable {
    /// Makes a table for `keys` keys, rounded up to a power of two; `window` halves the figures.
    #[must_use]
    pub fn new(keys: u32, window: Duration) -> Self {
        let sets = usize::try_from(keys).unwrap_or(WAYS).div_ceil(WAYS).next_power_of_two();
        Self {
            tags: vec![[0; WAYS]; sets],
            states: vec![KeyState::default(); sets * WAYS],
            used: 0,
            evicted: 0,
            window,
        }
    }

    /// Octets of the table.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of_val(self.tags.as_slice()) + size_of_val(self.states.as_slice())
    }

    /// Keys in the table.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Keys that gave way to others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Finds or begins the key of `hash` and drains its buckets to `time`.
    pub fn at(&mut self, hash: u64, time: Timestamp, contract: &LeakContract) -> Option<Found<'_>> {
        let tag = hash.max(1);
        let set = usize::try_from(hash).unwrap_or_default() & (self.tags.len() - 1);
        let tags = self.tags.get(set)?;
        let known = tags.iter().position(|other| *other == tag);
        let way = match known {
            Some(way) => way,
            None => self.begin(set, tag, time, contract)?,
        };
        let state = self.states.get_mut(set * WAYS + way)?;
        state.advance(time, contract, self.window);
        Some(Found { state, fresh: known.is_none() })
    }

    fn begin(
        &mut self,
        set: usize,
        tag: u64,
        time: Timestamp,
        contract: &LeakContract,
    ) -> Option<usize> {
        let free = self.tags.get(set)?.iter().position(|other| *other == 0);
        let (way, left) = match free {
            Some(way) => {
                self.used += 1;
                (way, Levels::default())
            }
            None => {
                self.evicted += 1;
                self.emptiest(set, time, contract)?
            }
        };
        *self.tags.get_mut(set)?.get_mut(way)? = tag;
        *self.states.get_mut(set * WAYS + way)? = KeyState::begin(time, left);
        Some(way)
    }

    fn emptiest(
        &self,
        set: usize,
        time: Timestamp,
        contract: &LeakContract,
    ) -> Option<(usize, Levels)> {
        let states = self.states.get(set * WAYS..(set + 1) * WAYS)?;
        let drained = states.iter().map(|state| {
            let mut levels = state.levels;
            contract.pour(&mut levels, time.since(state.last), 0.0);
            levels
        });
        drained
            .enumerate()
            .min_by(|(_, a), (_, b)| contract.fullest(a).1.total_cmp(&contract.fullest(b).1))
    }
}
