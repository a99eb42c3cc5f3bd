//! The topics: their names in one place, and how each is meant to be.

use std::collections::BTreeMap;

use crate::settings::TopicSettings;

/// Milliseconds of an hour.
const HOUR: u64 = 3_600_000;
/// Milliseconds of a day.
const DAY: u64 = 24 * HOUR;
/// The key in `kafka.topics.config.<topic>` that is ours and not Kafka's.
const PARTITIONS: &str = "partitions";

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// What sensors saw, by the hash of what a worker must own.
    Records,
    /// Counts of every second, by host.
    Ticks,
    /// Facts about a client or a domain as a whole, by that client or domain.
    Rollups,
    /// The workers' saved state, compacted.
    State,
    /// Facts about clients and domains that every worker reads, in one partition.
    Domains,
    /// Alerts by their identity: the last word on each stays.
    Alerts,
    /// What could not be read, with the reason.
    Dead,
}

/// How a topic is meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// Copies of each; `None` leaves it to the brokers.
    pub replication: Option<u32>,
    /// Its configuration where that is not the brokers', in Kafka's words.
    pub config: BTreeMap<String, String>,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 7] = [
        Self::Records,
        Self::Ticks,
        Self::Rollups,
        Self::State,
        Self::Domains,
        Self::Alerts,
        Self::Dead,
    ];
    /// The topics a sensor writes to.
    pub const OF_SENSORS: [Self; 2] = [Self::Records, Self::Ticks];

    /// Returns what stands behind the dot of its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Ticks => "ticks",
            Self::Rollups => "rollups",
            Self::State => "state",
            Self::Domains => "domains",
            Self::Alerts => "alerts",
            Self::Dead => "dead",
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(self, settings: &TopicSettings) -> String {
        format!("{}.{}", settings.prefix, self.word())
    }

    /// Returns the topic called `name`, with or without the prefix.
    #[must_use]
    pub fn named(name: &str, settings: &TopicSettings) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == name || topic.name(settings) == name)
    }

    /// Returns how it is meant to be.
    #[must_use]
    pub fn plan(self, settings: &TopicSettings) -> TopicPlan {
        let mut config = BTreeMap::new();
        let mut set = |name: &str, value: String| {
            config.insert(name.to_owned(), value);
        };
        let short = u64::from(settings.retention_hours) * HOUR;
        let long = u64::from(settings.alert_days) * DAY;
        match self {
            Self::Records | Self::Ticks | Self::Rollups | Self::Domains => {
                set("cleanup.policy", "delete".to_owned());
                set("retention.ms", short.to_string());
            }
            Self::State => {
                set("cleanup.policy", "compact".to_owned());
                // A restore reads what is not compacted yet: keep that short.
                set("segment.ms", HOUR.to_string());
                set("min.cleanable.dirty.ratio", "0.2".to_owned());
                set("delete.retention.ms", DAY.to_string());
            }
            Self::Alerts => {
                set("cleanup.policy", "compact,delete".to_owned());
                // Whoever reads within a day sees every step of an alert, not its last word alone.
                set("min.compaction.lag.ms", DAY.to_string());
                set("retention.ms", long.to_string());
            }
            Self::Dead => {
                set("cleanup.policy", "delete".to_owned());
                set("retention.ms", long.to_string());
            }
        }
        if settings.min_insync > 0 {
            set("min.insync.replicas", settings.min_insync.to_string());
        }
        let own = settings.config.get(self.word()).into_iter().flatten();
        let own = own.filter(|(name, value)| *name != PARTITIONS || value.parse::<u32>().is_err());
        config.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        let partitions = self.partitions(settings);
        let replication = Some(settings.replication).filter(|n| *n > 0);
        TopicPlan { name: self.name(settings), partitions, replication, config }
    }

    fn partitions(self, settings: &TopicSettings) -> u32 {
        let own = settings.config.get(self.word()).and_then(|own| own.get(PARTITIONS));
        if let Some(own) = own.and_then(|own| own.parse().ok()) {
            return own;
        }
        match self {
            Self::Records | Self::Ticks | Self::Rollups => settings.partitions,
            // What is saved of a partition stands in the one of the same number.
            Self::State => {
                Self::Records.partitions(settings).max(Self::Rollups.partitions(settings))
            }
            Self::Alerts => 6,
            // Everybody reads the facts in one order.
            Self::Domains | Self::Dead => 1,
        }
    }
}

/// Returns the partition of a key's hash; the same in every program, whatever librdkafka does.
///
/// The high half of hash × partitions spreads evenly over any number (Lemire, "Fast random integer
/// generation in an interval", 2019); the hash must be good in its high bits.
#[must_use]
pub fn partition_of(hash: u64, partitions: u32) -> i32 {
    let wide = (u128::from(hash) * u128::from(partitions)) >> 64;
    i32::try_from(wide).unwrap_or_default()
}

/// A topic that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no topic \"{topic}\" at {brokers}; run: geophone topics create --kafka {brokers}"
)]
pub struct NoTopic {
    /// The topic.
    pub topic: String,
    /// Where it is not.
    pub brokers: String,
}

/// Returns how many partitions a topic has, of those that are `there`.
///
/// # Errors
/// A topic that is not.
pub fn partitions_of(
    there: &BTreeMap<String, u32>,
    topic: &str,
    brokers: &str,
) -> Result<u32, NoTopic> {
    let missing = || NoTopic { topic: topic.to_owned(), brokers: brokers.to_owned() };
    there.get(topic).copied().ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_found_by_both_its_names() {
        let settings = TopicSettings { prefix: "lab".to_owned(), ..TopicSettings::default() };
        for topic in Topic::ALL {
            assert_eq!(Topic::named(topic.word(), &settings), Some(topic));
            assert_eq!(Topic::named(&topic.name(&settings), &settings), Some(topic));
        }
        assert_eq!(Topic::named("geophone.records", &settings), None);
    }

    #[test]
    fn what_is_set_for_one_topic_is_set_for_that_one_only() {
        let mut settings = TopicSettings { replication: 3, ..TopicSettings::default() };
        let own = [("partitions", "2"), ("retention.bytes", "9")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        settings.config.insert("alerts".to_owned(), own.into_iter().collect());
        let (alerts, records) = (Topic::Alerts.plan(&settings), Topic::Records.plan(&settings));
        assert_eq!((alerts.partitions, records.partitions), (2, 24));
        assert_eq!(alerts.config["retention.bytes"], "9");
        assert_eq!(alerts.config["cleanup.policy"], "compact,delete");
        assert!(!alerts.config.contains_key("partitions"));
        assert!(!records.config.contains_key("retention.bytes"));
        assert_eq!(records.replication, Some(3));
    }

    #[test]
    fn partitions_are_in_range_and_even() {
        for n in [1, 2, 3, 7, 24] {
            assert_eq!(partition_of(0, n), 0);
            assert_eq!(partition_of(u64::MAX, n), i32::try_from(n).unwrap() - 1);
            assert_eq!(partition_of(1 << 63, n), i32::try_from(n).unwrap() / 2);
        }
    }
}
