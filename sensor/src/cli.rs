//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
#[cfg(target_os = "linux")]
use geophone_sensor::command::CaptureArgs;

/// Passive DNS sensor: frames become feature records, one a line (NDJSON) on standard output.
///
/// With `-i` it captures until SIGINT or SIGTERM, which drain and end with 0; a second one ends at
/// once. Exit status: 0 done, 1 could not (the message names what and the cure), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    pub(crate) capture: CaptureArgs,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read capture files.
    Replay(Replay),
}

/// Exit status: 0 read to the end, 1 could not (the message names the file), 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct Replay {
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

#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Configuration to read (`geophone config` prints it).
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Send records to Kafka instead of standard output: the brokers to begin with, commas between
    /// (`[kafka]` of the configuration has everything else).
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) kafka: Option<String>,
    /// A directory that takes records while the brokers are away.
    #[arg(long, value_name = "DIR", requires = "kafka")]
    pub(crate) spool: Option<PathBuf>,
    /// The name of this sensor in what it sends to Kafka [default: the machine's name].
    #[arg(long, value_name = "NAME", requires = "kafka")]
    pub(crate) sensor: Option<String>,
    /// Write every counter to this file as JSON (`-` for standard output).
    #[arg(long, value_name = "FILE.json")]
    pub(crate) stats: Option<PathBuf>,
}
