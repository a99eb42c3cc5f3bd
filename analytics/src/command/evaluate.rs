//! `geophone evaluate` and `geophone fit`.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use geophone_analytics::evaluate::corpus::{self, Capture};
use geophone_analytics::evaluate::fit::write;
use geophone_analytics::evaluate::inject::cell::{self, Cell};
use geophone_analytics::evaluate::run::Harness;
use geophone_analytics::evaluate::split::Group;
use geophone_analytics::evaluate::{Extent, evaluate, fit, table};
use geophone_analytics::rule::Rules;

use crate::cli::read_config;
use crate::progress::say;
use crate::run::{print, rules_of};

/// The seed of the sample of the injection grid.
const SEED: u64 = 4;

/// Runs captures with truth and tells how much is found, how soon, and what it costs.
///
/// A corpus is a manifest.toml as in datasets/, or a folder with manifest.tsv.
///
/// Exit status: 0 measured; 1 could not (the message names the file); 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct EvaluateCommand {
    /// Manifests, or folders with one.
    #[arg(value_name = "MANIFEST|FOLDER", default_value = "datasets/manifest.toml")]
    corpora: Vec<PathBuf>,
    /// Run the published rules in the same harness.
    #[arg(long)]
    published: bool,
    /// Fit to all but one tool or network, measure on that one, for each in turn; may be repeated.
    #[arg(long, value_enum, value_name = "WHAT")]
    lto: Vec<LeftOut>,
    /// Put attacks of a grid of rates, encodings and disguises into benign captures.
    #[arg(long)]
    inject: bool,
    /// Cells of the grid, sampled evenly.
    #[arg(long, value_name = "N", default_value_t = 252, requires = "inject")]
    cells: usize,
    /// Take all 63,504 cells.
    #[arg(long, requires = "inject", conflicts_with = "cells")]
    full: bool,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Form of what is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
    /// Rules to measure instead of those compiled in.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    common: Measuring,
}

/// Fits the points of the scorecards to captures with truth and writes rules with them.
///
/// Shapes of terms, comments, allowances and the leak contract stay; the same captures give the
/// same files to the byte.
///
/// Exit status: 0 written; 1 could not (the message names the file); 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct FitCommand {
    /// Manifests, or folders with one.
    #[arg(value_name = "MANIFEST|FOLDER", required = true)]
    corpora: Vec<PathBuf>,
    /// The rules to begin with.
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// The directory that takes the fitted rules.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    common: Measuring,
}

/// What both take.
#[derive(Args, Debug)]
struct Measuring {
    /// Configuration to read (see `geophone config`).
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Captures at once [default: one a processor]; the result is the same for any number.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Json,
    Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum LeftOut {
    Tool,
    Network,
}

impl Measuring {
    fn harness(&self, rules: Rules, published: bool) -> anyhow::Result<Harness> {
        let processors = || std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Harness {
            config: read_config(self.config.as_deref())?,
            rules,
            published,
            workers: self.workers.unwrap_or_else(processors),
        })
    }
}

/// `geophone evaluate`.
pub(crate) fn evaluate_corpora(command: &EvaluateCommand) -> anyhow::Result<ExitCode> {
    let rules = rules_of(command.rules.as_deref())?;
    let harness = command.common.harness(rules, command.published)?;
    let captures = captures_of(&command.corpora)?;
    let report = evaluate(&harness, &captures, &command.extent());
    let json = serde_json::to_string_pretty(&report).context("cannot write the result as JSON")?;
    if let Some(path) = &command.out {
        std::fs::write(path, format!("{json}\n"))
            .with_context(|| format!("cannot write the result to \"{}\"", path.display()))?;
    }
    print(&match command.format {
        Form::Json => format!("{json}\n"),
        Form::Table => table::text(&report),
    })
}

/// `geophone fit`.
pub(crate) fn fit_rules(command: &FitCommand) -> anyhow::Result<ExitCode> {
    let rules = Rules::read(&command.rules)?;
    let harness = command.common.harness(rules, false)?;
    let captures = captures_of(&command.corpora)?;
    let fitted = fit(&harness, &captures);
    write(&command.rules, &command.out, &harness.rules, &fitted)?;
    Rules::read(&command.out).context("the rules that were written cannot be read back")?;
    say(&format!("fitted rules are in \"{}\"", command.out.display()));
    Ok(ExitCode::SUCCESS)
}

impl EvaluateCommand {
    fn extent(&self) -> Extent {
        let mut left_out = self.lto.clone();
        left_out.sort_unstable();
        left_out.dedup();
        let group = |left_out| match left_out {
            LeftOut::Network => Group::Network,
            LeftOut::Tool => Group::Tool,
        };
        Extent { splits: left_out.into_iter().map(group).collect(), cells: self.cells() }
    }

    fn cells(&self) -> Vec<Cell> {
        match (self.inject, self.full) {
            (false, _) => Vec::new(),
            (true, false) => cell::sample(self.cells, SEED),
            (true, true) => cell::every(),
        }
    }
}

fn captures_of(corpora: &[PathBuf]) -> anyhow::Result<Vec<Capture>> {
    let captures = corpus::read(corpora)?;
    if let Some(missing) = captures.iter().find(|capture| !is_there(&capture.path)) {
        anyhow::bail!(
            "no capture at \"{}\": the manifest names it; fetch it, or take its entry out",
            missing.path.display()
        );
    }
    Ok(captures)
}

fn is_there(path: &Path) -> bool {
    path.is_file()
}
