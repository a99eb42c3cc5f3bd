//! What can be typed.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use geophone_analytics::config::{Config, ConfigError, FormatName};
use geophone_analytics::severity::Severity;
#[cfg(target_os = "linux")]
use geophone_sensor::command::CaptureArgs;

use crate::command::baseline::BaselineCommand;
use crate::command::dataset::DatasetCommand;
use crate::command::evaluate::{EvaluateCommand, FitCommand};
use crate::command::explain::ExplainCommand;
use crate::command::export::ExportCommand;
use crate::command::history::HistoryCommand;
use crate::command::selftest::SelftestCommand;
use crate::command::tail::TailCommand;
use crate::command::topics::TopicsCommand;
use crate::command::what_if::WhatIfCommand;
use crate::command::worker::RunCommand;

/// Hears tunnels in DNS: on interfaces and in captures, and explains every alert.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Learn and compare budgets of domains (what is ordinary here).
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Print the effective configuration as TOML.
    Config(ConfigCommand),
    /// Check labelled captures, and make feature files of them.
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Run captures with truth and tell how well detection does.
    Evaluate(EvaluateCommand),
    /// Say of one stored alert what it means, and compute its score again.
    Explain(ExplainCommand),
    /// Turn open alerts into a block list for a resolver, a firewall or an exchange.
    Export(ExportCommand),
    /// Fit the points of the scorecards to captures with truth.
    Fit(FitCommand),
    /// Ask feature files who asked for what.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Capture on interfaces and tell what goes on, until SIGINT or SIGTERM.
    #[cfg(target_os = "linux")]
    Live(LiveCommand),
    /// Read capture files and tell what they hide.
    Replay(ReplayCommand),
    /// Check, list or try detection rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Score the records in Kafka, sharing the work with other workers.
    Run(RunCommand),
    /// Play known tunnels and known ordinary traffic through the whole pipe, in memory.
    Selftest(SelftestCommand),
    /// Print what is in a topic of Kafka.
    Tail(TailCommand),
    /// Make and check the topics in Kafka.
    #[command(subcommand)]
    Topics(TopicsCommand),
}

#[derive(Args, Debug)]
pub(crate) struct ConfigCommand {
    /// Configuration to read (default: the built-in values).
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Read a rules directory and tell the first thing wrong with it.
    Check {
        /// The directory (default: the rules compiled in).
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// List detectors, buckets and look-alike classes.
    List {
        /// The directory (default: the rules compiled in).
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Replay captures under other rules and tell which alerts would come, go or change.
    WhatIf(WhatIfCommand),
}

/// Exit status: 0 read to the end, alerts or not; 1 could not (the message names the file);
/// 2 wrong usage; 3 an alert reached --fail-on.
#[derive(Args, Debug)]
pub(crate) struct ReplayCommand {
    /// Capture files (pcap or pcapng, plain or in gzip, zstd, xz or LZ4), directories of them,
    /// quoted patterns, or `-` for standard input; frames of several are taken in time order.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Wait for files that appear in the directory, and for what is added to them, until SIGINT or
    /// SIGTERM.
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// SIGINT and SIGTERM drain and end it, a second one at once; SIGHUP reads the rules again.
///
/// Exit status: 0 ended by a signal; 1 could not (the message names what and the cure); 2 wrong
/// usage; 3 an alert reached --fail-on.
#[cfg(target_os = "linux")]
#[derive(Args, Debug)]
pub(crate) struct LiveCommand {
    #[command(flatten)]
    pub(crate) capture: CaptureArgs,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every run takes; each flag stands over a key of the configuration.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Where alerts go, `-` for standard output [default: -].
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Form of alerts [default: table on a terminal, ecs otherwise].
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    /// Write one row a transaction, as NDJSON or Parquet by the file's ending.
    #[arg(long, value_name = "FILE.ndjson|FILE.parquet")]
    features: Option<PathBuf>,
    /// Rules to use instead of those compiled in.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Learned budgets (`geophone baseline learn`).
    #[arg(long, value_name = "FILE.toml")]
    baseline: Option<PathBuf>,
    /// Configuration to read (see `geophone config`).
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Remember the leak contract's buckets, first sights and domains here from run to run.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Publish alerts to Kafka, too: the brokers to begin with, commas between (`[kafka]` of the
    /// configuration has everything else).
    #[arg(long, value_name = "HOST:PORT,…")]
    kafka: Option<String>,
    /// Exit with 3 if an alert is at least this severe.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Write every counter to this file as JSON (`-` for standard output).
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
}

impl Common {
    /// Reads the configuration and puts over it what was typed.
    ///
    /// # Errors
    /// A configuration that cannot be read or makes no sense.
    pub(crate) fn settle(&self) -> Result<Config, ConfigError> {
        let mut config = read_config(self.config.as_deref())?;
        config.output.kafka |= self.kafka.is_some();
        #[cfg(feature = "kafka")]
        if let Some(brokers) = &self.kafka {
            brokers.clone_into(&mut config.kafka.brokers);
        }
        let output = &mut config.output;
        output.alerts = self.alerts.clone().unwrap_or_else(|| std::mem::take(&mut output.alerts));
        output.format = self.format.or(output.format);
        output.features = self.features.clone().or_else(|| output.features.take());
        output.fail_on = self.fail_on.or(output.fail_on);
        config.state.file = self.state.clone().or_else(|| config.state.file.take());
        config.rules = self.rules.clone().or(config.rules);
        config.baseline = self.baseline.clone().or(config.baseline);
        config.stats = self.stats.clone().or(config.stats);
        Ok(config)
    }
}

/// Reads `path`, or takes the built-in values.
///
/// # Errors
/// A configuration that cannot be read or makes no sense.
pub(crate) fn read_config(path: Option<&Path>) -> Result<Config, ConfigError> {
    match path {
        Some(path) => Config::read(path),
        None => Config::default().check(),
    }
}
