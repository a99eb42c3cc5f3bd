//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Passive DNS sensor: frames become feature records.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read capture files and write one record a line (NDJSON) to standard output.
    Replay(Replay),
}

/// Exit status: 0 read to the end, 1 could not (the message names the file), 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// Capture files (pcap, pcapng), directories of them, or `-` for standard input.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Write every counter to this file as JSON (`-` for standard output).
    #[arg(long, value_name = "FILE")]
    pub(crate) stats: Option<PathBuf>,
}
