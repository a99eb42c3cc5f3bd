//! All rules together, from a directory or compiled in.

use std::fs;
use std::path::{Path, PathBuf};

use super::allow::{AllowList, RawAllowFile};
use super::baseline::Baseline;
use super::detector::{Detector, RawDetector};
use super::leak::RawLeakContract;
use crate::detect::watched_by;
use crate::state::LeakContract;
use geophone_sensor::toml_file::{self, FileError};

/// The file that holds the leak contract.
const LEAK_CONTRACT: &str = "leak-contract";

/// The default rules, as (name, text); a test holds them against the directory.
const DEFAULTS: &[(&str, &str)] = &[
    ("amplification", include_str!("../../../rules/amplification.toml")),
    ("dga", include_str!("../../../rules/dga.toml")),
    ("encrypted-dns", include_str!("../../../rules/encrypted-dns.toml")),
    ("malformed-dns", include_str!("../../../rules/malformed-dns.toml")),
    ("name-leak", include_str!("../../../rules/name-leak.toml")),
    ("non-dns", include_str!("../../../rules/non-dns.toml")),
    ("nxdomain-flood", include_str!("../../../rules/nxdomain-flood.toml")),
    ("open-resolver", include_str!("../../../rules/open-resolver.toml")),
    ("query-flood", include_str!("../../../rules/query-flood.toml")),
    ("reverse-sweep", include_str!("../../../rules/reverse-sweep.toml")),
    ("tcp-exhaustion", include_str!("../../../rules/tcp-exhaustion.toml")),
    ("cache-poisoning", include_str!("../../../rules/cache-poisoning.toml")),
    ("dns-rebinding", include_str!("../../../rules/dns-rebinding.toml")),
    ("rogue-resolver", include_str!("../../../rules/rogue-resolver.toml")),
    ("c2-beacon", include_str!("../../../rules/c2-beacon.toml")),
    ("dns-exfiltration", include_str!("../../../rules/dns-exfiltration.toml")),
    ("dns-tunnel", include_str!("../../../rules/dns-tunnel.toml")),
    (LEAK_CONTRACT, include_str!("../../../rules/leak-contract.toml")),
    ("txt-abuse", include_str!("../../../rules/txt-abuse.toml")),
    ("version-probe", include_str!("../../../rules/version-probe.toml")),
    ("zone-transfer", include_str!("../../../rules/zone-transfer.toml")),
];

/// The default allowances, as (name, text).
const DEFAULT_ALLOW: [(&str, &str); 11] = [
    ("cdn", include_str!("../../../rules/allow/cdn.toml")),
    ("cloud", include_str!("../../../rules/allow/cloud.toml")),
    ("dnsbl", include_str!("../../../rules/allow/dnsbl.toml")),
    ("dnssec", include_str!("../../../rules/allow/dnssec.toml")),
    ("enterprise", include_str!("../../../rules/allow/enterprise.toml")),
    ("hosting", include_str!("../../../rules/allow/hosting.toml")),
    ("local", include_str!("../../../rules/allow/local.toml")),
    ("mail", include_str!("../../../rules/allow/mail.toml")),
    ("reputation", include_str!("../../../rules/allow/reputation.toml")),
    ("reverse", include_str!("../../../rules/allow/reverse.toml")),
    ("telemetry", include_str!("../../../rules/allow/telemetry.toml")),
];

/// Every rule in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The buckets of the leak contract.
    pub leak: LeakContract,
    /// The detectors of (client, domain) in the order of their ids.
    pub detectors: Vec<Detector>,
    /// The detectors of everything else, in the order of their ids.
    pub watches: Vec<Detector>,
    /// The allowances.
    pub allow: AllowList,
    /// The learned budgets; the rules themselves have none.
    pub baseline: Baseline,
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The directory cannot be listed.
    #[error("cannot read rules directory \"{path}\": {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be read or is not of the form.
    #[error(transparent)]
    File(#[from] FileError),
    /// A value that makes no sense.
    #[error("{origin}: {what}")]
    Meaning {
        /// The file.
        origin: String,
        /// What is wrong with it.
        what: String,
    },
    /// The directory has no leak contract.
    #[error("rules directory \"{0}\" has no {LEAK_CONTRACT}.toml; copy it from the default rules")]
    NoLeakContract(PathBuf),
}

impl Rules {
    /// Returns the rules compiled in.
    ///
    /// # Errors
    /// None in a build whose tests passed: they read the same text.
    pub fn builtin() -> Result<Self, RuleError> {
        let mut parts = Parts::default();
        for &(stem, text) in DEFAULTS {
            parts.rule(stem, text, &format!("rules/{stem}.toml (compiled in)"))?;
        }
        for (stem, text) in DEFAULT_ALLOW {
            parts.allow(text, &format!("rules/allow/{stem}.toml (compiled in)"))?;
        }
        parts.finish(Path::new("rules"))
    }

    /// Walks all detectors: those of (client, domain), then those of watches.
    pub fn all(&self) -> impl Iterator<Item = &Detector> {
        self.detectors.iter().chain(&self.watches)
    }

    /// Returns the detector with this number in the order of [`all`](Self::all).
    #[must_use]
    pub fn detector(&self, index: usize) -> Option<&Detector> {
        match index.checked_sub(self.detectors.len()) {
            None => self.detectors.get(index),
            Some(index) => self.watches.get(index),
        }
    }

    /// Returns the number of the detector `id`.
    #[must_use]
    pub fn number_of(&self, id: &str) -> Option<usize> {
        self.all().position(|detector| detector.id == id)
    }

    /// Reads every `*.toml` of `directory` and of its `allow` folder; the rules compiled in are
    /// not used.
    ///
    /// # Errors
    /// The first file, in the order of names, that cannot be used.
    pub fn read(directory: &Path) -> Result<Self, RuleError> {
        let mut parts = Parts::default();
        for path in toml_files(directory)? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            parts.rule(&stem, &text_of(&path)?, &path.display().to_string())?;
        }
        let allow = directory.join("allow");
        if allow.is_dir() {
            for path in toml_files(&allow)? {
                parts.allow(&text_of(&path)?, &path.display().to_string())?;
            }
        }
        parts.finish(directory)
    }
}

#[derive(Default)]
struct Parts {
    leak: Option<LeakContract>,
    detectors: Vec<Detector>,
    watches: Vec<Detector>,
    allow: AllowList,
}

impl Parts {
    fn rule(&mut self, stem: &str, text: &str, origin: &str) -> Result<(), RuleError> {
        if stem == LEAK_CONTRACT {
            self.leak = Some(toml_file::parse::<RawLeakContract>(text, origin)?.check(origin)?);
        } else {
            let raw = toml_file::parse::<RawDetector>(text, origin)?;
            let list =
                if watched_by(stem).is_some() { &mut self.watches } else { &mut self.detectors };
            list.push(raw.check(stem, origin)?);
        }
        Ok(())
    }

    fn allow(&mut self, text: &str, origin: &str) -> Result<(), RuleError> {
        self.allow.extend(toml_file::parse::<RawAllowFile>(text, origin)?, origin)
    }

    fn finish(mut self, directory: &Path) -> Result<Rules, RuleError> {
        let leak = self.leak.ok_or_else(|| RuleError::NoLeakContract(directory.to_owned()))?;
        self.detectors.sort_by(|a, b| a.id.cmp(&b.id));
        self.watches.sort_by(|a, b| a.id.cmp(&b.id));
        let Self { detectors, watches, allow, .. } = self;
        Ok(Rules { leak, detectors, watches, allow, baseline: Baseline::default() })
    }
}

fn toml_files(directory: &Path) -> Result<Vec<PathBuf>, RuleError> {
    let failed = |source| RuleError::Directory { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text_of(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_compiled_in_are_the_directory() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        assert_eq!(Rules::builtin().unwrap(), Rules::read(&directory).unwrap());
    }
}
