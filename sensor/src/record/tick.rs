//! What happened in one second, by server, by client and all together.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::time::Timestamp;

macro_rules! figures {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// Counts of one second.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct TickFigures { $($(#[$doc])* #[serde(default, skip_serializing_if = "is_zero")] pub $field: u32,)* }

        impl TickFigures {
            /// Adds `other`; a second does not hold 2^32 of anything, octets of DNS included.
            pub fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)*
            }

            /// Returns the figures in the order they stand in.
            pub(super) fn in_order(&self) -> Vec<u32> {
                vec![$(self.$field,)*]
            }

            /// Takes figures in that order; `None` where there are more or fewer.
            pub(super) fn from_order(figures: &[u32]) -> Option<Self> {
                let mut figures = figures.iter().copied();
                let read = Self { $($field: figures.next()?,)* };
                figures.next().is_none().then_some(read)
            }
        }
    };
}

figures! {
    /// Queries.
    queries,
    /// Octets of queries.
    query_bytes,
    /// Responses.
    responses,
    /// Octets of responses.
    response_bytes,
    /// Repetitions of a query still waiting (part of the queries).
    retries,
    /// Responses nobody was seen to ask for.
    unsolicited,
    /// Of these, responses to a waiting query by port but not by id, name or type.
    mismatched,
    /// Responses with code 0.
    noerror,
    /// Responses with code 3: the name does not exist.
    nxdomain,
    /// Responses with code 2: the server failed.
    servfail,
    /// Responses with code 5: refused.
    refused,
    /// Responses with any other code.
    other_rcode,
    /// Responses that were cut to fit UDP.
    truncated,
    /// Queries of type ANY (RFC 8482).
    any,
    /// Queries of type TXT.
    txt,
    /// Queries of types that carry octets at will: NULL, private and unassigned ones.
    opaque,
    /// Queries of DNSSEC types (DNSKEY, DS, RRSIG, NSEC, NSEC3).
    dnssec,
    /// Queries for a zone transfer (AXFR, IXFR).
    transfer,
    /// Messages with a defect.
    defective,
    /// Payloads that are not DNS.
    not_dns,
    /// Fragments of UDP that came before the head of their datagram, and no head in this second.
    headless,
    /// Heads of fragmented UDP datagrams.
    headed,
    /// TCP connections asked for.
    tcp_syn,
    /// TCP connections opened.
    tcp_established,
    /// TCP connections that did not open in time.
    tcp_half_open,
    /// TCP connections refused or torn down.
    tcp_reset,
    /// TCP connections closed by the client.
    tcp_closed,
}

fn is_zero(figure: &u32) -> bool {
    *figure == 0
}

impl TickFigures {
    /// Returns how much happened: messages, payloads and connections.
    #[must_use]
    pub fn activity(&self) -> u32 {
        [
            self.responses,
            self.not_dns,
            self.headless,
            self.tcp_syn,
            self.tcp_half_open,
            self.tcp_reset,
        ]
        .iter()
        .fold(self.queries, |sum, figure| sum.saturating_add(*figure))
    }
}

/// Whose second it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A client's.
    Client,
    /// Everything that the sensor saw.
    #[default]
    Sensor,
    /// A server's.
    Server,
}

/// What the sensor adds for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorFigures {
    /// Frames read.
    pub frames: u64,
    /// Frames dropped by the kernel, as far as the source told.
    pub dropped_kernel: u64,
    /// Frames dropped by the interface, as far as the source told.
    pub dropped_interface: u64,
    /// Clients that were met.
    pub clients: u32,
    /// Servers that were met.
    pub servers: u32,
    /// Of both, those too quiet for a tick of their own.
    pub quiet: u32,
    /// Events of hosts for which the table had no room; they are in the sensor's figures only.
    pub beyond: u64,
}

/// One second of one host, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// When the second begins.
    pub time: Timestamp,
    /// Whose it is.
    pub role: Role,
    /// The host; `None` for the sensor.
    pub address: Option<IpAddr>,
    /// What happened.
    pub figures: TickFigures,
    /// What the sensor adds; `None` for hosts.
    pub sensor: Option<SensorFigures>,
}

/// The JSON form; figures of nought are left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TickRow<'a> {
    version: u16,
    kind: Cow<'a, str>,
    time: Cow<'a, str>,
    time_micros: Timestamp,
    role: Role,
    address: Option<IpAddr>,
    figures: TickFigures,
    sensor: Option<SensorFigures>,
}

impl From<&Tick> for TickRow<'_> {
    fn from(from: &Tick) -> Self {
        Self {
            version: VERSION,
            kind: Cow::Borrowed("tick"),
            time: Cow::Owned(from.time.to_string()),
            time_micros: from.time,
            role: from.role,
            address: from.address,
            figures: from.figures,
            sensor: from.sensor,
        }
    }
}

impl From<TickRow<'_>> for Tick {
    fn from(row: TickRow<'_>) -> Self {
        Self {
            time: row.time_micros,
            role: row.role,
            address: row.address,
            figures: row.figures,
            sensor: row.sensor,
        }
    }
}
