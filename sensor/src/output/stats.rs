//! The counters as a JSON file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::counter::Counters;
use crate::words::cure;

/// The counters could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the counters to \"{path}\": {source}{}", cure(source))]
pub struct StatsError {
    path: PathBuf,
    source: io::Error,
}

/// Counters of a later stage, to stand beside the sensor's.
#[derive(Clone, Debug, Default)]
pub struct MoreCounters {
    /// The counters by their published names.
    pub named: BTreeMap<&'static str, u64>,
    /// Counters whose names come from configuration.
    pub configured: BTreeMap<String, u64>,
    /// The first of their sums that does not add up.
    pub imbalance: Option<String>,
}

/// Returns the counters with `more` beside them, and whether all sums balance.
#[must_use]
pub fn stats_json(counters: &Counters, more: &MoreCounters) -> Value {
    let mut all = counters.named();
    all.extend(&more.named);
    all.extend(more.configured.iter().map(|(name, n)| (name.as_str(), *n)));
    let imbalance = counters.imbalance().or_else(|| more.imbalance.clone());
    json!({ "version": 1, "balanced": imbalance.is_none(), "imbalance": imbalance, "counters": all })
}

/// Where the counters go at the end; opened at the start, so that a place that cannot be written
/// is told before anything is read.
pub struct StatsFile {
    path: PathBuf,
    /// `None` stands for standard output.
    file: Option<File>,
}

impl StatsFile {
    /// Makes the file, or takes standard output where `path` is `-`.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn create(path: &Path) -> Result<Self, StatsError> {
        let file = if path.as_os_str() == "-" { None } else { Some(File::create(path)) };
        let path = path.to_owned();
        match file.transpose() {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(StatsError { path, source }),
        }
    }

    /// Writes [`stats_json`].
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(mut self, stats: &Value) -> Result<(), StatsError> {
        let text = format!("{stats:#}\n");
        let written = match &mut self.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => io::stdout().lock().write_all(text.as_bytes()),
        };
        written.map_err(|source| StatsError { path: self.path, source })
    }
}
