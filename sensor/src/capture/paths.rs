//! From what was typed to the files that are read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::CaptureError;
use super::savefile::begins_capture;
use super::unpack::Unpacked;

/// The path that means standard input.
pub const STDIN: &str = "-";

/// How patterns are read: as a shell reads them.
const PATTERNS: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Replaces every directory by the capture files directly inside it, and every pattern by what it
/// matches, in the order of their names.
///
/// Files in directories are told by their first octets, not by their names; compressed ones by
/// those of what is in them. A path that does not exist and has `*`, `?` or `[` in it is a pattern
/// (`**` reaches down directories). Other paths pass unchanged, missing ones too: opening them
/// says what is wrong.
///
/// # Errors
/// A directory that cannot be listed or holds no capture; a pattern that is none or matches
/// nothing.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CaptureError> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            files.push(path.clone());
        } else if path.is_dir() {
            match captures_in(path)? {
                inside if inside.is_empty() => {
                    return Err(CaptureError::EmptyDirectory { path: path.clone() });
                }
                inside => files.extend(inside),
            }
        } else if let Some(pattern) = pattern_of(path) {
            files.extend(matches_of(pattern)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Returns the text of a path that names no file and has a wildcard in it.
fn pattern_of(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    (text.contains(['*', '?', '[']) && path.symlink_metadata().is_err()).then_some(text)
}

fn matches_of(pattern: &str) -> Result<Vec<PathBuf>, CaptureError> {
    let mut files = Vec::new();
    let matches = glob::glob_with(pattern, PATTERNS)
        .map_err(|cause| CaptureError::Pattern { pattern: pattern.to_owned(), cause: cause.msg })?;
    for path in matches {
        let path = path.map_err(|cause| CaptureError::Open {
            path: cause.path().to_owned(),
            source: cause.into(),
        })?;
        if path.is_dir() {
            files.extend(captures_in(&path)?);
        } else {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(CaptureError::NoMatch { pattern: pattern.to_owned() });
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
    files.sort();
    Ok(files)
}

/// A file that cannot be opened passes: opening it again says why, and nothing is left out unsaid.
/// So does one that is damaged before its content can be seen, if it is called a capture.
fn may_be_capture(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return true };
    let mut magic = [0; 4];
    let begin = Unpacked::new(Box::new(file)).and_then(|mut octets| octets.read_exact(&mut magic));
    match begin {
        Ok(()) => begins_capture(magic),
        Err(error) => error.get_ref().is_some() && is_called_capture(path),
    }
}

/// Tells whether a name has `.pcap`, `.pcapng` or `.cap` in it (`a.pcap3.gz` has).
fn is_called_capture(path: &Path) -> bool {
    path.file_name()
        .and_then(OsStr::to_str)
        .is_some_and(|name| [".pcap", ".cap"].iter().any(|ending| name.contains(ending)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(octets: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(octets).unwrap();
        encoder.finish().unwrap()
    }

    /// A folder with captures and other files, and what is a capture in it.
    fn folder() -> (tempfile::TempDir, [&'static str; 5]) {
        let folder = tempfile::tempdir().unwrap();
        let pcap = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        let put = |name: &str, octets: &[u8]| fs::write(folder.path().join(name), octets).unwrap();
        put("a.pcap", &pcap);
        put("b", &[0x0a, 0x0d, 0x0d, 0x0a]);
        put("c.gz", &gzip(&pcap));
        put("d", &[0x34, 0xcd, 0xb2, 0xa1]);
        put("damaged.pcap1.gz", &[0x1f, 0x8b, 8, 0xff, 0]);
        put("damaged.log.gz", &[0x1f, 0x8b, 8, 0xff, 0]);
        put("notes.txt", b"no capture");
        put("notes.gz", &gzip(b"no capture"));
        put("twice.gz", &gzip(&gzip(&pcap)));
        put("empty", b"");
        fs::create_dir(folder.path().join("sub")).unwrap();
        put("sub/e.pcap", &pcap);
        (folder, ["a.pcap", "b", "c.gz", "d", "damaged.pcap1.gz"])
    }

    fn names(root: &Path, paths: &[PathBuf]) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        paths.iter().map(name).collect()
    }

    #[test]
    fn a_directory_is_the_captures_in_it_compressed_ones_too() {
        let (folder, captures) = folder();
        let files = expand(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(folder.path(), &files), captures);
    }

    #[test]
    fn a_directory_without_captures_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = expand(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("no capture files") && error.contains("compressed"), "{error}");
    }

    #[test]
    fn a_pattern_is_what_it_matches_in_order() {
        let (folder, _) = folder();
        let root = folder.path();
        for (pattern, expected) in [
            ("*.pcap", &["a.pcap"][..]),
            ("*/*.pcap", &["sub/e.pcap"]),
            ("**/*.pcap", &["a.pcap", "sub/e.pcap"]),
            ("[ab]*", &["a.pcap", "b"]),
            ("?", &["b", "d"]),
            ("su?", &["sub/e.pcap"]),
            ("notes.*", &["notes.gz", "notes.txt"]),
        ] {
            let files = expand(&[root.join(pattern)]).unwrap();
            assert_eq!(names(root, &files), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let (folder, _) = folder();
        let error = expand(&[folder.path().join("*.cap")]).unwrap_err().to_string();
        assert!(error.contains("no file matches") && error.contains("*.cap"), "{error}");
        let error = expand(&[folder.path().join("a***b")]).unwrap_err().to_string();
        assert!(error.contains("neither a file nor a pattern"), "{error}");
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_is_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a[1]*.pcap");
        fs::write(&path, [0x0a, 0x0d, 0x0d, 0x0a]).unwrap();
        assert_eq!(expand(std::slice::from_ref(&path)).unwrap(), [path]);
    }

    #[test]
    fn other_paths_pass_unchanged() {
        let paths = [PathBuf::from("/nonexistent/a.pcap"), PathBuf::from(STDIN)];
        assert_eq!(expand(&paths).unwrap(), paths);
    }
}
