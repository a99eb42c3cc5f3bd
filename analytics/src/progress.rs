//! What the operator sees on standard error.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

/// Frames between two looks at the bar.
const STEP: u64 = 4096;
/// Octets that a capture file spends on a frame beside its data (pcap; pcapng a little more).
const FRAME_OVERHEAD: u64 = 16;

/// A progress bar over the octets of the input; nothing where standard error is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    frames: u64,
    octets: u64,
}

impl Progress {
    /// Makes a bar for `files`.
    pub(crate) fn new(files: &[PathBuf]) -> Self {
        let total: u64 =
            files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum();
        let bar = if io::stderr().is_terminal() && total > 0 {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        let style =
            "{bar:40} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self { bar, frames: 0, octets: 0 }
    }

    /// Takes note of a frame of `length` octets.
    pub(crate) fn frame(&mut self, length: usize) {
        self.frames += 1;
        self.octets += FRAME_OVERHEAD + u64::try_from(length).unwrap_or_default();
        if self.frames.is_multiple_of(STEP) {
            self.bar.set_position(self.octets);
        }
    }

    /// Says a line without tearing the bar.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says a line on standard error.
/// One that nobody reads any more is no reason to stop.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "geophone: {text}");
}
