//! From what was typed to the files that are read.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::CaptureError;

/// The path that means standard input.
pub const STDIN: &str = "-";

/// First four octets of pcap (both byte orders, micro- and nanoseconds) and pcapng files.
const MAGICS: [[u8; 4]; 6] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// Replaces every directory by the capture files directly inside it, in the order of their names.
///
/// Files are told by their first octets, not by their names. Other paths pass unchanged, missing
/// ones too: opening them says what is wrong.
///
/// # Errors
/// A directory that cannot be listed or holds no capture.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CaptureError> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() != STDIN && path.is_dir() {
            files.extend(captures_in(path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn captures_in(directory: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let open = |source| CaptureError::Open { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(open)? {
        let path = entry.map_err(open)?.path();
        if path.is_file() && may_be_capture(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(CaptureError::EmptyDirectory { path: directory.to_owned() });
    }
    files.sort();
    Ok(files)
}

/// A file that cannot be opened passes: opening it again says why, and nothing is left out unsaid.
fn may_be_capture(path: &Path) -> bool {
    let mut magic = [0; 4];
    match fs::File::open(path) {
        Ok(mut file) => file.read_exact(&mut magic).is_ok() && MAGICS.contains(&magic),
        Err(_) => true,
    }
}
