//! What the subcommands do.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use geophone_analytics::alert::{Action, Alert, Style};
use geophone_analytics::config::Config;
use geophone_analytics::replay::{Listener, Replay};
use geophone_analytics::rule::Rules;
use geophone_analytics::severity::Severity;
use geophone_analytics::sink::{FeatureFile, Format, Sink, SinkError};
use geophone_sensor::capture::{CaptureError, CaptureSet, Frame, expand};
use geophone_sensor::output::{MoreCounters, stats_json, write_stats};
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;

use crate::cli::{ConfigCommand, FormatName, ReplayCommand};
use crate::progress::{Progress, say};

/// `geophone replay`.
pub(crate) fn replay(command: &ReplayCommand) -> anyhow::Result<ExitCode> {
    let config = config_of(command.config.as_deref())?;
    let rules = rules_of(command.rules.as_deref())?;
    let files = expand(&command.paths)?;
    let features = command.features.as_deref().map(features_of).transpose()?;
    let detail = if features.is_some() { Detail::AnswersInWords } else { Detail::Figures };
    let mut listener = Console {
        sink: Sink::open(&command.alerts, format_of(command))?,
        features,
        progress: Progress::new(&files),
        opened: 0,
        worst: None,
        troubles: 0,
    };
    let mut replay = Replay::new(config, rules, detail);
    replay.run(&mut CaptureSet::new(&files), &mut listener);
    listener.progress.finish();
    let (sensor, analytics) = replay.counters();
    if let Some(path) = &command.stats {
        let more = MoreCounters { named: analytics.named(), imbalance: analytics.imbalance() };
        write_stats(path, &stats_json(sensor, &more))?;
    }
    listener.sink.check()?;
    if let Some(features) = &mut listener.features {
        features.check()?;
    }
    if listener.troubles > 0 && sensor.frame_read == 0 {
        return Ok(listener.exit_code(None));
    }
    say(&format!(
        "{} frames, {} DNS messages, {} transactions, {} alerts",
        sensor.frame_read, sensor.message_total, sensor.record_total, listener.opened
    ));
    Ok(listener.exit_code(command.fail_on.map(Severity::from)))
}

/// What a replay tells, on its way to files and terminal.
struct Console {
    sink: Sink,
    features: Option<FeatureFile>,
    progress: Progress,
    opened: u64,
    worst: Option<Severity>,
    troubles: u64,
}

impl Console {
    /// An input that could not be read counts more than what was found in the others.
    fn exit_code(&self, fail_on: Option<Severity>) -> ExitCode {
        if self.troubles > 0 {
            return ExitCode::from(1);
        }
        let met = fail_on.zip(self.worst).is_some_and(|(least, worst)| worst >= least);
        ExitCode::from(if met { 3 } else { 0 })
    }
}

impl Listener for Console {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.progress.frame(frame.data.len());
    }

    fn record(&mut self, record: &Record<'_>) {
        if let Some(features) = &mut self.features {
            features.write(record);
        }
    }

    fn alert(&mut self, alert: &Alert<'_>) {
        self.opened += u64::from(alert.action == Action::Open);
        self.worst = self.worst.max(Some(alert.severity));
        self.sink.write(alert);
    }

    fn trouble(&mut self, error: CaptureError) {
        self.troubles += 1;
        self.progress.say(&error.to_string());
    }

    fn has_enough(&self) -> bool {
        self.sink.has_failed() || self.features.as_ref().is_some_and(FeatureFile::has_failed)
    }
}

fn format_of(command: &ReplayCommand) -> Format {
    let on_terminal = command.alerts.as_os_str() == "-" && io::stdout().is_terminal();
    let colour = on_terminal && std::env::var_os("NO_COLOR").is_none();
    let style = if colour { Style::Colour } else { Style::Plain };
    match command.format {
        Some(FormatName::Ecs) => Format::Ecs,
        Some(FormatName::Table) => Format::Table(style),
        None if on_terminal => Format::Table(style),
        None => Format::Ecs,
    }
}

fn features_of(path: &Path) -> anyhow::Result<FeatureFile> {
    let is_ndjson = path.extension().is_some_and(|ending| ending == "ndjson" || ending == "json");
    anyhow::ensure!(
        is_ndjson,
        "cannot write features to \"{}\": name a file that ends in .ndjson",
        path.display()
    );
    Ok(FeatureFile::create(path)?)
}

/// `geophone config`.
pub(crate) fn print_config(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let config = config_of(command.config.as_deref())?;
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

fn config_of(path: Option<&Path>) -> anyhow::Result<Config> {
    Ok(match path {
        Some(path) => Config::read(path)?,
        None => Config::default().check()?,
    })
}

fn rules_of(dir: Option<&Path>) -> anyhow::Result<Rules> {
    Ok(match dir {
        Some(dir) => Rules::read(dir)?,
        None => Rules::builtin()?,
    })
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
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
