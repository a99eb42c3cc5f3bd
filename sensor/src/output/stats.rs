//! The counters as a JSON file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::counter::Counters;

/// The counters could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the counters to \"{path}\": {source}")]
pub struct StatsError {
    path: PathBuf,
    source: io::Error,
}

/// Returns the counters with `more` beside them, and whether all sums balance.
#[must_use]
pub fn stats_json(counters: &Counters, more: &BTreeMap<&'static str, u64>) -> Value {
    let mut all = counters.named();
    all.extend(more);
    let imbalance = counters.imbalance();
    json!({ "version": 1, "balanced": imbalance.is_none(), "imbalance": imbalance, "counters": all })
}

/// Writes [`stats_json`] to `path`, standard output where it is `-`.
///
/// # Errors
/// A file that cannot be written.
pub fn write_stats(path: &Path, stats: &Value) -> Result<(), StatsError> {
    let failed = |source| StatsError { path: path.to_owned(), source };
    let text = format!("{stats:#}\n");
    if path.as_os_str() == "-" {
        return io::Write::write_all(&mut io::stdout().lock(), text.as_bytes()).map_err(failed);
    }
    fs::write(path, text).map_err(failed)
}
