//! Tunnels over IP that mirror ports and overlays deliver: each function takes one header off.

use crate::decode::layer::{Layer, Next, enter, ether_type, skip};
use crate::decode::path::{Path, TunnelKind};
use crate::decode::segment::Passed;
use crate::decode::wire::{u16_at, u32_at};

/// What a tunnel's UDP port leads to.
#[derive(Clone, Copy)]
enum UdpTunnel {
    Geneve,
    Gre,
    GtpU,
    L2tp,
    Mpls,
    Teredo,
    Tzsp,
    Vxlan,
    VxlanGpe,
}

/// Takes the tunnel header in a UDP payload off; `None` where the ports name no tunnel or the
/// payload does not look like one.
pub(super) fn behind_udp<'a>(
    ports: [u16; 2],
    data: &'a [u8],
    path: &mut Path,
) -> Option<Result<Next<'a>, Passed>> {
    let tunnel = ports.into_iter().find_map(udp_tunnel)?;
    match tunnel {
        UdpTunnel::Geneve => geneve(data, path),
        UdpTunnel::Gre => Some(gre(data, path)),
        UdpTunnel::GtpU => gtp_u(data, path),
        UdpTunnel::L2tp => l2tp(data, path),
        UdpTunnel::Mpls => Some(Ok(Next { layer: Layer::Mpls, data })),
        UdpTunnel::Teredo => teredo(data, path),
        UdpTunnel::Tzsp => tzsp(data, path),
        UdpTunnel::Vxlan => vxlan(data, path),
        UdpTunnel::VxlanGpe => vxlan_gpe(data, path),
    }
}

/// Tells whether one of the ports is a tunnel's.
pub(super) fn is_udp_tunnel(ports: [u16; 2]) -> bool {
    ports.into_iter().any(|port| udp_tunnel(port).is_some())
}

/// Ports as IANA assigns them; 8472 is what Linux used for VXLAN before, 37008 TZSP.
const fn udp_tunnel(port: u16) -> Option<UdpTunnel> {
    Some(match port {
        1701 => UdpTunnel::L2tp,
        2152 => UdpTunnel::GtpU,
        3544 => UdpTunnel::Teredo,
        4754 => UdpTunnel::Gre,
        4789 | 8472 => UdpTunnel::Vxlan,
        4790 => UdpTunnel::VxlanGpe,
        6081 => UdpTunnel::Geneve,
        6635 => UdpTunnel::Mpls,
        37008 => UdpTunnel::Tzsp,
        _ => return None,
    })
}

/// RFC 2784, RFC 2890 and, for version 1, RFC 2637.
pub(super) fn gre<'a>(data: &'a [u8], path: &mut Path) -> Result<Next<'a>, Passed> {
    let flags = u16_at(data, 0).ok_or(Passed::Cut)?;
    let protocol = u16_at(data, 2).ok_or(Passed::Cut)?;
    let has = |bit: u16| usize::from(flags & bit != 0);
    let (checksum, routing) = (has(0x8000), has(0x4000));
    let (key, sequence, acknowledgement) = (has(0x2000), has(0x1000), has(0x0080));
    let key_at = 4 + 4 * (checksum | routing);
    let id = if key == 1 { u32_at(data, key_at) } else { None };
    let mut length = key_at + 4 * (key + sequence);
    if flags & 7 == 1 {
        length += 4 * acknowledgement;
    }
    let rest = data.get(length..).ok_or(Passed::Cut)?;
    match protocol {
        // Type I has no header of its own and no sequence number.
        0x88be if sequence == 0 => {
            enter(path, TunnelKind::Erspan, None)?;
            Ok(Next { layer: Layer::Ethernet, data: rest })
        }
        0x88be => erspan(rest, 8, path),
        0x22eb => {
            // The last bit of the header tells of eight octets more.
            let more = rest.get(11).ok_or(Passed::Cut)? & 1;
            erspan(rest, if more == 1 { 20 } else { 12 }, path)
        }
        _ => {
            enter(path, TunnelKind::Gre, id)?;
            ether_type(protocol, rest, path)
        }
    }
}

/// draft-foschiano-erspan-03 section 4: version and VLAN, then the session in ten bits.
fn erspan<'a>(data: &'a [u8], header: usize, path: &mut Path) -> Result<Next<'a>, Passed> {
    let vlan = u16_at(data, 0).ok_or(Passed::Cut)? & 0x0fff;
    let session = u16_at(data, 2).ok_or(Passed::Cut)? & 0x03ff;
    enter(path, TunnelKind::Erspan, Some(session.into()))?;
    if vlan != 0 {
        path.tag(vlan, None);
    }
    skip(data, header, Layer::Ethernet)
}

/// RFC 7348 section 5: the flag says that the number is valid.
fn vxlan<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    let (flags, number) = (data.first()?, u32_at(data, 4)? >> 8);
    if flags & 0x08 == 0 {
        return None;
    }
    Some(enter(path, TunnelKind::Vxlan, Some(number)).and_then(|()| skip(data, 8, Layer::Ethernet)))
}

/// draft-ietf-nvo3-vxlan-gpe section 3. The flag that says that the next protocol is told is not
/// asked for: there are senders that tell without it, and without both it is Ethernet.
fn vxlan_gpe<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    let (next, number) = (data.get(3)?, u32_at(data, 4)? >> 8);
    let layer = match next {
        0 | 3 => Layer::Ethernet,
        1 | 2 => Layer::Ip,
        4 => Layer::Nsh,
        5 => Layer::Mpls,
        _ => return None,
    };
    Some(enter(path, TunnelKind::Vxlan, Some(number)).and_then(|()| skip(data, 8, layer)))
}

/// RFC 8926 section 3.4.
fn geneve<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    let (first, protocol, number) = (data.first()?, u16_at(data, 2)?, u32_at(data, 4)? >> 8);
    if first >> 6 != 0 {
        return None;
    }
    let header = 8 + 4 * usize::from(first & 0x3f);
    Some(enter(path, TunnelKind::Geneve, Some(number)).and_then(|()| {
        let rest = data.get(header..).ok_or(Passed::Cut)?;
        ether_type(protocol, rest, path)
    }))
}

/// 3GPP TS 29.281 section 5: version 1, a G-PDU, and extension headers that name the next.
fn gtp_u<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    let (flags, kind, tunnel) = (data.first()?, data.get(1)?, u32_at(data, 4)?);
    if flags & 0xf0 != 0x30 || *kind != 255 {
        return None;
    }
    let mut at = 8;
    if flags & 0x07 != 0 {
        let mut next = *data.get(11)?;
        at = 12;
        while flags & 0x04 != 0 && next != 0 {
            let units = usize::from(*data.get(at)?);
            if units == 0 {
                return None;
            }
            at += 4 * units;
            next = *data.get(at - 1)?;
        }
    }
    // What is carried may be PPP or Ethernet as well; only IP is read.
    if !matches!(data.get(at)? >> 4, 4 | 6) {
        return None;
    }
    Some(enter(path, TunnelKind::GtpU, Some(tunnel)).and_then(|()| skip(data, at, Layer::Ip)))
}

/// RFC 4380 section 5.1.1: an authentication and an origin may stand before the IPv6 packet.
fn teredo<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    let mut rest = data;
    if let [0, 1, client, value, ..] = rest {
        rest = rest.get(13 + usize::from(*client) + usize::from(*value)..)?;
    }
    if let [0, 0, ..] = rest {
        rest = rest.get(8..)?;
    }
    if rest.first()? >> 4 != 6 {
        return None;
    }
    let next = Next { layer: Layer::Ip, data: rest };
    Some(enter(path, TunnelKind::Teredo, None).map(|()| next))
}

/// RFC 2661 section 3.1: data messages of version 2, then PPP.
fn l2tp<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    let flags = u16_at(data, 0)?;
    if flags & 0x8000 != 0 || flags & 0x000f != 2 {
        return None;
    }
    let ids = if flags & 0x4000 != 0 { 4 } else { 2 };
    let tunnel = u32_at(data, ids)?;
    let mut at = ids + 4 + if flags & 0x0800 != 0 { 4 } else { 0 };
    if flags & 0x0200 != 0 {
        at += 2 + usize::from(u16_at(data, at)?);
    }
    Some(enter(path, TunnelKind::L2tp, Some(tunnel)).and_then(|()| skip(data, at, Layer::Ppp)))
}

/// Version 1, a received packet, Ethernet; then tags up to the end tag.
fn tzsp<'a>(data: &'a [u8], path: &mut Path) -> Option<Result<Next<'a>, Passed>> {
    if !matches!(data, [1, 0 | 1, 0, 1, ..]) {
        return None;
    }
    let mut at = 4;
    loop {
        match *data.get(at)? {
            0 => at += 1,
            1 => break,
            _ => at += 2 + usize::from(*data.get(at + 1)?),
        }
    }
    Some(enter(path, TunnelKind::Tzsp, None).and_then(|()| skip(data, at + 1, Layer::Ethernet)))
}
