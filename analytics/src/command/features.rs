//! `--features`: a file that takes one row a transaction, NDJSON or Parquet by its ending.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use geophone_analytics::sink::FeatureFile;
#[cfg(feature = "history")]
use geophone_history::FeatureWriter;
use geophone_sensor::output::Shared;
use geophone_sensor::record::Record;

/// Whether the process may still rename files when it ends.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    /// It may not: a live run gives up its rights at the start.
    InPlace,
    /// It may: a file that is not whole has another name until it is.
    Renamed,
}

/// An open feature file.
pub(crate) enum Features {
    Ndjson(FeatureFile),
    #[cfg(feature = "history")]
    Parquet(Box<FeatureWriter>),
}

impl Features {
    /// Makes the file.
    pub(crate) fn create(path: &Path, ending: Ending) -> anyhow::Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("ndjson" | "json") => Ok(Self::Ndjson(FeatureFile::create(path)?)),
            Some("parquet") => parquet(path, ending),
            _ => Err(anyhow::anyhow!(
                "cannot write features to \"{}\": name a file that ends in .ndjson or .parquet",
                path.display()
            )),
        }
    }

    /// Returns a handle with which to write out what is buffered; Parquet is readable at the end
    /// only.
    pub(crate) fn handle(&self) -> Option<Shared<BufWriter<File>>> {
        match self {
            Self::Ndjson(file) => Some(file.handle()),
            #[cfg(feature = "history")]
            Self::Parquet(_) => None,
        }
    }

    pub(crate) fn write(&mut self, record: &Record<'_>) {
        match self {
            Self::Ndjson(file) => file.write(record),
            #[cfg(feature = "history")]
            Self::Parquet(writer) => {
                if let Record::Transaction(transaction) = record {
                    writer.write(transaction);
                }
            }
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Ndjson(file) => file.has_failed(),
            #[cfg(feature = "history")]
            Self::Parquet(writer) => writer.has_failed(),
        }
    }

    /// Writes what is left and returns the first failure.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Ndjson(mut file) => Ok(file.check()?),
            #[cfg(feature = "history")]
            Self::Parquet(writer) => Ok(writer.finish()?),
        }
    }
}

#[cfg(feature = "history")]
fn parquet(path: &Path, ending: Ending) -> anyhow::Result<Features> {
    let writer = match ending {
        Ending::InPlace => FeatureWriter::create_in_place(path),
        Ending::Renamed => FeatureWriter::create(path),
    };
    Ok(Features::Parquet(Box::new(writer?)))
}

#[cfg(not(feature = "history"))]
fn parquet(path: &Path, _: Ending) -> anyhow::Result<Features> {
    anyhow::bail!(
        "cannot write features to \"{}\": {}, or name a file that ends in .ndjson",
        path.display(),
        super::WITHOUT_PARQUET
    )
}
