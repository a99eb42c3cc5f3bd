//! `geophone replay` and `geophone live`: one run from any source to the alerts.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use geophone_analytics::alert::Style;
use geophone_analytics::config::{Config, FormatName, OutputConfig};
use geophone_analytics::replay::Replay;
use geophone_analytics::severity::Severity;
use geophone_analytics::sink::{Format, Sink};
use geophone_analytics::state_file::StateFile;
use geophone_sensor::capture::{CaptureSet, FollowedDirectory, FrameSource, expand};
#[cfg(target_os = "linux")]
use geophone_sensor::live::LiveSource;
use geophone_sensor::output::{MoreCounters, StatsFile, stats_json};
use geophone_sensor::pipeline::Detail;
#[cfg(target_os = "linux")]
use geophone_sensor::privilege::PrivilegePlan;
use geophone_sensor::signals::Signals;

#[cfg(target_os = "linux")]
use crate::cli::LiveCommand;
use crate::cli::ReplayCommand;
use crate::command::features::{Ending, Features};
use crate::console::Console;
use crate::progress::{Progress, say};
use crate::publishing::{Plan, Publishing};
use crate::run::{is_closed_pipe, rules_with};

/// `geophone replay`.
pub(crate) fn replay(command: &ReplayCommand) -> anyhow::Result<ExitCode> {
    let config = command.common.settle()?;
    if command.follow {
        return follow(&command.paths, config);
    }
    let files = expand(&command.paths)?;
    let mut session = Session::new(config, Tempo::Replay(&files))?;
    session.publish(true)?;
    session.drive(&mut CaptureSet::new(&files))
}

/// `geophone replay --follow`.
fn follow(paths: &[PathBuf], config: Config) -> anyhow::Result<ExitCode> {
    let signals = Signals::install().context("cannot take over signals")?;
    let mut session = Session::new(config, Tempo::Live)?;
    session.publish(true)?;
    let mut source = FollowedDirectory::open(paths, signals.stop(), session.flusher())?;
    session.reload_on_hangup(signals)?;
    session.drive(&mut source)
}

/// `geophone live`.
#[cfg(target_os = "linux")]
pub(crate) fn live(command: &LiveCommand) -> anyhow::Result<ExitCode> {
    let mut config = command.common.settle()?;
    command.capture.over(&mut config.capture);
    let (capture, sensor) = (config.capture.clone(), config.sensor.clone());
    let signals = Signals::install().context("cannot take over signals")?;
    // The interfaces first: a wrong name leaves no empty files behind.
    let mut source = LiveSource::open(&capture, &sensor, signals.stop())?;
    let mut session = Session::new(config, Tempo::Live)?;
    source.on_pause(session.flusher());
    let read = session.rules.iter().chain(&session.baseline).cloned().collect();
    let plan = session.kafka.keep(PrivilegePlan { read, ..PrivilegePlan::default() })?;
    say(&source.drop_privileges(plan)?.to_string());
    // With the rights that are left: what talks to brokers begins threads.
    session.publish(false)?;
    session.reload_on_hangup(signals)?;
    let outcome = session.drive(&mut source);
    say(&source.summary());
    match outcome {
        // To a sensor that should run on, a reader that went away is a failure.
        Err(error) if is_closed_pipe(&error) => {
            Err(error.context("the capture ended because nobody takes its alerts any more"))
        }
        outcome => outcome,
    }
}

/// Whether a run has an end.
#[derive(Clone, Copy)]
enum Tempo<'a> {
    /// The files are read to their end; a terminal sees how far it is.
    Replay(&'a [PathBuf]),
    /// It goes on until a signal; a terminal sees alerts when they open, too.
    Live,
}

/// A run with its outputs open.
struct Session {
    replay: Replay,
    console: Console,
    stats: Option<StatsFile>,
    rules: Option<PathBuf>,
    baseline: Option<PathBuf>,
    fail_on: Option<Severity>,
    kafka: Plan,
}

impl Session {
    /// Reads the rules and opens every output.
    fn new(mut config: Config, tempo: Tempo<'_>) -> anyhow::Result<Self> {
        let rules = rules_with(config.rules.as_deref(), config.baseline.as_deref())?;
        let (stats, output) = (config.stats.take(), std::mem::take(&mut config.output));
        let features = output.features.as_deref();
        let ending = match tempo {
            Tempo::Replay(_) => Ending::Renamed,
            Tempo::Live => Ending::InPlace,
        };
        let features = features.map(|path| Features::create(path, ending)).transpose()?;
        let detail = if features.is_some() { Detail::AnswersInWords } else { Detail::Figures };
        let format = format_of(&output, matches!(tempo, Tempo::Live));
        let progress = match tempo {
            Tempo::Replay(files) => Progress::new(files),
            Tempo::Live => Progress::new(&[]),
        };
        let mut state = match &config.state.file {
            Some(path) => Some(StateFile::open(path, config.state.save_every())?),
            None => None,
        };
        let sink = Sink::open(&output.alerts, format)?;
        let kafka = Plan::new(output.kafka, config.kafka.clone());
        let (rules_dir, baseline_file) = (config.rules.take(), config.baseline.take());
        let mut replay = Replay::new(config, rules, detail);
        if let Some(state) = &mut state
            && let Some(time) = state.load(replay.analytics_mut(), &mut say)?
        {
            say(&format!("what was remembered at {time} is taken up again"));
        }
        let console = Console {
            sink,
            features,
            progress,
            publishing: Publishing::default(),
            state,
            reload: Arc::default(),
            leak_error_told: false,
            guesses_told: 0,
            opened: 0,
            worst: None,
            troubles: 0,
        };
        Ok(Self {
            console,
            stats: stats.as_deref().map(StatsFile::create).transpose()?,
            rules: rules_dir,
            baseline: baseline_file,
            fail_on: output.fail_on,
            kafka,
            replay,
        })
    }

    /// Begins to publish alerts, where that is asked for.
    fn publish(&mut self, waits: bool) -> anyhow::Result<()> {
        self.console.publishing = self.kafka.begin(waits)?;
        Ok(())
    }

    /// Returns what writes out the features that are buffered; alerts never are.
    fn flusher(&self) -> impl FnMut() + Send + 'static {
        let mut features = self.console.features.as_ref().and_then(Features::handle);
        move || {
            // A failure shows at the next record.
            let _ = features.as_mut().map_or(Ok(()), Write::flush);
        }
    }

    /// Reads the rules again on every SIGHUP.
    fn reload_on_hangup(&self, signals: Signals) -> anyhow::Result<()> {
        let reload = Arc::clone(&self.console.reload);
        let (rules, baseline) = (self.rules.clone(), self.baseline.clone());
        let read = move || {
            let paths: Vec<_> = rules.iter().chain(&baseline).map(|path| path.display()).collect();
            if paths.is_empty() {
                return say("SIGHUP: no --rules are in force, so there is nothing to read again");
            }
            match reload.read(rules.as_deref(), baseline.as_deref()) {
                Ok(()) => {
                    let from: Vec<_> = paths.iter().map(|path| format!("\"{path}\"")).collect();
                    say(&format!("rules read again from {}", from.join(" and ")));
                }
                Err(error) => say(&format!("the rules in force stay: {error}")),
            }
        };
        signals.on_hangup(read).context("cannot take over signals")
    }

    /// Runs `source` to its end.
    fn drive(self, source: &mut impl FrameSource) -> anyhow::Result<ExitCode> {
        let Self { mut replay, mut console, stats, fail_on, .. } = self;
        replay.run(source, &mut console);
        console.progress.finish();
        if let Some(state) = &mut console.state {
            state.save(replay.analytics())?;
        }
        let (sensor, analytics) = replay.counters();
        let mut more = MoreCounters {
            named: analytics.named(),
            configured: analytics.named_classes(),
            imbalance: analytics.imbalance(),
        };
        let published = std::mem::take(&mut console.publishing).finish(&mut more);
        if let Some(stats) = stats {
            stats.write(&stats_json(sensor, &more))?;
        }
        published?;
        console.sink.check()?;
        if let Some(features) = console.features.take() {
            features.finish()?;
        }
        if console.troubles > 0 && sensor.frame_read == 0 {
            return Ok(console.exit_code(None));
        }
        say(&format!(
            "{} frames, {} DNS messages, {} transactions, {} alerts",
            sensor.frame_read, sensor.message_total, sensor.record_transactions, console.opened
        ));
        Ok(console.exit_code(fail_on))
    }
}

fn format_of(output: &OutputConfig, live: bool) -> Format {
    let on_terminal = output.alerts.as_os_str() == "-" && io::stdout().is_terminal();
    let colour = on_terminal && std::env::var_os("NO_COLOR").is_none();
    let style = if colour { Style::Colour } else { Style::Plain };
    let default = if on_terminal { FormatName::Table } else { FormatName::Ecs };
    match output.format.unwrap_or(default) {
        FormatName::Ecs => Format::Ecs,
        FormatName::Table if live => Format::LiveTable(style),
        FormatName::Table => Format::Table(style),
    }
}
