//! Where frames come from: capture files and interfaces; and where they may go: a recording.
//!
//! Nothing here looks inside a frame.

mod file;
mod link;
#[cfg(target_os = "linux")]
mod live;
mod paths;
mod recording;
mod set;

use std::path::PathBuf;

pub use link::LinkType;
#[cfg(target_os = "linux")]
pub use live::{LiveCapture, LiveConfig, LiveEvent};
pub use paths::{STDIN, expand};
pub use recording::{CapturedInterface, Recording};
pub use set::CaptureSet;

use crate::time::Timestamp;

/// One link layer frame with its capture time.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// How its first octets are to be read.
    pub link: LinkType,
    /// What was captured of it.
    pub data: &'a [u8],
    /// Octets it had on the wire; more than `data` where the snap length cut it.
    pub wire_length: u32,
}

/// Frames that a source knows it did not deliver, since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Dropped by the kernel because the ring was full.
    pub kernel: u64,
    /// Dropped by the interface or its driver.
    pub interface: u64,
}

/// A source of frames in time order.
pub trait FrameSource {
    /// Returns the next frame, or `None` at the end.
    ///
    /// # Errors
    /// A source that cannot go on with one of its inputs says so once; the next call goes on with
    /// the others, so nothing that can be read is lost.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError>;

    /// Returns what is known to be missing so far; asked after every frame, so it must be cheap.
    fn losses(&self) -> Losses {
        Losses::default()
    }
}

/// What an operator can mend: an input that is missing, is not a capture, or breaks off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The capture breaks off or contradicts itself after some frames.
    #[error(
        "capture \"{path}\" cannot be read after frame {frames}: {cause}{hint}; \
         what stands before it was read"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Frames read before the damage.
        frames: u64,
        /// What libpcap said.
        cause: String,
        /// What to do about it, or nothing.
        hint: &'static str,
    },
    /// A directory in which no file is a capture.
    #[error(
        "no capture files (pcap or pcapng) in directory \"{path}\"; name a file or another directory"
    )]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A file of no octets.
    #[error("capture \"{path}\" is empty (0 bytes); was the recording stopped before it began?")]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A filter that libpcap or the kernel does not take.
    #[error(
        "filter for interface \"{interface}\" does not compile: {cause}; the filter is: {filter}"
    )]
    Filter {
        /// The interface: what compiles depends on its link type.
        interface: String,
        /// The filter.
        filter: String,
        /// What libpcap said.
        cause: String,
    },
    /// An interface that was lost is captured again: no failure, but worth a line.
    #[error("interface \"{interface}\" is back and captured again")]
    InterfaceBack {
        /// The interface.
        interface: String,
    },
    /// An interface that is down at the start.
    #[error("interface \"{interface}\" is down; take it up with: ip link set {interface} up")]
    InterfaceDown {
        /// The interface.
        interface: String,
    },
    /// An interface that went away or down; it is captured again when it is back.
    #[error("interface \"{interface}\" is lost: {cause}; waiting for it to come back")]
    InterfaceLost {
        /// The interface.
        interface: String,
        /// What libpcap or the system said.
        cause: String,
    },
    /// A link type this version cannot read.
    #[error(
        "link type {number} ({name}) of capture \"{path}\" is not supported; supported are {supported}"
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The number of the link type as libpcap gives it.
        number: u16,
        /// Its name.
        name: String,
        /// What would be supported.
        supported: &'static str,
    },
    /// A link type of an interface that this version cannot read.
    #[error(
        "link type {number} ({name}) of interface \"{interface}\" is not supported; supported are {supported}"
    )]
    LinkTypeOfInterface {
        /// The interface.
        interface: String,
        /// The number of the link type as libpcap gives it.
        number: u16,
        /// Its name.
        name: String,
        /// What would be supported.
        supported: &'static str,
    },
    /// Settings of a live capture that cannot work.
    #[error("cannot capture: {what}")]
    LiveConfig {
        /// The setting and what may stand there.
        what: String,
    },
    /// No right to capture.
    #[error(
        "no permission to capture on \"{interface}\"; \
         run as root, or once: setcap cap_net_raw+ep {program}"
    )]
    NoPermission {
        /// The interface.
        interface: String,
        /// The path of this program.
        program: String,
    },
    /// An interface that does not exist.
    #[error("there is no interface \"{interface}\"; there are {known}")]
    NoSuchInterface {
        /// The interface.
        interface: String,
        /// Those that exist.
        known: String,
    },
    /// A file that is no capture.
    #[error("cannot read \"{path}\" as a capture: {cause}{hint}")]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What libpcap said.
        cause: String,
        /// What to do about it, or nothing.
        hint: &'static str,
    },
    /// A path that cannot be opened.
    #[error("cannot open capture \"{path}\": {source}")]
    Open {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An interface that cannot be opened for another reason.
    #[error("cannot capture on \"{interface}\": {cause}")]
    OpenInterface {
        /// The interface.
        interface: String,
        /// What libpcap or the system said.
        cause: String,
    },
    /// A recording that cannot be begun.
    #[error("cannot record to \"{path}\": {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A ring for which there is no memory.
    #[error(
        "a ring of {mib} MiB for \"{interface}\" is too large: {room}; choose less with --ring-mib"
    )]
    RingTooLarge {
        /// The interface.
        interface: String,
        /// The ring of one handle.
        mib: u64,
        /// What there is.
        room: String,
    },
    /// The system gives no thread for a handle.
    #[error("cannot start a capture thread: {source}")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
}

impl CaptureError {
    /// Tells whether this is news of a capture that goes on, not a failure of it.
    #[must_use]
    pub const fn is_notice(&self) -> bool {
        matches!(self, Self::InterfaceBack { .. } | Self::InterfaceLost { .. })
    }
}
