//! The configuration file, as far as `geophone-sensor` reads it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{CaptureConfig, KafkaSettings, SensorConfig};
use crate::toml_file::{self, FileError};

/// One file serves both programs: what only `geophone` has a use for is passed over here, and its
/// keys are checked there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorFile {
    /// A file that takes every counter as JSON.
    pub stats: Option<PathBuf>,
    /// Capture and decoding.
    pub sensor: SensorConfig,
    /// The settings of a live capture.
    pub capture: CaptureConfig,
    /// Kafka.
    pub kafka: KafkaSettings,
    baseline: IgnoredAny,
    rules: IgnoredAny,
    /// Where records go.
    pub output: OutputPart,
    state: IgnoredAny,
    alert: IgnoredAny,
}

/// What a sensor has a use for in `[output]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OutputPart {
    /// Whether records go to Kafka instead of standard output.
    pub kafka: bool,
}

impl SensorFile {
    /// Reads `path`.
    ///
    /// # Errors
    /// A file that cannot be read or has an unknown key.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        toml_file::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_analytics_are_passed_over_and_unknown_ones_are_not() {
        let text = "stats = \"s\"\n[capture]\nring_mib = 8\n[state]\nkeys = 1\n[alert]\n";
        let file: SensorFile = toml_file::parse(text, "c.toml").unwrap();
        assert_eq!((file.capture.ring_mib, file.stats), (8, Some("s".into())));
        let error = toml_file::parse::<SensorFile>("[captures]\n", "c.toml").unwrap_err();
        assert!(error.to_string().contains("did you mean `capture`?"), "{error}");
    }
}
