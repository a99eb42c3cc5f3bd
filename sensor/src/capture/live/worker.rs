//! One thread that empties one ring, and waits for its interface where that went away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use super::batch::Batch;
use super::fanout::Group;
use super::handle::{Figures, Handle, HandlePlan};
use super::presence::Presence;
use super::refusal::words;
use super::totals::Totals;
use super::{clock, interface};
use crate::capture::CaptureError;
use crate::time::Timestamp;

/// Time between two looks at the figures, at an idle interface, or for one that went away.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pause while the interface is away; bounds how long a stop waits.
const AWAY_PAUSE: Duration = Duration::from_millis(50);

/// What a worker shares with the one that takes its frames.
pub(super) struct Worker {
    /// Its place in the merge.
    pub(super) lane: usize,
    /// Its place among the workers of its interface. The first leads: it tells what became of the
    /// interface and what that dropped.
    pub(super) place: usize,
    /// Which of them have the interface open.
    pub(super) presence: Arc<Presence>,
    /// What the handle is opened with, and again after the interface came back.
    pub(super) plan: Arc<HandlePlan>,
    /// The group of the handles of the interface, where there are several.
    pub(super) group: Option<Group>,
    /// Batches to fill: as many as there are, so that memory is bounded.
    pub(super) free: Receiver<Batch>,
    /// Where filled ones go; it has room for all.
    pub(super) filled: SyncSender<(usize, Batch)>,
    /// The figures of all workers together.
    pub(super) totals: Arc<Totals>,
    /// Set by the operator: stop capturing, hand on what was captured.
    pub(super) stop: Arc<AtomicBool>,
}

/// The one who takes the frames is gone.
struct Deserted;

/// What the worker knows from one round to the next.
struct State {
    handle: Option<Handle>,
    told: Figures,
    interface_drops: Option<u64>,
    /// The interface is open again here, but not told to be back: others have not opened it yet.
    returning: bool,
    looked: Timestamp,
}

impl Worker {
    /// Captures with `handle` until stopped or deserted.
    pub(super) fn run(self, handle: Handle) {
        let mut state = State {
            handle: Some(handle),
            told: Figures::default(),
            interface_drops: interface::drops(&self.plan.interface),
            returning: false,
            looked: clock::now(),
        };
        while !self.stop.load(Ordering::Acquire) {
            let round = match state.handle.take() {
                Some(handle) => self.capture(handle, &mut state),
                None => self.await_return(&mut state),
            };
            let Ok(()) = round else { return };
        }
        // Whoever is gone does not miss the rest.
        let _ = self.finish(state);
    }

    /// One batch from the ring.
    fn capture(&self, mut handle: Handle, state: &mut State) -> Result<(), Deserted> {
        self.tell_return(state)?;
        let mut batch = self.free_batch(Some(&mut handle), state)?;
        let mut read = handle.read(&mut batch);
        if read.is_ok() && batch.len() == 0 {
            handle.wait();
            read = handle.read(&mut batch);
        }
        let idle = batch.len() == 0;
        self.send(batch)?;
        let looked = self.look(Some(&mut handle), state);
        let lost = match read {
            Err(cause) => Some(words(&cause)),
            Ok(()) if idle && looked => self.absence(&handle),
            Ok(()) => None,
        };
        match lost {
            Some(cause) => self.lose(handle, cause, state),
            None => {
                state.handle = Some(handle);
                Ok(())
            }
        }
    }

    /// Tells why an interface on which nothing happens can have nothing happening.
    fn absence(&self, handle: &Handle) -> Option<String> {
        let name = &self.plan.interface;
        if interface::index_of(name) != handle.index() {
            Some("it is gone".to_owned())
        } else if interface::is_up(name) {
            None
        } else {
            Some("it is down".to_owned())
        }
    }

    /// Hands on what is left in the ring, then gives the handle up.
    fn lose(&self, mut handle: Handle, cause: String, state: &mut State) -> Result<(), Deserted> {
        self.presence.set(self.place, None);
        self.drain(&mut handle, state)?;
        state.told = Figures::default();
        drop(handle);
        // What was not told to be back need not be told to be lost.
        if std::mem::take(&mut state.returning) {
            return Ok(());
        }
        let interface = self.plan.interface.clone();
        self.notice(CaptureError::InterfaceLost { interface, cause }, state)
    }

    /// Tries, about once a second, whether the interface is back.
    fn await_return(&self, state: &mut State) -> Result<(), Deserted> {
        let mut batch = self.free_batch(None, state)?;
        // Nothing can come from here, so nobody has to wait for it.
        batch.promise = Some(clock::now());
        self.send(batch)?;
        if !self.look(None, state) {
            thread::sleep(AWAY_PAUSE);
            return Ok(());
        }
        let Ok(handle) = self.open_again() else { return Ok(()) };
        self.presence.set(self.place, handle.index());
        state.handle = Some(handle);
        state.interface_drops = interface::drops(&self.plan.interface);
        state.returning = true;
        self.tell_return(state)
    }

    /// Tells that the interface is back, once every worker has it open: from then on nothing that
    /// comes is refused by one that was about to open it.
    fn tell_return(&self, state: &mut State) -> Result<(), Deserted> {
        if !state.returning || !self.presence.is_complete() {
            return Ok(());
        }
        state.returning = false;
        let interface = self.plan.interface.clone();
        self.notice(CaptureError::InterfaceBack { interface }, state)
    }

    fn open_again(&self) -> Result<Handle, CaptureError> {
        let mut handle = Handle::prepare(&self.plan)?;
        if self.group.is_some() {
            handle.join(&self.plan.interface, self.group)?;
        }
        handle.arm(&self.plan)?;
        Ok(handle)
    }

    /// Takes nothing new, hands on what was captured, and says that this was all.
    fn finish(&self, mut state: State) -> Result<(), Deserted> {
        if let Some(mut handle) = state.handle.take() {
            // Were the filter refused, an empty ring might never be seen; the figures then show
            // what is missing.
            if handle.refuse_all().is_ok() {
                self.drain(&mut handle, &mut state)?;
            }
        }
        let mut batch = self.free_batch(None, &mut state)?;
        batch.last = true;
        self.send(batch)
    }

    /// Sends everything that is in the ring, and the figures with it.
    fn drain(&self, handle: &mut Handle, state: &mut State) -> Result<(), Deserted> {
        let mut deserted = false;
        handle.empty(&mut |handle| {
            let Ok(mut batch) = self.free_batch(None, state) else {
                deserted = true;
                return Ok(false);
            };
            let read = handle.read(&mut batch);
            let some = batch.len() > 0;
            deserted |= self.send(batch).is_err();
            read.map(|()| some && !deserted)
        });
        self.add_up(Some(handle), state);
        if deserted { Err(Deserted) } else { Ok(()) }
    }

    /// Waits for a batch to fill; meanwhile the figures stay fresh, the ring fills, and what finds
    /// no room in it is counted by the kernel.
    fn free_batch(
        &self,
        mut handle: Option<&mut Handle>,
        state: &mut State,
    ) -> Result<Batch, Deserted> {
        loop {
            match self.free.recv_timeout(LOOK_EVERY) {
                Ok(mut batch) => {
                    batch.clear();
                    return Ok(batch);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.look(handle.as_deref_mut(), state);
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Deserted),
            }
        }
    }

    fn send(&self, batch: Batch) -> Result<(), Deserted> {
        self.filled.send((self.lane, batch)).map_err(|_| Deserted)
    }

    fn notice(&self, notice: CaptureError, state: &mut State) -> Result<(), Deserted> {
        if self.place != 0 {
            return Ok(());
        }
        let mut batch = self.free_batch(None, state)?;
        batch.notice = Some(notice);
        self.send(batch)
    }

    /// Refreshes the figures where it is time to; returns whether it was.
    fn look(&self, handle: Option<&mut Handle>, state: &mut State) -> bool {
        let now = clock::now();
        let passed = now.since(state.looked).max(state.looked.since(now));
        if passed < LOOK_EVERY {
            return false;
        }
        state.looked = now;
        self.add_up(handle, state);
        true
    }

    fn add_up(&self, handle: Option<&mut Handle>, state: &mut State) {
        if let Some(handle) = handle {
            let figures = handle.refresh();
            self.totals.add(figures, state.told);
            state.told = figures;
        }
        if self.place != 0 {
            return;
        }
        if let Some(drops) = interface::drops(&self.plan.interface) {
            let before = state.interface_drops.replace(drops).unwrap_or(drops);
            self.totals.add_interface(drops.saturating_sub(before));
        }
    }
}
