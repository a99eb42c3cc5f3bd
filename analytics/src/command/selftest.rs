//! `geophone selftest`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use geophone_analytics::selftest::selftest;

use crate::run::{print, rules_of};

/// Exit status: 0 all as expected; 1 not, or the rules cannot be read; 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct SelftestCommand {
    /// Rules to test instead of those compiled in.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Form of the report.
    #[arg(long, value_enum, default_value = "table")]
    format: ReportFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportFormat {
    /// A line a scenario.
    Table,
    /// One JSON document.
    Json,
}

/// `geophone selftest`.
pub(crate) fn test_rules(command: &SelftestCommand) -> anyhow::Result<ExitCode> {
    let rules = rules_of(command.rules.as_deref())?;
    let report = selftest(&rules);
    match command.format {
        ReportFormat::Table => print(&report.to_string())?,
        ReportFormat::Json => {
            let document = serde_json::json!({
                "passed": report.passed(),
                "scenarios": report.outcomes,
            });
            print(&format!("{document:#}\n")).context("cannot write the report")?
        }
    };
    Ok(ExitCode::from(u8::from(!report.passed())))
}
