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

/// Counters of a later stage, to stand beside the sensor's.
#[derive(Clone, Debug, Default)]
pub struct MoreCounters {
    /// The counters by their published names.
    pub named: BTreeMap<&'static str, u64>,
    /// The first of their sums that does not add up.
    pub imbalance: Option<String>,
}

/// Returns the counters with `more` beside them, and whether all sums balance.
#[must_use]
pub fn stats_json(counters: &Counters, more: &MoreCounters) -> Value {
    let mut all = counters.named();
    all.extend(&more.named);
    let imbalance = counters.imbalance().or_else(|| more.imbalance.clone());
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
