//! `geophone explain`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use geophone_analytics::alert::Style;
use geophone_analytics::explain::{Look, RulesInForce, Wanted, explain, to_page};

use crate::run::{print, rules_of};

/// The width of a page that no terminal shows.
const PLAIN_WIDTH: usize = 100;

/// Exit status: 0 explained; 1 could not (the message lists the nearest alerts); 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct ExplainCommand {
    /// The alert: its `event.id`, the beginning of it, or `last` for the one opened last; `-` or
    /// nothing where there is only one.
    #[arg(value_name = "ALERT-ID")]
    id: Option<String>,
    /// Alerts as `geophone replay --format ecs` writes them, `-` for standard input.
    #[arg(long, value_name = "FILE.ndjson", default_value = "-")]
    alerts: PathBuf,
    /// Rules to compute the score by again, instead of those compiled in.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Form of the explanation.
    #[arg(long, value_enum, default_value = "text")]
    format: ExplainFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ExplainFormat {
    /// A page for people.
    Text,
    /// One JSON document with all samples.
    Json,
}

/// `geophone explain`.
pub(crate) fn explain_alert(command: &ExplainCommand) -> anyhow::Result<ExitCode> {
    let wanted = match command.id.as_deref() {
        None | Some("-") => Wanted::Only,
        Some("last") => Wanted::Last,
        Some(id) => Wanted::Id(id.to_owned()),
    };
    let rules = rules_of(command.rules.as_deref())?;
    let by = RulesInForce { rules: &rules, directory: command.rules.as_deref() };
    let (origin, mut input) = open(&command.alerts)?;
    let explanation = explain(&mut input, &origin, &wanted, by)?;
    match command.format {
        ExplainFormat::Text => print(&to_page(&explanation, look())),
        ExplainFormat::Json => {
            let json = serde_json::to_string_pretty(&explanation)
                .context("cannot write the explanation as JSON")?;
            print(&format!("{json}\n"))
        }
    }
}

fn open(alerts: &Path) -> anyhow::Result<(String, Box<dyn BufRead>)> {
    if alerts.as_os_str() == "-" {
        let stdin = io::stdin();
        anyhow::ensure!(
            !stdin.is_terminal(),
            "no alerts to read: name their file with --alerts FILE.ndjson, or pipe them in"
        );
        return Ok(("standard input".to_owned(), Box::new(stdin.lock())));
    }
    let name = format!("\"{}\"", alerts.display());
    let file = File::open(alerts).with_context(|| {
        format!("cannot open {name}; --alerts takes a file that `geophone replay --alerts` wrote")
    })?;
    Ok((name, Box::new(BufReader::new(file))))
}

fn look() -> Look {
    if !io::stdout().is_terminal() {
        return Look { width: PLAIN_WIDTH, style: Style::Plain };
    }
    let width = terminal_size::terminal_size()
        .map_or(PLAIN_WIDTH, |(terminal_size::Width(width), _)| usize::from(width));
    let colour = std::env::var_os("NO_COLOR").is_none();
    Look { width, style: if colour { Style::Colour } else { Style::Plain } }
}
