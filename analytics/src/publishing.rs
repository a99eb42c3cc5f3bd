//! A run's alerts on their way to Kafka, where the program was built with it.

#[cfg(feature = "kafka")]
use geophone_analytics::publisher::{Publisher, PublisherError};
#[cfg(feature = "kafka")]
use geophone_kafka::pump::Pace;
use geophone_sensor::config::KafkaSettings;
use geophone_sensor::output::MoreCounters;
#[cfg(target_os = "linux")]
use geophone_sensor::privilege::PrivilegePlan;

#[cfg(feature = "kafka")]
use crate::progress::say;

/// What a run needs to publish, before it does.
pub(crate) struct Plan {
    wanted: bool,
    settings: KafkaSettings,
}

impl Plan {
    pub(crate) fn new(wanted: bool, settings: KafkaSettings) -> Self {
        Self { wanted, settings }
    }

    /// Adds the rights that publishing takes to those that are kept.
    #[cfg(all(feature = "kafka", target_os = "linux"))]
    pub(crate) fn keep(&self, mut plan: PrivilegePlan) -> anyhow::Result<PrivilegePlan> {
        if self.wanted {
            let properties = geophone_kafka::properties::Properties::resolve(&self.settings)?;
            plan.read.extend(properties.read_paths());
            plan.write.extend(self.settings.spool.clone());
            plan.connect = true;
        }
        Ok(plan)
    }

    #[cfg(all(not(feature = "kafka"), target_os = "linux"))]
    pub(crate) fn keep(&self, plan: PrivilegePlan) -> anyhow::Result<PrivilegePlan> {
        let _ = &self.settings;
        Ok(plan)
    }

    /// Begins, where it is wanted; `waits` where alerts may be held up until brokers take them.
    #[cfg(feature = "kafka")]
    pub(crate) fn begin(&self, waits: bool) -> anyhow::Result<Publishing> {
        let pace = if waits { Pace::Replay } else { Pace::Live };
        let open = || Publisher::open(&self.settings, pace, say);
        Ok(Publishing(if self.wanted { Some(open()?) } else { None }))
    }

    #[cfg(not(feature = "kafka"))]
    pub(crate) fn begin(&self, _: bool) -> anyhow::Result<Publishing> {
        if self.wanted {
            anyhow::bail!(crate::command::WITHOUT_KAFKA);
        }
        Ok(Publishing())
    }
}

/// Alerts on their way, or nothing.
#[cfg(feature = "kafka")]
#[derive(Default)]
pub(crate) struct Publishing(Option<Publisher>);

/// Nothing.
#[cfg(not(feature = "kafka"))]
#[derive(Default)]
pub(crate) struct Publishing();

#[cfg(feature = "kafka")]
impl Publishing {
    pub(crate) fn publish(&mut self, alert: &geophone_analytics::alert::Alert<'_>) {
        if let Some(publisher) = &mut self.0 {
            publisher.publish(alert);
        }
    }

    /// Waits for the deliveries and adds their counters; fails where alerts did not get there.
    pub(crate) fn finish(self, more: &mut MoreCounters) -> Result<(), PublisherError> {
        let Some(publisher) = self.0 else { return Ok(()) };
        let (counts, sent) = publisher.finish();
        more.named.extend(counts.named());
        more.imbalance = more.imbalance.take().or_else(|| counts.imbalance());
        if sent.is_ok() {
            say(&format!("{} alerts delivered to Kafka", counts.delivered));
        }
        sent
    }
}

#[cfg(not(feature = "kafka"))]
impl Publishing {
    pub(crate) fn publish(&mut self, _: &geophone_analytics::alert::Alert<'_>) {}

    pub(crate) fn finish(self, _: &mut MoreCounters) -> anyhow::Result<()> {
        Ok(())
    }
}
