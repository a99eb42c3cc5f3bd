//! What a process says on standard error, line by line.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::panic,
    clippy::print_stderr,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::io::{BufRead as _, BufReader};
use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

/// Longer than a process that does as it should is silent.
const PATIENCE: Duration = Duration::from_secs(240);
/// Lines that may wait to be looked at; later ones are shown and passed over.
const LINES: usize = 10_000;

/// The lines of a process.
pub(crate) struct Said(Receiver<String>);

impl Said {
    /// Reads them, and shows them where tests show what is printed.
    pub(crate) fn of(stderr: ChildStderr) -> Self {
        let (say, said) = sync_channel(LINES);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("{line}");
                drop(say.try_send(line));
            }
        });
        Self(said)
    }

    /// Tells whether a line that `is` the one comes within `patience`; others are passed over.
    pub(crate) fn comes(&self, patience: Duration, is: impl Fn(&str) -> bool) -> bool {
        std::iter::from_fn(|| self.0.recv_timeout(patience).ok()).any(|line| is(&line))
    }

    /// Waits for a line that `is` the one.
    pub(crate) fn wait_for(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let mut all = Vec::new();
        while let Ok(line) = self.0.recv_timeout(PATIENCE) {
            if is(&line) {
                return line;
            }
            all.push(line);
        }
        panic!("nothing said of {what}, but {all:?}");
    }
}
