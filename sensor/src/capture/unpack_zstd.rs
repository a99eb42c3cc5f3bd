//! One zstd frame, its checksum verified and, where it breaks off, all that stands before.
//!
//! Source: RFC 8878.

use std::error::Error;
use std::io::{self, Read};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::unpack::MAX_WINDOW;

/// An empty last block and room for a checksum: ends a frame whose rest is missing, so that the
/// decoder gives out the window it keeps.
const ENDING: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// A frame as it is read.
pub(super) struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    /// Why the frame breaks off; told when what stands before has been given out.
    fault: Option<io::Error>,
}

impl<R: Read> Zstd<R> {
    /// Reads a frame header.
    ///
    /// # Errors
    /// Of the input, and where the header is damaged, asks for more window than `MAX_WINDOW` or
    /// for a dictionary.
    pub(super) fn new(mut source: R) -> io::Result<Self> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW.into());
        decoder.init(&mut source).map_err(flat)?;
        Ok(Self { source, decoder, fault: None })
    }

    /// Returns the input, behind the frame where it has been read to its end.
    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// Ends the frame where it breaks off.
    fn break_off(&mut self, fault: FrameDecoderError) {
        self.fault = Some(flat(fault));
        // It has failed already: where this fails too, the window is lost and nothing else.
        let _ = self.decoder.decode_blocks(ENDING.as_slice(), BlockDecodingStrategy::UptoBlocks(1));
    }

    fn verify(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(checksum) if self.decoder.get_calculated_checksum() != Some(checksum) => {
                Err(io::Error::other("its checksum is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(room);
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if self.decoder.is_finished() {
                return self.verify().map(|()| 0);
            }
            let step = BlockDecodingStrategy::UptoBlocks(1);
            if let Err(fault) = self.decoder.decode_blocks(&mut self.source, step) {
                self.break_off(fault);
            }
        }
    }
}

/// Returns the error of the input that a decoder's error wraps, or the decoder's.
fn flat(error: FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(input) = inner.downcast_ref::<io::Error>() {
            return match input.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => input.kind().into(),
            };
        }
        cause = inner.source();
    }
    io::Error::other(error)
}
