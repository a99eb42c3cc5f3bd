//! A table of fixed size for whatever keys an attacker chooses.

use serde::{Deserialize, Serialize};

use super::image::OtherSizes;
use super::lines::{LINE, Lines};

/// Keys that may stand in one set.
const WAYS: usize = 8;

/// A key with its value, in whole cache lines: one that stands where it is looked for first costs
/// as many misses as it has lines.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Tagged<T> {
    tag: u64,
    pub(crate) value: T,
}

/// What stands in a set: a key by its tag, 0 for none, and what belongs to it.
pub(crate) trait Entry: Copy {
    /// Returns the tag.
    fn tag(&self) -> u64;
    /// Becomes the entry of `tag`, its value empty.
    fn begin(&mut self, tag: u64);
}

impl<T: Copy + Default> Entry for Tagged<T> {
    fn tag(&self) -> u64 {
        self.tag
    }

    fn begin(&mut self, tag: u64) {
        *self = Self { tag, value: T::default() };
    }
}

impl Entry for [u64; LINE] {
    fn tag(&self) -> u64 {
        let [tag, ..] = *self;
        tag
    }

    fn begin(&mut self, tag: u64) {
        *self = [0; LINE];
        let [cell, ..] = self;
        *cell = tag;
    }
}

/// Where sets of entries are kept.
pub(crate) trait Store {
    /// What stands in them.
    type Entry: Entry;
    /// Makes `sets` empty ones.
    fn new(sets: usize) -> Self;
    /// Octets of all.
    fn memory(&self) -> usize;
    /// Returns one.
    fn set(&self, set: usize) -> Option<&[Self::Entry; WAYS]>;
    /// Returns one to be changed.
    fn set_mut(&mut self, set: usize) -> Option<&mut [Self::Entry; WAYS]>;
}

impl<T: Copy + Default> Store for Vec<Tagged<T>> {
    type Entry = Tagged<T>;

    fn new(sets: usize) -> Self {
        vec![Tagged::default(); sets * WAYS]
    }

    fn memory(&self) -> usize {
        size_of_val(self.as_slice())
    }

    fn set(&self, set: usize) -> Option<&[Tagged<T>; WAYS]> {
        self.as_chunks().0.get(set)
    }

    fn set_mut(&mut self, set: usize) -> Option<&mut [Tagged<T>; WAYS]> {
        self.as_chunks_mut().0.get_mut(set)
    }
}

impl Store for Lines {
    type Entry = [u64; LINE];

    fn new(sets: usize) -> Self {
        Self::new(sets * WAYS)
    }

    fn memory(&self) -> usize {
        self.memory()
    }

    fn set(&self, set: usize) -> Option<&[[u64; LINE]; WAYS]> {
        self.lines().as_chunks().0.get(set)
    }

    fn set_mut(&mut self, set: usize) -> Option<&mut [[u64; LINE]; WAYS]> {
        self.lines_mut().as_chunks_mut().0.get_mut(set)
    }
}

/// A set-associative table from hashes to small values; 8 octets a key beside its value.
///
/// A new key in a full set takes the place of the one that is worth least, and is told what that
/// one left. A key is known by its 64-bit hash alone: two keys that share one are one.
///
/// The tags stand beside the values. Each key is looked for from a way of its own on, and as no
/// entry is ever taken out, only replaced, the first free way ends the search.
pub(crate) struct Sets<S> {
    store: S,
    mask: usize,
    used: u64,
    evicted: u64,
}

/// The entries of a table, and what it counted.
#[derive(Serialize, Deserialize)]
pub(crate) struct SetsImage<E> {
    mask: usize,
    evicted: u64,
    entries: Vec<E>,
}

/// What became of a key that was asked for.
pub(crate) enum Claim<E> {
    /// It stands there.
    Known,
    /// It stands there now, with an empty value.
    Fresh,
    /// It stands there now, with an empty value; this is what stood there before.
    Evicted(E),
}

/// Where a search ends.
enum Way {
    Known(usize),
    Free(usize),
    Full,
}

impl<S: Store> Sets<S> {
    /// Makes a table for `keys` keys, rounded up to a power of two of sets.
    pub(crate) fn new(keys: u32) -> Self {
        let sets = usize::try_from(keys).unwrap_or(WAYS).div_ceil(WAYS).next_power_of_two();
        Self { store: S::new(sets), mask: sets - 1, used: 0, evicted: 0 }
    }

    /// Octets of the table.
    pub(crate) fn memory(&self) -> usize {
        self.store.memory()
    }

    /// Keys in the table.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// Keys that gave way to others.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Returns a tag near the key of `hash`, so that its line is on its way when it is asked for; the
    /// tags of the whole set where it does not stand at home, as in a flood of new keys.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        let Some(set) = self.store.set(self.set_of(hash)) else { return 0 };
        let home = set.get(home_of(hash)).map_or(0, Entry::tag);
        if home == tag_of(hash) || home == 0 {
            return home;
        }
        set.iter().fold(home, |tags, entry| tags ^ entry.tag())
    }

    /// Finds the key of `hash` if it is there.
    #[cfg(test)]
    pub(crate) fn find(&self, hash: u64) -> Option<&S::Entry> {
        let set = self.store.set(self.set_of(hash))?;
        match search(set, hash) {
            Way::Known(way) => set.get(way),
            _ => None,
        }
    }

    /// Finds or begins the key of `hash`; where its set is full, the one of least `worth` goes.
    pub(crate) fn claim(
        &mut self,
        hash: u64,
        worth: impl Fn(&S::Entry) -> f64,
    ) -> Option<(&mut S::Entry, Claim<S::Entry>)> {
        let set = self.store.set_mut(self.set_of(hash))?;
        let (way, claim) = match search(set, hash) {
            Way::Known(way) => return Some((set.get_mut(way)?, Claim::Known)),
            Way::Free(way) => {
                self.used += 1;
                (way, Claim::Fresh)
            }
            Way::Full => {
                self.evicted += 1;
                let way = least(set, worth)?;
                (way, Claim::Evicted(*set.get(way)?))
            }
        };
        let entry = set.get_mut(way)?;
        entry.begin(tag_of(hash));
        Some((entry, claim))
    }

    /// Returns what is in the table; `keep` makes of an entry what is written.
    pub(crate) fn image<E>(&self, keep: impl Fn(&S::Entry) -> E) -> SetsImage<E> {
        let entries = self.iter().map(keep).collect();
        SetsImage { mask: self.mask, evicted: self.evicted, entries }
    }

    /// Puts an image into a table that is empty; `read` gives the tag and fills the entry.
    pub(crate) fn put<E>(
        &mut self,
        image: SetsImage<E>,
        read: impl Fn(&E) -> u64,
        fill: impl Fn(E, &mut S::Entry),
    ) -> Result<(), OtherSizes> {
        if image.mask != self.mask {
            return Err(OtherSizes);
        }
        for written in image.entries {
            let (entry, _) = self.claim(read(&written), |_| 0.0).ok_or(OtherSizes)?;
            fill(written, entry);
        }
        self.evicted = image.evicted;
        Ok(())
    }

    /// Walks the entries set by set, each set by tag: not in the order they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &S::Entry> {
        (0..=self.mask).filter_map(|set| self.store.set(set)).flat_map(|set| {
            let mut entries = set.each_ref();
            entries.sort_unstable_by_key(|entry| entry.tag());
            entries.into_iter().filter(|entry| entry.tag() != 0)
        })
    }

    /// The low bits choose the set; the whole hash is the tag.
    fn set_of(&self, hash: u64) -> usize {
        usize::try_from(hash).unwrap_or_default() & self.mask
    }
}

fn tag_of(hash: u64) -> u64 {
    hash.max(1)
}

/// The way at which the search for `hash` begins, by its high bits.
fn home_of(hash: u64) -> usize {
    usize::try_from(hash >> 61).unwrap_or_default()
}

fn search<E: Entry>(set: &[E; WAYS], hash: u64) -> Way {
    let (home, tag) = (home_of(hash), tag_of(hash));
    for step in 0..WAYS {
        let way = (home + step) % WAYS;
        let Some(entry) = set.get(way) else { continue };
        let other = entry.tag();
        if other == tag {
            return Way::Known(way);
        }
        if other == 0 {
            return Way::Free(way);
        }
    }
    Way::Full
}

/// The way of the entry that is worth least; of equals the one of the lowest tag, wherever it is.
fn least<E: Entry>(set: &[E; WAYS], worth: impl Fn(&E) -> f64) -> Option<usize> {
    let worths = set.iter().map(|entry| (worth(entry), entry.tag())).enumerate();
    let least = worths.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    least.map(|(way, _)| way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(entry: &Tagged<u32>) -> f64 {
        f64::from(entry.value)
    }

    #[test]
    fn the_key_worth_least_gives_way_and_tells_what_it_had() {
        let mut sets: Sets<Vec<Tagged<u32>>> = Sets::new(8);
        for key in 1..=8_u32 {
            let (entry, claim) = sets.claim(u64::from(key), worth).unwrap();
            assert!(matches!(claim, Claim::Fresh));
            entry.value = 10 + key;
        }
        let (_, claim) = sets.claim(99, worth).unwrap();
        assert!(matches!(claim, Claim::Evicted(gone) if gone.value == 11));
        let value = |key| sets.find(key).map(|entry| entry.value);
        assert_eq!((value(1), value(99), value(2)), (None, Some(0), Some(12)));
        assert_eq!((sets.used(), sets.evicted()), (8, 1));
        assert!(matches!(sets.claim(5, |_| 0.0), Some((_, Claim::Known))));
        assert_eq!(sets.memory(), 8 * 64);
    }

    #[test]
    fn keys_are_found_from_whichever_way_they_begin() {
        let mut sets: Sets<Lines> = Sets::new(16);
        // Two sets, ways from 0 to 7, every way begun by three keys until both sets are full.
        let keys: Vec<u64> = (2..18).map(|n| ((n / 6) << 61) | (n << 1) | (n & 1)).collect();
        for key in &keys {
            let (entry, _) = sets.claim(*key, |_| 0.0).unwrap();
            entry[1] = key + 7;
        }
        assert_eq!(sets.used(), 16);
        assert!(keys.iter().all(|key| sets.find(*key).is_some_and(|entry| entry[1] == key + 7)));
        let order: Vec<u64> = sets.iter().map(Entry::tag).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable_by_key(|tag| (tag & 1, *tag));
        assert_eq!(order, sorted, "whoever came first");
    }

    #[test]
    fn who_gives_way_does_not_depend_on_who_came_first() {
        for order in [[3_u64, 5], [5, 3]] {
            let mut sets: Sets<Vec<Tagged<u32>>> = Sets::new(8);
            for key in order.into_iter().chain(6..12) {
                sets.claim(key, |_| 0.0).unwrap();
            }
            sets.claim(99, |_| 0.0).unwrap();
            assert!(sets.find(3).is_none() && sets.find(5).is_some());
        }
    }
}
