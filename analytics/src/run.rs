//! What the subcommands do that only print.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use geophone_analytics::rule::{RuleError, Rules};
use geophone_analytics::sink::SinkError;

use crate::cli::{ConfigCommand, read_config};

/// `geophone config`.
pub(crate) fn print_config(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let config = read_config(command.config.as_deref())?;
    let need = config.memory_need().div_ceil(1024 * 1024);
    let text = toml::to_string(&config).context("cannot write the configuration as TOML")?;
    print(&format!("# The tables take at most {need} MiB.\n{text}"))
}

/// `geophone rules check`.
pub(crate) fn check_rules(dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    let rules = rules_of(dir)?;
    print(&format!(
        "{} detectors, 3 buckets, {} allowances: all good\n",
        rules.detectors.len(),
        rules.allow.iter().count()
    ))
}

/// `geophone rules list`.
pub(crate) fn list_rules(dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    let rules = rules_of(dir)?;
    let mut text = String::new();
    for detector in &rules.detectors {
        text += &format!(
            "detector   {:<18} alert at {:>3}  {}\n",
            detector.id, detector.card.threshold, detector.name
        );
    }
    for bucket in &rules.leak.buckets {
        text += &format!(
            "bucket     {:<18} {} B + {:.4} B/s\n",
            bucket.name, bucket.burst_bytes, bucket.bytes_per_second
        );
    }
    for allow in rules.allow.iter() {
        text += &format!(
            "allowance  {:<28} {:>4}x  until {:<20}  {}\n",
            allow.domain,
            allow.budget,
            allow.expires.map_or_else(|| "revoked".to_owned(), |end| end.to_string()),
            allow.reason
        );
    }
    print(&text)
}

pub(crate) fn rules_of(dir: Option<&Path>) -> Result<Rules, RuleError> {
    match dir {
        Some(dir) => Rules::read(dir),
        None => Rules::builtin(),
    }
}

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Tells whether the reader of our output went away, which is no failure (`| head`).
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
            || cause.downcast_ref::<SinkError>().is_some_and(SinkError::is_closed_pipe)
    })
}
