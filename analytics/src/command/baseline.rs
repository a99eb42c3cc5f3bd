//! `geophone baseline`: budgets learned from feature files, and what changed from one to another.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use geophone_analytics::pipeline::{Analytics, HostHabits, UsualRate};
use geophone_analytics::rule::{BaselineFile, Change, Rules, differences};
use geophone_analytics::state_file::StateFile;

use crate::cli::read_config;
use crate::progress::say;
use crate::run::print;

/// Learns and compares budgets of domains.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Compare two baseline files.
    Diff {
        /// The file in force.
        #[arg(value_name = "OLD.toml")]
        old: PathBuf,
        /// The file that would replace it.
        #[arg(value_name = "NEW.toml")]
        new: PathBuf,
    },
    /// Show what hosts are used to, as a file of saved state (`--state`) has it.
    Hosts(HostsCommand),
    /// Learn budgets for domains whose new names ordinarily cost more than the leak contract passes.
    Learn(LearnCommand),
}

/// The file that is written is to be reviewed: every entry lets a domain carry more without an
/// alert. Learn from days without an incident.
#[derive(Args, Debug)]
pub(crate) struct LearnCommand {
    /// Feature files (`geophone replay --features FILE.parquet`).
    #[arg(required = true, value_name = "FEATURES.parquet")]
    pub(crate) files: Vec<PathBuf>,
    /// The file to write, `-` for standard output.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) out: PathBuf,
    /// Clients that must have reached what a budget is made of; fewer than 3 are never enough.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..))]
    pub(crate) min_clients: u32,
    /// Learn from the last so many days (UTC) of the files [default: all].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) days: Option<u32>,
    /// Days that an entry holds after the last day it was learned from.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) valid_days: u32,
    /// Rules with the leak contract to measure against (default: the rules compiled in).
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
}

/// A host is listed for what it asks and for what it is asked: the rate a second that 99.9 % of
/// minutes stay below, at any hour and by the hour of the day (UTC).
#[derive(Args, Debug)]
pub(crate) struct HostsCommand {
    /// The file (`geophone replay|live --state FILE`).
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,
    /// Configuration it was written with, if it sets `sensor.hash_seed`.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON, with every hour.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Does what was asked.
pub(crate) fn baseline(command: &BaselineCommand) -> anyhow::Result<ExitCode> {
    match command {
        BaselineCommand::Diff { old, new } => {
            let (old, new) = (BaselineFile::read(old)?, BaselineFile::read(new)?);
            print(&in_lines(&old, &new))
        }
        BaselineCommand::Hosts(command) => hosts(command),
        BaselineCommand::Learn(command) => learn(command),
    }
}

fn in_lines(old: &BaselineFile, new: &BaselineFile) -> String {
    let mut text = String::new();
    let found = differences(old, new);
    let times = |budget: Option<f64>| budget.map_or_else(|| "-".to_owned(), |b| format!("{b:.1}x"));
    for (change, domain, before, after) in &found {
        let change = match change {
            Change::Added => "added",
            Change::Raised => "raised",
            Change::Lowered => "lowered",
            Change::Dropped => "dropped",
        };
        let (before, after) = (times(*before), times(*after));
        text += &format!("{change:<8} {domain:<40} {before:>6} -> {after:>6}\n");
    }
    let count = |kind| found.iter().filter(|difference| difference.0 == kind).count();
    let gone = count(Change::Dropped);
    let same =
        old.entries.len().saturating_sub(gone + count(Change::Raised) + count(Change::Lowered));
    text += &format!(
        "{} added, {} raised, {} lowered, {gone} dropped, {same} with the budget they had\n",
        count(Change::Added),
        count(Change::Raised),
        count(Change::Lowered),
    );
    text
}

fn hosts(command: &HostsCommand) -> anyhow::Result<ExitCode> {
    if !command.state.is_file() {
        anyhow::bail!(
            "there is no saved state at \"{}\"; geophone replay|live --state FILE writes one",
            command.state.display()
        );
    }
    let config = read_config(command.config.as_deref())?;
    let mut file = StateFile::open(&command.state, Duration::MAX)?;
    let mut analytics = Analytics::new(config, Rules::builtin()?);
    let told = file.load(&mut analytics, &mut |notice| say(notice))?;
    let habits = analytics.habits();
    if command.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&habits)?));
    }
    let mut text = String::new();
    if let Some(time) = told {
        text += &format!("saved at {time}; a second, what 99.9 % of minutes stay below\n");
    }
    text += &format!(
        "{:<40} {:<6} {:>7} {:>10} {:>10} {:>10}  quietest and busiest hour (UTC)\n",
        "host", "as", "minutes", "questions", "failures", "large"
    );
    for host in &habits {
        text += &host_line(host);
    }
    print(&text)
}

fn host_line(habits: &HostHabits) -> String {
    let shown = |usual: &UsualRate| {
        usual.all_day.map_or_else(|| "-".to_owned(), |usual| format!("{usual:.2}"))
    };
    let hours = (0..).zip(&habits.queries.by_hour);
    let mut known: Vec<(u32, f64)> = hours.filter_map(|(n, usual)| Some((n, (*usual)?))).collect();
    known.sort_by(|one, other| one.1.total_cmp(&other.1));
    let hour = |at: Option<&(u32, f64)>| {
        at.map_or_else(|| "-".to_owned(), |(n, usual)| format!("{n:02}h {usual:.2}"))
    };
    format!(
        "{:<40} {:<6} {:>7} {:>10} {:>10} {:>10}  {}, {}\n",
        habits.host,
        if habits.server { "server" } else { "client" },
        habits.minutes,
        shown(&habits.queries),
        shown(&habits.failures),
        shown(&habits.large),
        hour(known.first()),
        hour(known.last()),
    )
}

#[cfg(not(feature = "history"))]
fn learn(_: &LearnCommand) -> anyhow::Result<ExitCode> {
    anyhow::bail!(super::WITHOUT_PARQUET)
}

/// The price is asked for here and not kept in the feature files, so that what is learned is in the
/// price of the program that will use it, and a sensor that writes features need not price.
#[cfg(feature = "history")]
fn learn(command: &LearnCommand) -> anyhow::Result<ExitCode> {
    use anyhow::Context as _;
    use geophone_analytics::price::Pricer;
    use geophone_analytics::rule::{AnswerFacts, Facts, Observed, learn};
    use geophone_history::{Learning, domain_uses};
    use geophone_sensor::name::Name;
    use geophone_sensor::time::Timestamp;

    let rules = crate::run::rules_of(command.rules.as_deref())?;
    let pricer = Pricer::new();
    // Names under an allowance have a budget already; what came back is not asked for here.
    let listed = AnswerFacts { rcode: 0, n_addresses: 1, n_loopback: 1 };
    let mut price = |name: &Name, domain_at| {
        let facts = Facts {
            qname: name,
            domain_at,
            suffix_known: true,
            qtype: 1,
            time: Timestamp(i64::MIN),
            answer: Some(listed),
            same_answers: false,
        };
        match rules.allow.find(&facts) {
            Some(_) => 0,
            None => pricer.price(name, domain_at).bits.raw().div_ceil(256),
        }
    };
    let learning =
        Learning { days: command.days.unwrap_or_default(), clients: command.min_clients };
    let uses = domain_uses(&command.files, learning, &mut price)?;
    let n_domains = uses.len();
    let entries = uses.into_iter().filter_map(|seen| {
        let observed = Observed {
            domain: seen.domain,
            clients: seen.clients,
            days: seen.days,
            p999_bytes: seen.p999_bytes,
            shared_bytes: seen.shared_bytes,
            span: (seen.first_day, seen.last_day),
        };
        learn(&observed, &rules.leak, command.valid_days)
    });
    let file = BaselineFile::new(entries.collect());
    let text = file.to_toml().context("cannot write the baseline as TOML")?;
    let code = if command.out.as_os_str() == "-" {
        print(&text)?
    } else {
        let told = |error: std::io::Error| {
            let cure = geophone_sensor::words::cure(&error);
            anyhow::anyhow!("cannot write \"{}\": {error}{cure}", command.out.display())
        };
        std::fs::write(&command.out, text).map_err(told)?;
        ExitCode::SUCCESS
    };
    say(&format!(
        "{n_domains} domains seen, {} need more than the leak contract",
        file.entries.len()
    ));
    Ok(code)
}
