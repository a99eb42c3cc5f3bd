//! `geophone-sensor`: the small binary for the tap host.

mod cli;

use std::io::{self, BufWriter};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use geophone_sensor::capture::{CaptureSet, FrameSource as _, expand};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::output::{MoreCounters, Ndjson, stats_json, write_stats};
use geophone_sensor::pipeline::{Detail, Pipeline};

use crate::cli::{Cli, Command, Replay};

fn main() -> ExitCode {
    let Command::Replay(replay) = Cli::parse().command;
    match run(&replay) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

/// Replays the captures; exit 1 where one of them could not be read to its end.
fn run(replay: &Replay) -> anyhow::Result<ExitCode> {
    let mut source = CaptureSet::new(&expand(&replay.paths)?);
    let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::AnswersInWords);
    let mut out = Ndjson::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
    let mut code = ExitCode::SUCCESS;
    while !out.has_failed() {
        match source.next_frame() {
            Ok(Some(frame)) => pipeline.frame(&frame, &mut |record| out.write(&record)),
            Ok(None) => break,
            Err(error) => {
                report(&error.to_string());
                code = ExitCode::from(1);
            }
        }
    }
    pipeline.finish(&mut |record| out.write(&record));
    if let Some(path) = &replay.stats {
        write_stats(path, &stats_json(pipeline.counters(), &MoreCounters::default()))?;
    }
    out.check().context("cannot write records to standard output")?;
    Ok(code)
}

/// A reader that has seen enough (`| head`) is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[expect(clippy::print_stderr, reason = "the one place where this program speaks to its operator")]
fn report(text: &str) {
    eprintln!("geophone-sensor: {text}");
}
