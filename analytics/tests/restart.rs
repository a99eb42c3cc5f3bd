//! Promise 3 over a restart: who is stopped in mid-tunnel and goes on tells of the same thing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

#[cfg(test)]
#[path = "../../sensor/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use geophone_sensor::time::Timestamp;
use serde_json::Value;

/// Tables that are saved quickly.
const SMALL: &str = "[state]\nkeys = 4096\nfigures = 1024\nclients = 1024\ndomains = 1024\n\
                     seen_names = 40000\nsuspects = 256\n";

/// A frame and when it was seen.
type Frame = (Timestamp, Vec<u8>);

/// A slow client: 20 octets of data a minute, as hexadecimal.
fn tunnel() -> Vec<Frame> {
    let mut state = 11_u64;
    let mut frames = Vec::new();
    for n in 0..240_u16 {
        let digits = (0..40).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_digit(u32::try_from(state >> 60).unwrap(), 16).unwrap()
        });
        let data: String = digits.collect();
        let query = support::query(n, &[data.as_bytes(), b"slow", b"com"], 1);
        let answer = support::answer(&query, 1, &[192, 0, 2, 1]);
        let micros = 1_700_000_000_000_000 + i64::from(n) * 60_000_000;
        let frame = |message: &[u8], back| support::udp([10, 0, 0, 9], 2000 + n, message, back);
        frames.push((Timestamp(micros), frame(&query, false)));
        frames.push((Timestamp(micros + 900), frame(&answer, true)));
    }
    frames
}

fn capture(folder: &Path, name: &str, frames: &[Frame]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, support::pcap(1, frames)).unwrap();
    path
}

/// What was told, a document a line.
fn replay(capture: &PathBuf, state: Option<&Path>) -> Vec<u8> {
    let mut command = Command::cargo_bin("geophone").unwrap();
    let config = capture.with_file_name("small.toml");
    std::fs::write(&config, SMALL).unwrap();
    command.args(["replay", "--format", "ecs", "--config"]).args([&config, capture]);
    if let Some(state) = state {
        command.arg("--state").arg(state);
    }
    command.assert().success().get_output().stdout.clone()
}

/// The last that was told of each alert: how much left, of how many queries and names.
fn last(told: &[u8]) -> BTreeMap<(String, String), [Value; 3]> {
    let lines = told.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut all = BTreeMap::new();
    for line in lines {
        let alert: Value = serde_json::from_slice(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key = (text(&alert["rule"]["id"]), text(&alert["event"]["id"]));
        let figures = ["leak_bytes", "queries", "unique"];
        all.insert(key, figures.map(|figure| alert["geophone"][figure].clone()));
    }
    all
}

#[test]
fn the_same_frames_tell_the_same_whether_stopped_in_mid_tunnel_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let frames = tunnel();
    let whole = capture(folder.path(), "whole.pcap", &frames);
    let at_once = replay(&whole, None);
    assert_eq!(at_once, replay(&whole, None), "twice the same input, twice the same octets");
    let expected = last(&at_once);
    assert_eq!(expected.len(), 1, "{expected:?}");
    // Before anything was told, and while an alert was open.
    for middle in [40, 300] {
        let state = folder.path().join(format!("state{middle}"));
        let (before, behind) = frames.split_at(middle);
        let first = replay(&capture(folder.path(), "first.pcap", before), Some(&state));
        let second = replay(&capture(folder.path(), "second.pcap", behind), Some(&state));
        let mut told = first;
        told.extend(second);
        let told = last(&told);
        assert_eq!(told, expected, "stopped after {middle} frames");
    }
}
