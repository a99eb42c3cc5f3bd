//! `geophone-sensor`: the small binary for the tap host.

mod cli;

use std::io::{self, BufWriter, Stdout, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use geophone_sensor::capture::{CaptureSet, FollowedDirectory, FrameSource, Losses, expand};
use geophone_sensor::config::SensorFile;
use geophone_sensor::live::LiveSource;
use geophone_sensor::output::{MoreCounters, Ndjson, Shared, StatsFile, stats_json};
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::signals::Signals;
use geophone_sensor::words::{cure, in_words};

use crate::cli::{Cli, Command, Common, Replay};

type Records = Shared<BufWriter<Stdout>>;

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
    let mut run = Run::new(&replay.common, settings(&replay.common)?)?;
    let outcome = if replay.follow {
        let signals = Signals::install().context("cannot take over signals")?;
        let out = run.records.clone();
        run.drive(&mut FollowedDirectory::open(&replay.paths, signals.stop(), flusher(out))?)
    } else {
        run.drive(&mut CaptureSet::new(&expand(&replay.paths)?))
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
    let signals = Signals::install().context("cannot take over signals")?;
    let (capture, ports) = (settings.capture.clone(), settings.sensor.ports.clone());
    // The interfaces first: a wrong name leaves no empty files behind.
    let mut source = LiveSource::open(&capture, &ports, signals.stop())?;
    let mut run = Run::new(&cli.common, settings)?;
    source.on_pause(flusher(run.records.clone()));
    report(&source.drop_privileges(&[])?.to_string());
    // A sensor has nothing to read again; a SIGHUP meant for others does not end it.
    signals.on_hangup(|| {}).context("cannot take over signals")?;
    let code = run.drive(&mut source)?;
    report(&source.summary());
    Ok(code)
}

/// One run from any source to standard output.
struct Run {
    pipeline: Pipeline,
    records: Records,
    stats: Option<StatsFile>,
}

impl Run {
    fn new(common: &Common, settings: SensorFile) -> anyhow::Result<Self> {
        let stats = common.stats.clone().or(settings.stats);
        Ok(Self {
            pipeline: Pipeline::new(&settings.sensor, Detail::AnswersInWords),
            records: Shared::new(BufWriter::with_capacity(1 << 16, io::stdout())),
            stats: stats.as_deref().map(StatsFile::create).transpose()?,
        })
    }

    fn drive(&mut self, source: &mut impl FrameSource) -> anyhow::Result<ExitCode> {
        let mut out = Ndjson::new(self.records.clone());
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
        let written = out.check();
        if let Some(stats) = self.stats.take() {
            stats.write(&stats_json(self.pipeline.counters(), &MoreCounters::default()))?;
        }
        written.map_err(|error| {
            let cure = cure(&error);
            anyhow::Error::from(error)
                .context(format!("cannot write records to standard output{cure}"))
        })?;
        Ok(code)
    }
}

/// Writes out what is buffered; a failure shows at the next record.
fn flusher(mut out: Records) -> impl FnMut() + Send + 'static {
    move || {
        let _ = out.flush();
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

#[expect(clippy::print_stderr, reason = "the one place where this program speaks to its operator")]
fn report(text: &str) {
    eprintln!("geophone-sensor: {text}");
}
