//! What a watch must say.

use std::time::Duration;

use geophone_sensor::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::about::About;
use super::seen::Seen;
use crate::alert::{Part, Suspect};
use crate::detect::Values;

/// The moment at which a case is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In capture time.
    pub(super) at: Timestamp,
    /// The rule's window.
    pub(super) window: Duration,
}

impl Moment {
    /// Returns the number of the window it stands in, since the epoch.
    pub(super) fn number(self) -> i64 {
        let window = i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX).max(1);
        self.at.micros().div_euclid(window)
    }
}

/// One kind of abuse. Without state of its own: everything it knows is in the case.
pub(super) trait Watch {
    /// The `rule.id` of its rule, which [`WATCHED`](crate::detect::WATCHED) must name.
    const RULE: &'static str;
    /// Whether whoever reads a record also owns its cases: those of a client and a domain, and of
    /// payloads that are not DNS.
    const LOCAL: bool = false;
    /// The span of silence after which a case begins anew.
    const MEMORY: Duration = Duration::from_secs(3600);
    /// Octets that the figures may hold beside themselves.
    const HEAP: usize;

    /// What is kept of a case.
    type Figures: Default + Clone + Serialize + DeserializeOwned;

    /// Returns whose case a record belongs to, if it is of interest. Asked of every record: be
    /// quick to say no.
    fn about(seen: &Seen<'_>) -> Option<About>;

    /// Takes a record into its case; tells whether the case is to be weighed. A flood asks this of
    /// every packet: weigh when something moved, not each time.
    fn take(figures: &mut Self::Figures, seen: &Seen<'_>, moment: Moment) -> bool;

    /// Returns the features at a moment: those that `WATCHED` names.
    fn values(figures: &Self::Figures, moment: Moment) -> Values;

    /// Returns what happens in one clause with its numbers.
    fn headline(figures: &Self::Figures, suspect: &Suspect, moment: Moment) -> String;

    /// Returns what tells the campaign of a case from others of the same network, as a hash.
    fn cause(_figures: &Self::Figures, _seen: &Seen<'_>) -> u64 {
        0
    }

    /// Returns how many distinct names there were.
    fn unique(_figures: &Self::Figures) -> u32 {
        0
    }

    /// Returns what takes part beside the one the case is about.
    fn part(_seen: &Seen<'_>) -> Option<Part> {
        None
    }

    /// Tells whether it takes part by what was just taken. What does may end in a block list.
    fn takes_part(_figures: &Self::Figures, _seen: &Seen<'_>) -> bool {
        true
    }
}
