//! Where frames come from: capture files now, interfaces later.
//!
//! Nothing here looks inside a frame.

mod file;
mod link;
mod paths;
mod set;

use std::path::PathBuf;

pub use link::LinkType;
pub use paths::{STDIN, expand};
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
}
