//! The analytics as octets, and back: exact, for a worker that takes over where another stopped.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Analytics, AnalyticsCounters};
use crate::abuse::{AbuseImage, Flow, GuessImage, Outage, TurnsImage};
use crate::alert::Suspect;
use crate::state::{Minute, OtherSizes, TablesImage, Wildcard};

/// Everything that `Analytics` holds beside its rules and its configuration.
#[derive(Serialize, Deserialize)]
struct Image {
    tables: TablesImage,
    wildcards: Vec<(u64, Wildcard)>,
    suspects: (Vec<(u64, Suspect)>, u64),
    counters: AnalyticsCounters,
    losses: Vec<Minute>,
    abuses: AbuseImage,
    guesses: GuessImage,
    flow: Flow,
    outage: Outage,
    turns: TurnsImage,
    since: Option<Timestamp>,
    now: Timestamp,
    /// The detectors' ids: an open alert knows its detector by number.
    detectors: Vec<String>,
}

/// Why an image cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It is damaged, or another version wrote it.
    #[error("the saved state is damaged or of another version: {0}")]
    Form(#[from] postcard::Error),
    /// It was made with other sizes.
    #[error("{0}; start with those, or remove the state to begin anew")]
    Sizes(#[from] OtherSizes),
}

impl Analytics {
    /// Returns everything that is remembered, as octets.
    ///
    /// # Errors
    /// None that is known.
    pub fn image(&self) -> Result<Vec<u8>, ImageError> {
        let image = Image {
            tables: self.tables.image(),
            wildcards: self.wildcards.image(),
            suspects: self.suspects.image(),
            counters: self.counters.clone(),
            losses: self.losses.image(),
            abuses: self.abuses.image(),
            guesses: self.guesses.image(),
            flow: self.flow,
            outage: self.outage.clone(),
            turns: self.turns.image(),
            since: self.since,
            now: self.now,
            detectors: self.rules.all().map(|detector| detector.id.clone()).collect(),
        };
        Ok(postcard::to_stdvec(&image)?)
    }

    /// Takes over what [`image`](Self::image) wrote, into analytics that remember nothing. Open
    /// alerts whose detector the rules in force lack are dropped untold.
    ///
    /// # Errors
    /// Octets that are damaged, of another version, or of tables of other sizes; what is remembered
    /// is then not to be used.
    pub fn put(&mut self, octets: &[u8]) -> Result<(), ImageError> {
        let mut image: Image = postcard::from_bytes(octets)?;
        for (_, suspect) in &mut image.suspects.0 {
            let Some(open) = &mut suspect.open else { continue };
            let id = image.detectors.get(open.detector());
            match id.and_then(|id| self.rules.number_of(id)) {
                Some(index) => open.retarget(index),
                None => suspect.open = None,
            }
        }
        self.tables.put(image.tables)?;
        self.wildcards.put(image.wildcards)?;
        self.suspects.put(image.suspects)?;
        self.losses.put(&image.losses);
        self.abuses.put(image.abuses)?;
        self.guesses.put(image.guesses)?;
        (self.counters, self.now, self.since) = (image.counters, image.now, image.since);
        self.flow = image.flow;
        self.outage = image.outage;
        self.turns.put(image.turns)?;
        Ok(())
    }
}
