//! TOML files with errors that name the file, the line and the cure.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Least likeness (Jaro-Winkler, 0 to 1) of a suggestion.
const ALIKE: f64 = 0.75;

/// Why a TOML file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read \"{path}\": {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is not TOML, or a key or value is not one of ours.
    #[error("{place}: {message}{suggestion}")]
    Text {
        /// File and line.
        place: String,
        /// What is wrong.
        message: String,
        /// "; did you mean …?" or nothing.
        suggestion: String,
    },
}

/// Reads and parses `path`.
///
/// # Errors
/// A file that cannot be read, or whose text is not a `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let text = fs::read_to_string(path)
        .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    parse(&text, &path.display().to_string())
}

/// Parses `text`, which came from `origin`.
///
/// # Errors
/// Text that is not a `T`, with its line and, where a key is misspelt, the likely one.
pub fn parse<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        FileError::Text {
            place: line.map_or_else(|| origin.to_owned(), |line| format!("{origin}:{line}")),
            suggestion: suggestion(&message),
            message,
        }
    })
}

/// Returns the line, from 1, of the octet `at`.
#[must_use]
pub fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Finds the likely one among the names that serde lists behind "expected".
fn suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(wrong) = quoted.next().filter(|_| message.starts_with("unknown ")) else {
        return String::new();
    };
    let likeness = |name: &str| strsim::jaro_winkler(wrong, name);
    quoted
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Form {
        threshold: i32,
        name: String,
    }

    #[test]
    fn a_misspelt_key_is_told_with_line_and_cure() {
        let text = "name = \"x\"\ntreshold = 3\n";
        let error = parse::<Form>(text, "rules/x.toml").unwrap_err().to_string();
        assert!(error.starts_with("rules/x.toml:2: unknown field `treshold`"), "{error}");
        assert!(error.ends_with("did you mean `threshold`?"), "{error}");
    }
}
