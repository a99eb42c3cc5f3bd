//! A payload on a watched port that is not DNS.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::json::RecordError;
use super::{Transport, VERSION};
use crate::decode::foreign::Protocol;
use crate::decode::path::{Path, Tunnel};
use crate::time::Timestamp;

/// Octets of the payload that are kept.
pub const HEAD: usize = 16;

/// A datagram, a framed message or a stretch of a stream that is not DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDns {
    /// When it was captured; for a stream, when the last of its octets was.
    pub time: Timestamp,
    /// What carried it.
    pub transport: Transport,
    /// Who sent to, or received from, the watched port.
    pub client: IpAddr,
    /// Who has the watched port.
    pub server: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The server's port.
    pub server_port: u16,
    /// Whether the client sent it.
    pub from_client: bool,
    /// The VLAN tags and tunnels around it.
    pub path: Path,
    /// What it looks like.
    pub protocol: Protocol,
    /// Octets of the payload; of a stream, those since the last record about it.
    pub bytes: u64,
    /// The first octets, at most [`HEAD`].
    pub head: Vec<u8>,
}

/// The JSON form; the head is in hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotDnsRow<'a> {
    version: u16,
    kind: Cow<'a, str>,
    time: Cow<'a, str>,
    time_micros: Timestamp,
    transport: Transport,
    client: IpAddr,
    client_port: u16,
    server: IpAddr,
    server_port: u16,
    from_client: bool,
    vlan: Option<u16>,
    inner_vlan: Option<u16>,
    tunnels: Vec<Tunnel>,
    protocol: Protocol,
    bytes: u64,
    head: String,
}

impl From<&NotDns> for NotDnsRow<'_> {
    fn from(from: &NotDns) -> Self {
        let mut head = String::with_capacity(2 * HEAD);
        for octet in &from.head {
            // Writing to a String cannot fail.
            let _ = write!(head, "{octet:02x}");
        }
        Self {
            version: VERSION,
            kind: Cow::Borrowed("not_dns"),
            time: Cow::Owned(from.time.to_string()),
            time_micros: from.time,
            transport: from.transport,
            client: from.client,
            client_port: from.client_port,
            server: from.server,
            server_port: from.server_port,
            from_client: from.from_client,
            vlan: from.path.vlan(),
            inner_vlan: from.path.inner_vlan(),
            tunnels: from.path.tunnels().collect(),
            protocol: from.protocol,
            bytes: from.bytes,
            head,
        }
    }
}

impl TryFrom<NotDnsRow<'_>> for NotDns {
    type Error = RecordError;

    fn try_from(row: NotDnsRow<'_>) -> Result<Self, RecordError> {
        let head = octets(&row.head)
            .ok_or_else(|| RecordError::Value { field: "head", value: row.head.clone() })?;
        Ok(Self {
            time: row.time_micros,
            transport: row.transport,
            client: row.client,
            server: row.server,
            client_port: row.client_port,
            server_port: row.server_port,
            from_client: row.from_client,
            path: Path::new(row.vlan, row.inner_vlan, &row.tunnels),
            protocol: row.protocol,
            bytes: row.bytes,
            head,
        })
    }
}

fn octets(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let whole = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>().filter(|_| whole)
}
