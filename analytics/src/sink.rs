//! Where alerts go: a file or standard output, as a table or as NDJSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use geophone_sensor::output::{Ndjson, Shared};
use geophone_sensor::record::Record;
use geophone_sensor::words::cure;

use crate::alert::{Action, Alert, Style, to_ecs, to_table};

/// The form of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Elastic Common Schema, one JSON document a line; every action.
    Ecs,
    /// Blocks for a terminal, one an alert, when it closes.
    Table(Style),
    /// The same, for one who waits: when an alert opens, and again when it closes.
    LiveTable(Style),
}

/// Alerts could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {target}: {source}{}", cure(source))]
pub struct SinkError {
    target: String,
    source: io::Error,
}

impl SinkError {
    /// Tells whether the reader went away, which ends a program and is no failure (`| head`).
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Writes alerts, keeping the first failure until somebody asks.
///
/// Every alert is written out at once: one that was found is never lost in a buffer.
pub struct Sink {
    target: String,
    out: Box<dyn Write>,
    format: Format,
    failed: Option<io::Error>,
}

impl Sink {
    /// Opens `path`, standard output where it is `-`.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn open(path: &Path, format: Format) -> Result<Self, SinkError> {
        let (target, out): (String, Box<dyn Write>) = if path.as_os_str() == "-" {
            ("standard output".to_owned(), Box::new(io::stdout().lock()))
        } else {
            let target = format!("\"{}\"", path.display());
            match File::create(path) {
                Ok(file) => (target, Box::new(file)),
                Err(source) => return Err(SinkError { target, source }),
            }
        };
        Ok(Self { target, out: Box::new(BufWriter::new(out)), format, failed: None })
    }

    /// Writes one alert unless an earlier write failed.
    pub fn write(&mut self, alert: &Alert<'_>) {
        if self.failed.is_some() {
            return;
        }
        let text = match self.format {
            Format::Ecs => format!("{}\n", to_ecs(alert)),
            Format::Table(style) if alert.action == Action::Close => to_table(alert, style),
            Format::LiveTable(style) if alert.action == Action::Open => to_table(alert, style),
            Format::LiveTable(style) if alert.action == Action::Close => {
                format!("CLOSED  {}", to_table(alert, style))
            }
            Format::Table(_) | Format::LiveTable(_) => return,
        };
        self.failed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).err();
    }

    /// Tells whether a write failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Returns the first failure.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn check(&mut self) -> Result<(), SinkError> {
        let target = self.target.clone();
        match self.failed.take() {
            Some(source) => Err(SinkError { target, source }),
            None => self.out.flush().map_err(|source| SinkError { target, source }),
        }
    }
}

/// A file of transactions, one record a line.
pub struct FeatureFile {
    path: PathBuf,
    records: Ndjson<Shared<BufWriter<File>>>,
    handle: Shared<BufWriter<File>>,
}

impl FeatureFile {
    /// Makes the file.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        let failed = |source| SinkError { target: format!("\"{}\"", path.display()), source };
        let file = File::create(path).map_err(failed)?;
        let handle = Shared::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Self { path: path.to_owned(), records: Ndjson::new(handle.clone()), handle })
    }

    /// Returns a second handle, with which to write out what is buffered.
    #[must_use]
    pub fn handle(&self) -> Shared<BufWriter<File>> {
        self.handle.clone()
    }

    /// Writes one exchange unless an earlier write failed.
    pub fn write(&mut self, record: &Record<'_>) {
        if matches!(record, Record::Transaction(_)) {
            self.records.write(record);
        }
    }

    /// Tells whether a write failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.records.has_failed()
    }

    /// Returns the first failure.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn check(&mut self) -> Result<(), SinkError> {
        let target = format!("the feature file \"{}\"", self.path.display());
        self.records.check().map_err(|source| SinkError { target, source })
    }
}
