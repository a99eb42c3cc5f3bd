//! Which workers of an interface have it open: it is back once all of them do.

use std::sync::atomic::{AtomicU32, Ordering};

/// No interface has this number.
const AWAY: u32 = 0;

/// The number of the interface that each worker has open; one that was made anew has another.
pub(super) struct Presence(Vec<AtomicU32>);

impl Presence {
    /// Begins with `workers` that have nothing open.
    pub(super) fn new(workers: u32) -> Self {
        Self((0..workers).map(|_| AtomicU32::new(AWAY)).collect())
    }

    /// Notes that the worker in `place` has the interface with this number open, or none.
    pub(super) fn set(&self, place: usize, interface: Option<u32>) {
        if let Some(worker) = self.0.get(place) {
            worker.store(interface.unwrap_or(AWAY), Ordering::Release);
        }
    }

    /// Tells whether every worker has the interface open that the first has.
    pub(super) fn is_complete(&self) -> bool {
        let mut open = self.0.iter().map(|worker| worker.load(Ordering::Acquire));
        open.next().is_some_and(|first| first != AWAY && open.all(|other| other == first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_back_once_all_workers_have_the_same_one() {
        let presence = Presence::new(2);
        assert!(!presence.is_complete());
        presence.set(0, Some(7));
        presence.set(1, Some(6));
        assert!(!presence.is_complete(), "one has not noticed that it went away");
        presence.set(1, None);
        assert!(!presence.is_complete());
        presence.set(1, Some(7));
        assert!(presence.is_complete());
    }
}
