//! The figures of all workers together.

use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::Figures;
use crate::capture::Losses;

/// Sums over all handles, open and closed.
#[derive(Debug, Default)]
pub(super) struct Totals {
    received: AtomicU64,
    dropped: AtomicU64,
    interface: AtomicU64,
}

impl Totals {
    /// Adds what a handle counted since it last told.
    pub(super) fn add(&self, now: Figures, told: Figures) {
        self.received.fetch_add(now.received.saturating_sub(told.received), Ordering::Relaxed);
        self.dropped.fetch_add(now.dropped.saturating_sub(told.dropped), Ordering::Relaxed);
    }

    /// Adds what an interface dropped.
    pub(super) fn add_interface(&self, drops: u64) {
        self.interface.fetch_add(drops, Ordering::Relaxed);
    }

    /// Returns the frames that passed the filters, dropped ones included.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Returns what was lost.
    pub(super) fn losses(&self) -> Losses {
        Losses {
            kernel: self.dropped.load(Ordering::Relaxed),
            interface: self.interface.load(Ordering::Relaxed),
        }
    }
}
