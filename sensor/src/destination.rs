//! Where the program's records go: standard output, or Kafka.

use std::io::{self, BufWriter, Stdout, Write as _};

use geophone_sensor::config::SensorFile;
use geophone_sensor::output::{MoreCounters, Ndjson, Shared};
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::Record;
use geophone_sensor::words::cure;

use crate::cli::Common;

/// How records come: from files, which wait, or from interfaces, which do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tempo {
    Live,
    Replay,
}

/// An open output.
pub(crate) enum Destination {
    Stdout(Ndjson<Lines>, Lines),
    #[cfg(feature = "kafka")]
    Kafka(kafka::Sending),
}

type Lines = Shared<BufWriter<Stdout>>;

impl Destination {
    /// Puts what was typed over the settings.
    pub(crate) fn settle(common: &Common, settings: &mut SensorFile) -> anyhow::Result<()> {
        settings.output.kafka |= common.kafka.is_some();
        #[cfg(not(feature = "kafka"))]
        if settings.output.kafka {
            anyhow::bail!(
                "this geophone-sensor was built without Kafka: build it with the feature `kafka`, \
                 which is on unless --no-default-features is given"
            );
        }
        #[cfg(feature = "kafka")]
        kafka::settle(common, &mut settings.kafka);
        Ok(())
    }

    /// Opens it.
    pub(crate) fn open(settings: &SensorFile, tempo: Tempo) -> anyhow::Result<Self> {
        #[cfg(feature = "kafka")]
        if settings.output.kafka {
            return kafka::Sending::open(settings, tempo).map(Self::Kafka);
        }
        let _ = (settings, tempo);
        let lines = Shared::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        Ok(Self::Stdout(Ndjson::new(lines.clone()), lines))
    }

    /// How much records tell there.
    pub(crate) fn detail(settings: &SensorFile) -> Detail {
        #[cfg(feature = "kafka")]
        if settings.output.kafka && !settings.kafka.answers_in_words {
            return Detail::Figures;
        }
        let _ = settings;
        Detail::AnswersInWords
    }

    pub(crate) fn write(&mut self, record: &Record<'_>) {
        match self {
            Self::Stdout(out, _) => out.write(record),
            #[cfg(feature = "kafka")]
            Self::Kafka(sending) => sending.write(record),
        }
    }

    /// Tells whether nothing more can be written.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Stdout(out, _) => out.has_failed(),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => false,
        }
    }

    /// Returns what writes out what is buffered; a failure shows at the next record.
    pub(crate) fn flusher(&self) -> Box<dyn FnMut() + Send> {
        match self {
            Self::Stdout(_, lines) => {
                let mut lines = lines.clone();
                Box::new(move || {
                    let _ = lines.flush();
                })
            }
            #[cfg(feature = "kafka")]
            Self::Kafka(sending) => sending.flusher(),
        }
    }

    /// Ends the output; returns its counters, and whether everything got where it should.
    pub(crate) fn finish(self) -> (MoreCounters, anyhow::Result<()>) {
        match self {
            Self::Stdout(mut out, _) => {
                let written = out.check().map_err(|error| {
                    let cure = cure(&error);
                    anyhow::Error::from(error)
                        .context(format!("cannot write records to standard output{cure}"))
                });
                (MoreCounters::default(), written)
            }
            #[cfg(feature = "kafka")]
            Self::Kafka(sending) => sending.finish(),
        }
    }
}

#[cfg(feature = "kafka")]
pub(crate) mod kafka {
    use std::sync::{Arc, Mutex, PoisonError};

    use anyhow::bail;
    use geophone_kafka::counts::Counts;
    use geophone_kafka::pump::Pace;
    use geophone_sensor::config::{KafkaSettings, SensorFile};
    use geophone_sensor::output::{KafkaRecords, MoreCounters};
    use geophone_sensor::record::Record;

    use super::Tempo;
    use crate::cli::Common;
    use crate::report;

    /// Puts what was typed over the settings.
    pub(crate) fn settle(common: &Common, settings: &mut KafkaSettings) {
        if let Some(brokers) = &common.kafka {
            brokers.clone_into(&mut settings.brokers);
        }
        if let Some(sensor) = &common.sensor {
            sensor.clone_into(&mut settings.sensor);
        }
        settings.spool = common.spool.clone().or_else(|| settings.spool.take());
    }

    /// Records on their way to Kafka; the flusher holds them, too.
    pub(crate) struct Sending {
        records: Arc<Mutex<Option<KafkaRecords>>>,
        tempo: Tempo,
    }

    impl Sending {
        pub(super) fn open(settings: &SensorFile, tempo: Tempo) -> anyhow::Result<Self> {
            let pace = match tempo {
                Tempo::Live => Pace::Live,
                Tempo::Replay => Pace::Replay,
            };
            let records = KafkaRecords::open(&settings.kafka, &settings.sensor, pace, report)?;
            Ok(Self { records: Arc::new(Mutex::new(Some(records))), tempo })
        }

        pub(super) fn write(&self, record: &Record<'_>) {
            let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(records) = records.as_mut() {
                records.write(record);
            }
        }

        pub(super) fn flusher(&self) -> Box<dyn FnMut() + Send> {
            let records = Arc::clone(&self.records);
            Box::new(move || {
                let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(records) = records.as_mut() {
                    records.flush();
                }
            })
        }

        pub(super) fn finish(self) -> (MoreCounters, anyhow::Result<()>) {
            let records = self.records.lock().unwrap_or_else(PoisonError::into_inner).take();
            let counts = records.map(KafkaRecords::finish).unwrap_or_default();
            let more = MoreCounters {
                named: counts.named(),
                imbalance: counts.imbalance(),
                ..MoreCounters::default()
            };
            (more, self.judge(&counts))
        }

        /// A live run has told of its losses when they came; a replay must be complete.
        fn judge(&self, counts: &Counts) -> anyhow::Result<()> {
            let missing = counts.lost() + counts.spooled;
            if self.tempo == Tempo::Replay && missing > 0 {
                bail!(
                    "{missing} of {} messages did not get to Kafka",
                    counts.produced + counts.recovered
                );
            }
            report(&format!("{} messages delivered to Kafka", counts.delivered));
            Ok(())
        }
    }
}
