//! From a frame to the transport payload on a watched port.
//!
//! IP and transport headers are etherparse's, in its lax form: what is cut or contradicts itself is
//! a counted reason, not an error. Does not look at the payload and does not put fragments together.

use std::net::IpAddr;

use etherparse::{IpNumber, Ipv6ExtensionsSlice, LaxIpSlice, TcpSlice, UdpSlice};

use crate::capture::{Frame, LinkType};
use crate::decode::fragment::{Datagram, Fragment};
use crate::decode::layer::{ETHER_IPV4, ETHER_IPV6, Layer, Next, enter, skip, step};
use crate::decode::link::NetlinkMessages;
use crate::decode::path::{Path, TunnelKind};
use crate::decode::tunnel::{behind_udp, gre, is_udp_tunnel};
use crate::decode::wire::u16_at;
use crate::time::Timestamp;

/// Headers taken off one frame before it is given up; tunnels have a bound of their own.
const MAX_HEADERS: usize = 32;

/// Name services that are counted but not scored (RFC 6762, RFC 4795, RFC 1002).
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;
const NETBIOS: u16 = 137;

/// Who talked to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

impl Flow {
    /// Returns the flow of the other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }
}

/// A transport payload on a watched port.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// When its frame was captured.
    pub time: Timestamp,
    /// Who talked to whom.
    pub flow: Flow,
    /// The VLAN tags and tunnels around it.
    pub path: Path,
    /// The payload, as far as it was captured.
    pub payload: &'a [u8],
    /// Whether the snap length cut the payload.
    pub cut: bool,
    /// Octets of it that are missing for that, as far as the header of UDP tells.
    pub missing: u32,
    /// What TCP adds, for TCP.
    pub tcp: Option<TcpFacts>,
}

/// The facts of a TCP header that reassembly needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a TCP header are bits")]
pub struct TcpFacts {
    /// Sequence number of the first payload octet, or of the SYN.
    pub sequence: u32,
    /// The stream begins here.
    pub syn: bool,
    /// What the other side sent is acknowledged.
    pub ack: bool,
    /// The stream ends behind this segment.
    pub fin: bool,
    /// The connection is torn down.
    pub rst: bool,
}

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A transport payload on a watched port.
    Segment(Segment<'a>),
    /// A fragment of a datagram.
    Fragment(Fragment<'a>),
    /// Nothing for us.
    Passed(Passed),
}

/// Why a frame carries no payload for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The snap length cut the headers.
    Cut,
    /// An IP fragment whose place in its datagram makes no sense.
    Fragment,
    /// A link type that is not read.
    LinkType,
    /// Link-local multicast name resolution (RFC 4795).
    Llmnr,
    /// Headers that contradict themselves.
    Malformed,
    /// Multicast DNS (RFC 6762).
    Mdns,
    /// NetBIOS name service (RFC 1002).
    Netbios,
    /// No IP.
    NotIp,
    /// UDP or TCP on other ports.
    OtherPort,
    /// IP, but neither UDP nor TCP.
    OtherTransport,
    /// More headers or tunnels inside one another than are followed.
    TooDeep,
}

/// Takes the headers of `frame` apart; `ports` are the watched ones.
#[must_use]
pub fn found_in<'a>(frame: &Frame<'a>, ports: &[u16]) -> Found<'a> {
    match plain(frame, ports) {
        Some(Ok(segment)) => Found::Segment(segment),
        Some(Err(passed)) => Found::Passed(passed),
        None => found_wrapped(frame, ports),
    }
}

/// Takes the messages of a netlink frame apart one by one and hands each to `take`: a recorder may
/// deliver many packets in one frame.
pub fn each_in_netlink<'a>(frame: &Frame<'a>, ports: &[u16], mut take: impl FnMut(&Found<'a>)) {
    let whole = usize::try_from(frame.wire_length).is_ok_and(|length| length <= frame.data.len());
    let mut messages = NetlinkMessages::of(frame.data);
    while let Some(message) = messages.next() {
        let mut walk = Walk { time: frame.time, ports, path: Path::default(), cut: !whole };
        take(&match message {
            Ok(next) => walk.run(next),
            Err(passed) => Found::Passed(passed),
        });
    }
}

/// Reads what most frames are, UDP or TCP over IP right behind an Ethernet header, without the
/// walk; `None` for everything else.
#[inline]
fn plain<'a>(frame: &Frame<'a>, ports: &[u16]) -> Option<Result<Segment<'a>, Passed>> {
    let packet = match (frame.link, u16_at(frame.data, 12)) {
        (LinkType::Ethernet, Some(ETHER_IPV4 | ETHER_IPV6)) => frame.data.get(14..)?,
        _ => return None,
    };
    let (ip, _) = LaxIpSlice::from_slice(packet).ok()?;
    let carried = ip.payload();
    if carried.fragmented {
        return None;
    }
    let (source_port, destination_port, payload, tcp, length) = match carried.ip_number {
        IpNumber::UDP => {
            let udp = UdpSlice::from_slice_lax(carried.payload).ok()?;
            (udp.source_port(), udp.destination_port(), udp.payload(), None, udp.length())
        }
        IpNumber::TCP => {
            let tcp = TcpSlice::from_slice(carried.payload).ok()?;
            (tcp.source_port(), tcp.destination_port(), tcp.payload(), Some(facts_of(&tcp)), 0)
        }
        _ => return None,
    };
    if !ports.contains(&source_port) && !ports.contains(&destination_port) {
        let passed = || passed_port([source_port, destination_port]);
        let may_be_tunnel = tcp.is_none() && is_udp_tunnel([source_port, destination_port]);
        return (!may_be_tunnel).then(|| Err(passed()));
    }
    let (source, destination) = (ip.source_addr(), ip.destination_addr());
    let flow = Flow { source, destination, source_port, destination_port };
    let (time, path, cut) = (frame.time, Path::default(), carried.incomplete);
    let missing = if cut { missing(length, payload) } else { 0 };
    Some(Ok(Segment { time, flow, path, payload, cut, missing, tcp }))
}

/// Takes any stack of headers apart.
#[inline(never)]
fn found_wrapped<'a>(frame: &Frame<'a>, ports: &[u16]) -> Found<'a> {
    let whole = usize::try_from(frame.wire_length).is_ok_and(|length| length <= frame.data.len());
    let mut walk = Walk { time: frame.time, ports, path: Path::default(), cut: !whole };
    walk.run(Next { layer: Layer::Link(frame.link), data: frame.data })
}

/// Takes what a datagram put together from fragments carries apart.
#[must_use]
pub fn found_in_datagram<'a>(datagram: &'a Datagram, ports: &[u16]) -> Found<'a> {
    let Datagram { time, path, source, destination, protocol, cut, .. } = *datagram;
    let mut walk = Walk { time, ports, path, cut };
    let ends = Ends { source, destination, cut };
    let protocol = IpNumber(protocol);
    let (protocol, payload) = match (source, protocol) {
        // Headers behind the one that tells of fragments are part of what was fragmented.
        (IpAddr::V6(_), _) | (_, IpNumber::AUTHENTICATION_HEADER) => {
            let (headers, behind, rest, _) =
                Ipv6ExtensionsSlice::from_slice_lax(protocol, &datagram.payload);
            if headers.is_fragmenting_payload() {
                // No receiver takes a fragment in fragments of the same packet (Linux refuses it).
                return Found::Passed(Passed::OtherTransport);
            }
            (behind, rest)
        }
        _ => (protocol, datagram.payload.as_slice()),
    };
    match walk.transport(protocol, payload, &ends) {
        Ok(Step::Found(found)) => found,
        Ok(Step::Next(next)) => walk.run(next),
        Err(passed) => Found::Passed(walk.reason(passed)),
    }
}

/// The way through the headers of one frame.
struct Walk<'p> {
    time: Timestamp,
    ports: &'p [u16],
    path: Path,
    /// Whether octets are missing at the end of what is walked through.
    cut: bool,
}

/// Who is at the ends of an IP packet.
struct Ends {
    source: IpAddr,
    destination: IpAddr,
    cut: bool,
}

enum Step<'a> {
    Found(Found<'a>),
    Next(Next<'a>),
}

impl Walk<'_> {
    fn run<'a>(&mut self, mut next: Next<'a>) -> Found<'a> {
        for _ in 0..MAX_HEADERS {
            let stepped = match next.layer {
                Layer::Ip => self.ip(next.data),
                _ => step(next, &mut self.path).map(Step::Next),
            };
            match stepped {
                Ok(Step::Next(inner)) => next = inner,
                Ok(Step::Found(found)) => return found,
                Err(passed) => return Found::Passed(self.reason(passed)),
            }
        }
        Found::Passed(Passed::TooDeep)
    }

    /// Octets that are missing in a whole frame were never there.
    fn reason(&self, passed: Passed) -> Passed {
        if passed == Passed::Cut && !self.cut { Passed::Malformed } else { passed }
    }

    fn ip<'a>(&mut self, data: &'a [u8]) -> Result<Step<'a>, Passed> {
        let (ip, stop) = LaxIpSlice::from_slice(data).map_err(|_| match data.first() {
            Some(first) if !matches!(first >> 4, 4 | 6) => Passed::NotIp,
            _ => Passed::Cut,
        })?;
        let carried = ip.payload();
        if carried.fragmented {
            let fragment =
                Fragment::read(data, &ip, self.time, self.path).ok_or(Passed::Fragment)?;
            return Ok(Step::Found(Found::Fragment(fragment)));
        }
        let (source, destination) = (ip.source_addr(), ip.destination_addr());
        let ends = Ends { source, destination, cut: carried.incomplete };
        match self.transport(carried.ip_number, carried.payload, &ends) {
            // An extension header that could not be read hides what stands behind it.
            Err(Passed::OtherTransport) if stop.is_some() => Err(Passed::Cut),
            other => other,
        }
    }

    fn transport<'a>(
        &mut self,
        protocol: IpNumber,
        data: &'a [u8],
        ends: &Ends,
    ) -> Result<Step<'a>, Passed> {
        let next = match protocol {
            IpNumber::UDP => return self.udp(data, ends),
            IpNumber::TCP => return self.tcp(data, ends),
            IpNumber::GRE => gre(data, &mut self.path),
            IpNumber::IPV4 | IpNumber::IPV6 => {
                let four = protocol == IpNumber::IPV4;
                let kind = if four { TunnelKind::IpIp } else { TunnelKind::SixInFour };
                enter(&mut self.path, kind, None).map(|()| Next { layer: Layer::Ip, data })
            }
            IpNumber::ETHER_IP => enter(&mut self.path, TunnelKind::EtherIp, None)
                .and_then(|()| skip(data, 2, Layer::Ethernet)),
            IpNumber::MPLS_IN_IP => Ok(Next { layer: Layer::Mpls, data }),
            _ => Err(Passed::OtherTransport),
        };
        next.map(Step::Next)
    }

    fn udp<'a>(&mut self, data: &'a [u8], ends: &Ends) -> Result<Step<'a>, Passed> {
        let udp = UdpSlice::from_slice_lax(data).map_err(|_| Passed::Cut)?;
        let ports = [udp.source_port(), udp.destination_port()];
        if let Some(mut segment) = self.watched(ports, udp.payload(), ends, None) {
            segment.missing = if segment.cut { missing(udp.length(), udp.payload()) } else { 0 };
            return Ok(Step::Found(Found::Segment(segment)));
        }
        match behind_udp(ports, udp.payload(), &mut self.path) {
            Some(next) => next.map(Step::Next),
            None => Err(passed_port(ports)),
        }
    }

    fn tcp<'a>(&mut self, data: &'a [u8], ends: &Ends) -> Result<Step<'a>, Passed> {
        let tcp = TcpSlice::from_slice(data).map_err(|_| Passed::Cut)?;
        let ports = [tcp.source_port(), tcp.destination_port()];
        let segment = self.watched(ports, tcp.payload(), ends, Some(facts_of(&tcp)));
        segment.map(|segment| Step::Found(Found::Segment(segment))).ok_or(Passed::OtherPort)
    }

    /// Makes a segment if one of the ports is watched.
    fn watched<'a>(
        &self,
        [source_port, destination_port]: [u16; 2],
        payload: &'a [u8],
        ends: &Ends,
        tcp: Option<TcpFacts>,
    ) -> Option<Segment<'a>> {
        if !self.ports.contains(&source_port) && !self.ports.contains(&destination_port) {
            return None;
        }
        let Ends { source, destination, cut } = *ends;
        let flow = Flow { source, destination, source_port, destination_port };
        Some(Segment { time: self.time, flow, path: self.path, payload, cut, missing: 0, tcp })
    }
}

/// Octets of UDP's header (RFC 768).
const UDP_HEADER: u32 = 8;

/// How many octets of a payload are not there, where the header of UDP gives this length.
fn missing(length: u16, payload: &[u8]) -> u32 {
    let there = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    u32::from(length).saturating_sub(UDP_HEADER).saturating_sub(there)
}

fn facts_of(tcp: &TcpSlice<'_>) -> TcpFacts {
    TcpFacts {
        sequence: tcp.sequence_number(),
        syn: tcp.syn(),
        ack: tcp.ack(),
        fin: tcp.fin(),
        rst: tcp.rst(),
    }
}

fn passed_port(ports: [u16; 2]) -> Passed {
    if ports.contains(&MDNS) {
        Passed::Mdns
    } else if ports.contains(&LLMNR) {
        Passed::Llmnr
    } else if ports.contains(&NETBIOS) {
        Passed::Netbios
    } else {
        Passed::OtherPort
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
        Frame { time: Timestamp(1), link, data, wire_length: u32::try_from(data.len()).unwrap() }
    }

    fn reason(frame: &Frame<'_>, ports: &[u16]) -> Option<Passed> {
        match found_in(frame, ports) {
            Found::Passed(passed) => Some(passed),
            _ => None,
        }
    }

    fn query_over_ip() -> Vec<u8> {
        let mut data = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 53], 64)
            .udp(4000, 53)
            .write(&mut data, b"payload")
            .unwrap();
        data
    }

    #[test]
    fn what_is_none_of_ours_has_a_reason() {
        let ip = query_over_ip();
        assert_eq!(reason(&frame(LinkType::RawIp, &ip), &[54]), Some(Passed::OtherPort));
        let mut cut = frame(LinkType::RawIp, &ip[..22]);
        assert_eq!(reason(&cut, &[53]), Some(Passed::Malformed));
        cut.wire_length = 35;
        assert_eq!(reason(&cut, &[53]), Some(Passed::Cut));
        assert_eq!(reason(&frame(LinkType::Other(9999), &ip), &[53]), Some(Passed::LinkType));
        assert_eq!(reason(&frame(LinkType::Ethernet, &[7; 14]), &[53]), Some(Passed::NotIp));
        for (port, passed) in [(5353, Passed::Mdns), (5355, Passed::Llmnr), (137, Passed::Netbios)]
        {
            let mut other = ip.clone();
            other[22..24].copy_from_slice(&u16::to_be_bytes(port));
            assert_eq!(reason(&frame(LinkType::RawIp, &other), &[53]), Some(passed));
            assert_eq!(reason(&frame(LinkType::RawIp, &other), &[port]), None, "watched");
        }
        let mut fragment = ip;
        fragment[6] = 0x20; // more fragments
        let found = found_in(&frame(LinkType::RawIp, &fragment), &[53]);
        assert!(matches!(found, Found::Fragment(_)));
    }
}
