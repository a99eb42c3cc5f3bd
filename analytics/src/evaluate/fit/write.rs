//! A rules directory written again with fitted points.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::rewrite::{RewriteError, rewrite};
use crate::evaluate::trace::Cards;
use crate::rule::Rules;

/// Why fitted rules cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output is the input.
    #[error(
        "cannot write rules to \"{0}\": name another directory than the one they are read from"
    )]
    InPlace(PathBuf),
    /// A file or directory cannot be read.
    #[error("cannot read \"{path}\": {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A rule file is not of a form that can be rewritten.
    #[error("cannot rewrite \"{path}\": {source}")]
    Rewrite {
        /// Which.
        path: PathBuf,
        /// Why.
        source: RewriteError,
    },
    /// A file or directory cannot be written.
    #[error("cannot write \"{path}\": {source}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes every rule file of `from`, which holds `rules`, into `to`, detectors with the points of
/// `fitted`; whatever is no scorecard is copied.
///
/// # Errors
/// The first file that cannot be read, rewritten or written.
pub fn write(from: &Path, to: &Path, rules: &Rules, fitted: &Cards) -> Result<(), WriteError> {
    let same = |path: &Path| fs::canonicalize(path).ok();
    make(to)?;
    if same(from).is_some() && same(from) == same(to) {
        return Err(WriteError::InPlace(to.to_owned()));
    }
    for path in toml_files(from)? {
        let mut text = read(&path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let detectors = rules.detectors.iter().zip(&fitted.cards);
        if let Some((old, (new, _))) = detectors.into_iter().find(|(old, _)| old.id == stem) {
            text = rewrite(&text, &old.card, new)
                .map_err(|source| WriteError::Rewrite { path: path.clone(), source })?;
        }
        put(to, &path, &text)?;
    }
    let allow = from.join("allow");
    if allow.is_dir() {
        make(&to.join("allow"))?;
        for path in toml_files(&allow)? {
            put(&to.join("allow"), &path, &read(&path)?)?;
        }
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(folder)
        .map_err(|source| WriteError::Write { path: folder.to_owned(), source })
}

fn read(path: &Path) -> Result<String, WriteError> {
    fs::read_to_string(path).map_err(|source| WriteError::Read { path: path.to_owned(), source })
}

fn put(folder: &Path, path: &Path, text: &str) -> Result<(), WriteError> {
    let path = folder.join(path.file_name().unwrap_or_default());
    fs::write(&path, text).map_err(|source| WriteError::Write { path, source })
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, WriteError> {
    let failed = |source| WriteError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")
    }

    #[test]
    fn rules_that_were_not_fitted_are_written_as_they_were_to_the_byte() {
        let out = tempfile::tempdir().unwrap();
        let old = Rules::read(&rules()).unwrap();
        write(&rules(), out.path(), &old, &Cards::new(&old, Vec::new())).unwrap();
        for path in toml_files(&rules()).unwrap() {
            let written = out.path().join(path.file_name().unwrap());
            assert_eq!(read(&path).unwrap(), read(&written).unwrap(), "{}", path.display());
        }
        assert_eq!(Rules::read(out.path()).unwrap(), old);
    }

    #[test]
    fn other_points_are_read_back_as_they_were_fitted() {
        let out = tempfile::tempdir().unwrap();
        let old = Rules::read(&rules()).unwrap();
        let mut fitted = Cards::new(&old, Vec::new());
        for (card, _) in &mut fitted.cards {
            card.threshold += 7;
            for term in &mut card.terms {
                for knot in &mut term.knots {
                    knot.1 *= 2.0;
                }
            }
        }
        write(&rules(), out.path(), &old, &fitted).unwrap();
        let new = Rules::read(out.path()).unwrap();
        for (detector, (card, _)) in new.detectors.iter().zip(&fitted.cards) {
            assert_eq!(&detector.card, card, "{}", detector.id);
        }
        assert_eq!((&new.leak, &new.allow), (&old.leak, &old.allow));
    }

    #[test]
    fn rules_are_never_written_over_themselves() {
        let old = Rules::read(&rules()).unwrap();
        let error = write(&rules(), &rules(), &old, &Cards::new(&old, Vec::new())).unwrap_err();
        assert!(error.to_string().contains("another directory"), "{error}");
    }
}
