//! Feature files read back, a row group at a time and only the columns that are asked for.

use std::fs::File;
use std::path::Path;

use polars::prelude::{DataFrame, FileMetadata, ParallelStrategy, ParquetReader, SerReader as _};

use crate::error::HistoryError;
use crate::schema::{SCHEMA_KEY, SCHEMA_VERSION};

/// Hands `columns` of every row group of `path` to `take`, in the order of the file.
///
/// # Errors
/// A file that cannot be read or is not of this version, or what `take` returns.
pub(crate) fn for_each_group(
    path: &Path,
    columns: &[&str],
    take: &mut impl FnMut(DataFrame) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let open = || {
        let read = |source| HistoryError::Read { path: path.to_owned(), source };
        Ok::<_, HistoryError>(ParquetReader::new(File::open(path).map_err(read)?))
    };
    let failed = |error| HistoryError::reading(path, &error);
    let metadata = open()?.get_metadata().map_err(failed)?.clone();
    check_version(path, &metadata)?;
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut at = 0;
    for group in &metadata.row_groups {
        let mut reader = open()?;
        reader.set_metadata(metadata.clone());
        let rows = group.num_rows();
        let frame = reader
            .with_columns(Some(columns.clone()))
            .with_slice(Some((at, rows)))
            .read_parallel(ParallelStrategy::Columns)
            .set_rechunk(true)
            .finish()
            .map_err(failed)?;
        take(frame)?;
        at += rows;
    }
    Ok(())
}

/// Refuses a file that is not ours or of another version.
fn check_version(path: &Path, metadata: &FileMetadata) -> Result<(), HistoryError> {
    let found = metadata
        .key_value_metadata
        .iter()
        .flatten()
        .find(|pair| pair.key == SCHEMA_KEY)
        .and_then(|pair| pair.value.as_deref());
    if found == Some(SCHEMA_VERSION.to_string().as_str()) {
        return Ok(());
    }
    let found = match found {
        Some(version) => format!("`{SCHEMA_KEY} = {version}`"),
        None => format!("no `{SCHEMA_KEY}` in its metadata"),
    };
    Err(HistoryError::Version { path: path.to_owned(), found })
}
