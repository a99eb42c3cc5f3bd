//! `geophone tail`: what is in a topic, for eyes and for pipes.

use clap::{Args, ValueEnum};

use super::topics::Brokers;

/// Prints a topic's messages as they come, until SIGINT or SIGTERM. Changes nothing in Kafka: it
/// belongs to no group and commits nothing. Of one partition the order is kept.
#[derive(Args, Debug)]
pub(crate) struct TailCommand {
    /// The topic, with or without its prefix: records, ticks, rollups, state, domains, alerts, dead.
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) brokers: Brokers,
    /// Where to begin.
    #[arg(long, value_enum, default_value_t = From::End)]
    pub(crate) from: From,
    /// Stop after so many messages.
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// Stop at the end of what is there.
    #[arg(long)]
    pub(crate) until_end: bool,
    /// Form [default: table on a terminal, ndjson otherwise].
    #[arg(long, value_enum)]
    pub(crate) format: Option<TailForm>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// With the oldest message.
    Beginning,
    /// With what comes from now on.
    End,
}

/// Forms of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TailForm {
    /// One JSON document a line; of alerts the alert itself.
    Ndjson,
    /// A short line each.
    Table,
}

/// Prints.
#[cfg(not(feature = "kafka"))]
pub(crate) fn tail(_: &TailCommand) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!(super::WITHOUT_KAFKA)
}

#[cfg(feature = "kafka")]
pub(crate) use self::with::tail;

#[cfg(feature = "kafka")]
mod with {
    use std::io::{self, IsTerminal as _, Write as _};
    use std::process::ExitCode;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use anyhow::{Context as _, bail};
    use geophone_analytics::message::{to_line, to_ndjson};
    use geophone_kafka::follow::{Follower, Start, Taken};
    use geophone_kafka::properties::Properties;
    use geophone_kafka::topic::Topic;
    use geophone_sensor::signals::Signals;

    use super::{From, TailCommand, TailForm};

    /// How long a message is waited for before signals are looked at.
    const STEP: Duration = Duration::from_millis(100);

    /// Prints.
    pub(crate) fn tail(command: &TailCommand) -> anyhow::Result<ExitCode> {
        let settings = command.brokers.settle()?;
        let Some(topic) = Topic::named(&command.topic, &settings.topics) else {
            let all: Vec<_> = Topic::ALL.iter().map(|topic| topic.word()).collect();
            bail!("\"{}\" is none of geophone's topics: {}", command.topic, all.join(", "));
        };
        let stop = Signals::install().context("cannot take over signals")?.stop();
        let start = match command.from {
            From::Beginning => Start::Beginning,
            From::End => Start::End,
        };
        let properties = Properties::resolve(&settings)?;
        let mut follower = Follower::open(&properties, &topic.name(&settings.topics), start)?;
        let form = command.format.unwrap_or_else(|| {
            if io::stdout().is_terminal() { TailForm::Table } else { TailForm::Ndjson }
        });
        let mut left = command.max.unwrap_or(u64::MAX);
        let mut out = io::BufWriter::new(io::stdout().lock());
        while left > 0 && !stop.load(Ordering::Relaxed) {
            // What is there is written before more is waited for.
            let there = follower.next(Duration::ZERO)?;
            if there.is_none() {
                out.flush().context("cannot write to standard output")?;
            }
            let next = there.map_or_else(|| follower.next(STEP), |taken| Ok(Some(taken)));
            let Some(taken) = next? else {
                if command.until_end && follower.is_at_end() {
                    break;
                }
                continue;
            };
            left -= 1;
            let text = words(topic, &taken, form);
            writeln!(out, "{text}").context("cannot write to standard output")?;
        }
        out.flush().context("cannot write to standard output")?;
        Ok(ExitCode::SUCCESS)
    }

    fn words(topic: Topic, taken: &Taken, form: TailForm) -> String {
        match form {
            TailForm::Ndjson => to_ndjson(topic, taken),
            TailForm::Table => to_line(topic, taken),
        }
    }
}
