//! `geophone run`: a worker that shares the work over Kafka.

use std::path::PathBuf;

use clap::Args;

/// Scores the records that sensors send to Kafka, together with every other worker of the group, and
/// publishes the alerts. SIGINT and SIGTERM save the state and leave; another worker goes on.
#[derive(Args, Debug)]
pub(crate) struct RunCommand {
    /// Brokers to begin with, commas between [default: kafka.brokers].
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) kafka: Option<String>,
    /// Configuration to read (see `geophone config`).
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Rules to use instead of those compiled in; the same for every worker.
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    /// Learned budgets (`geophone baseline learn`); the same for every worker.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) baseline: Option<PathBuf>,
    /// The group whose workers share the work.
    #[arg(long, value_name = "NAME", default_value = "geophone")]
    pub(crate) group: String,
    /// This worker's name in the group, another for each; who starts under the name of one that died
    /// need not wait for its transaction to run out [default: one that is never used again].
    #[arg(long, value_name = "NAME")]
    pub(crate) worker: Option<String>,
    /// Seconds after which a node is saved again: a worker that takes over has so much to take once
    /// more.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) save_seconds: u64,
    /// Write all counters to this file when the worker leaves.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) stats: Option<PathBuf>,
}

/// Works.
#[cfg(not(feature = "kafka"))]
pub(crate) fn work(_: &RunCommand) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!(super::WITHOUT_KAFKA)
}

#[cfg(feature = "kafka")]
pub(crate) use self::with::work;

#[cfg(feature = "kafka")]
mod with {
    use std::process::ExitCode;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use anyhow::Context as _;
    use geophone_analytics::cluster::plan::{WorkerCounts, WorkerError, WorkerPlan};
    use geophone_analytics::cluster::worker::Worker;
    use geophone_analytics::pipeline::Analytics;
    use geophone_kafka::envelope::draw_epoch;
    use geophone_sensor::output::StatsFile;
    use serde_json::{Value, json};

    use geophone_sensor::signals::Signals;

    use super::RunCommand;
    use crate::cli::read_config;
    use crate::progress::say;
    use crate::run::rules_with;

    /// How long to wait before a worker that failed begins anew.
    const PAUSE: Duration = Duration::from_secs(1);

    /// Works until it is told to stop.
    pub(crate) fn work(command: &RunCommand) -> anyhow::Result<ExitCode> {
        let mut config = read_config(command.config.as_deref())?;
        if let Some(brokers) = &command.kafka {
            brokers.clone_into(&mut config.kafka.brokers);
        }
        let dir = command.rules.as_deref().or(config.rules.as_deref());
        let baseline = command.baseline.as_deref().or(config.baseline.as_deref());
        let rules = rules_with(dir, baseline)?;
        let stats = command.stats.as_deref().map(StatsFile::create).transpose()?;
        let own = || format!("geophone-{:016x}", draw_epoch());
        let plan = WorkerPlan {
            settings: config.kafka.clone(),
            group: command.group.clone(),
            name: command.worker.clone().unwrap_or_else(own),
            save_every: Duration::from_secs(command.save_seconds),
            state: config.state.clone(),
        };
        let stop = Signals::install().context("cannot take over signals")?.stop();
        // Nodes have the tables; what they are made of has none.
        config.state = config.state.least();
        let analytics = Analytics::new(config, rules);
        let mut total = Total::default();
        while !stop.load(Ordering::Relaxed) {
            match session(&plan, &analytics, &stop, &mut total) {
                Ok(()) => break,
                Err(error) if error.passes() => {
                    total.restarts += 1;
                    say(&format!("{error}; beginning anew"));
                    std::thread::park_timeout(PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let Total { counts, .. } = &total;
        say(&format!(
            "{} messages taken, {} alerts told, {} messages of no use, {} never came",
            counts.taken, counts.alerts, counts.dead, counts.records.missing
        ));
        if let Some(stats) = stats {
            stats.write(&total.json())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn session(
        plan: &WorkerPlan,
        analytics: &Analytics,
        stop: &AtomicBool,
        total: &mut Total,
    ) -> Result<(), WorkerError> {
        let mut worker = Worker::join(plan.clone(), analytics)?;
        let mut share = usize::MAX;
        let done = loop {
            if stop.load(Ordering::Relaxed) {
                break Ok(());
            }
            if let Err(error) = worker.step() {
                break Err(error);
            }
            worker.notices().iter().for_each(|notice| say(notice));
            if worker.share() != share {
                share = worker.share();
                let keys = worker.keys();
                say(&format!("{share} partitions, {keys} keys remembered"));
            }
        };
        let counts = worker.counts();
        let left = if done.is_ok() { worker.leave() } else { Ok(counts) };
        total.counts.add(left.as_ref().unwrap_or(&counts));
        done.and_then(|()| left.map(drop))
    }

    /// What all sessions did.
    #[derive(Default)]
    struct Total {
        counts: WorkerCounts,
        restarts: u64,
    }

    impl Total {
        /// The counters as every program writes them.
        fn json(&self) -> Value {
            let mut named = self.counts.named();
            named.insert("worker.restarts", self.restarts);
            let imbalance = self.counts.imbalance();
            json!({
                "version": 1,
                "balanced": imbalance.is_none(),
                "imbalance": imbalance,
                "counters": named,
            })
        }
    }
}
