//! One capture file: opened, unpacked, read, and its faults told.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::link::SUPPORTED;
use super::savefile::{Head, NoCapture, Savefile};
use super::unpack::{Packing, Unpacked};
use super::{CaptureError, Frame, FrameSource, LinkType, Losses, STDIN};
use crate::time::Timestamp;

/// An open capture: pcap or pcapng, plain or in gzip, zstd, xz or LZ4.
///
/// Frames are lent from one buffer, none is copied. Memory: 256 KiB, at most 17 MiB for a capture
/// with a frame of 16 MiB; for a compressed one, what its format needs for history besides (gzip
/// 32 KiB, LZ4 12 MiB, zstd and xz what the file asks for, at most 128 MiB).
pub struct CaptureFile {
    path: PathBuf,
    capture: Savefile<Unpacked>,
    /// Link types that are not read and have been told.
    told: BTreeSet<u16>,
    /// Frames handed out.
    frames: u64,
    ended: bool,
    broke_off: bool,
}

impl CaptureFile {
    /// Opens `path`, or standard input where it is `-`.
    ///
    /// # Errors
    /// Where it is missing, empty, no capture, or compressed twice.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.as_os_str() == STDIN {
            return Self::from_reader(path, io::stdin());
        }
        let open = |source| CaptureError::Open { path: path.to_owned(), source };
        if fs::metadata(path).map_err(open)?.is_dir() {
            return Err(open(io::ErrorKind::IsADirectory.into()));
        }
        Self::from_reader(path, File::open(path).map_err(open)?)
    }

    /// Reads a capture from any reader; `path` is what errors call it.
    ///
    /// # Errors
    /// Where it cannot be read, is empty, no capture, or compressed twice.
    pub fn from_reader(
        path: &Path,
        input: impl Read + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let unpacked = Unpacked::new(Box::new(input))
            .map_err(|error| no_capture(path, None, NoCapture::Input(error)))?;
        let packing = unpacked.packing();
        let capture = Savefile::new(unpacked).map_err(|cause| no_capture(path, packing, cause))?;
        Ok(Self {
            path: path.to_owned(),
            capture,
            told: BTreeSet::new(),
            frames: 0,
            ended: false,
            broke_off: false,
        })
    }

    /// Returns the number of frames handed out.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Tells whether the last error was that the file ends where more was due.
    pub(super) const fn broke_off(&self) -> bool {
        self.broke_off
    }

    /// Steps to the next frame, `None` at the end; `take` hands it out.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<Head>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        match self.capture.peek() {
            Ok(Some(head)) => {
                if let LinkType::Other(number) = head.link
                    && self.told.insert(number)
                {
                    return Err(self.link_type(number));
                }
                Ok(Some(head))
            }
            Ok(None) => {
                self.ended = true;
                // A recording of something else is no quiet network, even where it is empty.
                match self.capture.link() {
                    Some(LinkType::Other(number)) if self.told.insert(number) => {
                        Err(self.link_type(number))
                    }
                    _ => Ok(None),
                }
            }
            Err(fault) => Err(self.damaged(&fault)),
        }
    }

    /// Hands out the frame that `peek` stepped to.
    #[inline]
    pub(super) fn take(&mut self, head: &Head) -> Frame<'_> {
        self.frames += 1;
        self.capture.take(head)
    }

    #[cold]
    fn damaged(&mut self, fault: &Fault) -> CaptureError {
        self.ended = true;
        self.broke_off = fault.is_cut();
        CaptureError::Damaged {
            path: self.path.clone(),
            frames: self.frames,
            cause: fault.cause(self.frames + 1),
            hint: fault.hint(),
        }
    }

    #[cold]
    fn link_type(&self, number: u16) -> CaptureError {
        CaptureError::LinkType {
            path: self.path.clone(),
            number,
            name: LinkType::name_of(number),
            supported: SUPPORTED,
        }
    }
}

impl FrameSource for CaptureFile {
    /// Returns the next frame, `None` at the end.
    ///
    /// # Errors
    /// Once where the file is damaged or breaks off, which ends it. Once for each link type that
    /// is not read, before its first frame; the next call returns that frame. A pcap file of such
    /// a link type and without frames tells it at its end.
    #[inline]
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        Ok(self.peek()?.map(|head| self.take(&head)))
    }

    fn losses(&self) -> Losses {
        self.capture.losses()
    }
}

/// What a file is, as far as its first octets tell.
#[derive(Debug)]
pub(super) enum Look {
    /// A capture, and the time of its first frame where that is there.
    Capture(Option<Timestamp>),
    /// Something else.
    Other(CaptureError),
    /// Too little of it is there, or it cannot be read now.
    Unknown,
}

/// Looks at the beginning of a file that may be incomplete.
pub(super) fn look(path: &Path) -> Look {
    let unpacked = File::open(path).and_then(|file| Unpacked::new(Box::new(file)));
    let Ok(unpacked) = unpacked else { return Look::Unknown };
    let packing = unpacked.packing();
    match Savefile::new(unpacked) {
        Ok(mut capture) => Look::Capture(capture.peek().ok().flatten().map(|head| head.time)),
        Err(cause @ NoCapture::Other { .. }) => Look::Other(no_capture(path, packing, cause)),
        Err(_) => Look::Unknown,
    }
}

fn no_capture(path: &Path, packing: Option<Packing>, cause: NoCapture) -> CaptureError {
    let path = path.to_owned();
    let (cause, hint) = match (cause, packing) {
        (NoCapture::Empty, None) => return CaptureError::EmptyFile { path },
        (NoCapture::Empty, Some(packing)) => (
            format!("its {packing} layer holds nothing"),
            "; was the recording stopped before it began?",
        ),
        // Errors of the compressed layer wrap another; those of the disk do not.
        (NoCapture::Input(source), _) if source.get_ref().is_none() => {
            return CaptureError::Open { path, source };
        }
        (NoCapture::Input(source), _) => (source.to_string(), "; pack or copy it again"),
        (NoCapture::Short(cause), _) => (cause, "; the file must be copied or recorded again"),
        (NoCapture::Other { cause, head }, packing) => match (Packing::of(&head), packing) {
            (Some(inner), Some(outer)) => {
                (format!("it is compressed twice ({inner} in {outer})"), "; unpack it once first")
            }
            _ => (
                cause,
                "; it must be pcap or pcapng, as it is or in gzip, zstd, xz or lz4 \
                 (`editcap -F pcapng` converts others)",
            ),
        },
    };
    CaptureError::NotACapture { path, cause, hint }
}
