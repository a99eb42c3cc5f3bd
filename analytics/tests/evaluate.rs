//! `geophone evaluate` and `geophone fit` as they are typed.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use geophone_analytics::rule::Rules;
use tempfile::TempDir;

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn geophone(arguments: &[&str]) -> std::process::Output {
    Command::cargo_bin("geophone").unwrap().args(arguments).output().unwrap()
}

/// A corpus of three of this tree's captures, named in a table.
fn corpus() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "file\tlabel\ttruth_domains\n".to_owned();
    for (file, label, truth) in [
        ("iodine-mx.pcap", "tunnel-iodine", "tunnel-lab.net"),
        ("dns2tcp-txt.pcap", "tunnel-dns2tcp", "courier-lab.org"),
        ("ordinary-load.pcap", "benign", ""),
    ] {
        fs::create_dir_all(folder.path().join(label)).unwrap();
        let from = tree().join("datasets/captures").join(file);
        fs::copy(from, folder.path().join(label).join(file)).unwrap();
        table += &format!("{label}/{file}\t{label}\t{truth}\n");
    }
    fs::write(folder.path().join("manifest.tsv"), table).unwrap();
    folder
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn fitted_rules_are_rules_and_the_same_to_the_byte_each_time() {
    let (corpus, out) = (corpus(), tempfile::tempdir().unwrap());
    let fit = |name: &str, workers: &str| {
        let to = out.path().join(name);
        let (from, rules) = (corpus.path().to_str().unwrap(), tree().join("rules"));
        let (rules, to_text) = (rules.to_str().unwrap(), to.to_str().unwrap());
        let done =
            geophone(&["fit", from, "--rules", rules, "--out", to_text, "--workers", workers]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let strip =
            |(path, text): (PathBuf, Vec<u8>)| (path.strip_prefix(&to).unwrap().to_owned(), text);
        (Rules::read(&to).unwrap(), files(&to).into_iter().map(strip).collect::<Vec<_>>())
    };
    let (first, second) = (fit("a", "1"), fit("b", "3"));
    assert_eq!(first.1, second.1);
    let old = Rules::builtin().unwrap();
    assert_ne!(first.0.detectors, old.detectors, "something was fitted");
    assert_eq!((&first.0.leak, &first.0.allow), (&old.leak, &old.allow));
    let on_leak = |rules: &Rules| rules.detectors.iter().map(|d| d.on_leak).collect::<Vec<_>>();
    assert_eq!(on_leak(&first.0), on_leak(&old));
}

#[test]
fn a_table_is_printed_and_the_document_names_no_path_of_the_machine() {
    let corpus = corpus();
    let out = corpus.path().join("out.json");
    let from = corpus.path().to_str().unwrap();
    let done = geophone(&["evaluate", from, "--lto", "tool", "--out", out.to_str().unwrap()]);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && text.contains("fitted with one tool left out"), "{text}");
    let json = fs::read_to_string(out).unwrap();
    assert!(!json.contains(from), "{json}");
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["as_they_stand"]["recall"]["hits"], 2);
    assert_eq!(report["corpus"]["benign"], 1);
}

#[test]
fn a_capture_that_is_not_there_is_named() {
    let corpus = corpus();
    fs::remove_file(corpus.path().join("benign/ordinary-load.pcap")).unwrap();
    let done = geophone(&["evaluate", corpus.path().to_str().unwrap()]);
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(told.contains("no capture at") && told.contains("ordinary-load.pcap"), "{told}");
}
