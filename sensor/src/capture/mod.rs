//! Where frames come from: capture files and interfaces; and where they may go: a recording.
//!
//! Nothing here looks inside a frame. Files are hostile input: they are read in safe Rust, within
//! bounds, and a length in them is never believed before the octets are there.

mod directory;
mod error;
mod fault;
mod file;
mod follow;
mod growing;
mod interface;
mod link;
#[cfg(target_os = "linux")]
mod live;
mod natural;
mod order;
mod paths;
mod pcap_file;
mod pcapng;
mod recording;
mod savefile;
mod set;
mod unpack;
mod unpack_zstd;
mod window;

pub use error::CaptureError;
pub use file::CaptureFile;
pub use follow::FollowedDirectory;
pub use link::LinkType;
#[cfg(target_os = "linux")]
pub(crate) use live::Progress;
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
