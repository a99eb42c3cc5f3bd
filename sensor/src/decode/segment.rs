//! From a frame to the transport payload on a watched port.
//!
//! IP and transport headers are etherparse's, in its lax form: what is cut or contradicts itself is a counted
//! reason, not an error. Does not look at the payload and does not put fragments together.

use std::net::IpAddr;

use etherparse::{IpNumber, LaxIpSlice, TcpSlice, UdpSlice};

use crate::capture::{Frame, LinkType};
use crate::decode::fragment::Datagram;
use crate::decode::wire::u16_at;
use crate::time::Timestamp;

/// Octets of a Linux cooked header, version 1 (LINKTYPE_LINUX_SLL).
const COOKED1_HEADER: usize = 16;
/// Octets of a Linux cooked header, version 2 (LINKTYPE_LINUX_SLL2).
const COOKED2_HEADER: usize = 20;
/// Octets of the BSD null header: an address family in the byte order of the recorder.
const NULL_HEADER: usize = 4;

const ETHER_IPV4: u16 = 0x0800;
const ETHER_IPV6: u16 = 0x86dd;

/// VLAN tags that are stepped over, and the ether type behind them.
const MAX_TAGS: usize = 5;

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

/// A transport payload on a watched port.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// When its frame was captured.
    pub time: Timestamp,
    /// Who talked to whom.
    pub flow: Flow,
    /// The outermost VLAN id.
    pub vlan: Option<u16>,
    /// The payload, as far as it was captured.
    pub payload: &'a [u8],
    /// Whether the snap length cut the payload.
    pub cut: bool,
    /// What TCP adds, for TCP.
    pub tcp: Option<TcpFacts>,
}

/// The facts of a TCP header that reassembly needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFacts {
    /// Sequence number of the first payload octet, or of the SYN.
    pub sequence: u32,
    /// The stream begins here.
    pub syn: bool,
    /// The stream ends behind this segment.
    pub fin: bool,
    /// The connection is torn down.
    pub rst: bool,
}

/// Why a frame carries no payload for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The snap length cut the headers.
    Cut,
    /// An IP fragment.
    Fragment,
    /// Headers that contradict themselves.
    Malformed,
    /// No IP.
    NotIp,
    /// UDP or TCP on other ports.
    OtherPort,
    /// IP, but neither UDP nor TCP.
    OtherTransport,
}

/// Takes the headers of `frame` apart; `ports` are the watched ones.
///
/// # Errors
/// The reason why the frame is none of ours, for the counters.
pub fn segment_of<'a>(frame: &Frame<'a>, ports: &[u16]) -> Result<Segment<'a>, Passed> {
    let (packet, vlan) = ip_packet(frame)?;
    let (ip, stop) = LaxIpSlice::from_slice(packet).map_err(|_| match packet.first() {
        Some(first) if !matches!(first >> 4, 4 | 6) => Passed::NotIp,
        _ => too_short(frame),
    })?;
    let carried = ip.payload();
    if carried.fragmented {
        return Err(Passed::Fragment);
    }
    let transport = match carried.ip_number {
        IpNumber::UDP | IpNumber::TCP => Transport::read(carried.ip_number, carried.payload),
        _ if stop.is_some() => return Err(too_short(frame)),
        _ => return Err(Passed::OtherTransport),
    };
    let transport = transport.ok_or_else(|| too_short(frame))?;
    let place = Place {
        time: frame.time,
        vlan,
        source: ip.source_addr(),
        destination: ip.destination_addr(),
        cut: carried.incomplete,
    };
    transport.on(ports, &place).ok_or(Passed::OtherPort)
}

/// Takes the transport header of a datagram put together from fragments apart.
///
/// # Errors
/// The reason why the datagram is none of ours.
pub fn segment_in<'a>(datagram: &'a Datagram, ports: &[u16]) -> Result<Segment<'a>, Passed> {
    let protocol = IpNumber(datagram.protocol);
    if !matches!(protocol, IpNumber::UDP | IpNumber::TCP) {
        return Err(Passed::OtherTransport);
    }
    let transport = Transport::read(protocol, &datagram.payload).ok_or(Passed::Malformed)?;
    let place = Place {
        time: datagram.time,
        vlan: datagram.vlan,
        source: datagram.source,
        destination: datagram.destination,
        cut: datagram.cut,
    };
    transport.on(ports, &place).ok_or(Passed::OtherPort)
}

/// What stands around a transport header.
struct Place {
    time: Timestamp,
    vlan: Option<u16>,
    source: IpAddr,
    destination: IpAddr,
    cut: bool,
}

/// A transport header and its payload.
struct Transport<'a> {
    source_port: u16,
    destination_port: u16,
    payload: &'a [u8],
    tcp: Option<TcpFacts>,
}

impl<'a> Transport<'a> {
    fn read(protocol: IpNumber, data: &'a [u8]) -> Option<Self> {
        if protocol == IpNumber::UDP {
            let udp = UdpSlice::from_slice_lax(data).ok()?;
            let (source_port, destination_port) = (udp.source_port(), udp.destination_port());
            return Some(Self { source_port, destination_port, payload: udp.payload(), tcp: None });
        }
        let tcp = TcpSlice::from_slice(data).ok()?;
        let facts = TcpFacts {
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
        };
        let (source_port, destination_port) = (tcp.source_port(), tcp.destination_port());
        Some(Self { source_port, destination_port, payload: tcp.payload(), tcp: Some(facts) })
    }

    /// Makes a segment if one of the ports is watched.
    fn on(&self, ports: &[u16], place: &Place) -> Option<Segment<'a>> {
        let Self { source_port, destination_port, payload, tcp } = *self;
        if !ports.contains(&source_port) && !ports.contains(&destination_port) {
            return None;
        }
        let Place { time, vlan, source, destination, cut } = *place;
        let flow = Flow { source, destination, source_port, destination_port };
        Some(Segment { time, flow, vlan, payload, cut, tcp })
    }
}

/// Returns the IP packet in `frame` and the outermost VLAN id.
pub(super) fn ip_packet<'a>(frame: &Frame<'a>) -> Result<(&'a [u8], Option<u16>), Passed> {
    match frame.link {
        LinkType::Ethernet => behind_ether_type(frame, 12, 14),
        LinkType::LinuxCooked1 => behind_ether_type(frame, 14, COOKED1_HEADER),
        LinkType::LinuxCooked2 => behind_ether_type(frame, 0, COOKED2_HEADER),
        LinkType::RawIp => Ok((frame.data, None)),
        LinkType::BsdNull => {
            Ok((frame.data.get(NULL_HEADER..).ok_or_else(|| too_short(frame))?, None))
        }
        _ => Err(Passed::NotIp),
    }
}

/// Reads the ether type at octet `at`, goes on at `rest`, and steps over VLAN tags.
fn behind_ether_type<'a>(
    frame: &Frame<'a>,
    at: usize,
    rest: usize,
) -> Result<(&'a [u8], Option<u16>), Passed> {
    let mut ether_type = u16_at(frame.data, at).ok_or_else(|| too_short(frame))?;
    let mut rest = frame.data.get(rest..).ok_or_else(|| too_short(frame))?;
    let mut vlan = None;
    for _ in 0..MAX_TAGS {
        match ether_type {
            ETHER_IPV4 | ETHER_IPV6 => return Ok((rest, vlan)),
            0x8100 | 0x88a8 | 0x9100 => {
                let tag = u16_at(rest, 0).ok_or_else(|| too_short(frame))?;
                ether_type = u16_at(rest, 2).ok_or_else(|| too_short(frame))?;
                rest = rest.get(4..).unwrap_or_default();
                vlan.get_or_insert(tag & 0x0fff);
            }
            _ => return Err(Passed::NotIp),
        }
    }
    Err(Passed::Malformed)
}

fn too_short(frame: &Frame<'_>) -> Passed {
    let whole = usize::try_from(frame.wire_length).is_ok_and(|length| length <= frame.data.len());
    if whole { Passed::Malformed } else { Passed::Cut }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
        Frame { time: Timestamp(1), link, data, wire_length: u32::try_from(data.len()).unwrap() }
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
    fn every_link_type_leads_to_the_same_payload() {
        let ip = query_over_ip();
        let with = |header: &[u8]| [header, &ip].concat();
        let mut tagged = vec![0_u8; 12];
        tagged.extend([0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x00, 0x09, 0x08, 0x00]);
        let mut sll = vec![0_u8; 14];
        sll.extend([0x08, 0x00]);
        let mut sll2 = vec![0x08, 0x00];
        sll2.extend([0_u8; 18]);
        let mut ethernet = vec![0_u8; 12];
        ethernet.extend([0x08, 0x00]);
        for (link, data, vlan) in [
            (LinkType::RawIp, ip.clone(), None),
            (LinkType::BsdNull, with(&[2, 0, 0, 0]), None),
            (LinkType::Ethernet, with(&ethernet), None),
            (LinkType::Ethernet, with(&tagged), Some(7)),
            (LinkType::LinuxCooked1, with(&sll), None),
            (LinkType::LinuxCooked2, with(&sll2), None),
        ] {
            let segment = segment_of(&frame(link, &data), &[53]).unwrap();
            assert_eq!(segment.payload, b"payload", "{link:?}");
            assert_eq!(segment.vlan, vlan, "{link:?}");
            assert_eq!(segment.flow.source_port, 4000);
        }
    }

    #[test]
    fn what_is_none_of_ours_has_a_reason() {
        let ip = query_over_ip();
        assert_eq!(
            segment_of(&frame(LinkType::RawIp, &ip), &[5353]).unwrap_err(),
            Passed::OtherPort
        );
        let mut cut = frame(LinkType::RawIp, &ip[..22]);
        assert_eq!(segment_of(&cut, &[53]).unwrap_err(), Passed::Malformed);
        cut.wire_length = 35;
        assert_eq!(segment_of(&cut, &[53]).unwrap_err(), Passed::Cut);
        let mut fragment = ip.clone();
        fragment[6] = 0x20; // more fragments
        assert_eq!(
            segment_of(&frame(LinkType::RawIp, &fragment), &[53]).unwrap_err(),
            Passed::Fragment
        );
        assert_eq!(
            segment_of(&frame(LinkType::Ethernet, &[0; 14]), &[53]).unwrap_err(),
            Passed::NotIp
        );
    }
}
