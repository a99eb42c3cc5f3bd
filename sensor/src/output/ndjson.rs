//! Records as NDJSON: one JSON document a line.

use std::io::{self, Write};

use crate::record::{Record, to_json};

/// Writes records to `W`, keeping the first failure until somebody asks.
///
/// A pipeline hands records to a closure that cannot fail, so the failure waits here; nothing is
/// written after it.
pub struct Ndjson<W> {
    out: W,
    line: Vec<u8>,
    failed: Option<io::Error>,
}

impl<W: Write> Ndjson<W> {
    /// Wraps `out`, which should be buffered.
    pub const fn new(out: W) -> Self {
        Self { out, line: Vec::new(), failed: None }
    }

    /// Writes one record unless an earlier write failed.
    pub fn write(&mut self, record: &Record<'_>) {
        if self.failed.is_some() {
            return;
        }
        self.line.clear();
        let made = to_json(record, &mut self.line).map_err(io::Error::other);
        self.line.push(b'\n');
        self.failed = made.and_then(|()| self.out.write_all(&self.line)).err();
    }

    /// Writes out what is buffered and returns the first failure.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn check(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// Tells whether a write failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}
