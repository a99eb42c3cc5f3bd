//! What can be wrong inside a capture file, in words.

use std::io;

use super::pcapng::Section;

/// Why reading stops inside a capture file.
#[derive(Debug)]
pub(super) enum Fault {
    /// A block that is longer than what is there; of the frame that is due, or of something else.
    CutBlock { there: u64, needed: u64, kind: u32 },
    /// A frame, or the block it stands in, that is longer than what is there.
    CutFrame { there: usize, needed: usize },
    /// The header of a frame that is longer than what is there.
    CutHeader { there: usize, needed: usize },
    /// A frame that is longer than the block it stands in.
    FrameExceedsBlock { length: u32, room: usize },
    /// A frame longer than any frame is.
    FrameTooLong { length: u32 },
    /// The input itself cannot be read: the disk, or the compressed layer around the capture.
    Input(io::Error),
    /// More interfaces than are kept.
    Interfaces,
    /// A block length that cannot be.
    Length { length: u32, kind: u32 },
    /// A frame of an interface that was not described.
    NoInterface { interface: u32, known: usize },
    /// A section that does not tell its byte order, or is of a version nobody knows.
    Section(Section),
    /// A block whose two lengths differ.
    Trailer { length: u32, trailer: u32, kind: u32 },
}

const CUT: &str = " (was it still being written or copied? copy it again)";
const PACKED: &str = " (pack or copy it again)";
const CONTRADICTION: &str = " (copy or record it again: where the next frame begins is unknown)";

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

impl Fault {
    /// Says what is wrong; `frame` is the number of the frame that is due, from 1.
    pub(super) fn cause(&self, frame: u64) -> String {
        match self {
            Self::CutBlock { there, needed, kind } => format!(
                "truncated: {there} of {needed} octets of a block (type {kind:#x}) \
                 before frame {frame} are there"
            ),
            Self::CutFrame { there, needed } => {
                format!("truncated: {there} of {needed} octets of frame {frame} are there")
            }
            Self::CutHeader { there, needed } => format!(
                "truncated: {there} of {needed} octets of the header of frame {frame} are there"
            ),
            Self::FrameExceedsBlock { length, room } => format!(
                "frame {frame} has {length} octets in a block that has room for {room} octets"
            ),
            Self::FrameTooLong { length } => {
                format!("frame {frame} has {length} octets, more than any frame")
            }
            Self::Input(error) => error.to_string(),
            Self::Interfaces => {
                format!("more than {} interfaces in one section", super::pcapng::MAX_INTERFACES)
            }
            Self::Length { length, kind } => format!(
                "a block (type {kind:#x}) before or around frame {frame} claims {length} octets, \
                 too few or no multiple of four"
            ),
            Self::NoInterface { interface, known } => {
                format!("frame {frame} is of interface {interface}, but {known} are described")
            }
            Self::Section(section) => section.to_string(),
            Self::Trailer { length, trailer, kind } => format!(
                "a block (type {kind:#x}) before or around frame {frame} begins with the length \
                 {length} and ends with the length {trailer}"
            ),
        }
    }

    /// Says what to do about it; `PACKED` where another error is wrapped, as by `unpack`.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::CutBlock { .. } | Self::CutFrame { .. } | Self::CutHeader { .. } => CUT,
            Self::Input(error) if error.get_ref().is_some() => PACKED,
            Self::Input(_) => "",
            _ => CONTRADICTION,
        }
    }

    /// Tells whether the input ended where more was due.
    pub(super) fn is_cut(&self) -> bool {
        match self {
            Self::CutBlock { .. } | Self::CutFrame { .. } | Self::CutHeader { .. } => true,
            Self::Input(error) => error.kind() == io::ErrorKind::UnexpectedEof,
            _ => false,
        }
    }
}
