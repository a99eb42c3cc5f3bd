//! `geophone history`: what an incident responder asks of feature files after an alert.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use geophone_sensor::time::Timestamp;

/// Asks feature files (`geophone replay --features FILE.parquet`) who asked for what.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// What one client asked for, by registered domain: how much, when, types and sample names.
    Client {
        /// Its address.
        #[arg(value_name = "IP")]
        client: IpAddr,
        #[command(flatten)]
        scope: Scope,
    },
    /// Who asked, and how much.
    Clients {
        #[command(flatten)]
        scope: Scope,
    },
    /// Who asked for a domain, or for a name and what is under it.
    Domain {
        /// The domain or name.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        scope: Scope,
    },
    /// What was asked for, by registered domain.
    Domains {
        #[command(flatten)]
        scope: Scope,
    },
}

/// Which rows, in which order and form.
#[derive(Args, Debug)]
pub(crate) struct Scope {
    /// Feature files; the answer is over all of them together.
    #[arg(required = true, value_name = "FEATURES.parquet")]
    pub(crate) files: Vec<PathBuf>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = By::Queries)]
    pub(crate) by: By,
    /// Rows at most; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// From this moment on: RFC 3339, or a day (UTC).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,
    /// Before this moment.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Timestamp>,
    /// Form of the answer [default: table on a terminal, ndjson otherwise].
    #[arg(long, value_enum)]
    pub(crate) format: Option<Form>,
}

/// Orders of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Octets of messages, both ways.
    Bytes,
    /// Distinct names.
    Names,
    /// Answers that no such name exists.
    Nxdomain,
    /// Clients of a domain, domains of a client.
    Peers,
    /// Queries.
    Queries,
}

/// Forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One JSON object a line.
    Ndjson,
    /// Columns for people.
    Table,
}

/// Reads a moment, or the beginning of a day.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = |date: jiff::civil::Date| {
        date.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    };
    let stamp = text.parse::<jiff::Timestamp>().or_else(|_| text.parse().and_then(day));
    stamp
        .map(|stamp| Timestamp(stamp.as_microsecond()))
        .map_err(|_| "must be like 2026-11-21T09:30:00Z or 2026-11-21".to_owned())
}

/// Answers.
#[cfg(not(feature = "history"))]
pub(crate) fn history(_: &HistoryCommand) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!(super::WITHOUT_PARQUET)
}

#[cfg(feature = "history")]
pub(crate) use self::answers::history;

#[cfg(feature = "history")]
mod answers {
    use std::io::{self, IsTerminal as _};
    use std::process::ExitCode;

    use geophone_history::{Answer, Cell, Question, Rank, Span, ask};
    use serde_json::{Map, Value};

    use super::{By, Form, HistoryCommand};
    use crate::run::print;

    /// Answers.
    pub(crate) fn history(command: &HistoryCommand) -> anyhow::Result<ExitCode> {
        let (question, scope) = match command {
            HistoryCommand::Client { client, scope } => (Question::Client(*client), scope),
            HistoryCommand::Clients { scope } => (Question::Clients, scope),
            HistoryCommand::Domain { name, scope } => (Question::Domain(name.clone()), scope),
            HistoryCommand::Domains { scope } => (Question::Domains, scope),
        };
        let rank = match scope.by {
            By::Bytes => Rank::Bytes,
            By::Names => Rank::Names,
            By::Nxdomain => Rank::Nxdomain,
            By::Peers => Rank::Peers,
            By::Queries => Rank::Queries,
        };
        let top = if scope.top == 0 { usize::MAX } else { scope.top };
        let span = Span { since: scope.since, until: scope.until };
        let answer = ask(&scope.files, &question, span, (rank, top))?;
        let default = if io::stdout().is_terminal() { Form::Table } else { Form::Ndjson };
        match scope.format.unwrap_or(default) {
            Form::Ndjson => print(&ndjson(&answer)),
            Form::Table => print(&table(&answer)),
        }
    }

    fn ndjson(answer: &Answer) -> String {
        let mut text = String::new();
        for row in &answer.rows {
            let mut object = Map::new();
            for (name, cell) in answer.columns.iter().zip(row) {
                let value = match cell {
                    Cell::Number(number) => Value::from(*number),
                    Cell::Share(share) => Value::from(*share),
                    Cell::Text(text) => Value::from(text.as_str()),
                    Cell::Texts(texts) => texts.iter().map(String::as_str).collect(),
                    Cell::Time(time) => Value::from(time.to_string()),
                };
                object.insert((*name).to_owned(), value);
            }
            text += &Value::Object(object).to_string();
            text.push('\n');
        }
        text
    }

    /// Columns of equal width; sample names stand below their row.
    fn table(answer: &Answer) -> String {
        let head: Vec<&str> =
            answer.columns.iter().copied().filter(|name| *name != "samples").collect();
        let mut lines = vec![head.iter().map(|name| name.replace('_', " ")).collect::<Vec<_>>()];
        lines
            .extend(answer.rows.iter().map(|row| row.iter().take(head.len()).map(words).collect()));
        let width = |at: usize| {
            let cells = lines.iter().filter_map(|line| line.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let mut text = String::new();
        let samples =
            std::iter::once(None).chain(answer.rows.iter().map(|row| row.get(head.len())));
        for (line, samples) in lines.iter().zip(samples) {
            let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
                if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
            if let Some(Cell::Texts(names)) = samples {
                text.extend(names.iter().map(|name| format!("    {name}\n")));
            }
        }
        let more = answer.n_rows.saturating_sub(answer.rows.len());
        if more > 0 {
            text += &format!("and {more} more (--top 0 shows all)\n");
        }
        text
    }

    fn words(cell: &Cell) -> String {
        match cell {
            Cell::Number(number) => number.to_string(),
            Cell::Share(share) => format!("{:.1} %", share * 100.0),
            Cell::Text(text) => text.clone(),
            Cell::Texts(texts) => texts.join(","),
            Cell::Time(time) => {
                let text = time.to_string();
                // To the second is enough for people.
                text.get(..19).map_or_else(|| text.clone(), |text| format!("{text}Z"))
            }
        }
    }
}
