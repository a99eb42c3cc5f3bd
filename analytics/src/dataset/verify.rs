//! The captures held against what the manifest says of them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use geophone_sensor::capture::{CaptureSet, FrameSource as _};
use geophone_sensor::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::manifest::{Capture, Manifest};

/// Octets read at once.
const CHUNK: usize = 1 << 16;
/// Microseconds by which a truth may stand outside the frames: it was cut, not rounded.
const CUT_MICROS: i64 = 2;

/// Something that is not as the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The capture.
    pub file: String,
    /// What is wrong with it, and what is there instead.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.what)
    }
}

/// Reads every capture of `manifest` and returns what is not as it says, in its order; then the
/// captures beside them that it does not have.
#[must_use]
pub fn verify(manifest: &Manifest) -> Vec<Fault> {
    let mut faults = Vec::new();
    for capture in &manifest.captures {
        let path = manifest.path_of(capture);
        let told = |what| Fault { file: capture.file.clone(), what };
        match content(&path, capture) {
            // A file that is another one needs no further words.
            Ok(found) if !found.is_empty() => faults.extend(found.into_iter().map(told)),
            Ok(_) => faults.extend(frames(&path, capture).into_iter().map(told)),
            Err(error) => faults.push(told(format!("cannot be read: {error}"))),
        }
    }
    faults.extend(strangers(manifest));
    faults
}

fn content(path: &Path, capture: &Capture) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let (mut hash, mut octets, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        hash.update(chunk.get(..n).unwrap_or_default());
        octets += u64::try_from(n).unwrap_or_default();
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut found = Vec::new();
    if octets != capture.bytes {
        found.push(format!("{octets} bytes, the manifest says {}", capture.bytes));
    }
    if digits != capture.sha256 {
        found.push(format!("sha256 is {digits}, the manifest says {}", capture.sha256));
    }
    Ok(found)
}

fn frames(path: &Path, capture: &Capture) -> Vec<String> {
    let mut source = CaptureSet::new(&[path.to_owned()]);
    let (mut packets, mut first, mut last) = (0, Timestamp(i64::MAX), Timestamp(i64::MIN));
    let mut found = Vec::new();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => {
                packets += 1;
                first = first.min(frame.time);
                last = last.max(frame.time);
            }
            Ok(None) => break,
            Err(error) => found.push(error.to_string()),
        }
    }
    if packets != capture.packets {
        found.push(format!("{packets} packets, the manifest says {}", capture.packets));
    }
    for (index, truth) in capture.truths.iter().enumerate() {
        let inside = truth.start.micros() >= first.micros().saturating_sub(CUT_MICROS)
            && truth.end.micros() <= last.micros().saturating_add(CUT_MICROS);
        if !inside {
            let (number, start, end) = (index + 1, truth.start, truth.end);
            found.push(format!(
                "truth {number} is from {start} to {end}, the capture from {first} to {last}"
            ));
        }
    }
    found
}

/// Finds captures in the folders of those that the manifest has, which it does not have.
fn strangers(manifest: &Manifest) -> Vec<Fault> {
    let known: BTreeSet<PathBuf> =
        manifest.captures.iter().map(|capture| manifest.path_of(capture)).collect();
    let folders: BTreeSet<&Path> = known.iter().filter_map(|path| path.parent()).collect();
    let mut found = BTreeSet::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_capture = [".pcap", ".pcapng"].iter().any(|ending| name.contains(ending));
            if is_capture && !known.contains(&path) {
                found.insert(path.display().to_string());
            }
        }
    }
    let what = "is not in the manifest: add it there, or take it away";
    found.into_iter().map(|file| Fault { file, what: what.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "dns2tcp-key.pcap";

    fn datasets() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets")
    }

    /// The tree's manifest reduced to one capture, in a folder of its own.
    fn one(change: impl Fn(String) -> String) -> (tempfile::TempDir, Manifest) {
        let text = fs::read_to_string(datasets().join("manifest.toml")).unwrap();
        let entry = text.split("[[capture]]").find(|entry| entry.contains(NAME)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.toml");
        fs::write(&path, change(format!("version = 1\n[[capture]]{entry}"))).unwrap();
        fs::create_dir(folder.path().join("captures")).unwrap();
        let capture = folder.path().join("captures").join(NAME);
        fs::copy(datasets().join("captures").join(NAME), capture).unwrap();
        let manifest = Manifest::read(&path).unwrap();
        (folder, manifest)
    }

    fn told(manifest: &Manifest) -> String {
        verify(manifest).iter().map(|fault| format!("{fault}\n")).collect()
    }

    #[test]
    fn the_manifest_of_the_tree_tells_the_truth() {
        let manifest = Manifest::read(&datasets().join("manifest.toml")).unwrap();
        assert!(manifest.captures.len() >= 10);
        assert_eq!(told(&manifest), "");
    }

    #[test]
    fn a_flipped_byte_and_a_missing_end_are_noticed() {
        let (folder, manifest) = one(|text| text);
        assert_eq!(told(&manifest), "");
        let path = folder.path().join("captures").join(NAME);
        let mut octets = fs::read(&path).unwrap();
        octets[90_000] ^= 1;
        fs::write(&path, &octets).unwrap();
        let said = told(&manifest);
        assert!(said.contains(NAME) && said.contains("sha256 is") && !said.contains("bytes,"));
        octets.truncate(90_000);
        fs::write(&path, &octets).unwrap();
        assert!(told(&manifest).contains("90000 bytes, the manifest says 181305"));
        fs::remove_file(&path).unwrap();
        assert!(told(&manifest).contains("cannot be read"));
    }

    #[test]
    fn counts_and_intervals_that_are_not_so_are_noticed() {
        let (_folder, manifest) = one(|text| text.replace("packets = 1042", "packets = 1041"));
        assert!(told(&manifest).contains("1042 packets, the manifest says 1041"));
        let (_folder, manifest) =
            one(|text| text.replace("start = 1795235026", "start = 1795230026"));
        assert!(told(&manifest).contains("truth 1 is from"), "{}", told(&manifest));
    }

    #[test]
    fn a_capture_that_the_manifest_does_not_have_is_noticed() {
        let (folder, manifest) = one(|text| text);
        fs::write(folder.path().join("captures/more.pcapng.gz"), b"").unwrap();
        assert!(told(&manifest).contains("more.pcapng.gz: is not in the manifest"));
    }
}
