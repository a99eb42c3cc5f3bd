//! What the subcommands do that only print.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use geophone_analytics::alert::rate;
use geophone_analytics::config::Config;
use geophone_analytics::rule::{Allow, Baseline, RuleError, Rules};
use geophone_analytics::sink::SinkError;
use geophone_sensor::decode::rdata::type_name;

use crate::cli::{ConfigCommand, read_config};

/// `geophone config`.
pub(crate) fn print_config(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let config = read_config(command.config.as_deref())?;
    let need = config.memory_need().div_ceil(1024 * 1024);
    let text = toml::to_string(&config).context("cannot write the configuration as TOML")?;
    let workers = worker_words(&config);
    print(&format!("# The tables take at most {need} MiB.\n{workers}{text}"))
}

/// What workers take, as a comment.
#[cfg(feature = "kafka")]
fn worker_words(config: &Config) -> String {
    let nodes = config.kafka.topics.partitions;
    let worker = |share: u32| config.worker_need(share, nodes).div_ceil(1024 * 1024);
    let [all, half, quarter] = [1, 2, 4].map(|part| worker(nodes.div_ceil(part)));
    format!(
        "# A worker (geophone run) takes about {all} MiB with all {nodes} partitions, {half} with \
         half, {quarter} with a quarter.\n"
    )
}

/// Nothing where there are no workers.
#[cfg(not(feature = "kafka"))]
const fn worker_words(_: &Config) -> &'static str {
    ""
}

/// `geophone rules check`.
pub(crate) fn check_rules(dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    let rules = rules_of(dir)?;
    print(&format!(
        "{} detectors, {} buckets, {} look-alike classes and allowances: all good\n",
        rules.all().count(),
        rules.leak.iter().count(),
        rules.allow.iter().count()
    ))
}

/// `geophone rules list`.
pub(crate) fn list_rules(dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    let rules = rules_of(dir)?;
    let mut text = String::new();
    for detector in rules.all() {
        text += &format!(
            "detector   {:<18} alert at {:>3}  {}\n",
            detector.id, detector.card.threshold, detector.name
        );
    }
    for (scope, bucket) in rules.leak.iter() {
        text += &format!(
            "bucket     {:<18} {:>6} B + {:>6}  a {}\n",
            bucket.name,
            bucket.burst_bytes,
            rate(bucket.bytes_per_second),
            scope.words(),
        );
    }
    for allow in rules.allow.iter() {
        text += &class_text(allow);
    }
    print(&text)
}

/// A class with what it takes for names of its own, and what it gives them.
fn class_text(allow: &Allow) -> String {
    let list = |texts: Vec<String>| texts.join(" ");
    let mut rows = Vec::new();
    match (allow.domains.is_empty(), allow.undelegated) {
        (false, _) => rows.push(("under", list(allow.domains.clone()))),
        (true, true) => rows.push(("under", "suffixes nobody registers, NXDOMAIN".to_owned())),
        (true, false) => rows.push(("under", "any domain".to_owned())),
    }
    if !allow.shapes.is_empty() {
        rows.push(("shape", list(allow.shapes.iter().map(ToString::to_string).collect())));
    }
    let most = allow.bits().map_or_else(|| "not bounded by shape".to_owned(), |n| n.to_string());
    rows.push(("bits", format!("{most} a name at most")));
    if !allow.qtypes.is_empty() {
        rows.push(("types", list(allow.qtypes.iter().map(|n| type_name(*n)).collect())));
    }
    if let Some(answer) = allow.answer {
        rows.push(("answer", answer.name().to_owned()));
    }
    if let Some(end) = allow.expires {
        rows.push(("until", end.to_string()));
    }
    rows.push(("source", allow.source.as_deref().unwrap_or("not given").to_owned()));
    let mut text =
        format!("class      {:<18} {:>3}x  {}\n", allow.class, allow.budget, allow.reason);
    for (name, value) in rows {
        text += &format!("             {name:<8} {value}\n");
    }
    text
}

pub(crate) fn rules_of(dir: Option<&Path>) -> Result<Rules, RuleError> {
    match dir {
        Some(dir) => Rules::read(dir),
        None => Rules::builtin(),
    }
}

/// Reads the rules and puts a baseline into them.
pub(crate) fn rules_with(dir: Option<&Path>, baseline: Option<&Path>) -> Result<Rules, RuleError> {
    let mut rules = rules_of(dir)?;
    rules.baseline = baseline.map(Baseline::read).transpose()?.unwrap_or_default();
    Ok(rules)
}

/// Writes to standard output.
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
