//! `manifest.toml`: what each capture is and which channels are in it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use geophone_sensor::name::Name;
use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;
use geophone_sensor::toml_file::{self, FileError};
use serde::Deserialize;

/// The version of the manifest that this program reads.
const VERSION: u32 = 1;
/// What a capture may be.
const ROLES: [&str; 5] = ["benign", "benign-edge", "exfil", "mixed", "tunnel"];
/// What a channel may be.
const LABELS: [&str; 4] = ["c2", "download", "exfil", "tunnel"];
/// Microseconds by which a time written in seconds may be off: it was cut, not rounded.
const CUT_MICROS: i64 = 2;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// It cannot be read or is not of the form.
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
}

/// A manifest, checked as far as it can be without the captures.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The captures in the order of the file.
    pub captures: Vec<Capture>,
    folder: PathBuf,
}

/// One capture.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The file, as the manifest names it: from the manifest's folder.
    pub file: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Octets of the file.
    pub bytes: u64,
    /// Frames in it.
    pub packets: u64,
    /// `benign`, `benign-edge`, `exfil`, `mixed` or `tunnel`.
    pub role: String,
    /// The program that made the traffic, with its version.
    pub tool: String,
    /// The network it was recorded in.
    pub network: Option<String>,
    /// The channels in it.
    pub truths: Vec<Truth>,
}

/// One channel.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Who is at its near end.
    pub client: IpAddr,
    /// Its registered domain in lower case; `None` for a channel that has none.
    pub domain: Option<String>,
    /// `c2`, `download`, `exfil` or `tunnel`.
    pub label: String,
    /// Its first query.
    pub start: Timestamp,
    /// Its last query.
    pub end: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    version: u32,
    #[serde(default)]
    capture: Vec<RawCapture>,
}

/// Keys with an underscore are for people and other programs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapture {
    file: String,
    sha256: String,
    bytes: u64,
    packets: u64,
    role: String,
    tool: String,
    network: Option<String>,
    #[serde(default)]
    truth: Vec<RawTruth>,
    #[serde(rename = "mode")]
    _mode: Option<String>,
    #[serde(rename = "resolver")]
    _resolver: Option<String>,
    #[serde(rename = "recorded")]
    _recorded: Option<toml::Value>,
    #[serde(rename = "note")]
    _note: Option<String>,
    #[serde(rename = "payload_bytes")]
    _payload_bytes: Option<u64>,
    #[serde(rename = "generated")]
    _generated: Option<toml::Value>,
    #[serde(rename = "false_alarms")]
    _false_alarms: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTruth {
    client: String,
    domain: Option<String>,
    label: String,
    start: f64,
    end: f64,
    #[serde(rename = "payload_bytes")]
    _payload_bytes: Option<u64>,
    #[serde(rename = "channel")]
    _channel: Option<toml::Value>,
    #[serde(rename = "found")]
    _found: Option<toml::Value>,
    #[serde(rename = "queries")]
    _queries: Option<toml::Value>,
}

impl Manifest {
    /// Reads `path`.
    ///
    /// # Errors
    /// A file that cannot be read or is not of the form, and values that make no sense whatever
    /// the captures hold.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let raw: RawManifest = toml_file::read(path)?;
        let origin = path.display().to_string();
        let wrong = |what: String| DatasetError::Meaning { origin: origin.clone(), what };
        if raw.version != VERSION {
            let version = raw.version;
            return Err(wrong(format!(
                "version {version} of the manifest; this program reads version {VERSION}"
            )));
        }
        let (mut captures, mut stems) = (Vec::new(), BTreeSet::new());
        for capture in raw.capture {
            let file = capture.file.clone();
            let capture =
                capture.check().map_err(|what| wrong(format!("capture \"{file}\": {what}")))?;
            if !stems.insert(capture.stem().to_owned()) {
                return Err(wrong(format!("capture \"{file}\": another has the same name")));
            }
            captures.push(capture);
        }
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        Ok(Self { captures, folder })
    }

    /// Returns where `capture` is.
    #[must_use]
    pub fn path_of(&self, capture: &Capture) -> PathBuf {
        self.folder.join(&capture.file)
    }
}

impl RawCapture {
    fn check(self) -> Result<Capture, String> {
        let is_inside = Path::new(&self.file)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !is_inside || self.file.is_empty() {
            return Err("file must be a path below the manifest's folder".to_owned());
        }
        if !ROLES.contains(&self.role.as_str()) {
            return Err(format!("role \"{}\" must be one of {}", self.role, ROLES.join(", ")));
        }
        let is_hash = self.sha256.len() == 64 && self.sha256.bytes().all(|c| c.is_ascii_hexdigit());
        if !is_hash {
            return Err("sha256 must be 64 hexadecimal digits".to_owned());
        }
        if self.role.starts_with("benign") && !self.truth.is_empty() {
            return Err(format!(
                "role \"{}\" with a truth; name its role tunnel or exfil",
                self.role
            ));
        }
        let mut truths = Vec::new();
        for (index, truth) in self.truth.into_iter().enumerate() {
            truths.push(truth.check().map_err(|what| format!("truth {}: {what}", index + 1))?);
        }
        Ok(Capture {
            file: self.file,
            sha256: self.sha256.to_ascii_lowercase(),
            bytes: self.bytes,
            packets: self.packets,
            role: self.role,
            tool: self.tool,
            network: self.network,
            truths,
        })
    }
}

impl RawTruth {
    fn check(self) -> Result<Truth, String> {
        let client =
            self.client.parse().map_err(|_| format!("client \"{}\" is no address", self.client))?;
        if !LABELS.contains(&self.label.as_str()) {
            return Err(format!("label \"{}\" must be one of {}", self.label, LABELS.join(", ")));
        }
        let domain = self.domain.map(|domain| domain.to_ascii_lowercase());
        if let Some(domain) = &domain {
            Name::parse(domain).map_err(|error| format!("domain \"{domain}\": {error}"))?;
        }
        let (start, end) = (moment("start", self.start)?, moment("end", self.end)?);
        if end < start {
            return Err(format!("end {end} is before start {start}"));
        }
        Ok(Truth { client, domain, label: self.label, start, end })
    }
}

/// Reads seconds since 1970; the limit keeps microseconds exact.
fn moment(key: &str, seconds: f64) -> Result<Timestamp, String> {
    if !(0.0..=4e9).contains(&seconds) {
        return Err(format!("{key} must be seconds since 1970"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 4e15")]
    let micros = (seconds * 1e6).round() as i64;
    Ok(Timestamp(micros))
}

impl Capture {
    /// Returns the name of the file without folder and endings.
    #[must_use]
    pub fn stem(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        name.split('.').next().unwrap_or(name)
    }

    /// Finds the channel that `transaction` belongs to: by client, domain and time. A truth without
    /// a domain has every domain.
    #[must_use]
    pub fn truth_of(&self, transaction: &Transaction) -> Option<&Truth> {
        if self.truths.is_empty() {
            return None;
        }
        let domain = transaction.domain_text();
        self.truths.iter().find(|truth| {
            truth.client == transaction.client
                && truth.has(transaction.time)
                && truth.domain.as_ref().is_none_or(|own| *own == domain)
        })
    }
}

impl Truth {
    /// Tells whether `time` is between its first and its last query.
    #[must_use]
    pub fn has(&self, time: Timestamp) -> bool {
        (self.start.micros() - CUT_MICROS..=self.end.micros() + CUT_MICROS).contains(&time.micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "version = 1\n[[capture]]\nfile = \"captures/a.pcap\"\n\
        sha256 = \"e8cd7060fa1749a954c145b725e476325eccbb6954098770df4ce9a18b2ea5bb\"\n\
        bytes = 10\npackets = 2\nrole = \"tunnel\"\ntool = \"t 1\"\nnetwork = \"lab\"\n\
        payload_bytes = 16\ngenerated = true\n\
        [[capture.truth]]\nclient = \"10.0.0.1\"\ndomain = \"X.org\"\nlabel = \"tunnel\"\n\
        start = 100.000001\nend = 200.5\n";

    fn read(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.toml");
        std::fs::write(&path, text).unwrap();
        Manifest::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_transaction_is_labelled_by_client_domain_and_time() {
        let manifest = read(GOOD).unwrap();
        let capture = &manifest.captures[0];
        assert_eq!((capture.stem(), capture.network.as_deref()), ("a", Some("lab")));
        let found = |client: &str, name: &str, micros| {
            let transaction = Transaction {
                time: Timestamp(micros),
                client: client.parse().unwrap(),
                qname: Name::parse(name).unwrap(),
                domain_at: 2,
                ..Transaction::default()
            };
            capture.truth_of(&transaction).is_some()
        };
        assert!(found("10.0.0.1", "a.x.org", 100_000_001));
        assert!(found("10.0.0.1", "a.X.ORG", 200_500_000));
        assert!(!found("10.0.0.2", "a.x.org", 150_000_000));
        assert!(!found("10.0.0.1", "a.y.org", 150_000_000));
        assert!(!found("10.0.0.1", "a.x.org", 99_000_000));
        assert!(!found("10.0.0.1", "a.x.org", 201_000_000));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (from, to, told) in [
            ("captures/a.pcap", "../a.pcap", "below the manifest's folder"),
            ("captures/a.pcap", "/a.pcap", "below the manifest's folder"),
            ("role = \"tunnel\"", "role = \"tunel\"", "role \"tunel\""),
            ("role = \"tunnel\"", "role = \"benign\"", "with a truth"),
            ("e8cd", "e8c", "64 hexadecimal digits"),
            ("label = \"tunnel\"", "label = \"bad\"", "truth 1: label \"bad\""),
            ("10.0.0.1", "10.0.0", "no address"),
            ("end = 200.5", "end = 20.5", "before start"),
            ("end = 200.5", "end = 1e300", "end must be seconds"),
            ("packets", "packet", "did you mean `packets`?"),
            ("version = 1", "version = 3", "version 3"),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(told), "{to}: {error}");
        }
        let twice = format!("{GOOD}{}", GOOD.trim_start_matches("version = 1\n"));
        assert!(read(&twice).unwrap_err().contains("another has the same name"));
    }
}
