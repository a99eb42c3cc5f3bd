//! Where frames come from: capture files now, interfaces later.
//!
//! Nothing here looks inside a frame. Files are hostile input: they are read in safe Rust, within
//! bounds, and a length in them is never believed before the octets are there.

mod directory;
mod fault;
mod file;
mod follow;
mod growing;
mod interface;
mod link;
mod natural;
mod order;
mod paths;
mod pcap_file;
mod pcapng;
mod savefile;
mod set;
mod unpack;
mod unpack_zstd;
mod window;

use std::path::PathBuf;

pub use file::CaptureFile;
pub use follow::FollowedDirectory;
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

impl Losses {
    /// No frames.
    const NONE: Self = Self { kernel: 0, interface: 0 };

    /// Returns the sum of both.
    #[must_use]
    const fn with(self, other: Self) -> Self {
        Self {
            kernel: self.kernel.saturating_add(other.kernel),
            interface: self.interface.saturating_add(other.interface),
        }
    }

    /// Returns what is left without `other`.
    #[must_use]
    const fn without(self, other: Self) -> Self {
        Self {
            kernel: self.kernel.saturating_sub(other.kernel),
            interface: self.interface.saturating_sub(other.interface),
        }
    }
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
        /// What is wrong.
        cause: String,
        /// What to do about it, or nothing.
        hint: &'static str,
    },
    /// A directory in which no file is a capture.
    #[error(
        "no capture files (pcap or pcapng, plain or compressed) in directory \"{path}\"; \
         name a file or another directory"
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
    /// A file of a followed directory that is not read; nothing is wrong with the others.
    #[error("left out \"{path}\": {cause}")]
    LeftOut {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A link type this version cannot read; its frames are delivered all the same.
    #[error(
        "link type {number} ({name}) of capture \"{path}\" is not supported, its frames are only \
         counted; supported are {supported}"
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The number of the link type as it stands in the file.
        number: u16,
        /// Its name.
        name: String,
        /// What would be supported.
        supported: &'static str,
    },
    /// A pattern that matches no file.
    #[error(
        "no file matches \"{pattern}\"; quote a pattern as a whole, or name a file or directory"
    )]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A file that is no capture.
    #[error("cannot read \"{path}\" as a capture: {cause}{hint}")]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What it is or lacks.
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
    /// A pattern that is not one.
    #[error(
        "\"{pattern}\" is neither a file nor a pattern: {cause}; write [[] for a bracket in a name"
    )]
    Pattern {
        /// What was typed.
        pattern: String,
        /// What is wrong with it.
        cause: &'static str,
    },
}
