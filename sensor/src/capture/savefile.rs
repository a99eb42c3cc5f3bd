//! A capture file of either format, over any reader.
//!
//! Nothing here opens files or knows of compression.

use std::io::{self, Read};

use super::fault::Fault;
use super::pcap_file::{FILE_HEADER, PcapFile};
use super::pcapng::{self, Pcapng};
use super::window::Window;
use super::{Frame, LinkType, Losses};
use crate::time::Timestamp;

/// Octets a frame may have: 64 times what IP can carry. A longer one is damage.
pub(super) const MAX_FRAME: usize = 16 * 1024 * 1024;

/// First octets of pcap files: both byte orders of the micro-, nanosecond and Kuznetzov's form.
const PCAP_MAGICS: [[u8; 4]; 6] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
];

/// Tells whether a file that begins so may be a capture.
pub(super) fn begins_capture(magic: [u8; 4]) -> bool {
    magic == pcapng::MAGIC || PCAP_MAGICS.contains(&magic)
}

/// An open capture file.
///
/// Memory: the window (at most a little over 16 MiB, in practice 256 KiB) and, for pcapng, the
/// descriptions of the interfaces of one section.
pub(super) struct Savefile<R> {
    window: Window<R>,
    format: Format,
}

enum Format {
    Pcap(PcapFile),
    Pcapng(Pcapng),
}

/// Why an input is no capture.
#[derive(Debug)]
pub(super) enum NoCapture {
    /// There is nothing in it.
    Empty,
    /// It cannot be read at all.
    Input(io::Error),
    /// It is something else, which begins so.
    Other { cause: String, head: Vec<u8> },
    /// It is one, but its header is cut short.
    Short(String),
}

/// What stands before the next frame, which is in the window as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) wire_length: u32,
    /// Octets from the start of the window to the frame.
    pub(super) before: usize,
    /// Octets of the frame.
    pub(super) length: usize,
    /// Octets between the frame and what comes next.
    pub(super) after: usize,
}

impl<R: Read> Savefile<R> {
    /// Reads the file header.
    pub(super) fn new(input: R) -> Result<Self, NoCapture> {
        let mut window = Window::new(input);
        let head = window.have(4).map_err(NoCapture::Input)?;
        let Some(magic) = head.first_chunk::<4>().copied() else {
            return Err(match head {
                [] => NoCapture::Empty,
                head => NoCapture::Short(few(head.len(), FILE_HEADER)),
            });
        };
        let format = if magic == pcapng::MAGIC {
            Format::Pcapng(Pcapng::start(&mut window)?)
        } else if PCAP_MAGICS.contains(&magic) {
            let head = window.have(FILE_HEADER).map_err(NoCapture::Input)?;
            let Some(header) = head.first_chunk() else {
                return Err(NoCapture::Short(few(head.len(), FILE_HEADER)));
            };
            let file = PcapFile::from_header(header)
                .map_err(|cause| NoCapture::Other { cause, head: magic.to_vec() })?;
            window.take(FILE_HEADER);
            Format::Pcap(file)
        } else {
            let head = window.have(8).map_err(NoCapture::Input)?;
            let head = head.get(..8).unwrap_or(head).to_vec();
            return Err(NoCapture::Other { cause: "unknown file format".to_owned(), head });
        };
        Ok(Self { window, format })
    }

    /// Steps to the next frame, `None` at the end; asked again, it says the same of the same frame.
    ///
    /// # Errors
    /// Where the file is damaged or breaks off; nothing can be read after that.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<Head>, Fault> {
        match &mut self.format {
            Format::Pcap(file) => file.peek(&mut self.window),
            Format::Pcapng(file) => file.peek(&mut self.window),
        }
    }

    /// Takes the frame that `peek` stepped to.
    #[inline]
    pub(super) fn take(&mut self, head: &Head) -> Frame<'_> {
        let octets = self.window.take(head.before + head.length + head.after);
        Frame {
            time: head.time,
            link: head.link,
            data: octets.get(head.before..head.before + head.length).unwrap_or_default(),
            wire_length: head.wire_length,
        }
    }

    /// Returns the link type that all frames have, if the format has but one.
    pub(super) fn link(&self) -> Option<LinkType> {
        match &self.format {
            Format::Pcap(file) => Some(file.link()),
            Format::Pcapng(_) => None,
        }
    }

    /// Returns what the file says was dropped, as far as it has been read.
    pub(super) fn losses(&self) -> Losses {
        match &self.format {
            Format::Pcap(_) => Losses::default(),
            Format::Pcapng(file) => file.losses(),
        }
    }
}

/// Says that a header is short.
pub(super) fn few(there: usize, needed: usize) -> String {
    format!("truncated: its header is cut short, {there} of {needed} octets are there")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads to the end or to damage; returns the frames and the memory taken.
    fn drain(octets: &[u8]) -> (usize, usize) {
        let Ok(mut capture) = Savefile::new(octets) else { return (0, 0) };
        let mut frames = 0;
        while let Ok(Some(head)) = capture.peek() {
            assert_eq!(capture.peek().unwrap().unwrap().length, head.length, "peeking is harmless");
            assert_eq!(capture.take(&head).data.len(), head.length);
            frames += 1;
        }
        (frames, capture.window.room())
    }

    /// Little-endian words.
    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn section() -> Vec<u8> {
        words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28])
    }

    proptest! {
        #[test]
        fn any_words_behind_a_header_end_and_take_no_more_memory_than_there_are(
            pcapng in any::<bool>(),
            body in prop::collection::vec(
                prop_oneof![0_u32..8, Just(12), Just(20), Just(32), any::<u32>()],
                0..200,
            ),
        ) {
            let header = if pcapng {
                section()
            } else {
                words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 0, 1])
            };
            let octets = [header, words(&body)].concat();
            let (frames, room) = drain(&octets);
            prop_assert!(frames <= octets.len() / 16);
            prop_assert!(room <= 32 * 1024, "{}", room);
        }
    }

    #[test]
    fn lengths_that_lie_cost_no_memory() {
        let interface = words(&[1, 20, 1, 0, 20]);
        for block in [
            words(&[6, 0x0100_0000, 0, 0, 0, 0x00ff_ff00, 0x00ff_ff00, 0, 0]),
            words(&[1, 0xffff_fffc, 1, 0]),
            words(&[5, 0xffff_fffc, 0, 0, 0]),
            words(&[0xbad, 0xffff_fffc, 0, 0, 0]),
            words(&[0x0a0d_0d0a, 0xffff_fffc, 0x1a2b_3c4d, 1, 0, 0]),
        ] {
            let (frames, room) = drain(&[section(), interface.clone(), block].concat());
            assert!(frames == 0 && room <= 32 * 1024, "{room}");
        }
        let frame = words(&[0, 0, 0x00ff_ffff, 0x00ff_ffff, 0]);
        let (frames, room) =
            drain(&[words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 0, 1]), frame].concat());
        assert!(frames == 0 && room <= 32 * 1024, "{room}");
    }

    #[test]
    fn the_longest_frame_is_read_and_one_octet_more_is_damage() {
        let header = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 0, 1]);
        for (longer, expected) in [(0, 2), (1, 0)] {
            let length = MAX_FRAME + longer;
            let number = u32::try_from(length).unwrap();
            let frame = [words(&[0, 0, number, number]), vec![7; length]].concat();
            let (frames, room) = drain(&[header.clone(), frame.clone(), frame].concat());
            assert_eq!(frames, expected);
            assert!(room <= MAX_FRAME + 1024 * 1024, "{room}");
        }
    }

    #[test]
    fn a_large_unknown_block_is_stepped_over_without_being_kept() {
        let length = 8 * 1024 * 1024;
        let block = [words(&[0xbad, length]), vec![1; 8 * 1024 * 1024 - 12], words(&[length])];
        let frame = words(&[6, 32, 0, 0, 5, 0, 0, 32]);
        let octets = [section(), words(&[1, 20, 1, 0, 20]), block.concat(), frame].concat();
        let (frames, room) = drain(&octets);
        assert!(frames == 1 && room <= 256 * 1024, "{frames} {room}");
    }

    #[test]
    fn a_section_describes_no_more_interfaces_than_are_kept() {
        let interface = words(&[1, 20, 1, 0, 20]);
        let octets = [section(), interface.repeat(pcapng::MAX_INTERFACES + 1)].concat();
        let mut capture = Savefile::new(octets.as_slice()).unwrap_or_else(|_| panic!("a capture"));
        let fault = capture.peek().unwrap_err();
        assert_eq!(fault.cause(1), "more than 65536 interfaces in one section");
    }
}
