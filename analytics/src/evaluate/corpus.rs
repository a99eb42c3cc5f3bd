//! The captures to measure with, and what is true about them.
//!
//! Two forms: `manifest.toml` (datasets/README.md) and a folder with `manifest.tsv`, a table with
//! at least the columns `file`, `label` and `truth_domains` (datasets/measure/README.md). Reads no
//! capture.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use geophone_sensor::toml_file::{self, FileError};
use serde::{Deserialize, Serialize};

/// The columns a table must have.
const COLUMNS: [&str; 3] = ["file", "label", "truth_domains"];
/// The network of a capture whose manifest names none.
const OWN_NETWORK: &str = "lab";

/// What a capture counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It holds channels; ordinary traffic may stand beside them.
    Attack,
    /// Any alert is a false one.
    Benign,
    /// Neither recall nor false alarms are counted on it.
    Other,
}

/// A channel in a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Who it belongs to; `None` where the manifest does not say.
    pub client: Option<IpAddr>,
    /// The domain it goes through, in lower case.
    pub domain: String,
}

/// A capture with its truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Its name in the manifest.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it counts for.
    pub role: Role,
    /// What the manifest calls it.
    pub label: String,
    /// The program that made the channel.
    pub tool: String,
    /// The network it was recorded in.
    pub network: String,
    /// The channels.
    pub truths: Vec<Truth>,
    /// Octets that the channels carried, where the manifest knows.
    pub payload_bytes: Option<u64>,
}

/// Why a corpus cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A client is no address.
    #[error("{origin}: client \"{client}\" is no IP address")]
    Client {
        /// The manifest.
        origin: String,
        /// What stands there.
        client: String,
    },
    /// A table lacks a column.
    #[error("{origin}: no column \"{column}\"; a manifest.tsv begins with a line of column names")]
    Column {
        /// The table.
        origin: String,
        /// The column.
        column: &'static str,
    },
    /// A manifest names no capture.
    #[error("{0} names no capture")]
    Empty(String),
    /// The file cannot be read or is not of the form.
    #[error(transparent)]
    File(#[from] FileError),
}

#[derive(Deserialize)]
struct RawManifest {
    #[serde(default)]
    capture: Vec<RawCapture>,
}

#[derive(Deserialize)]
struct RawCapture {
    file: String,
    role: String,
    #[serde(default)]
    tool: String,
    network: Option<String>,
    payload_bytes: Option<u64>,
    #[serde(default)]
    truth: Vec<RawTruth>,
}

#[derive(Deserialize)]
struct RawTruth {
    client: Option<String>,
    domain: String,
}

/// Reads the captures of each manifest or folder, in the order given.
///
/// # Errors
/// The first manifest that cannot be read, or a corpus without captures.
pub fn read(sources: &[PathBuf]) -> Result<Vec<Capture>, CorpusError> {
    let mut captures = Vec::new();
    for source in sources {
        let path = if source.is_dir() { in_folder(source) } else { source.clone() };
        let before = captures.len();
        if path.extension().is_some_and(|ending| ending == "tsv") {
            read_table(&path, &mut captures)?;
        } else {
            read_toml(&path, &mut captures)?;
        }
        if captures.len() == before {
            return Err(CorpusError::Empty(path.display().to_string()));
        }
    }
    Ok(captures)
}

/// A folder's manifest: the table where it has one.
fn in_folder(folder: &Path) -> PathBuf {
    let table = folder.join("manifest.tsv");
    if table.is_file() { table } else { folder.join("manifest.toml") }
}

fn read_toml(path: &Path, captures: &mut Vec<Capture>) -> Result<(), CorpusError> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    for raw in toml_file::read::<RawManifest>(path)?.capture {
        let origin = || path.display().to_string();
        let truths = raw
            .truth
            .into_iter()
            .map(|truth| truth.check(&origin))
            .collect::<Result<Vec<_>, _>>()?;
        captures.push(Capture {
            path: folder.join(&raw.file),
            role: match raw.role.as_str() {
                "benign" => Role::Benign,
                _ if truths.is_empty() => Role::Other,
                _ => Role::Attack,
            },
            label: raw.role,
            // "iodine 0.7.0-10" is iodine, whatever the version.
            tool: raw
                .tool
                .split([' ', ','])
                .next()
                .filter(|word| !word.is_empty())
                .unwrap_or("unknown")
                .to_owned(),
            network: raw.network.unwrap_or_else(|| OWN_NETWORK.to_owned()),
            truths,
            payload_bytes: raw.payload_bytes,
            file: raw.file,
        });
    }
    Ok(())
}

impl RawTruth {
    fn check(self, origin: &impl Fn() -> String) -> Result<Truth, CorpusError> {
        let client = match self.client {
            None => None,
            Some(text) => match text.parse() {
                Ok(client) => Some(client),
                Err(_) => return Err(CorpusError::Client { origin: origin(), client: text }),
            },
        };
        Ok(Truth { client, domain: folded(&self.domain) })
    }
}

fn read_table(path: &Path, captures: &mut Vec<Capture>) -> Result<(), CorpusError> {
    let text = fs::read_to_string(path)
        .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let mut columns = [0; COLUMNS.len()];
    for (place, column) in columns.iter_mut().zip(COLUMNS) {
        let origin = || path.display().to_string();
        let at = head.iter().position(|name| *name == column);
        *place = at.ok_or_else(|| CorpusError::Column { origin: origin(), column })?;
    }
    let [file, label, truths] = columns;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        captures.push(row(folder, cell(file), cell(label), cell(truths)));
    }
    Ok(())
}

fn row(folder: &Path, file: &str, label: &str, truths: &str) -> Capture {
    let truths: Vec<_> = truths
        .split_whitespace()
        .map(|domain| Truth { client: None, domain: folded(domain) })
        .collect();
    let attack =
        label.starts_with("tunnel") || label.starts_with("exfil") || label.starts_with("mixed");
    let role = match label {
        _ if label.starts_with("benign") => Role::Benign,
        _ if attack && !truths.is_empty() => Role::Attack,
        _ => Role::Other,
    };
    let (tool, name) = file.rsplit_once('/').unwrap_or((label, file));
    Capture {
        file: file.to_owned(),
        path: folder.join(file),
        role,
        label: label.to_owned(),
        tool: tool.strip_prefix("tunnel-").unwrap_or(tool).to_owned(),
        network: name.split_once("__").map_or(name, |(origin, _)| origin).to_owned(),
        truths,
        payload_bytes: None,
    }
}

fn folded(domain: &str) -> String {
    domain.trim_end_matches('.').to_ascii_lowercase()
}

/// Tells whether `name` is `domain` or below it, at label boundaries; both in lower case.
#[must_use]
pub fn is_at_or_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Truth {
    /// Tells whether an alert about `client` and `domain` is about this channel: the alert may
    /// name a registered domain above the channel's, or one below it.
    #[must_use]
    pub fn is_meant(&self, client: IpAddr, domain: &str) -> bool {
        self.client.is_none_or(|own| own == client)
            && !domain.is_empty()
            && (self.domain.is_empty()
                || is_at_or_below(domain, &self.domain)
                || is_at_or_below(&self.domain, domain))
    }

    /// Tells whether `client` asking `qname`, in lower case, is part of this channel.
    #[must_use]
    pub fn is_part(&self, client: IpAddr, qname: &str) -> bool {
        // A channel without a domain is all that its client asks: it talks to the server itself.
        let inside = self.domain.is_empty() || is_at_or_below(qname, &self.domain);
        self.client.is_none_or(|own| own == client) && inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_its_column_names() {
        let folder = tempfile::tempdir().unwrap();
        let text = "label\tfile\tsize\ttruth_domains\n\
            tunnel-iodine\ttunnel-iodine/some-lab__a.pcap\t1\tT.Example.\n\
            exfil\texfil/b.pcap\t2\t\n\
            benign-edge\tbenign-edge/net__c.pcap\t3\t\n";
        fs::write(folder.path().join("manifest.tsv"), text).unwrap();
        let captures = read(&[folder.path().to_owned()]).unwrap();
        let roles: Vec<_> = captures.iter().map(|capture| capture.role).collect();
        assert_eq!(roles, [Role::Attack, Role::Other, Role::Benign]);
        let first = &captures[0];
        assert_eq!((first.tool.as_str(), first.network.as_str()), ("iodine", "some-lab"));
        assert_eq!(first.truths[0].domain, "t.example");
        fs::write(folder.path().join("manifest.tsv"), "file\tlabel\n").unwrap();
        let error = read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no column \"truth_domains\""), "{error}");
    }

    #[test]
    fn the_manifest_of_this_tree_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/manifest.toml");
        let captures = read(&[path]).unwrap();
        assert!(captures.iter().any(|c| c.role == Role::Benign && c.truths.is_empty()));
        let tunnel = captures.iter().find(|c| c.file == "captures/iodine-null.pcap").unwrap();
        assert_eq!((tunnel.role, tunnel.tool.as_str()), (Role::Attack, "iodine"));
        assert!(tunnel.path.is_file());
    }

    #[test]
    fn a_channel_is_its_domain_and_what_is_below_and_an_alert_may_name_what_is_above() {
        let client = IpAddr::from([192, 0, 2, 1]);
        let truth = Truth { client: Some(client), domain: "t.example.org".to_owned() };
        assert!(
            truth.is_part(client, "aa.t.example.org") && truth.is_part(client, "t.example.org")
        );
        assert!(!truth.is_part(client, "aat.example.org") && !truth.is_part(client, "example.org"));
        assert!(truth.is_meant(client, "example.org") && !truth.is_meant(client, ""));
        assert!(!truth.is_meant(IpAddr::from([192, 0, 2, 2]), "example.org"));
    }
}
