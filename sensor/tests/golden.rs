//! The record contract on real captures: golden files, rewritten with `UPDATE_GOLDEN=1`.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

#[cfg(test)]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use geophone_sensor::capture::{CaptureSet, FrameSource as _};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::output::{MoreCounters, stats_json};
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::{Record, from_json, to_json};

/// Records of each capture that the golden file holds; the counters are those of all.
const HEAD: usize = 12;

fn check(capture: &str) {
    let path = support::recorded().join(capture);
    assert!(path.exists(), "{} is missing: make lab records it", path.display());
    let mut source = CaptureSet::new(&[path]);
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::AnswersInWords);
    let mut lines = Vec::new();
    let mut take = |record: Record<'_>| {
        let mut line = Vec::new();
        to_json(&record, &mut line).unwrap();
        let mut again = Vec::new();
        to_json(&from_json(&line).unwrap().as_record(), &mut again).unwrap();
        assert_eq!(line, again, "a record must survive its line");
        lines.push(String::from_utf8(line).unwrap());
    };
    while let Some(frame) = source.next_frame().unwrap() {
        pipeline.frame(&frame, &mut take);
    }
    pipeline.finish(&mut take);
    lines.truncate(HEAD);
    let stats = stats_json(pipeline.counters(), &MoreCounters::default());
    lines.push(format!("{stats:#}\n"));
    compare(&golden_path(capture), &lines.join("\n"));
}

fn golden_path(capture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(capture).with_extension("txt")
}

fn compare(path: &Path, found: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} differs; look at the change, then UPDATE_GOLDEN=1 cargo test\n{found}",
        path.display()
    );
}

#[test]
fn the_demo_capture_gives_the_same_records() {
    check("demo-iodine.pcap");
}
