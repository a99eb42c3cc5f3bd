//! The first header of a frame, by the link type of its source.

use crate::capture::LinkType;
use crate::decode::layer::{Layer, Next, skip};
use crate::decode::segment::Passed;
use crate::decode::wire::u16_at;
use crate::decode::wlan;

/// Octets of a Linux cooked header, version 1 (LINKTYPE_LINUX_SLL).
const COOKED1_HEADER: usize = 16;
/// Octets of a Linux cooked header, version 2 (LINKTYPE_LINUX_SLL2).
const COOKED2_HEADER: usize = 20;
/// Octets of the BSD null header: an address family in the byte order of the recorder.
const NULL_HEADER: usize = 4;
/// Octets of the destination, source and frame control of FDDI.
const FDDI_HEADER: usize = 13;
/// Octets of a netlink message's header: length, type, flags, sequence number, port.
const NETLINK_HEADER: usize = 16;
/// Linux's device type of netlink (ARPHRD_NETLINK).
const DEVICE_NETLINK: u16 = 824;
/// The netlink family of netfilter.
const NETLINK_NETFILTER: u16 = 12;
/// Attribute with the packet in NFLOG messages (NFULA_PAYLOAD) and in NFQUEUE's (NFQA_PAYLOAD).
const NFLOG_PACKET: u16 = 9;
const NFQUEUE_PACKET: u16 = 10;

/// Takes the link header off.
pub(super) fn step(link: LinkType, data: &[u8]) -> Result<Next<'_>, Passed> {
    match link {
        LinkType::Arcnet { linux } => arcnet(data, linux),
        LinkType::BsdNull => skip(data, NULL_HEADER, Layer::Ip),
        LinkType::CiscoHdlc => cisco_hdlc(data),
        LinkType::Erf => erf(data),
        LinkType::Ethernet => Ok(Next { layer: Layer::Ethernet, data }),
        LinkType::Fddi => skip(data, FDDI_HEADER, Layer::Llc),
        LinkType::Ieee80211 => wlan::step(data, 0),
        LinkType::LinuxCooked1 => cooked(data, 2, 14, COOKED1_HEADER),
        LinkType::LinuxCooked2 => cooked(data, 8, 0, COOKED2_HEADER),
        LinkType::Llc => Ok(Next { layer: Layer::Llc, data }),
        LinkType::Mpls => Ok(Next { layer: Layer::Mpls, data }),
        LinkType::Netlink => {
            let family = u16_at(data, 14).ok_or(Passed::Cut)?;
            netlink(data.get(COOKED1_HEADER..).ok_or(Passed::Cut)?, family)
        }
        LinkType::Nflog => attributes(data.get(4..).ok_or(Passed::Cut)?, NFLOG_PACKET),
        LinkType::Pflog => {
            let length = usize::from(*data.first().ok_or(Passed::Cut)?);
            skip(data, length.next_multiple_of(4), Layer::Ip)
        }
        LinkType::Pktap => pktap(data),
        LinkType::Ppi => ppi(data),
        // Cisco HDLC is captured under the number of PPP, too.
        LinkType::Ppp { .. } if matches!(data, [0x0f | 0x8f, 0, ..]) => cisco_hdlc(data),
        LinkType::Ppp { skip: n } => skip(data, n.into(), Layer::Ppp),
        LinkType::PppoeSession => Ok(Next { layer: Layer::EtherType(0x8864), data }),
        LinkType::Prism => wlan::prism(data),
        LinkType::Radiotap { avs: true } => wlan::avs(data),
        LinkType::Radiotap { avs: false } => wlan::radiotap(data),
        LinkType::RawIp => Ok(Next { layer: Layer::Ip, data }),
        LinkType::Other(_) => Err(Passed::LinkType),
    }
}

/// The device type stands at octet `device`, the protocol at `protocol`.
fn cooked(data: &[u8], device: usize, protocol: usize, header: usize) -> Result<Next<'_>, Passed> {
    let kind = u16_at(data, protocol).ok_or(Passed::Cut)?;
    let rest = data.get(header..).ok_or(Passed::Cut)?;
    if u16_at(data, device) == Some(DEVICE_NETLINK) {
        return netlink(rest, kind);
    }
    // 1 is a frame of raw IEEE 802.3, 4 one of IEEE 802.2 (LINKTYPE_LINUX_SLL).
    match kind {
        4 => Ok(Next { layer: Layer::Llc, data: rest }),
        _ => Ok(Next { layer: Layer::EtherType(kind), data: rest }),
    }
}

fn cisco_hdlc(data: &[u8]) -> Result<Next<'_>, Passed> {
    let kind = u16_at(data, 2).ok_or(Passed::Cut)?;
    skip(data, 4, Layer::EtherType(kind))
}

/// RFC 1051 puts the packet right behind the type, RFC 1201 behind a flag and a number.
fn arcnet(data: &[u8], linux: bool) -> Result<Next<'_>, Passed> {
    let at = if linux { 4 } else { 2 };
    match *data.get(at).ok_or(Passed::Cut)? {
        0xf0 => skip(data, at + 1, Layer::Ip),
        0xd4 | 0xc4 => skip(data, at + 4, Layer::Ip),
        _ => Err(Passed::NotIp),
    }
}

/// LINKTYPE_ERF: a header of 16 octets, eight more for each extension.
fn erf(data: &[u8]) -> Result<Next<'_>, Passed> {
    let kind = *data.get(8).ok_or(Passed::Cut)?;
    let (mut more, mut at) = (kind, 16);
    while more & 0x80 != 0 {
        more = *data.get(at).ok_or(Passed::Cut)?;
        at += 8;
    }
    match kind & 0x7f {
        1 | 5 | 12 | 15 | 17 => skip(data, at, Layer::Link(LinkType::Ppp { skip: 0 })),
        2 | 11 | 16 | 20 => skip(data, at + 2, Layer::Ethernet),
        22 | 23 => skip(data, at, Layer::Ip),
        _ => Err(Passed::NotIp),
    }
}

/// LINKTYPE_PKTAP: length and link type of what follows, least octet first.
fn pktap(data: &[u8]) -> Result<Next<'_>, Passed> {
    let length = word(data, 0)?;
    let kind = word(data, 4)?;
    let link = word(data, 8)?;
    // Type 1 is a packet; length 0 would lead back here.
    if kind != 1 || length < 12 {
        return Err(Passed::NotIp);
    }
    skip(data, index(length), Layer::Link(inner_link(link)))
}

/// LINKTYPE_PPI: length and link type of what follows, least octet first.
fn ppi(data: &[u8]) -> Result<Next<'_>, Passed> {
    let length = usize::from(half(data, 2)?);
    let link = word(data, 4)?;
    if length < 8 {
        return Err(Passed::Malformed);
    }
    skip(data, length, Layer::Link(inner_link(link)))
}

/// A link type inside a link type; one that says so of itself again ends the walk.
fn inner_link(number: u32) -> LinkType {
    match u16::try_from(number).map(LinkType::from_number) {
        Ok(LinkType::Pktap | LinkType::Ppi) | Err(_) => LinkType::Other(u16::MAX),
        Ok(link) => link,
    }
}

/// The messages of a netlink frame; at least one, so that every frame comes to something.
pub(super) struct NetlinkMessages<'a> {
    family: u16,
    rest: Option<&'a [u8]>,
}

impl<'a> NetlinkMessages<'a> {
    pub(super) fn of(frame: &'a [u8]) -> Self {
        let family = u16_at(frame, 14).unwrap_or_default();
        Self { family, rest: Some(frame.get(COOKED1_HEADER..).unwrap_or_default()) }
    }

    /// Takes the next message off the front.
    pub(super) fn next(&mut self) -> Option<Result<Next<'a>, Passed>> {
        let rest = self.rest.take()?;
        // The length has the recorder's byte order; read the wrong way it is far too large.
        let length = rest.first_chunk().copied().unwrap_or_default();
        let length = index(u32::from_le_bytes(length).min(u32::from_be_bytes(length)));
        // One shorter than its own header is not believed: the message is all that is left.
        let end = if length < NETLINK_HEADER { rest.len() } else { length };
        let next = rest.get(end.next_multiple_of(4)..);
        self.rest = next.filter(|rest| rest.len() >= NETLINK_HEADER);
        Some(netlink(rest.get(..end).unwrap_or(rest), self.family))
    }
}

/// One netlink message of netfilter's packet log or queue; its numbers have the recorder's order.
fn netlink(data: &[u8], family: u16) -> Result<Next<'_>, Passed> {
    if family != NETLINK_NETFILTER {
        return Err(Passed::NotIp);
    }
    let subsystem = [data.get(4), data.get(5)];
    let attributes_at = data.get(20..).ok_or(Passed::Cut)?;
    // The message number stands beside it: 0 for a packet in both.
    match subsystem {
        [Some(0), Some(4)] | [Some(4), Some(0)] => attributes(attributes_at, NFLOG_PACKET),
        [Some(0), Some(3)] | [Some(3), Some(0)] => attributes(attributes_at, NFQUEUE_PACKET),
        _ => Err(Passed::NotIp),
    }
}

/// Finds an attribute in a list of length, type and value, in either byte order.
fn attributes(data: &[u8], wanted: u16) -> Result<Next<'_>, Passed> {
    let found = attribute(data, wanted, u16::from_le_bytes)
        .or_else(|| attribute(data, wanted, u16::from_be_bytes));
    Ok(Next { layer: Layer::Ip, data: found.ok_or(Passed::NotIp)? })
}

fn attribute(data: &[u8], wanted: u16, number: fn([u8; 2]) -> u16) -> Option<&[u8]> {
    let mut rest = data;
    while let [a, b, c, d, ..] = *rest {
        let (length, kind) = (usize::from(number([a, b])), number([c, d]) & 0x3fff);
        if length < 4 {
            return None;
        }
        if kind == wanted {
            // What the snap length cut is still the head of the packet.
            return rest.get(4..length).or_else(|| rest.get(4..));
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn half(data: &[u8], at: usize) -> Result<u16, Passed> {
    u16_at(data, at).map(u16::swap_bytes).ok_or(Passed::Cut)
}

fn word(data: &[u8], at: usize) -> Result<u32, Passed> {
    crate::decode::wire::u32_at(data, at).map(u32::swap_bytes).ok_or(Passed::Cut)
}

fn index(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A netlink message of NFLOG with `packet` in it, in little-endian numbers.
    fn nflog(packet: &[u8]) -> Vec<u8> {
        let attribute = u16::try_from(packet.len() + 4).unwrap().to_le_bytes();
        let length = u32::try_from(NETLINK_HEADER + 4 + 4 + packet.len()).unwrap();
        let mut message = [&length.to_le_bytes()[..], &[0, 4], &[0; 10]].concat();
        message.extend([0; 4]);
        message.extend([attribute, NFLOG_PACKET.to_le_bytes()].concat());
        message.extend(packet);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn packets(messages: &[u8]) -> Vec<Result<&[u8], Passed>> {
        let mut messages = NetlinkMessages::of(messages);
        std::iter::from_fn(|| Some(messages.next()?.map(|next| next.data))).collect()
    }

    #[test]
    fn every_packet_of_a_netlink_frame_is_found() {
        let header = [&[0, 4, 3, 0x38][..], &[0; 10], &NETLINK_NETFILTER.to_be_bytes()].concat();
        let frame = |messages: &[Vec<u8>]| [header.clone(), messages.concat()].concat();
        let other = [&[20, 0, 0, 0][..], &[9; 16]].concat();
        let whole = frame(&[nflog(b"first"), other, nflog(b"2")]);
        assert_eq!(packets(&whole), [Ok(&b"first"[..]), Err(Passed::NotIp), Ok(b"2")]);
        // A length that is none ends the frame; every frame comes to something.
        for bad in [&[3, 0, 0, 0][..], &[0; 40], &[0xff; 20]] {
            let frame = frame(&[nflog(b"first"), bad.to_vec(), nflog(b"2")]);
            assert_eq!(packets(&frame)[0], Ok(&b"first"[..]));
            assert!(packets(&frame).len() <= 2, "{bad:?}");
        }
        assert_eq!(packets(&[]), [Err(Passed::NotIp)]);
        assert_eq!(packets(&header).len(), 1);
    }
}
