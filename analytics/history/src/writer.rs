//! Transactions into a Parquet file, a bounded number of rows at a time.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use geophone_sensor::output::Shared;
use geophone_sensor::record::Transaction;
use polars::prelude::{
    BatchedWriter, DataType, Field, KeyValueMetadata, ParquetCompression, ParquetWriter,
    PolarsError, Schema, TimeUnit, TimeZone,
};

use crate::buffer::Buffer;
use crate::error::HistoryError;
use crate::schema::{COLUMNS, LABEL_COLUMNS, Label, Pull, SCHEMA_KEY, SCHEMA_VERSION};

/// Rows of a row group: they take about 50 MiB while they wait and are encoded
/// (measured over a replay of 200,280 transactions: 110 MiB with Parquet, 59 MiB without).
const GROUP_ROWS: usize = 16_384;
/// Octets of text after which a row group is written early: long names and answers in words.
const GROUP_TEXT_BYTES: usize = 8 * 1024 * 1024;

type Batches = BatchedWriter<Shared<BufWriter<File>>>;

/// A Parquet file of transactions, open for writing.
///
/// A Parquet file ends with its table of contents: one whose writer was not finished is refused by
/// every reader. The first failure is kept until somebody asks; nothing is written after it.
pub struct FeatureWriter {
    path: PathBuf,
    /// Where the rows go until the file is whole; `None` where that is its own place.
    part: Option<PathBuf>,
    rows: Buffer,
    labels: bool,
    batches: Batches,
    /// A second handle of the file, with which to write out what is buffered.
    out: Shared<BufWriter<File>>,
    failed: Option<HistoryError>,
    finished: bool,
}

impl FeatureWriter {
    /// Makes a file that appears at `path` when it is whole; until then it is `path` with `.part`.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn create(path: &Path) -> Result<Self, HistoryError> {
        Self::open(path, Some(part_of(path)), false)
    }

    /// Makes a file at `path` itself, for a process that may not rename when it ends.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn create_in_place(path: &Path) -> Result<Self, HistoryError> {
        Self::open(path, None, false)
    }

    /// Makes a file with the columns of labels, which appears at `path` when it is whole.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn create_labelled(path: &Path) -> Result<Self, HistoryError> {
        Self::open(path, Some(part_of(path)), true)
    }

    fn open(path: &Path, part: Option<PathBuf>, labels: bool) -> Result<Self, HistoryError> {
        let file = File::create(part.as_deref().unwrap_or(path))
            .map_err(|source| HistoryError::Write { path: path.to_owned(), source })?;
        let out = Shared::new(BufWriter::with_capacity(1 << 16, file));
        let version = (SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_string());
        let batches = ParquetWriter::new(out.clone())
            .with_compression(ParquetCompression::Zstd(None))
            // One thread: the others capture or decode.
            .set_parallel(false)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![version])))
            .batched(&schema(labels))
            .map_err(|error| HistoryError::writing(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            part,
            rows: Buffer::new(labels),
            labels,
            batches,
            out,
            failed: None,
            finished: false,
        })
    }

    /// Adds a row unless an earlier write failed.
    pub fn write(&mut self, transaction: &Transaction) {
        self.add(transaction, None);
    }

    /// Adds a row with its label; the label is left out of a file that has no columns for it.
    pub fn write_labelled(&mut self, transaction: &Transaction, label: &Label<'_>) {
        self.add(transaction, Some(label));
    }

    fn add(&mut self, transaction: &Transaction, label: Option<&Label<'_>>) {
        if self.failed.is_some() {
            return;
        }
        self.rows.add(transaction, label.filter(|_| self.labels));
        if self.rows.len() >= GROUP_ROWS || self.rows.text_bytes() >= GROUP_TEXT_BYTES {
            self.failed = self.group().err();
        }
    }

    /// Tells whether a write failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Writes what is buffered and the table of contents, and gives the file its name.
    ///
    /// # Errors
    /// The first write that failed; what was written is taken away, unless it is in place.
    pub fn finish(mut self) -> Result<(), HistoryError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.rows.len() > 0 {
            self.group()?;
        }
        let ended = self.batches.finish().map(|_| ());
        ended.map_err(|error| self.failure(error))?;
        let failed = |source| HistoryError::Write { path: self.path.clone(), source };
        self.out.flush().map_err(failed)?;
        if let Some(part) = &self.part {
            fs::rename(part, &self.path).map_err(failed)?;
        }
        self.finished = true;
        Ok(())
    }

    /// Writes the buffered rows as a row group.
    fn group(&mut self) -> Result<(), HistoryError> {
        let taken = self.rows.take();
        let written = taken.and_then(|frame| self.batches.write_batch(&frame));
        written.map_err(|error| self.failure(error))
    }

    /// Tells why a write failed. polars makes text of the system's error; what is buffered still
    /// cannot be written, and that says it again with its kind, which has a cure.
    fn failure(&mut self, error: PolarsError) -> HistoryError {
        match self.out.flush() {
            Err(source) => HistoryError::Write { path: self.path.clone(), source },
            Ok(()) => HistoryError::writing(&self.path, error),
        }
    }
}

impl Drop for FeatureWriter {
    fn drop(&mut self) {
        if let Some(part) = self.part.as_deref().filter(|_| !self.finished) {
            // Half a file is worth nothing: without its table of contents nobody can read it.
            let _ = fs::remove_file(part);
        }
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The columns as polars knows them.
pub(crate) fn schema(labels: bool) -> Schema {
    let own = COLUMNS.iter().map(|column| {
        let kind = match column.pull {
            Pull::Flag(_) => DataType::Boolean,
            Pull::Large(_) => DataType::UInt64,
            Pull::Number(_) => DataType::UInt32,
            Pull::Text(_) => DataType::String,
            Pull::Texts(_) => DataType::List(Box::new(DataType::String)),
            Pull::Time(_) => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        };
        Field::new(column.name.into(), kind)
    });
    let more = LABEL_COLUMNS.iter().filter(|_| labels);
    own.chain(more.map(|(name, _)| Field::new((*name).into(), DataType::String))).collect()
}
