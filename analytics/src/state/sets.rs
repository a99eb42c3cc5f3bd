//! A table of fixed size for whatever keys an attacker chooses.

/// Keys that may stand in one set: their tags fill a cache line.
const WAYS: usize = 8;

/// A set-associative table from hashes to small values; 8 octets a key beside its value.
///
/// A new key in a full set takes the place of the one that is worth least, and is told what that
/// one left. A key is known by its 64-bit hash alone: two keys that share one are one.
pub(crate) struct Sets<T> {
    tags: Vec<[u64; WAYS]>,
    values: Vec<T>,
    used: u64,
    evicted: u64,
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// What became of a key that was asked for.
pub(crate) enum Claim<T> {
    /// It stands there.
    Known,
    /// It stands there now, with an empty value.
    Fresh,
    /// It stands there now; this is what stood there before.
    Evicted(T),
}

impl<T: Copy + Default> Sets<T> {
    /// Makes a table for `keys` keys, rounded up to a power of two of sets.
    pub(crate) fn new(keys: u32) -> Self {
        let sets = usize::try_from(keys).unwrap_or(WAYS).div_ceil(WAYS).next_power_of_two();
        Self {
            tags: vec![[0; WAYS]; sets],
            values: vec![T::default(); sets * WAYS],
            used: 0,
            evicted: 0,
        }
    }

    /// Octets of the table.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(self.tags.as_slice()) + size_of_val(self.values.as_slice())
    }

    /// Keys in the table.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// Keys that gave way to others.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Returns the value at `place`.
    pub(crate) fn at(&mut self, place: Place) -> Option<&mut T> {
        self.values.get_mut(place.0)
    }

    /// Finds the key of `hash` if it is there.
    #[cfg(test)]
    pub(crate) fn find(&self, hash: u64) -> Option<&T> {
        let (set, tag) = self.set_of(hash);
        let way = self.tags.get(set)?.iter().position(|other| *other == tag)?;
        self.values.get(set * WAYS + way)
    }

    /// Finds or begins the key of `hash`; where its set is full, the one of least `worth` goes.
    pub(crate) fn claim(
        &mut self,
        hash: u64,
        worth: impl Fn(&T) -> f64,
    ) -> Option<(Place, Claim<T>)> {
        let (set, tag) = self.set_of(hash);
        let tags = self.tags.get_mut(set)?;
        if let Some(way) = tags.iter().position(|other| *other == tag) {
            return Some((Place(set * WAYS + way), Claim::Known));
        }
        if let Some((way, free)) = tags.iter_mut().enumerate().find(|(_, tag)| **tag == 0) {
            *free = tag;
            self.used += 1;
            return Some((Place(set * WAYS + way), Claim::Fresh));
        }
        let values = self.values.get(set * WAYS..(set + 1) * WAYS)?;
        let worths = values.iter().map(worth).enumerate();
        let (way, _) = worths.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        *tags.get_mut(way)? = tag;
        self.evicted += 1;
        let value = self.values.get_mut(set * WAYS + way)?;
        Some((Place(set * WAYS + way), Claim::Evicted(std::mem::take(value))))
    }

    /// Walks hashes and values in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.tags.iter().flatten().copied().zip(&self.values).filter(|(tag, _)| *tag != 0)
    }

    /// The low bits choose the set; the whole hash is the tag.
    fn set_of(&self, hash: u64) -> (usize, u64) {
        let mask = self.tags.len().saturating_sub(1);
        (usize::try_from(hash).unwrap_or_default() & mask, hash.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_worth_least_gives_way_and_tells_what_it_had() {
        let mut sets: Sets<u32> = Sets::new(8);
        for key in 1..=8_u32 {
            let (place, claim) = sets.claim(u64::from(key), |n| f64::from(*n)).unwrap();
            assert!(matches!(claim, Claim::Fresh));
            *sets.at(place).unwrap() = 10 + key;
        }
        let (_, claim) = sets.claim(99, |n| f64::from(*n)).unwrap();
        assert!(matches!(claim, Claim::Evicted(11)));
        assert_eq!((sets.find(1), sets.find(99), sets.find(2)), (None, Some(&0), Some(&12)));
        assert_eq!((sets.used(), sets.evicted()), (8, 1));
        assert!(matches!(sets.claim(5, |_| 0.0), Some((_, Claim::Known))));
        assert_eq!(sets.memory(), 8 * 12);
    }
}
