//! Frames from network interfaces, through libpcap and its TPACKET_V3 rings.
//!
//! One thread a handle copies frames out of its ring; several handles may share one interface
//! (PACKET_FANOUT). Nothing here drops a frame: the memory on the way is bounded, and when whoever
//! takes the frames is slow the rings fill and the kernel counts what it drops
//! ([`FrameSource::losses`]). Nothing here looks inside a frame either, and workers only capture:
//! how many there are cannot change what the one pipeline behind them says.
//!
//! # Order
//!
//! Frames of one handle keep the order of its ring. Frames of several are merged by capture time:
//! a frame is handed out when every other handle has a later one waiting, or has promised that
//! nothing earlier comes. A handle promises so when it found its ring empty: nothing from before
//! 80 ms ago, since the kernel hands over a block of the ring at the latest 40 ms after its timer
//! ticks. So an idle handle delays the others by some 0.1 s. A handle that neither has frames nor
//! promises anything (its thread gets no processor) is waited for until 0.2 s have passed, then
//! left out until it speaks again. What comes behind a frame of later time all the same is handed
//! out too and counted ([`LiveCapture::late`]); with one handle that is disorder the kernel made
//! by stamping on several processors. A clock set back by a second or more counts as one late
//! frame; order goes on from there.
//!
//! # Balance
//!
//! Once the capture ended, `received = delivered + losses.kernel`. On `lo` libpcap leaves out what
//! it would see twice, and where a filter does not run in the kernel what does not match; there
//! `received` is the larger.

mod batch;
mod clock;
mod config;
mod fanout;
mod filter;
mod handle;
mod interface;
mod merge;
mod presence;
mod refusal;
mod totals;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use batch::Batch;
pub use config::LiveConfig;
use fanout::Group;
use handle::{Handle, HandlePlan};
use merge::{MAX_LAG, Merge, Step};
use presence::Presence;
use totals::Totals;
use worker::Worker;

use super::{CaptureError, CapturedInterface, Frame, FrameSource, Losses};

/// Batches that go round between a worker and the merge.
const BATCHES: usize = 8;
/// Batches without a frame from each worker, one in 40 ms, after which nothing is going on.
const QUIET_ROUNDS: usize = 5;
/// Octets of a MiB.
const MIB: u32 = 1024 * 1024;

/// What [`LiveCapture::next_event`] has to tell.
#[derive(Debug)]
pub enum LiveEvent<'a> {
    /// A frame, and the place of its interface in [`LiveCapture::interfaces`].
    Frame(usize, Frame<'a>),
    /// Nothing came for about 0.2 s: the moment to write out what is buffered.
    Idle,
    /// Stopped, and everything captured before was handed out.
    End,
}

/// An open capture. Threads begin with the first event asked for, so that privileges can be
/// dropped in between.
pub struct LiveCapture {
    interfaces: Vec<CapturedInterface>,
    /// The interface of each lane of the merge.
    lanes: Vec<usize>,
    waiting: Vec<Waiting>,
    merge: Merge,
    /// Batches without a frame since the last one with some, or since that was told.
    quiet: usize,
    filled: Receiver<(usize, Batch)>,
    /// Kept until the threads begin: when all workers are gone, the channel says so.
    filler: Option<SyncSender<(usize, Batch)>>,
    free: Vec<SyncSender<Batch>>,
    threads: Vec<JoinHandle<()>>,
    totals: Arc<Totals>,
    stop: Arc<AtomicBool>,
}

/// An armed handle without its thread.
struct Waiting {
    handle: Handle,
    plan: Arc<HandlePlan>,
    group: Option<Group>,
    /// Its place among the workers of its interface; the first leads.
    place: usize,
    presence: Arc<Presence>,
}

/// What [`LiveCapture::advance`] came to.
pub(crate) enum Progress {
    /// A frame is at hand.
    Frame,
    /// Nothing came.
    Idle,
    /// Stopped, and everything captured before was handed out.
    End,
}

impl LiveCapture {
    /// What the process must still be able to read, for drops of interfaces and for interfaces
    /// that come back: the second path is where the links of the first lead to.
    pub const READ_PATHS: [&str; 2] = ["/sys/class/net", "/sys/devices"];

    /// Opens all interfaces; frames are captured from here on. When `stop` is set, capturing ends
    /// and what was captured is handed out.
    ///
    /// # Errors
    /// The first setting or interface that does not work, with the cure.
    pub fn open(config: &LiveConfig, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        config.check()?;
        let octets = u64::from(config.ring_mib) * u64::from(MIB);
        for (place, name) in config.interfaces.iter().enumerate() {
            let so_far = u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1);
            refusal::check_memory(name, octets, octets.saturating_mul(so_far))?;
        }
        let (mut interfaces, mut lanes, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for (place, name) in config.interfaces.iter().enumerate() {
            let opened = open_interface(config, name)?;
            for armed in &opened {
                lanes.push(place);
                if armed.place == 0 {
                    let (name, link) = (name.clone(), armed.handle.link());
                    interfaces.push(CapturedInterface { name, link, snaplen: config.snaplen });
                }
            }
            waiting.extend(opened);
        }
        let (filler, filled) = sync_channel(BATCHES * lanes.len());
        Ok(Self {
            interfaces,
            merge: Merge::new(lanes.len()),
            quiet: 0,
            lanes,
            waiting,
            filled,
            filler: Some(filler),
            free: Vec::new(),
            threads: Vec::new(),
            totals: Arc::default(),
            stop,
        })
    }

    /// Returns the interfaces in the order they were named.
    #[must_use]
    pub fn interfaces(&self) -> &[CapturedInterface] {
        &self.interfaces
    }

    /// Waits for a frame, but no longer than about 0.2 s without saying that there is none.
    ///
    /// # Errors
    /// [`CaptureError::InterfaceLost`] and [`CaptureError::InterfaceBack`], once each time; the
    /// next call goes on. [`CaptureError::Thread`] where the system gives no thread.
    pub fn next_event(&mut self) -> Result<LiveEvent<'_>, CaptureError> {
        let progress = self.advance()?;
        Ok(match (progress, self.taken()) {
            (Progress::Frame, Some((place, frame))) => LiveEvent::Frame(place, frame),
            (Progress::End, _) => LiveEvent::End,
            _ => LiveEvent::Idle,
        })
    }

    /// Returns the frames that passed the filters so far, dropped ones included; about a second old
    /// while the capture runs.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.totals.received()
    }

    /// Returns the frames handed out so far.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.merge.delivered()
    }

    /// Returns the frames handed out behind one of later time.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.merge.late()
    }

    /// Returns the frame at hand and the place of its interface.
    pub(crate) fn taken(&self) -> Option<(usize, Frame<'_>)> {
        let (lane, frame) = self.merge.taken()?;
        Some((self.lanes.get(lane).copied().unwrap_or_default(), frame))
    }

    /// Steps on to the next frame, or to the news that there is none.
    pub(crate) fn advance(&mut self) -> Result<Progress, CaptureError> {
        self.begin()?;
        loop {
            match self.merge.step() {
                Step::Frame => {
                    self.quiet = 0;
                    return Ok(Progress::Frame);
                }
                Step::Notice(notice) => return Err(notice),
                Step::End => {
                    self.join();
                    return Ok(Progress::End);
                }
                Step::Wait => {
                    self.give_back();
                    self.quiet += 1;
                    if !self.fetch() || self.quiet > QUIET_ROUNDS * self.lanes.len() {
                        self.quiet = 0;
                        return Ok(Progress::Idle);
                    }
                }
            }
        }
    }

    /// Returns emptied batches to their workers.
    fn give_back(&mut self) {
        for (lane, batch) in self.merge.spent() {
            if let Some(free) = self.free.get(lane) {
                // A worker that has ended needs it no more; there is room for all.
                let _ = free.try_send(batch);
            }
        }
    }

    /// Takes what the workers sent, waiting if need be; returns whether that changed anything.
    fn fetch(&mut self) -> bool {
        let mut some = false;
        loop {
            match self.filled.try_recv() {
                Ok((lane, batch)) => {
                    self.merge.push(lane, batch);
                    some = true;
                }
                Err(TryRecvError::Empty) if some => return true,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.merge.end();
                    return true;
                }
            }
        }
        match self.filled.recv_timeout(MAX_LAG) {
            Ok((lane, batch)) => {
                self.merge.push(lane, batch);
                true
            }
            Err(RecvTimeoutError::Timeout) => {
                self.merge.give_up_waiting();
                self.merge.has_frames()
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.merge.end();
                true
            }
        }
    }

    /// Starts the threads, once.
    fn begin(&mut self) -> Result<(), CaptureError> {
        let Some(filled) = self.filler.take() else { return Ok(()) };
        for (lane, armed) in self.waiting.drain(..).enumerate() {
            let (free, to_fill) = sync_channel(BATCHES);
            for _ in 0..BATCHES {
                let _ = free.try_send(Batch::new());
            }
            self.free.push(free);
            let worker = Worker {
                lane,
                place: armed.place,
                presence: armed.presence,
                plan: armed.plan,
                group: armed.group,
                free: to_fill,
                filled: filled.clone(),
                totals: Arc::clone(&self.totals),
                stop: Arc::clone(&self.stop),
            };
            let handle = armed.handle;
            let thread = thread::Builder::new()
                .name(format!("capture-{lane}"))
                .spawn(move || worker.run(handle))
                .map_err(|source| CaptureError::Thread { source })?;
            self.threads.push(thread);
        }
        Ok(())
    }

    fn join(&mut self) {
        self.free.clear();
        for thread in self.threads.drain(..) {
            // A worker has nothing to say at its end; a panic would have been its last word.
            let _ = thread.join();
        }
    }
}

impl FrameSource for LiveCapture {
    /// Waits for the next frame; `None` after a stop.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        loop {
            match self.advance()? {
                Progress::Frame => break,
                Progress::Idle => {}
                Progress::End => return Ok(None),
            }
        }
        Ok(self.merge.taken().map(|(_, frame)| frame))
    }

    fn losses(&self) -> Losses {
        self.totals.losses()
    }
}

impl Drop for LiveCapture {
    /// Ends the threads; what they captured and nobody took is gone.
    fn drop(&mut self) {
        let (_, nobody) = sync_channel(1);
        self.filled = nobody;
        self.join();
    }
}

/// Opens the handles of one interface: none gets a frame before all share them.
fn open_interface(config: &LiveConfig, name: &str) -> Result<Vec<Waiting>, CaptureError> {
    let ring = u64::from(config.ring_mib) * u64::from(MIB) / u64::from(config.workers);
    let plan = Arc::new(HandlePlan {
        interface: name.to_owned(),
        filter: config.filter.clone(),
        ring_bytes: i32::try_from(ring).unwrap_or(i32::MAX),
        snaplen: i32::try_from(config.snaplen).unwrap_or(i32::MAX),
        promiscuous: config.promiscuous,
        ports: config.ports.clone(),
        hosts: config.hosts.clone(),
    });
    let (mut group, mut opened) = (None, Vec::new());
    let presence = Arc::new(Presence::new(config.workers));
    for _ in 0..config.workers {
        let handle = Handle::prepare(&plan)?;
        if config.workers > 1 {
            group = Some(handle.join(name, group)?);
        }
        let (plan, presence) = (Arc::clone(&plan), Arc::clone(&presence));
        presence.set(opened.len(), handle.index());
        opened.push(Waiting { handle, plan, group, place: opened.len(), presence });
    }
    for armed in &mut opened {
        armed.handle.arm(&plan)?;
    }
    Ok(opened)
}
