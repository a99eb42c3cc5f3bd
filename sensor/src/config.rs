//! The bounds and habits of the sensor: every table has its size here.

mod capture;
mod file;
mod kafka;
mod resolvers;

use std::net::IpAddr;
use std::time::Duration;

pub use capture::CaptureConfig;
pub use file::{OutputPart, SensorFile};
pub use kafka::KafkaSettings;
pub use resolvers::HTTPS;

use serde::{Deserialize, Serialize};

use crate::decode::fragment::FragmentLimits;
use crate::decode::handshake::HandshakeLimits;
use crate::decode::streams::StreamLimits;
use crate::tick::TickLimits;
use crate::transaction::PairingLimits;

/// Fragments of one datagram: 64 KiB in pieces of the least that IPv4 lets a network forward.
const MAX_PARTS: usize = 128;
/// How much earlier than the one before it a frame may be, by the pipeline's rule.
const OUT_OF_ORDER: Duration = Duration::from_secs(10);

/// The sensor's settings. In TOML they are the `[sensor]` table; unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorConfig {
    /// UDP and TCP ports taken for DNS.
    pub ports: Vec<u16>,
    /// Ports of DNS over TLS and QUIC, on which nothing but the beginning of connections is looked at.
    pub encrypted_ports: Vec<u16>,
    /// Resolvers that answer over HTTPS: connections to their port 443 are looked at likewise.
    pub encrypted_hosts: Vec<IpAddr>,
    /// Queries that may wait for their answer at once.
    pub pending_queries: u32,
    /// Seconds a query waits for its answer.
    pub query_timeout_seconds: u32,
    /// Domains whose running rates are kept.
    pub rated_domains: u32,
    /// TCP streams (one direction of a connection) followed at once.
    pub tcp_streams: u32,
    /// Octets kept per TCP stream that came ahead of a hole.
    pub tcp_ahead_bytes: u32,
    /// Segments kept per TCP stream that came ahead of a hole.
    pub tcp_ahead_segments: u32,
    /// Octets kept of all TCP streams together.
    pub tcp_kept_bytes: u32,
    /// Seconds a hole in a TCP stream is waited for.
    pub tcp_hole_timeout_seconds: u32,
    /// TCP connections on their way to being open remembered at once.
    pub tcp_handshakes: u32,
    /// Seconds a TCP connection may take to open.
    pub tcp_handshake_timeout_seconds: u32,
    /// IP datagrams that may wait for their fragments at once.
    pub fragmented_datagrams: u32,
    /// Octets kept of all fragments together.
    pub fragment_kept_bytes: u32,
    /// Seconds a datagram waits for its fragments.
    pub fragment_timeout_seconds: u32,
    /// Clients, and servers, counted apart in one second.
    pub tick_hosts: u32,
    /// Messages and connections in a second from which a host gets a tick of its own.
    pub tick_least: u32,
    /// Seed of the hash tables; fixed, so that a replay repeats itself.
    pub hash_seed: u64,
}

impl Default for SensorConfig {
    fn default() -> Self {
        Self {
            ports: vec![53],
            encrypted_ports: vec![853],
            encrypted_hosts: resolvers::RESOLVERS.to_vec(),
            pending_queries: 65_536,
            query_timeout_seconds: 10,
            rated_domains: 65_536,
            tcp_streams: 4_096,
            tcp_ahead_bytes: 65_536,
            tcp_ahead_segments: 64,
            tcp_kept_bytes: 8_388_608,
            tcp_hole_timeout_seconds: 10,
            tcp_handshakes: 32_768,
            tcp_handshake_timeout_seconds: 10,
            fragmented_datagrams: 4_096,
            fragment_kept_bytes: 4_194_304,
            fragment_timeout_seconds: 30,
            tick_hosts: 8_192,
            tick_least: 16,
            hash_seed: 0x67_65_6f_70_68_6f_6e_65,
        }
    }
}

impl SensorConfig {
    /// Returns the resolvers to which connections for HTTPS are looked at: none where all of its port
    /// is.
    #[must_use]
    pub fn https_hosts(&self) -> &[IpAddr] {
        if self.all_ports().contains(&HTTPS) { &[] } else { &self.encrypted_hosts }
    }

    /// Returns the ports that are looked at: those of DNS, and those of encrypted DNS behind them.
    #[must_use]
    pub fn all_ports(&self) -> Vec<u16> {
        let encrypted = self.encrypted_ports.iter().filter(|port| !self.ports.contains(port));
        self.ports.iter().chain(encrypted).copied().collect()
    }

    /// Returns how long a frame may wait to become a record, and how far out of order frames may
    /// come before that counts as a clock set back: no record is older than this, seen from the
    /// latest frame.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        let seconds = u64::from(self.query_timeout_seconds)
            + u64::from(self.tcp_hole_timeout_seconds)
            + u64::from(self.fragment_timeout_seconds);
        Duration::from_secs(seconds) + OUT_OF_ORDER
    }

    pub(crate) fn stream_limits(&self) -> StreamLimits {
        StreamLimits {
            streams: self.tcp_streams,
            ahead_bytes: usize::try_from(self.tcp_ahead_bytes).unwrap_or(usize::MAX),
            ahead_segments: usize::try_from(self.tcp_ahead_segments).unwrap_or(usize::MAX),
            kept_bytes: self.tcp_kept_bytes.into(),
            hole_timeout: Duration::from_secs(self.tcp_hole_timeout_seconds.into()),
            handshakes: HandshakeLimits {
                connections: self.tcp_handshakes,
                timeout: Duration::from_secs(self.tcp_handshake_timeout_seconds.into()),
                seed: self.hash_seed,
            },
            seed: self.hash_seed,
        }
    }

    pub(crate) fn fragment_limits(&self) -> FragmentLimits {
        FragmentLimits {
            datagrams: self.fragmented_datagrams,
            parts: MAX_PARTS,
            kept_bytes: self.fragment_kept_bytes.into(),
            timeout: Duration::from_secs(self.fragment_timeout_seconds.into()),
            seed: self.hash_seed,
        }
    }

    pub(crate) fn tick_limits(&self) -> TickLimits {
        TickLimits { hosts: self.tick_hosts, least: self.tick_least, seed: self.hash_seed }
    }

    pub(crate) fn pairing_limits(&self, answer_texts: usize) -> PairingLimits {
        PairingLimits {
            pending: self.pending_queries,
            timeout: Duration::from_secs(self.query_timeout_seconds.into()),
            domains: self.rated_domains,
            answer_texts,
            seed: self.hash_seed,
        }
    }
}
