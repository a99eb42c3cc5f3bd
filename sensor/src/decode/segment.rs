//! From a frame to the transport payload on a watched port.
//!
//! Headers are etherparse's, in its lax form: what is cut or contradicts itself is a counted
//! reason, not an error. Does not look at the payload and does not put fragments together.

use std::net::IpAddr;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use crate::capture::{Frame, LinkType};
use crate::time::Timestamp;

/// Octets of a Linux cooked header, version 1 (LINKTYPE_LINUX_SLL).
const COOKED1_HEADER: usize = 16;
/// Octets of a Linux cooked header, version 2 (LINKTYPE_LINUX_SLL2).
const COOKED2_HEADER: usize = 20;
/// Octets of the BSD null header: an address family in the byte order of the recorder.
const NULL_HEADER: usize = 4;

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
    let packet = slice(frame)?;
    let (source, destination, cut) = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => (
            IpAddr::V4(ip.header().source_addr()),
            IpAddr::V4(ip.header().destination_addr()),
            ip.payload().incomplete,
        ),
        Some(LaxNetSlice::Ipv6(ip)) => (
            IpAddr::V6(ip.header().source_addr()),
            IpAddr::V6(ip.header().destination_addr()),
            ip.payload().incomplete,
        ),
        Some(LaxNetSlice::Arp(_)) => return Err(Passed::NotIp),
        None => return Err(without_ip(&packet, frame)),
    };
    let (source_port, destination_port, payload, tcp) = match &packet.transport {
        Some(TransportSlice::Udp(udp)) => {
            (udp.source_port(), udp.destination_port(), udp.payload(), None)
        }
        Some(TransportSlice::Tcp(tcp)) => {
            let facts = TcpFacts {
                sequence: tcp.sequence_number(),
                syn: tcp.syn(),
                fin: tcp.fin(),
                rst: tcp.rst(),
            };
            (tcp.source_port(), tcp.destination_port(), tcp.payload(), Some(facts))
        }
        Some(_) => return Err(Passed::OtherTransport),
        None => return Err(without_transport(&packet, frame)),
    };
    if !ports.contains(&source_port) && !ports.contains(&destination_port) {
        return Err(Passed::OtherPort);
    }
    let vlan = packet.vlan_ids().first().map(|id| id.value());
    let flow = Flow { source, destination, source_port, destination_port };
    Ok(Segment { time: frame.time, flow, vlan, payload, cut, tcp })
}

fn slice<'a>(frame: &Frame<'a>) -> Result<LaxSlicedPacket<'a>, Passed> {
    match frame.link {
        LinkType::Ethernet => {
            LaxSlicedPacket::from_ethernet(frame.data).map_err(|_| too_short(frame))
        }
        LinkType::RawIp => from_ip(frame.data, frame),
        LinkType::BsdNull => {
            from_ip(frame.data.get(NULL_HEADER..).ok_or_else(|| too_short(frame))?, frame)
        }
        LinkType::LinuxCooked1 => cooked(frame, 14, COOKED1_HEADER),
        LinkType::LinuxCooked2 => cooked(frame, 0, COOKED2_HEADER),
    }
}

/// Reads the protocol field at octet `protocol` and goes on behind the header.
fn cooked<'a>(
    frame: &Frame<'a>,
    protocol: usize,
    header: usize,
) -> Result<LaxSlicedPacket<'a>, Passed> {
    let (Some(&[high, low]), Some(rest)) =
        (frame.data.get(protocol..protocol + 2), frame.data.get(header..))
    else {
        return Err(too_short(frame));
    };
    let ether_type = EtherType(u16::from_be_bytes([high, low]));
    Ok(LaxSlicedPacket::from_ether_type(ether_type, rest))
}

fn from_ip<'a>(data: &'a [u8], frame: &Frame<'_>) -> Result<LaxSlicedPacket<'a>, Passed> {
    LaxSlicedPacket::from_ip(data).map_err(|_| match data.first().map(|byte| byte >> 4) {
        Some(4 | 6) | None => too_short(frame),
        Some(_) => Passed::NotIp,
    })
}

fn was_cut(frame: &Frame<'_>) -> bool {
    usize::try_from(frame.wire_length).is_ok_and(|length| length > frame.data.len())
}

fn too_short(frame: &Frame<'_>) -> Passed {
    if was_cut(frame) { Passed::Cut } else { Passed::Malformed }
}

fn without_ip(packet: &LaxSlicedPacket<'_>, frame: &Frame<'_>) -> Passed {
    match packet.stop_err {
        Some(_) => too_short(frame),
        None => Passed::NotIp,
    }
}

fn without_transport(packet: &LaxSlicedPacket<'_>, frame: &Frame<'_>) -> Passed {
    let fragmented = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => ip.is_payload_fragmented(),
        Some(LaxNetSlice::Ipv6(ip)) => ip.is_payload_fragmented(),
        _ => false,
    };
    match packet.stop_err {
        _ if fragmented => Passed::Fragment,
        Some(_) => too_short(frame),
        None => Passed::OtherTransport,
    }
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
