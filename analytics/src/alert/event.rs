//! One thing told about an alert.

use std::collections::BTreeMap;
use std::net::IpAddr;

use clap::ValueEnum;
use geophone_sensor::decode::path::Path;
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::suspect::{Sample, Subject};
use crate::detect::{Evidence, Feature, ToolVerdict};
use crate::price::Expert;
use crate::rule::Detector;
use crate::severity::Severity;
use crate::state::{Channels, Loss, Scope};

/// What happened to the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was raised.
    Open,
    /// It got worse.
    Update,
    /// Nothing new for a while, or the input ended.
    Close,
}

impl Action {
    /// Returns the word that `event.action` carries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Update => "update",
            Self::Close => "close",
        }
    }
}

/// Between whom it passes, as the site's networks say (ECS, `network.direction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client outside to a server inside.
    Inbound,
    /// From a client inside to a server outside.
    Outbound,
    /// Both are inside.
    Internal,
    /// Neither is.
    External,
}

impl Direction {
    /// Returns the direction between a client and a server that are inside or not.
    #[must_use]
    pub const fn between(client_inside: bool, server_inside: bool) -> Self {
        match (client_inside, server_inside) {
            (false, true) => Self::Inbound,
            (true, false) => Self::Outbound,
            (true, true) => Self::Internal,
            (false, false) => Self::External,
        }
    }

    /// Returns the word that `network.direction` carries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

/// How sure the detector is; not the same as how bad it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Confidence {
    /// The leak contract alone: bytes could have left, little else speaks for it.
    Low,
    /// The score is over the threshold.
    Medium,
    /// The score is half as much again, or over the threshold with an overflow beside it.
    High,
}

impl Confidence {
    /// Returns the word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A bucket of the leak contract that overflowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overflow {
    /// The bucket's name.
    pub bucket: String,
    /// What it is about.
    pub scope: Scope,
    /// Its level in bytes.
    pub level_bytes: f64,
    /// h, in bytes.
    pub burst_bytes: f64,
    /// ρ, in bytes a second.
    pub bytes_per_second: f64,
}

/// One thing told about an alert.
#[derive(Clone, Debug)]
pub struct Alert<'a> {
    /// What happened.
    pub action: Action,
    /// The identity, the same from open to close.
    pub id: String,
    /// The detector that raised it.
    pub detector: &'a Detector,
    /// When this happened, in capture time.
    pub time: Timestamp,
    /// When the client was first seen asking this domain.
    pub start: Timestamp,
    /// When it last did something new.
    pub end: Timestamp,
    /// Who asks.
    pub client: IpAddr,
    /// Who was asked last.
    pub server: IpAddr,
    /// Between whom; `None` where one of the two is not known.
    pub direction: Option<Direction>,
    /// The registered domain; empty where the names have none and the server is meant.
    pub domain: String,
    /// Whether the public suffix list knows its suffix.
    pub suffix_known: bool,
    /// The VLAN tags and tunnels around the last transaction.
    pub path: Path,
    /// The sum of the evidence's points.
    pub score: i32,
    /// The reasons.
    pub evidence: Vec<Evidence>,
    /// The value of every feature at the moment of the score, those without points too.
    pub features: Vec<(Feature, f32)>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// The bucket of the leak contract that overflowed, if one did.
    pub overflow: Option<Overflow>,
    /// The most that could have left in names, in bytes.
    pub leak_bytes: u64,
    /// By how much bucket levels may be too high, in bytes, because keys were evicted.
    pub leak_error_bytes: u64,
    /// Queries since the start.
    pub queries: u32,
    /// Distinct names since the start.
    pub unique: u32,
    /// Octets of queries since it was suspected.
    pub bytes_up: u64,
    /// Octets of answers since it was suspected.
    pub bytes_down: u64,
    /// Queries by type since it was suspected.
    pub types: BTreeMap<u16, u32>,
    /// Answers by response code since it was suspected.
    pub rcodes: BTreeMap<u16, u32>,
    /// What is meant: a domain, a server, a client over many domains, a domain over many clients.
    pub subject: Subject,
    /// What happens in one clause with its numbers, where a watch saw it; otherwise empty, and the
    /// alert is about names of a (client, domain).
    pub headline: String,
    /// The domains that take part, with the price of their names in bytes, the dearest first; of a
    /// watch's alert, how often each took part.
    pub domains: Vec<(String, u64)>,
    /// The clients that take part, likewise.
    pub clients: Vec<(IpAddr, u64)>,
    /// The servers that take part, and how often each did.
    pub servers: Vec<(IpAddr, u64)>,
    /// What came by other ways than novel names.
    pub channels: Channels,
    /// Names, the dearest, in the order they came.
    pub samples: Vec<Sample>,
    /// What most of the names look encoded with.
    pub encoding: Option<Expert>,
    /// Which tool makes the names, as far as it can be told.
    pub tool: Option<ToolVerdict>,
    /// Times it was worth telling again and was not, since the last telling.
    pub suppressed: u64,
    /// Frames read and dropped since the start, of the last hour at most.
    pub loss: Loss,
    /// Why it closed.
    pub closed_because: Option<&'static str>,
}
