//! Why a feature file could not be written, read or asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geophone_sensor::words::cure;
use polars::prelude::PolarsError;

use crate::schema::{SCHEMA_KEY, SCHEMA_VERSION};

/// Why a feature file could not be written, read or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// polars could not do what it was asked.
    #[error("cannot work out the answer: {0}")]
    Answer(PolarsError),
    /// The file has no column of that name.
    #[error(
        "\"{path}\" has no column `{column}`: write it again with `geophone replay --features`"
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// The file is no Parquet, or cut short.
    #[error(
        "cannot read \"{path}\" as Parquet: {cause}; a file whose writer is not done has no table \
         of contents yet"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What polars says.
        cause: String,
    },
    /// The file cannot be opened.
    #[error("cannot read \"{path}\": {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A Parquet file of something else, or of another version.
    #[error(
        "\"{path}\" has {found}; this program reads `{SCHEMA_KEY} = {SCHEMA_VERSION}`: write it \
         again with `geophone replay --features`"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it has instead.
        found: String,
    },
    /// The file cannot be written.
    #[error("cannot write features to \"{path}\": {source}{}", cure(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl HistoryError {
    /// Tells of a failure of polars while `path` was written.
    pub(crate) fn writing(path: &Path, error: PolarsError) -> Self {
        Self::Write { path: path.to_owned(), source: io_error(error) }
    }

    /// Tells of a failure of polars while `path` was read.
    pub(crate) fn reading(path: &Path, error: &PolarsError) -> Self {
        match error {
            PolarsError::ColumnNotFound(name) => {
                Self::Column { path: path.to_owned(), column: name.to_string() }
            }
            error => Self::Form { path: path.to_owned(), cause: error.to_string() },
        }
    }
}

impl From<PolarsError> for HistoryError {
    fn from(error: PolarsError) -> Self {
        Self::Answer(error)
    }
}

/// Finds the system's error in polars' own, so that its kind still says what to do.
fn io_error(error: PolarsError) -> io::Error {
    match error {
        PolarsError::IO { error, .. } => {
            Arc::try_unwrap(error).unwrap_or_else(|error| io::Error::new(error.kind(), error))
        }
        error => io::Error::other(error.to_string()),
    }
}
