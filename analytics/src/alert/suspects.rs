//! The suspects together, bounded.

use geophone_sensor::limited::{LimitedMap, Slot};
use geophone_sensor::record::Transaction;

use super::suspect::{Subject, Suspect};
use crate::state::{OtherSizes, entries, refill};

/// The suspects, bounded; the one longest idle gives way.
pub struct Suspects {
    map: LimitedMap<u64, Suspect>,
    /// Suspects that gave way to others.
    pub evicted: u64,
}

impl Suspects {
    /// Returns an image: the suspects, the one longest idle first, and how many gave way.
    pub(crate) fn image(&self) -> (Vec<(u64, Suspect)>, u64) {
        (entries(&self.map), self.evicted)
    }

    /// Puts an image where nobody is suspected.
    pub(crate) fn put(
        &mut self,
        (suspects, evicted): (Vec<(u64, Suspect)>, u64),
    ) -> Result<(), OtherSizes> {
        self.evicted = evicted;
        refill(&mut self.map, suspects)
    }

    /// Makes room for `most` suspects.
    #[must_use]
    pub fn new(most: u32, seed: u64) -> Self {
        Self { map: LimitedMap::new(most, seed), evicted: 0 }
    }

    /// Tells whether `key` is suspected.
    #[must_use]
    pub fn has(&self, key: u64) -> bool {
        self.map.find(&key).is_some()
    }

    /// Returns the suspect of `key` if there is one, as the most recent.
    pub fn find(&mut self, key: u64) -> Option<&mut Suspect> {
        let slot = self.map.find(&key)?;
        self.map.touch(slot);
        self.map.value_mut(slot)
    }

    /// Tells whether an alert about `key` is open.
    #[must_use]
    pub fn is_open(&self, key: u64) -> bool {
        let slot = self.map.find(&key);
        slot.and_then(|slot| self.map.value(slot)).is_some_and(|suspect| suspect.open.is_some())
    }

    /// Begins a suspect; one that had to give way and its open alert come back.
    pub fn begin(
        &mut self,
        key: u64,
        subject: Subject,
        transaction: &Transaction,
    ) -> Option<Suspect> {
        self.insert(key, Suspect::begin(subject, transaction))
    }

    /// Puts `suspect` in; one that had to give way and its open alert come back.
    pub fn insert(&mut self, key: u64, suspect: Suspect) -> Option<Suspect> {
        let mut gone = None;
        if self.map.is_full()
            && let Some(oldest) = self.map.oldest()
        {
            self.evicted += 1;
            gone = self.take(oldest);
        }
        if let Some((_, cell)) = self.map.claim(key) {
            *cell = suspect;
        }
        gone
    }

    /// Has the suspect of `key` go on as that of `campaign`; where there is one already, that one stands
    /// for both.
    pub fn join(&mut self, key: u64, campaign: u64) {
        let Some(slot) = self.map.find(&key) else { return };
        let Some(suspect) = self.take(slot) else { return };
        if !self.has(campaign) {
            // There is room: one has just gone.
            self.insert(campaign, suspect);
        }
    }

    /// Removes and returns the suspect longest idle if `idle` says so.
    pub fn take_idle(&mut self, idle: impl Fn(&Suspect) -> bool) -> Option<Suspect> {
        let oldest = self.map.oldest()?;
        if !self.map.value(oldest).is_some_and(idle) {
            return None;
        }
        self.take(oldest)
    }

    /// Walks all suspects, the one longest idle first.
    pub fn for_each(&mut self, mut visit: impl FnMut(&mut Suspect)) {
        for slot in self.map.slots().collect::<Vec<_>>() {
            if let Some(suspect) = self.map.value_mut(slot) {
                visit(suspect);
            }
        }
    }

    fn take(&mut self, slot: Slot) -> Option<Suspect> {
        let suspect = self.map.value_mut(slot).map(std::mem::take);
        self.map.release(slot);
        suspect
    }

    /// Suspects at the moment.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Tells whether nobody is suspected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}
