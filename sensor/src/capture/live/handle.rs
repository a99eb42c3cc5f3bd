//! One libpcap handle on one interface: its ring, its filter, its figures.
//!
//! A handle is opened in two steps, so that the figures of the kernel begin with the first frame
//! that is wanted: [`Handle::prepare`] makes the ring, refuses everything and throws away what came
//! in between; [`Handle::arm`] sets the filter. From then on
//! `received = delivered + dropped`, once the ring is empty.

use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Stat};
use socket2::{SockFilter, SockRef};

use super::batch::Batch;
use super::fanout::Group;
use super::{clock, filter, interface, refusal};
use crate::capture::{CaptureError, LinkType};
use crate::time::Timestamp;

/// Milliseconds after which the kernel hands over a block of the ring that is not full. Each takes
/// 256 KiB of the ring, so a shorter time makes a ring that overflows sooner at a low rate.
const BLOCK_MILLIS: u16 = 40;
/// What a frame may be behind its time stamp when it becomes visible: a block opened just behind a
/// tick of the kernel's timer waits for the next one, and as much again for scheduling.
const VISIBLE_AFTER: Duration = Duration::from_millis(80);
/// Frames that go into one batch.
const BATCH_FRAMES: usize = 512;
/// Octets after which a batch is sent.
const BATCH_BYTES: usize = 256 * 1024;
/// Frames read by one call; bounds how far a batch may pass [`BATCH_BYTES`].
const READ_FRAMES: usize = 64;
/// Pause between two looks at a ring that is being emptied.
const EMPTYING_PAUSE: Duration = Duration::from_millis(10);
/// Looks that found nothing, after which a ring counts as empty whatever the figures say (on `lo`
/// libpcap leaves every other frame out, so they never meet): two blocks' worth and more.
const EMPTY_LOOKS: u32 = 12;
/// Instructions the kernel takes in one filter (`BPF_MAXINSNS`).
const MAX_INSTRUCTIONS: usize = 4096;

/// What a handle is opened with.
#[derive(Debug)]
pub(super) struct HandlePlan {
    /// The interface.
    pub(super) interface: String,
    /// The operator's filter instead of the default one.
    pub(super) filter: Option<String>,
    /// Octets of the ring of one handle.
    pub(super) ring_bytes: i32,
    /// Octets kept of a frame.
    pub(super) snaplen: i32,
    /// Whether frames for other machines are wanted.
    pub(super) promiscuous: bool,
    /// Ports of the default filter.
    pub(super) ports: Vec<u16>,
    /// Hosts whose HTTPS it lets pass.
    pub(super) hosts: Vec<IpAddr>,
}

/// An open handle.
pub(super) struct Handle {
    capture: Capture<Active>,
    link: LinkType,
    index: Option<u32>,
    before: Stat,
    figures: Figures,
    delivered: u64,
}

/// What the kernel counted since the handle was armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Frames that passed the filter, dropped ones included.
    pub(super) received: u64,
    /// Frames that found no room in the ring.
    pub(super) dropped: u64,
}

impl Handle {
    /// Opens the interface with a filter that lets nothing pass.
    pub(super) fn prepare(plan: &HandlePlan) -> Result<Self, CaptureError> {
        let name = &plan.interface;
        let index = interface::index_of(name);
        if index.is_none() {
            return Err(refusal::no_such_interface(name));
        }
        let ring = u64::try_from(plan.ring_bytes).unwrap_or_default();
        refusal::check_memory(name, ring, ring)?;
        let capture = Capture::from_device(name.as_str())
            .map(|inactive| {
                inactive
                    .buffer_size(plan.ring_bytes)
                    .snaplen(plan.snaplen)
                    .timeout(i32::from(BLOCK_MILLIS))
                    .promisc(plan.promiscuous && name != interface::ANY)
            })
            .and_then(Capture::open)
            // Blocking, libpcap waits without end for an interface on which nothing happens.
            .and_then(Capture::setnonblock)
            .map_err(|cause| refusal::of_open(name, ring, &cause))?;
        let number = u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX);
        let link = LinkType::from_number(number);
        if let LinkType::Other(number) = link {
            return Err(refusal::link_type(name, number));
        }
        refusal::check_ring(name, &capture, ring)?;
        let before = Stat { received: 0, dropped: 0, if_dropped: 0 };
        let figures = Figures::default();
        let mut handle = Self { capture, link, index, before, figures, delivered: 0 };
        handle.try_filter(plan)?;
        handle.refuse_all().map_err(|cause| refusal::system(name, &cause))?;
        let mut thrown_away = Batch::new();
        handle.empty(&mut |handle| {
            thrown_away.clear();
            handle.read(&mut thrown_away)?;
            Ok(thrown_away.len() > 0)
        });
        handle.figures = Figures::default();
        handle.delivered = 0;
        Ok(handle)
    }

    /// Begins a group of handles that share the interface, or joins it.
    pub(super) fn join(&self, name: &str, group: Option<Group>) -> Result<Group, CaptureError> {
        let joined = match group {
            Some(group) => group.join(&self.capture).map(|()| group),
            None => Group::begin(&self.capture),
        };
        joined.map_err(|cause| refusal::fanout(name, cause))
    }

    /// Sets the filter: capturing begins.
    ///
    /// The text was tried before, so that no more time than for one compilation passes in which a
    /// handle that joined a group gets its share of the frames and refuses them.
    pub(super) fn arm(&mut self, plan: &HandlePlan) -> Result<(), CaptureError> {
        let text = self.filter_of(plan);
        let set = self.capture.filter(&text, true);
        set.map_err(|cause| refusal::filter(&plan.interface, &text, &cause))
    }

    /// Refuses a filter that does not compile, or is too long for the kernel.
    fn try_filter(&self, plan: &HandlePlan) -> Result<(), CaptureError> {
        let text = self.filter_of(plan);
        let program = self.capture.compile(&text, true);
        let program = program.map_err(|cause| refusal::filter(&plan.interface, &text, &cause))?;
        if program.get_instructions().len() > MAX_INSTRUCTIONS {
            return Err(refusal::long_filter(&plan.interface, &text, plan.filter.is_some()));
        }
        Ok(())
    }

    fn filter_of(&self, plan: &HandlePlan) -> String {
        let default = || filter::default_filter(&plan.ports, &plan.hosts, self.link);
        plan.filter.clone().unwrap_or_else(default)
    }

    /// Returns how frames are to be read.
    pub(super) const fn link(&self) -> LinkType {
        self.link
    }

    /// Returns the kernel's number of the interface when it was opened.
    pub(super) const fn index(&self) -> Option<u32> {
        self.index
    }

    /// Reads frames until the batch is full or the ring is empty; then the batch promises that
    /// nothing before a certain time comes any more.
    pub(super) fn read(&mut self, batch: &mut Batch) -> Result<(), pcap::Error> {
        batch.link = self.link;
        while batch.len() < BATCH_FRAMES && batch.bytes() < BATCH_BYTES {
            // Before the look at the ring, or a frame could slip in between.
            let now = clock::now();
            let count = self.capture.dispatch(Some(READ_FRAMES), |packet| {
                let stamp = packet.header.ts;
                let time = Timestamp::from_parts(stamp.tv_sec, stamp.tv_usec);
                batch.push(time, packet.header.len, packet.data);
            })?;
            self.delivered += u64::try_from(count).unwrap_or_default();
            if count < READ_FRAMES {
                batch.promise = Some(now.minus(VISIBLE_AFTER));
                break;
            }
        }
        Ok(())
    }

    /// Waits until there is something to read, at most as long as a block of the ring.
    pub(super) fn wait(&self) {
        let mut descriptors = [PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)];
        // A wait cut short or refused is a wait of nothing: the caller looks at the ring next.
        let _ = poll(&mut descriptors, PollTimeout::from(BLOCK_MILLIS));
    }

    /// Lets no further frame into the ring and leaves what is in it.
    ///
    /// libpcap's own `setfilter` would also filter what is in the ring, so a filter that refuses
    /// everything must go past it.
    pub(super) fn refuse_all(&self) -> std::io::Result<()> {
        // BPF_RET with 0 octets.
        SockRef::from(&self.capture).attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])
    }

    /// Calls `read` until everything the kernel took is out of the ring. An error of the handle
    /// does not end it: the last block is handed over after the interface went away.
    pub(super) fn empty(&mut self, read: &mut impl FnMut(&mut Self) -> Result<bool, pcap::Error>) {
        let mut looks = 0;
        while looks < EMPTY_LOOKS {
            if read(self).unwrap_or(false) {
                looks = 0;
                continue;
            }
            let figures = self.refresh();
            if figures.received == self.delivered.saturating_add(figures.dropped) {
                return;
            }
            looks += 1;
            thread::sleep(EMPTYING_PAUSE);
        }
    }

    /// Asks the kernel for its figures. libpcap adds them up in 32 bits, which wrap.
    pub(super) fn refresh(&mut self) -> Figures {
        if let Ok(now) = self.capture.stats() {
            self.figures.received += u64::from(now.received.wrapping_sub(self.before.received));
            self.figures.dropped += u64::from(now.dropped.wrapping_sub(self.before.dropped));
            self.before = now;
        }
        self.figures
    }
}
