//! A map that never holds more than it was told to, and keeps its memory.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// No slot: the end of the list.
const NONE: u32 = u32::MAX;

/// A place in a [`LimitedMap`], valid until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// A hash map of bounded size whose entries are listed from the longest untouched to the newest.
///
/// Values stay in their slot when released and are handed out again by `claim`, so that their
/// buffers are reused: after the first fill nothing is allocated. A caller that finds the map full
/// releases [`oldest`](Self::oldest) first; the map itself never forgets anything.
pub struct LimitedMap<K, V> {
    table: HashTable<u32>,
    slots: Vec<Entry<K, V>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    capacity: u32,
    hasher: FixedState,
}

struct Entry<K, V> {
    key: K,
    value: V,
    hash: u64,
    older: u32,
    newer: u32,
}

impl<K: Eq + Hash + Clone, V: Default> LimitedMap<K, V> {
    /// Makes a map for at most `capacity` entries; `seed` keys its hash.
    #[must_use]
    pub fn new(capacity: u32, seed: u64) -> Self {
        Self {
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            capacity: capacity.max(1),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Returns how many entries are in the map.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Tells whether the map has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Tells whether an entry must be released before the next can be claimed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u32::try_from(self.len()).is_ok_and(|len| len >= self.capacity)
    }

    /// Finds the slot of `key`.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<Slot> {
        let hash = self.hasher.hash_one(key);
        let same = |slot: &u32| self.entry(*slot).is_some_and(|entry| entry.key == *key);
        self.table.find(hash, same).map(|slot| Slot(*slot))
    }

    /// Returns the value in `slot`.
    #[must_use]
    pub fn value(&self, slot: Slot) -> Option<&V> {
        self.entry(slot.0).map(|entry| &entry.value)
    }

    /// Returns the value in `slot` for change.
    pub fn value_mut(&mut self, slot: Slot) -> Option<&mut V> {
        self.entry_mut(slot.0).map(|entry| &mut entry.value)
    }

    /// Returns the key in `slot`.
    #[must_use]
    pub fn key(&self, slot: Slot) -> Option<&K> {
        self.entry(slot.0).map(|entry| &entry.key)
    }

    /// Takes a slot for `key`, which must not be in the map, and makes it the newest.
    ///
    /// The value is what an earlier holder left, or the default: the caller overwrites it.
    /// `None` where the map is full.
    pub fn claim(&mut self, key: K) -> Option<(Slot, &mut V)> {
        if self.is_full() {
            return None;
        }
        let hash = self.hasher.hash_one(&key);
        let slot = match self.free.pop() {
            Some(slot) => {
                let entry = self.entry_mut(slot)?;
                entry.key = key;
                entry.hash = hash;
                slot
            }
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                let value = V::default();
                self.slots.push(Entry { key, value, hash, older: NONE, newer: NONE });
                slot
            }
        };
        self.append(slot);
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |slot| hash_in(slots, *slot));
        self.value_mut(Slot(slot)).map(|value| (Slot(slot), value))
    }

    /// Gives `slot` back; its value stays readable until the slot is claimed again.
    pub fn release(&mut self, slot: Slot) {
        let Some(hash) = self.entry(slot.0).map(|entry| entry.hash) else { return };
        if let Ok(found) = self.table.find_entry(hash, |other| *other == slot.0) {
            found.remove();
            self.unlink(slot.0);
            self.free.push(slot.0);
        }
    }

    /// Makes `slot` the newest.
    pub fn touch(&mut self, slot: Slot) {
        if self.newest != slot.0 {
            self.unlink(slot.0);
            self.append(slot.0);
        }
    }

    /// Returns the slot that was claimed or touched longest ago.
    #[must_use]
    pub fn oldest(&self) -> Option<Slot> {
        (self.oldest != NONE).then_some(Slot(self.oldest))
    }

    /// Returns the slots from the oldest to the newest.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let slot = next;
            next = self.entry(slot)?.newer;
            Some(Slot(slot))
        })
    }

    fn entry(&self, slot: u32) -> Option<&Entry<K, V>> {
        self.slots.get(usize::try_from(slot).ok()?)
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<K, V>> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    fn append(&mut self, slot: u32) {
        let newest = self.newest;
        if let Some(entry) = self.entry_mut(slot) {
            entry.older = newest;
            entry.newer = NONE;
        }
        match self.entry_mut(newest) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Some((older, newer)) = self.entry(slot).map(|entry| (entry.older, entry.newer)) else {
            return;
        };
        match self.entry_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }
}

fn hash_in<K, V>(slots: &[Entry<K, V>], slot: u32) -> u64 {
    usize::try_from(slot).ok().and_then(|slot| slots.get(slot)).map_or(0, |entry| entry.hash)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list that does the same slowly.
        #[test]
        fn the_map_agrees_with_a_list(steps in prop::collection::vec((0_u8..4, 0_u16..12), 0..200)) {
            let mut map: LimitedMap<u16, u16> = LimitedMap::new(8, 1);
            let mut model: VecDeque<(u16, u16)> = VecDeque::new();
            for (step, key) in steps {
                let known = model.iter().position(|(other, _)| *other == key);
                prop_assert_eq!(map.find(&key).is_some(), known.is_some());
                match (step, map.find(&key), known) {
                    (0 | 1, None, _) => {
                        if map.is_full() {
                            prop_assert!(map.claim(key).is_none());
                            let oldest = map.oldest().unwrap();
                            prop_assert_eq!(*map.key(oldest).unwrap(), model.pop_front().unwrap().0);
                            map.release(oldest);
                        }
                        *map.claim(key).unwrap().1 = key * 3;
                        model.push_back((key, key * 3));
                    }
                    (2, Some(slot), Some(at)) => {
                        map.touch(slot);
                        let entry = model.remove(at).unwrap();
                        model.push_back(entry);
                    }
                    (3, Some(slot), Some(at)) => {
                        map.release(slot);
                        model.remove(at);
                    }
                    _ => {}
                }
                prop_assert_eq!(map.len(), model.len());
                let listed: Vec<_> = map.slots()
                    .map(|slot| (*map.key(slot).unwrap(), *map.value(slot).unwrap())).collect();
                prop_assert_eq!(listed, model.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
