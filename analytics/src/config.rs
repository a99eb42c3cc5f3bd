//! Settings of the whole program: every table's size, and the memory that is promised for them.

mod network;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use geophone_sensor::config::{CaptureConfig, KafkaSettings, SensorConfig};
use geophone_sensor::toml_file::{self, FileError};
use serde::{Deserialize, Serialize};

pub use self::network::NetworkConfig;
pub(crate) use self::network::network;
use crate::severity::Severity;

/// Octets an account of the leak contract takes with its tag.
const ACCOUNT_BYTES: u64 = 64;
/// Octets a case takes, all watches together, rounded up; a test holds the watches to it.
pub(crate) const CASES_BYTES: u64 = 32 * 1024;
/// Octets the figures of a key take with their tag.
const FIGURES_BYTES: u64 = 256;
/// Octets the facts of a domain take with their tag, where its owner keeps them.
const DOMAIN_BYTES: u64 = 64;
/// Octets of what everybody knows of a domain, with its tag.
const KNOWN_BYTES: u64 = 16;
/// Octets a suspect may take without its samples, rounded up.
const SUSPECT_BYTES: u64 = 2_816;
/// Octets a sample may take: a name of 254 octets and what stands beside it.
const SAMPLE_BYTES: u64 = 352;
/// Octets a waiting query takes, rounded up.
const PENDING_BYTES: u64 = 640;
/// Octets a datagram waiting for fragments takes beside them.
const FRAGMENTED_BYTES: u64 = 1_024;
/// Octets a TCP connection on its way takes in its table.
const HANDSHAKE_BYTES: u64 = 128;
/// Octets a host's second takes in its table.
const TICK_BYTES: u64 = 256;
/// Octets a TCP stream takes beside what is kept of it, which has a bound of its own.
const STREAM_BYTES: u64 = 1_536;

/// Everything that can be set. In TOML every table and key may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A directory of rules to use instead of those compiled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<PathBuf>,
    /// A file of learned budgets (`geophone baseline learn`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<PathBuf>,
    /// A file that takes every counter as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<PathBuf>,
    /// Where alerts go.
    pub output: OutputConfig,
    /// The settings of a live capture.
    pub capture: CaptureConfig,
    /// Capture and decoding.
    pub sensor: SensorConfig,
    /// What is remembered.
    pub state: StateConfig,
    /// The life of alerts.
    pub alert: AlertConfig,
    /// The site: whose the hosts are.
    pub network: NetworkConfig,
    /// How to reach Kafka, and its topics.
    pub kafka: KafkaSettings,
}

/// Where alerts and features go. Every flag of the command line has a key here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// The file that takes alerts, `-` for standard output.
    pub alerts: PathBuf,
    /// Form of alerts; where none is given, a table on a terminal and ECS otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<FormatName>,
    /// A file that takes one record a transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<PathBuf>,
    /// Whether alerts (of `geophone`) or records (of `geophone-sensor`) go to Kafka.
    pub kafka: bool,
    /// The severity from which an alert makes the exit status 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
}

/// Forms of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    /// Elastic Common Schema, one JSON document a line.
    Ecs,
    /// Blocks for people.
    Table,
}

/// Sizes of what is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateConfig {
    /// A file in which the leak contract's buckets, first sights and domains outlive the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Minutes of capture time after which they are saved again; at the end they always are.
    pub save_minutes: u32,
    /// MiB that all tables may take together; a start with tables that need more is refused.
    pub memory_mib: u32,
    /// (client, domain) keys of the leak contract at 64 bytes each.
    pub keys: u32,
    /// Keys whose figures for the scorecards are kept, at 256 bytes each.
    pub figures: u32,
    /// Clients whose rotation over domains is watched, at 64 bytes each.
    pub clients: u32,
    /// Domains whose age, clients and sum over clients are kept, at 128 bytes each.
    pub domains: u32,
    /// Domains of which is known when a client is charged since when they are asked and whether by
    /// many, at 16 bytes each. Of a cluster every pair node has all of them. One that was forgotten
    /// counts as new and rare, which charges more.
    pub known_domains: u32,
    /// Days for which a domain counts as fresh.
    pub fresh_days: u32,
    /// Clients of a domain up to which it counts as rare; at most 7.
    pub rare_clients: u32,
    /// Names a generation of the first-seen filter holds, at 1.6 bytes each, twice.
    pub seen_names: u32,
    /// Hours a generation of the first-seen filter lasts.
    pub seen_hours: u32,
    /// Keys near alarm whose evidence is kept, at up to 2.5 KiB and 352 bytes a sample each.
    pub suspects: u32,
    /// Cases that each watch of the other abuses of port 53 follows; what all watches need for one
    /// together is a few KiB.
    pub cases: u32,
    /// Seconds after which the running figures of a key are halved.
    pub window_seconds: u32,
}

/// The life of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertConfig {
    /// Seconds without anything new after which an alert closes.
    pub close_after_seconds: u32,
    /// Names an alert shows.
    pub samples: u32,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self { alerts: "-".into(), format: None, features: None, kafka: false, fail_on: None }
    }
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            file: None,
            save_minutes: 10,
            memory_mib: 336,
            keys: 1_048_576,
            figures: 32_768,
            clients: 16_384,
            domains: 65_536,
            known_domains: 65_536,
            fresh_days: 7,
            rare_clients: 2,
            seen_names: 4_194_304,
            seen_hours: 24,
            suspects: 8_192,
            cases: 2_048,
            window_seconds: 3_600,
        }
    }
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self { close_after_seconds: 3_600, samples: 10 }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read or has a wrong key.
    #[error(transparent)]
    File(#[from] FileError),
    /// A secret in plain sight.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] geophone_kafka::properties::PropertyError),
    /// The tables do not fit the promise.
    #[error(
        "the tables need {need} MiB but state.memory_mib is {promised}: \
         lower state.keys, state.figures, state.seen_names, state.suspects or state.cases, \
         or raise state.memory_mib"
    )]
    Memory {
        /// What the sizes add up to.
        need: u64,
        /// What was promised.
        promised: u32,
    },
    /// A value that makes no sense.
    #[error("{key} is {value}: it must be {must}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: u32,
        /// What it must be.
        must: &'static str,
    },
}

impl Config {
    /// Octets of the pricing tables and of buffers that do not grow.
    pub(crate) const FIXED_BYTES: u64 = 16 * 1024 * 1024;

    /// Reads `path`.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, or values that make no sense together.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        toml_file::read::<Self>(path)?.check()
    }

    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// The first such value.
    pub fn check(self) -> Result<Self, ConfigError> {
        #[cfg(feature = "kafka")]
        geophone_kafka::properties::refuse_secrets(&self.kafka)?;
        for (key, value) in [
            ("state.keys", self.state.keys),
            ("state.save_minutes", self.state.save_minutes),
            ("state.figures", self.state.figures),
            ("state.clients", self.state.clients),
            ("state.domains", self.state.domains),
            ("state.known_domains", self.state.known_domains),
            ("state.seen_names", self.state.seen_names),
            ("state.seen_hours", self.state.seen_hours),
            ("state.suspects", self.state.suspects),
            ("state.cases", self.state.cases),
            ("state.window_seconds", self.state.window_seconds),
            ("alert.close_after_seconds", self.alert.close_after_seconds),
            ("sensor.pending_queries", self.sensor.pending_queries),
            ("sensor.query_timeout_seconds", self.sensor.query_timeout_seconds),
            ("sensor.tcp_streams", self.sensor.tcp_streams),
            ("sensor.fragmented_datagrams", self.sensor.fragmented_datagrams),
            ("sensor.tcp_handshakes", self.sensor.tcp_handshakes),
            ("sensor.tick_hosts", self.sensor.tick_hosts),
        ] {
            if value == 0 {
                return Err(ConfigError::Value { key, value, must: "at least 1" });
            }
        }
        if self.state.rare_clients > 7 {
            let value = self.state.rare_clients;
            return Err(ConfigError::Value { key: "state.rare_clients", value, must: "at most 7" });
        }
        if self.alert.samples > 20 {
            let value = self.alert.samples;
            return Err(ConfigError::Value { key: "alert.samples", value, must: "at most 20" });
        }
        let need = self.memory_need().div_ceil(1024 * 1024);
        if need > u64::from(self.state.memory_mib) {
            return Err(ConfigError::Memory { need, promised: self.state.memory_mib });
        }
        Ok(self)
    }

    /// Adds up what the tables take at their fullest, in bytes.
    #[must_use]
    pub fn memory_need(&self) -> u64 {
        let state = &self.state;
        let pending = u64::from(self.sensor.pending_queries) * PENDING_BYTES;
        let rates = u64::from(self.sensor.rated_domains.next_power_of_two()) * 28;
        // Vectors grow by doubling: what is kept may take twice its length; and a list of segments
        // takes at most half an octet for each octet that may be kept.
        let kept = u64::from(self.sensor.tcp_kept_bytes) * 5 / 2
            + u64::from(self.sensor.fragment_kept_bytes) * 2
            + u64::from(self.sensor.fragmented_datagrams) * FRAGMENTED_BYTES;
        let streams = u64::from(self.sensor.tcp_streams) * STREAM_BYTES + kept;
        let handshakes = u64::from(self.sensor.tcp_handshakes) * HANDSHAKE_BYTES;
        let ticks = u64::from(self.sensor.tick_hosts) * 2 * TICK_BYTES;
        let sensor = pending + rates + streams + handshakes + ticks;
        state.need() + self.alerts_need(state) + sensor + Self::FIXED_BYTES
    }

    /// Adds up what the suspects and the cases of `state` take, in bytes.
    pub(crate) fn alerts_need(&self, state: &StateConfig) -> u64 {
        let suspect = SUSPECT_BYTES + u64::from(self.alert.samples) * SAMPLE_BYTES;
        u64::from(state.suspects) * suspect + u64::from(state.cases) * CASES_BYTES
    }
}

impl StateConfig {
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.into())
    }

    /// Adds up what the tables of the state take, in bytes; a test holds the tables to it.
    pub(crate) fn need(&self) -> u64 {
        let keys = |n: u32| u64::from(n.div_ceil(8).next_power_of_two()) * 8;
        let seen = u64::from(self.seen_names).div_ceil(40) * 64 * 2;
        let accounts = keys(self.keys) + keys(self.clients) + keys(self.domains);
        seen + accounts * ACCOUNT_BYTES
            + keys(self.figures) * FIGURES_BYTES
            + keys(self.domains) * DOMAIN_BYTES
            + keys(self.known_domains) * KNOWN_BYTES
    }

    /// Returns the capture time between two savings.
    #[must_use]
    pub fn save_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.save_minutes) * 60)
    }

    pub(crate) fn fresh_span(&self) -> Duration {
        Duration::from_secs(u64::from(self.fresh_days) * 86_400)
    }

    pub(crate) fn seen_span(&self) -> Duration {
        Duration::from_secs(u64::from(self.seen_hours) * 3600)
    }
}

impl AlertConfig {
    pub(crate) fn close_after(&self) -> Duration {
        Duration::from_secs(self.close_after_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_their_promise() {
        assert!(Config::default().check().is_ok());
    }

    #[test]
    fn tables_beyond_the_promise_and_unknown_keys_are_refused() {
        let greedy: Config = toml_file::parse("[state]\nkeys = 8000000\n", "c.toml").unwrap();
        let error = greedy.check().unwrap_err().to_string();
        assert!(error.contains("state.memory_mib is 336"), "{error}");
        let error =
            toml_file::parse::<Config>("[state]\nkey = 1\n", "c.toml").unwrap_err().to_string();
        assert!(error.contains("c.toml:2") && error.contains("did you mean `keys`?"), "{error}");
    }
}
