//! What TCP streams tell: messages, other protocols, connections.

use crate::counter::Counters;
use crate::decode::foreign::Protocol;
use crate::decode::handshake::TcpEvent;
use crate::decode::path::Path;
use crate::decode::segment::Flow;
use crate::time::Timestamp;

/// Octets of the length before each message (RFC 1035 section 4.2.2).
pub(super) const LENGTH_FIELD: usize = 2;

/// What is heard on TCP.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// A whole message.
    Message(Framed<'a>),
    /// A stream that carries something else.
    Foreign(Foreign<'a>),
    /// A connection opened, closed or did neither; the flow is as the event's own says.
    Connection(TcpEvent, Flow),
}

/// A stream that carries another protocol.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a> {
    /// When the last of its octets was captured.
    pub time: Timestamp,
    /// Who talked to whom.
    pub flow: Flow,
    /// The VLAN tags and tunnels around it.
    pub path: Path,
    /// What it looks like.
    pub protocol: Protocol,
    /// Octets since it was told last.
    pub octets: u64,
    /// The beginning of those octets, where they are at hand.
    pub head: &'a [u8],
}

/// A message found in a stream.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// When its last octet was captured.
    pub time: Timestamp,
    /// Who talked to whom.
    pub flow: Flow,
    /// The VLAN tags and tunnels around it.
    pub path: Path,
    /// The message without its length field.
    pub payload: &'a [u8],
}

/// Where messages and figures go; the flow they belong to.
pub(super) struct Output<'a, F> {
    pub(super) flow: Flow,
    pub(super) path: Path,
    pub(super) counters: &'a mut Counters,
    pub(super) found: &'a mut F,
}

impl<F: FnMut(&mut Counters, Heard<'_>)> Output<'_, F> {
    pub(super) fn message(&mut self, time: Timestamp, payload: &[u8]) {
        self.counters.tcp_octets_message += count(payload) + count(&[0; LENGTH_FIELD]);
        let framed = Framed { time, flow: self.flow, path: self.path, payload };
        (self.found)(self.counters, Heard::Message(framed));
    }

    pub(super) fn foreign(
        &mut self,
        time: Timestamp,
        protocol: Protocol,
        octets: u64,
        head: &[u8],
    ) {
        let (flow, path) = (self.flow, self.path);
        let foreign = Foreign { time, flow, path, protocol, octets, head };
        (self.found)(self.counters, Heard::Foreign(foreign));
    }
}

pub(super) fn count(data: &[u8]) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}
