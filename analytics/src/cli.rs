//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use geophone_analytics::severity::Severity;

/// Hears tunnels in DNS: replays captures and explains every alert.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the effective configuration as TOML.
    Config(ConfigCommand),
    /// Read capture files and tell what they hide.
    Replay(ReplayCommand),
    /// Check or list detection rules.
    #[command(subcommand)]
    Rules(RulesCommand),
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
    /// List detectors, buckets and allowances.
    List {
        /// The directory (default: the rules compiled in).
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Exit status: 0 read to the end, alerts or not; 1 could not (the message names the file);
/// 2 wrong usage; 3 an alert reached --fail-on.
#[derive(Args, Debug)]
pub(crate) struct ReplayCommand {
    /// Capture files (pcap, pcapng), directories of them, or `-` for standard input; frames of
    /// several are taken in time order.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where alerts go, `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) alerts: PathBuf,
    /// Form of alerts (default: table on a terminal, ecs otherwise).
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,
    /// Write one record a transaction, NDJSON.
    #[arg(long, value_name = "FILE.ndjson")]
    pub(crate) features: Option<PathBuf>,
    /// Rules to use instead of those compiled in.
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    /// Configuration to read (see `geophone config`).
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Exit with 3 if an alert is at least this severe.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<SeverityName>,
    /// Write every counter to this file as JSON (`-` for standard output).
    #[arg(long, value_name = "FILE.json")]
    pub(crate) stats: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatName {
    /// Elastic Common Schema, one JSON document a line.
    Ecs,
    /// Blocks for people.
    Table,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SeverityName {
    Low,
    Medium,
    High,
    Critical,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Self {
        match name {
            SeverityName::Low => Self::Low,
            SeverityName::Medium => Self::Medium,
            SeverityName::High => Self::High,
            SeverityName::Critical => Self::Critical,
        }
    }
}
