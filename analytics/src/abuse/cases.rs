//! The cases of one watch, bounded.

use std::time::Duration;

use geophone_sensor::limited::{LimitedMap, Slot};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::state::{OtherSizes, entries, refill};

/// Records after which a case is no passer-by.
const SETTLED: u32 = 8;

/// What is known of one case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Case<F> {
    /// When it began.
    pub(super) first: Timestamp,
    /// When it was last heard of.
    last: Timestamp,
    /// Records of it.
    pub(super) records: u32,
    /// The campaign that it is told with, once it reached the threshold of its rule.
    pub(super) campaign: Option<u64>,
    /// What the watch keeps.
    pub(super) figures: F,
}

/// Cases in two halves. New ones come into the first; those heard of often enough move to the
/// second, and the one there longest unheard of moves back. So a flood of cases of one record each
/// pushes out its like, and no case that goes on.
pub(super) struct Cases<F> {
    passing: LimitedMap<u64, Case<F>>,
    settled: LimitedMap<u64, Case<F>>,
    evicted: u64,
}

/// An image of the cases.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "F: DeserializeOwned"))]
pub(crate) struct CasesImage<F> {
    passing: Vec<(u64, Case<F>)>,
    settled: Vec<(u64, Case<F>)>,
    evicted: u64,
}

impl<F: Default + Clone> Cases<F> {
    /// Makes room for `most` cases.
    pub(super) fn new(most: u32, seed: u64) -> Self {
        let half = (most / 2).max(1);
        Self {
            passing: LimitedMap::new(half, seed),
            settled: LimitedMap::new(half, seed),
            evicted: 0,
        }
    }

    /// Returns the case of `key` for a record at `time`; what was not heard of for `memory` begins
    /// anew.
    pub(super) fn at(
        &mut self,
        key: u64,
        time: Timestamp,
        memory: Duration,
    ) -> Option<&mut Case<F>> {
        let map = match self.place(key, time)? {
            Place::Settled(slot) => self.settled.value_mut(slot),
            Place::Passing(slot) => self.passing.value_mut(slot),
        };
        let case = map?;
        if case.records > 0 && time.since(case.last) > memory {
            *case = Case { first: time, last: time, ..Case::default() };
        }
        case.last = case.last.max(time);
        case.records = case.records.saturating_add(1);
        Some(case)
    }

    /// Returns the case of `key` if there is one.
    pub(super) fn find(&self, key: u64) -> Option<&Case<F>> {
        let settled = self.settled.find(&key).and_then(|slot| self.settled.value(slot));
        settled.or_else(|| self.passing.find(&key).and_then(|slot| self.passing.value(slot)))
    }

    /// Has the case of `key` told with `campaign` from here on.
    pub(super) fn join(&mut self, key: u64, campaign: u64) {
        for map in [&mut self.settled, &mut self.passing] {
            if let Some(case) = map.find(&key).and_then(|slot| map.value_mut(slot)) {
                case.campaign = Some(campaign);
            }
        }
    }

    fn place(&mut self, key: u64, time: Timestamp) -> Option<Place> {
        if let Some(slot) = self.settled.find(&key) {
            self.settled.touch(slot);
            return Some(Place::Settled(slot));
        }
        if let Some(slot) = self.passing.find(&key) {
            self.passing.touch(slot);
            let records = self.passing.value(slot)?.records;
            if records < SETTLED {
                return Some(Place::Passing(slot));
            }
            let case = std::mem::take(self.passing.value_mut(slot)?);
            self.passing.release(slot);
            return self.settle(key, case);
        }
        self.make_room();
        let (slot, case) = self.passing.claim(key)?;
        *case = Case { first: time, last: time, ..Case::default() };
        Some(Place::Passing(slot))
    }

    /// Moves a case to the second half; what must leave it goes back to the first.
    fn settle(&mut self, key: u64, case: Case<F>) -> Option<Place> {
        if self.settled.is_full()
            && let Some(oldest) = self.settled.oldest()
            && let Some(other) = self.settled.key(oldest).copied()
        {
            let gone = std::mem::take(self.settled.value_mut(oldest)?);
            self.settled.release(oldest);
            self.make_room();
            if let Some((_, place)) = self.passing.claim(other) {
                // It has to settle again.
                *place = Case { records: gone.records.min(SETTLED - 1), ..gone };
            }
        }
        let (slot, place) = self.settled.claim(key)?;
        *place = case;
        Some(Place::Settled(slot))
    }

    fn make_room(&mut self) {
        if self.passing.is_full()
            && let Some(oldest) = self.passing.oldest()
        {
            self.evicted += 1;
            self.passing.release(oldest);
        }
    }

    /// Cases that gave way to others.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Returns an image.
    pub(super) fn image(&self) -> CasesImage<F> {
        CasesImage {
            passing: entries(&self.passing),
            settled: entries(&self.settled),
            evicted: self.evicted,
        }
    }

    /// Puts an image where nothing is known.
    pub(super) fn put(&mut self, image: CasesImage<F>) -> Result<(), OtherSizes> {
        self.evicted = image.evicted;
        refill(&mut self.passing, image.passing)?;
        refill(&mut self.settled, image.settled)
    }

    /// Puts what fits of an image, whatever sizes it was made with.
    pub(super) fn recall(&mut self, image: CasesImage<F>) {
        for (map, all) in [(&mut self.passing, image.passing), (&mut self.settled, image.settled)] {
            for (key, case) in all {
                if let Some((_, place)) = map.claim(key) {
                    *place = case;
                }
            }
        }
    }

    /// Returns the figures of every case.
    pub(super) fn all(&self) -> impl Iterator<Item = &F> {
        let of = |map: &'_ LimitedMap<u64, Case<F>>| map.slots().collect::<Vec<_>>();
        let passing = of(&self.passing).into_iter().filter_map(|slot| self.passing.value(slot));
        let settled = of(&self.settled).into_iter().filter_map(|slot| self.settled.value(slot));
        settled.chain(passing).map(|case| &case.figures)
    }
}

enum Place {
    Settled(Slot),
    Passing(Slot),
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn hear(cases: &mut Cases<u32>, key: u64, seconds: i64) -> u32 {
        let case = cases.at(key, Timestamp(seconds * 1_000_000), HOUR).unwrap();
        case.figures += 1;
        case.figures
    }

    #[test]
    fn a_flood_of_passers_by_pushes_out_no_case_that_goes_on() {
        let mut cases = Cases::new(16, 1);
        for second in 0..10 {
            hear(&mut cases, 7, second);
        }
        for key in 100..100_000 {
            hear(&mut cases, key, 11);
        }
        assert_eq!(hear(&mut cases, 7, 12), 11);
        assert!(cases.find(7).is_some() && cases.find(100).is_none());
        assert_eq!(cases.evicted(), 99_900 - 8);
    }

    #[test]
    fn what_goes_on_longer_gives_way_to_the_newer_and_is_kept_a_while() {
        let mut cases = Cases::new(4, 1);
        for key in 1..=3 {
            for second in 0..20 {
                hear(&mut cases, key, second);
            }
        }
        assert_eq!(hear(&mut cases, 1, 21), 21, "among the passers-by again");
    }

    #[test]
    fn what_was_silent_for_long_begins_anew() {
        let mut cases = Cases::new(4, 1);
        for second in [0, 10, 3_000] {
            hear(&mut cases, 1, second);
        }
        assert_eq!(hear(&mut cases, 1, 3_000 + 3_601), 1);
        assert_eq!(cases.find(1).unwrap().first, Timestamp(6_601_000_000));
    }

    #[test]
    fn an_image_is_exact() {
        let mut cases = Cases::new(8, 1);
        for n in 0..100 {
            hear(&mut cases, n % 9, i64::try_from(n).unwrap());
        }
        let image = postcard::to_stdvec(&cases.image()).unwrap();
        let mut other = Cases::<u32>::new(8, 1);
        other.put(postcard::from_bytes(&image).unwrap()).unwrap();
        for n in 0..100 {
            let second = i64::try_from(n).unwrap() + 100;
            assert_eq!(hear(&mut cases, n * 7 % 13, second), hear(&mut other, n * 7 % 13, second));
        }
        assert_eq!(cases.evicted(), other.evicted());
    }
}
