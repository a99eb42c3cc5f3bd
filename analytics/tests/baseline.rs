//! The committed result of measuring this tree's own captures; `UPDATE_GOLDEN=1` writes it again.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use geophone_analytics::config::Config;
use geophone_analytics::evaluate::inject::cell::sample;
use geophone_analytics::evaluate::run::Harness;
use geophone_analytics::evaluate::split::Group;
use geophone_analytics::evaluate::{Extent, corpus, evaluate, table};
use geophone_analytics::rule::Rules;

/// Cells of the injection grid: few, so that an unoptimised build takes seconds.
const CELLS: usize = 14;

fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets")
}

fn check(file: &str, found: &str) {
    let path = datasets().join("baseline").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let drift = expected.lines().zip(found.lines()).find(|(old, new)| old != new);
    assert!(
        expected == found,
        "datasets/baseline/{file} drifts, first at {drift:?}; if that is meant, write it again \
         with UPDATE_GOLDEN=1 and look at the diff"
    );
}

#[test]
fn detection_is_as_good_as_the_committed_baseline_says() {
    let captures = corpus::read(&[datasets().join("manifest.toml")]).unwrap();
    let harness = Harness {
        config: Config::default(),
        rules: Rules::builtin().unwrap(),
        published: true,
        workers: 2,
    };
    let extent = Extent { splits: vec![Group::Tool, Group::Network], cells: sample(CELLS, 4) };
    let report = evaluate(&harness, &captures, &extent);
    assert!(report.injection.as_ref().unwrap().contract.broken.is_empty(), "the contract is kept");
    check("evaluate.json", &(serde_json::to_string_pretty(&report).unwrap() + "\n"));
    check("evaluate.txt", &table::text(&report));
}
