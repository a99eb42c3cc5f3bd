//! The shape of the tree: layers point one way, files stay small, formats stay few.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines a file may have before its tests.
const MAX_LINES: usize = 400;

fn crates() -> [PathBuf; 4] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["sensor/src", "sensor/kafka/src", "analytics/src", "analytics/history/src"]
        .map(|folder| root.join(folder))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn before_tests(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn a_module_uses_only_modules_above_it() {
    for source in crates() {
        let lib = fs::read_to_string(source.join("lib.rs")).unwrap();
        let order: Vec<&str> = lib
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
            .collect();
        assert!(order.len() > 5, "{} lists its modules", source.display());
        for path in sources(&source) {
            let inside = path.strip_prefix(&source).unwrap();
            let top = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
            let Some(own) = order.iter().position(|module| *module == top) else { continue };
            let text = before_tests(&path);
            for (index, module) in order.iter().enumerate() {
                let used = text.contains(&format!("crate::{module}::"));
                assert!(
                    index <= own || !used,
                    "{} uses `{module}`, which stands below `{top}` in lib.rs",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn files_stay_small() {
    for path in crates().iter().flat_map(|source| sources(source)) {
        let lines = before_tests(&path).lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines before its tests", path.display());
    }
}

#[test]
fn nothing_outside_capture_reads_a_clock_and_nothing_prints() {
    for path in crates().iter().flat_map(|source| sources(source)) {
        // How long brokers are waited for: nothing that is said depends on it.
        if path.ends_with("sensor/kafka/src/patience.rs") {
            continue;
        }
        let text = before_tests(&path);
        for banned in ["SystemTime::now", "Instant::now", "println!"] {
            assert!(
                !text.replace("eprintln!", "").contains(banned),
                "{} has {banned}",
                path.display()
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for path in crates().iter().flat_map(|source| sources(source)) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no module doc", path.display());
    }
}
