//! Everything that is remembered, to the last counter, so that whoever takes it over goes on as if
//! it had been there from the beginning.
//!
//! Unlike what [`Tables::save`](super::Tables::save) keeps across restarts, this is exact, and it is
//! read by the same version of the program only.

use std::hash::Hash;

use geophone_sensor::limited::LimitedMap;
use serde::{Deserialize, Serialize};

use super::domain::DomainFacts;
use super::facts::FactsImage;
use super::key::Figures;
use super::lines::LINE;
use super::seen::SeenImage;
use super::sets::SetsImage;
use super::tables::Tables;

/// Why an image does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the saved state was made with other sizes of the tables")]
pub struct OtherSizes;

/// An image of all tables.
#[derive(Serialize, Deserialize)]
pub(crate) struct TablesImage {
    seen: SeenImage,
    keys: (SetsImage<[u64; LINE]>, f32),
    clients: (SetsImage<[u64; LINE]>, f32),
    shared: (SetsImage<[u64; LINE]>, f32),
    figures: SetsImage<(u64, Figures)>,
    domains: SetsImage<(u64, DomainFacts)>,
    facts: FactsImage,
}

impl Tables {
    /// Returns an image of the tables.
    pub(crate) fn image(&self) -> TablesImage {
        TablesImage {
            seen: self.seen.image(),
            keys: self.keys.image(),
            clients: self.clients.image(),
            shared: self.shared.image(),
            figures: self.figures.image(),
            domains: self.domains.image(),
            facts: self.facts.image(),
        }
    }

    /// Puts an image into tables that are empty.
    ///
    /// # Errors
    /// Tables of other sizes.
    pub(crate) fn put(&mut self, image: TablesImage) -> Result<(), OtherSizes> {
        self.seen.put(image.seen)?;
        self.keys.put(image.keys)?;
        self.clients.put(image.clients)?;
        self.shared.put(image.shared)?;
        self.figures.put(image.figures)?;
        self.domains.put(image.domains)?;
        self.facts.put(image.facts)
    }
}

/// Returns keys and values, the one longest untouched first.
pub(crate) fn entries<K: Eq + Hash + Clone, V: Default + Clone>(
    map: &LimitedMap<K, V>,
) -> Vec<(K, V)> {
    let slots = map.slots();
    slots.filter_map(|slot| Some((map.key(slot)?.clone(), map.value(slot)?.clone()))).collect()
}

/// Puts entries into a map that is empty, in that order.
pub(crate) fn refill<K: Eq + Hash + Clone, V: Default>(
    map: &mut LimitedMap<K, V>,
    entries: Vec<(K, V)>,
) -> Result<(), OtherSizes> {
    for (key, value) in entries {
        let (_, cell) = map.claim(key).ok_or(OtherSizes)?;
        *cell = value;
    }
    Ok(())
}
