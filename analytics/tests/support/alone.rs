//! What one process says of a capture: the measure of every way to share the work.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use geophone_analytics::alert::to_ecs;
use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_sensor::capture::{CaptureFile, FrameSource};
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;
use serde_json::Value;

/// Tables small enough for many nodes.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    let state = &mut config.state;
    (state.keys, state.figures, state.clients) = (4_096, 4_096, 1_024);
    (state.domains, state.seen_names, state.suspects) = (4_096, 40_000, 512);
    config
}

/// Hands on the records of a capture.
pub(crate) fn run(capture: &Path, mut take: &mut dyn FnMut(Record<'_>)) {
    read(capture, take).finish(&mut take);
}

/// Hands on the records of a capture, but not those that a sensor has in hand at its end.
pub(crate) fn run_until_killed(capture: &Path, take: &mut dyn FnMut(Record<'_>)) {
    read(capture, take);
}

fn read(capture: &Path, mut take: &mut dyn FnMut(Record<'_>)) -> Pipeline {
    let mut pipeline = Pipeline::new(&config().sensor, Detail::default());
    let mut source = CaptureFile::open(capture).unwrap();
    while let Some(frame) = source.next_frame().unwrap() {
        pipeline.frame(&frame, &mut take);
    }
    pipeline
}

/// Analytics that remember nothing.
pub(crate) fn analytics() -> Analytics {
    static FIRST: OnceLock<Analytics> = OnceLock::new();
    FIRST.get_or_init(|| Analytics::new(config(), Rules::builtin().unwrap())).blank()
}

/// The capture of a name in the tree.
pub(crate) fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures").join(name)
}

/// What was told, in the order of times and identities; without what one process alone can say,
/// that the input ended.
pub(crate) fn sorted(mut told: Vec<String>) -> Vec<String> {
    told.retain(|alert| {
        let alert: Value = serde_json::from_str(alert).unwrap();
        alert["event"]["action"] != "close"
    });
    told.sort();
    told
}

/// What one process tells of a capture.
pub(crate) fn in_one_process(capture: &Path) -> Vec<String> {
    alerts_of(|take| run(capture, take))
}

/// What one process tells of what `records` hands on.
pub(crate) fn alerts_of(records: impl FnOnce(&mut dyn FnMut(Record<'_>))) -> Vec<String> {
    let mut analytics = analytics();
    let mut told = Vec::new();
    records(&mut |record| {
        analytics.record(&record, &mut |alert| told.push(to_ecs(alert).to_string()));
    });
    sorted(told)
}
