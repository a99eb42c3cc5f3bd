//! Errors in words: what an operator reads.

use std::error::Error;
use std::io;

/// Returns what to do about a file that cannot be written, as the end of a sentence, or nothing.
#[must_use]
pub fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; make its directory first, or name another",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; name a place that this user may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room there, or name another place"
        }
        io::ErrorKind::IsADirectory => "; name a file in it",
        _ => "",
    }
}

/// Joins an error and its causes, leaving out causes that the words before already hold.
#[must_use]
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text += &format!(": {words}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open \"x\": {source}")]
    struct Told {
        source: io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the run failed")]
    struct Untold(#[source] Told);

    #[test]
    fn a_cause_is_said_once() {
        let told = Told { source: io::ErrorKind::NotFound.into() };
        assert_eq!(in_words(&told), "cannot open \"x\": entity not found");
        assert_eq!(in_words(&Untold(told)), "the run failed: cannot open \"x\": entity not found");
    }
}
