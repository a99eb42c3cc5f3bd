//! The real sensor over a recording that grows.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::fs::{self, File};
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use geophone_sensor::capture::{CaptureFile, CapturedInterface, FrameSource as _, Recording};
use serde_json::Value;

use crate::lab::signal;
use crate::said::Said;
use crate::site::Site;

/// The number of that signal, signal(7).
const SIGTERM: u32 = 15;
/// Steps of a recording that takes its time.
const STEPS: usize = 200;

/// The sensor's program: beside ours, and made where nobody has.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let path = Path::new(env!("CARGO_BIN_EXE_geophone")).with_file_name("geophone-sensor");
        if !path.exists() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
            cargo.args(["build", "--quiet", "--locked", "-p", "geophone-sensor"]);
            assert!(cargo.status().unwrap().success() && path.exists(), "no {}", path.display());
        }
        path
    })
}

/// How many frames a capture has.
fn n_frames(capture: &Path) -> usize {
    let (mut source, mut n) = (CaptureFile::open(capture).unwrap(), 0);
    while source.next_frame().unwrap().is_some() {
        n += 1;
    }
    n
}

/// The frames of a capture in so many steps.
pub(crate) fn steps_of(capture: &Path, n: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let step = n_frames(capture).div_ceil(n);
    (0..n).map(move |at| at * step..(at + 1) * step)
}

/// A sensor that follows a directory, and the recording there.
pub(crate) struct Tap {
    process: Child,
    pub(crate) said: Said,
    stats: PathBuf,
    recording: Recording<BufWriter<File>>,
}

impl Tap {
    /// Starts `geophone-sensor replay --follow` with `arguments`; `name` sets it apart from others.
    pub(crate) fn open(site: &Site<'_>, name: &str, arguments: &[&str]) -> Self {
        let dir = site.config.with_file_name(format!("tap-{name}"));
        let stats = site.config.with_file_name(format!("tap-{name}.json"));
        fs::create_dir(&dir).unwrap();
        let mut process = Command::new(program())
            .args(["replay", "--follow", "--sensor", "tap"])
            .arg(&dir)
            .arg("--config")
            .arg(&site.config)
            .args(["--kafka", &site.lab.bootstrap, "--stats"])
            .arg(&stats)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Said::of(process.stderr.take().unwrap());
        let none: [CapturedInterface; 0] = [];
        let recording = Recording::create(&dir.join("tap.pcapng"), &none).unwrap();
        Self { process, said, stats, recording }
    }

    /// Records frames of a capture, by their number.
    pub(crate) fn record(&mut self, capture: &Path, frames: Range<usize>) {
        let mut source = CaptureFile::open(capture).unwrap();
        for n in 0..frames.end {
            let Some(frame) = source.next_frame().unwrap() else { break };
            if frames.contains(&n) {
                self.recording.write(0, &frame);
            }
        }
        self.recording.check().unwrap();
    }

    /// Records a whole capture over `span`, for things to happen meanwhile.
    pub(crate) fn record_over(&mut self, capture: &Path, span: Duration) {
        let step = n_frames(capture).div_ceil(STEPS).max(1);
        let pause = span / u32::try_from(STEPS).unwrap();
        let (mut source, mut n) = (CaptureFile::open(capture).unwrap(), 0);
        while let Some(frame) = source.next_frame().unwrap() {
            self.recording.write(0, &frame);
            n += 1;
            if n % step == 0 && !pause.is_zero() {
                self.recording.check().unwrap();
                thread::sleep(pause);
            }
        }
        self.recording.check().unwrap();
    }

    /// Lets it read to the end of the recording; returns its counters.
    pub(crate) fn end(mut self) -> Value {
        while !self.takes_signals() {
            thread::yield_now();
        }
        signal("-TERM", &self.process.id().to_string());
        assert!(self.process.wait().unwrap().success());
        let stats: Value = serde_json::from_slice(&fs::read(&self.stats).unwrap()).unwrap();
        assert_eq!(stats["balanced"], true, "{stats:#}");
        stats["counters"].clone()
    }

    /// Tells whether SIGTERM would let it end in order: early in its life it would not (the mask of
    /// signals caught, proc_pid_status(5)).
    fn takes_signals(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (SIGTERM - 1)) != 0
    }

    /// Kills it without a word.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
