//! A writer that two places hold: one writes to it, the other writes it out when nothing comes.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle of a writer; handles of one writer are made by cloning.
pub struct Shared<W>(Arc<Mutex<W>>);

impl<W: Write> Shared<W> {
    /// Wraps `out`.
    pub fn new(out: W) -> Self {
        Self(Arc::new(Mutex::new(out)))
    }

    fn lock(&self) -> MutexGuard<'_, W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Clone for Shared<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Write for Shared<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.lock().write(octets)
    }

    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        self.lock().write_all(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}
