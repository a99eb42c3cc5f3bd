//! One capture file through libpcap.

use std::fs;
use std::path::{Path, PathBuf};

use pcap::{Capture, Offline};

use super::link::SUPPORTED;
use super::{CaptureError, Frame, LinkType, STDIN};
use crate::time::Timestamp;

/// An open capture file.
pub(super) struct CaptureFile {
    path: PathBuf,
    capture: Capture<Offline>,
    link: LinkType,
    frames: u64,
    ended: bool,
}

impl CaptureFile {
    /// Opens `path`, or standard input where it is `-`.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.as_os_str() != STDIN {
            let metadata = fs::metadata(path)
                .map_err(|source| CaptureError::Open { path: path.to_owned(), source })?;
            if metadata.is_file() && metadata.len() == 0 {
                return Err(CaptureError::EmptyFile { path: path.to_owned() });
            }
            if metadata.is_file() {
                // libpcap folds every failure to open into a text; this keeps the cause.
                fs::File::open(path)
                    .map_err(|source| CaptureError::Open { path: path.to_owned(), source })?;
            }
        }
        let capture = Capture::from_file(path).map_err(|cause| not_a_capture(path, &cause))?;
        let number = u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX);
        let link = LinkType::from_number(number);
        if let LinkType::Other(number) = link {
            return Err(CaptureError::LinkType {
                path: path.to_owned(),
                number,
                name: LinkType::name_of(number),
                supported: SUPPORTED,
            });
        }
        Ok(Self { path: path.to_owned(), capture, link, frames: 0, ended: false })
    }

    /// Returns the next frame, `None` at the end, an error once where the file is damaged.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        match self.capture.next_packet() {
            Ok(packet) => {
                self.frames += 1;
                Ok(Some(Frame {
                    time: Timestamp::from_parts(packet.header.ts.tv_sec, packet.header.ts.tv_usec),
                    link: self.link,
                    data: packet.data,
                    wire_length: packet.header.len,
                }))
            }
            Err(pcap::Error::NoMorePackets) => {
                self.ended = true;
                Ok(None)
            }
            Err(cause) => {
                self.ended = true;
                let cause = text(&cause);
                let hint = if cause.contains("interface has a") {
                    " (libpcap reads one link type and snap length a file: \
                     split it by interface with editcap or tshark)"
                } else {
                    ""
                };
                let (path, frames) = (self.path.clone(), self.frames);
                Err(CaptureError::Damaged { path, frames, cause, hint })
            }
        }
    }
}

fn not_a_capture(path: &Path, cause: &pcap::Error) -> CaptureError {
    let cause = text(cause);
    let hint = if cause.contains("unknown file format") {
        "; it must be pcap or pcapng (unpack .gz, .xz or .zst first)"
    } else if cause.contains("truncated") {
        "; its header is cut short, the file must be copied or recorded again"
    } else {
        ""
    };
    CaptureError::NotACapture { path: path.to_owned(), cause, hint }
}

/// Returns libpcap's own words.
fn text(cause: &pcap::Error) -> String {
    match cause {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}
