//! `geophone-sensor`: the small binary for the tap host.

mod cli;
mod destination;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use geophone_sensor::capture::{CaptureSet, FollowedDirectory, FrameSource, Losses, expand};
use geophone_sensor::config::SensorFile;
use geophone_sensor::live::LiveSource;
use geophone_sensor::output::{StatsFile, stats_json};
use geophone_sensor::pipeline::Pipeline;
use geophone_sensor::privilege::PrivilegePlan;
use geophone_sensor::signals::Signals;
use geophone_sensor::words::in_words;

use crate::cli::{Cli, Command, Common, Replay};
use crate::destination::{Destination, Tempo};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Some(Command::Replay(replay)) => run_replay(replay),
        None => run_live(&cli),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            report(&in_words(error.as_ref()));
            ExitCode::from(1)
        }
    }
}

/// Replays the captures; exit 1 where one of them could not be read to its end.
fn run_replay(replay: &Replay) -> anyhow::Result<ExitCode> {
    let mut settings = settings(&replay.common)?;
    Destination::settle(&replay.common, &mut settings)?;
    let run = Run::new(&replay.common, &settings)?;
    let out = Destination::open(&settings, Tempo::Replay)?;
    let outcome = if replay.follow {
        let signals = Signals::install().context("cannot take over signals")?;
        let flusher = out.flusher();
        run.drive(&mut FollowedDirectory::open(&replay.paths, signals.stop(), flusher)?, out)
    } else {
        run.drive(&mut CaptureSet::new(&expand(&replay.paths)?), out)
    };
    match outcome {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome,
    }
}

/// Captures until a signal ends it.
fn run_live(cli: &Cli) -> anyhow::Result<ExitCode> {
    let mut settings = settings(&cli.common)?;
    cli.capture.over(&mut settings.capture);
    Destination::settle(&cli.common, &mut settings)?;
    let signals = Signals::install().context("cannot take over signals")?;
    let (capture, sensor) = (settings.capture.clone(), settings.sensor.clone());
    // The interfaces first: a wrong name leaves no empty files behind.
    let mut source = LiveSource::open(&capture, &sensor, signals.stop())?;
    let run = Run::new(&cli.common, &settings)?;
    report(&source.drop_privileges(privileges(&settings)?)?.to_string());
    // With the rights that are left: what talks to brokers begins threads.
    let out = Destination::open(&settings, Tempo::Live)?;
    source.on_pause(out.flusher());
    // A sensor has nothing to read again; a SIGHUP meant for others does not end it.
    signals.on_hangup(|| {}).context("cannot take over signals")?;
    let code = run.drive(&mut source, out)?;
    report(&source.summary());
    Ok(code)
}

/// What is needed after the privileges are gone: nothing, or Kafka and the spool.
fn privileges(settings: &SensorFile) -> anyhow::Result<PrivilegePlan> {
    #[cfg(feature = "kafka")]
    if settings.output.kafka {
        let properties = geophone_kafka::properties::Properties::resolve(&settings.kafka)?;
        return Ok(PrivilegePlan {
            read: properties.read_paths(),
            write: settings.kafka.spool.iter().cloned().collect(),
            connect: true,
            ..PrivilegePlan::default()
        });
    }
    let _ = settings;
    Ok(PrivilegePlan::default())
}

/// One run from any source to its destination.
struct Run {
    pipeline: Pipeline,
    stats: Option<StatsFile>,
}

impl Run {
    fn new(common: &Common, settings: &SensorFile) -> anyhow::Result<Self> {
        let stats = common.stats.clone().or_else(|| settings.stats.clone());
        let detail = Destination::detail(settings);
        Ok(Self {
            pipeline: Pipeline::new(&settings.sensor, detail),
            stats: stats.as_deref().map(StatsFile::create).transpose()?,
        })
    }

    fn drive(
        mut self,
        source: &mut impl FrameSource,
        mut out: Destination,
    ) -> anyhow::Result<ExitCode> {
        let (mut code, mut known) = (ExitCode::SUCCESS, Losses::default());
        while !out.has_failed() {
            let losses = source.losses();
            if losses != known {
                known = losses;
                self.pipeline.lost(losses);
            }
            match source.next_frame() {
                Ok(Some(frame)) => self.pipeline.frame(&frame, &mut |record| out.write(&record)),
                Ok(None) => break,
                Err(error) => {
                    if !error.is_notice() {
                        code = ExitCode::from(1);
                    }
                    report(&error.to_string());
                }
            }
        }
        self.pipeline.lost(source.losses());
        self.pipeline.finish(&mut |record| out.write(&record));
        let (more, written) = out.finish();
        if let Some(stats) = self.stats.take() {
            stats.write(&stats_json(self.pipeline.counters(), &more))?;
        }
        written?;
        Ok(code)
    }
}

fn settings(common: &Common) -> anyhow::Result<SensorFile> {
    Ok(common.config.as_deref().map(SensorFile::read).transpose()?.unwrap_or_default())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells the operator; that nobody reads it any more is no reason to stop.
fn report(text: &str) {
    let _ = writeln!(io::stderr(), "geophone-sensor: {text}");
}
