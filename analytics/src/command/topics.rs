//! `geophone topics`: Kafka's topics, made and compared with how they are meant to be.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The topics in Kafka.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Compare the topics with the configuration; exit 1 where one differs.
    Check(Brokers),
    /// Make the topics that are missing, and tell how the others differ from the configuration.
    Create {
        #[command(flatten)]
        brokers: Brokers,
        /// Give more partitions to topics that have fewer than configured. Keys get new owners by
        /// that: stop sensors and workers first.
        #[arg(long)]
        grow: bool,
    },
}

/// Where Kafka is.
#[derive(Args, Debug)]
pub(crate) struct Brokers {
    /// Brokers to begin with, commas between [default: kafka.brokers].
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) kafka: Option<String>,
    /// Configuration to read (see `geophone config`).
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
}

/// Does it.
#[cfg(not(feature = "kafka"))]
pub(crate) fn topics(_: &TopicsCommand) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!(super::WITHOUT_KAFKA)
}

#[cfg(feature = "kafka")]
pub(crate) use self::with::topics;

#[cfg(feature = "kafka")]
mod with {
    use std::process::ExitCode;

    use geophone_kafka::admin::{Admin, Grow};
    use geophone_kafka::properties::Properties;
    use geophone_kafka::settings::KafkaSettings;
    use geophone_kafka::topic::Topic;

    use super::{Brokers, TopicsCommand};
    use crate::cli::read_config;
    use crate::run::print;

    impl Brokers {
        /// Reads the configuration and puts over it what was typed.
        pub(crate) fn settle(&self) -> anyhow::Result<KafkaSettings> {
            let mut settings = read_config(self.config.as_deref())?.kafka;
            if let Some(brokers) = &self.kafka {
                brokers.clone_into(&mut settings.brokers);
            }
            Ok(settings)
        }
    }

    /// Does it.
    pub(crate) fn topics(command: &TopicsCommand) -> anyhow::Result<ExitCode> {
        let (TopicsCommand::Check(brokers) | TopicsCommand::Create { brokers, .. }) = command;
        let settings = brokers.settle()?;
        let admin = Admin::new(&Properties::resolve(&settings)?)?;
        let plans = Topic::ALL.iter().map(|topic| topic.plan(&settings.topics)).collect();
        let reports = match command {
            TopicsCommand::Check(_) => admin.check(plans)?,
            TopicsCommand::Create { grow: true, .. } => admin.create(plans, Grow::Yes)?,
            TopicsCommand::Create { grow: false, .. } => admin.create(plans, Grow::No)?,
        };
        let text: String = reports.iter().map(|report| format!("{report}\n")).collect();
        print(&text)?;
        let fine = reports.iter().all(geophone_kafka::admin::TopicReport::is_fine);
        Ok(ExitCode::from(u8::from(!fine)))
    }
}
