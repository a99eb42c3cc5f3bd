//! `geophone rules what-if`: new rules tried on captures beside those in force.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use geophone_analytics::alert::Alert;
use geophone_analytics::replay::Listener;
use geophone_analytics::rule::Rules;
use geophone_analytics::what_if::WhatIf;
use geophone_sensor::capture::{CaptureError, CaptureSet, Frame, expand};
use geophone_sensor::record::Record;

use crate::cli::read_config;
use crate::progress::{Progress, say};
use crate::run::rules_of;

/// Exit status: 0 read to the end, whatever differs; 1 could not (the message names the file);
/// 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct WhatIfCommand {
    /// Capture files, directories of them, quoted patterns, or `-` for standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The rules to try.
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// The rules to hold them against (default: those of the configuration, or compiled in).
    #[arg(long, value_name = "DIR")]
    old: Option<PathBuf>,
    /// Configuration to read (see `geophone config`).
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Form of the differences [default: table on a terminal, ndjson otherwise].
    #[arg(long, value_enum)]
    format: Option<Form>,
}

/// Forms of the differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One JSON document a line.
    Ndjson,
    /// Columns for people.
    Table,
}

/// Hears of the input only.
struct Watcher {
    progress: Progress,
    troubles: u64,
}

impl Listener for Watcher {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.progress.frame(frame.data.len());
    }

    fn record(&mut self, _: &Record<'_>) {}

    fn alert(&mut self, _: &Alert<'_>) {}

    fn trouble(&mut self, error: CaptureError) {
        self.troubles += u64::from(!error.is_notice());
        self.progress.say(&error.to_string());
    }

    fn has_enough(&self) -> bool {
        false
    }
}

/// Runs both sets of rules over the captures and prints where they differ.
pub(crate) fn what_if(command: &WhatIfCommand) -> anyhow::Result<ExitCode> {
    let config = read_config(command.config.as_deref())?;
    let old = rules_of(command.old.as_deref().or(config.rules.as_deref()))?;
    let new = Rules::read(&command.rules)?;
    let files = expand(&command.paths)?;
    let mut watcher = Watcher { progress: Progress::new(&files), troubles: 0 };
    let mut what_if = WhatIf::new(config, old, new);
    what_if.run(&mut CaptureSet::new(&files), &mut watcher);
    watcher.progress.finish();
    let failed = watcher.troubles > 0;
    if failed && what_if.counters().frame_read == 0 {
        return Ok(ExitCode::from(1));
    }
    let difference = what_if.difference();
    let default = if io::stdout().is_terminal() { Form::Table } else { Form::Ndjson };
    let text = match command.format.unwrap_or(default) {
        Form::Table => difference.to_table(),
        Form::Ndjson => {
            difference.changes.iter().map(|change| format!("{}\n", change.to_json())).collect()
        }
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")?;
    say(&format!("{} frames; {}", what_if.counters().frame_read, difference.summary()));
    Ok(ExitCode::from(u8::from(failed)))
}
