//! Link headers and what stands between them and IP: each step takes one header off.
//!
//! A step says what the rest is; it does not look into IP (see `segment`) or tunnels over IP (see
//! `tunnel`).

use crate::capture::LinkType;
use crate::decode::link;
use crate::decode::path::{Path, TunnelKind};
use crate::decode::segment::Passed;
use crate::decode::wire::{u16_at, u32_at};

pub(super) const ETHER_IPV4: u16 = 0x0800;
pub(super) const ETHER_IPV6: u16 = 0x86dd;
/// The least value of a type; below it stands the length of an IEEE 802.3 frame.
const LEAST_ETHER_TYPE: u16 = 0x0600;

/// VLAN tags and extension tags that are stepped over in one Ethernet header.
const MAX_TAGS: usize = 8;

/// What the octets at hand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// What an ether type names.
    EtherType(u16),
    /// An Ethernet header.
    Ethernet,
    /// IPv4 or IPv6.
    Ip,
    /// A frame of this link type.
    Link(LinkType),
    /// IEEE 802.2.
    Llc,
    /// An MPLS label stack.
    Mpls,
    /// A network service header (RFC 8300).
    Nsh,
    /// PPP, with or without address and control octets.
    Ppp,
}

/// What a header leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next<'a> {
    pub(super) layer: Layer,
    pub(super) data: &'a [u8],
}

/// Steps over `n` octets to what `layer` says.
pub(super) fn skip(data: &[u8], n: usize, layer: Layer) -> Result<Next<'_>, Passed> {
    Ok(Next { layer, data: data.get(n..).ok_or(Passed::Cut)? })
}

/// Enters a tunnel.
///
/// # Errors
/// `TooDeep` where there are too many already.
pub(super) fn enter(path: &mut Path, kind: TunnelKind, id: Option<u32>) -> Result<(), Passed> {
    if path.enter(kind, id) { Ok(()) } else { Err(Passed::TooDeep) }
}

/// Takes the header at hand off.
///
/// # Errors
/// Why there is nothing behind it for us; `Cut` where octets are missing.
pub(super) fn step<'a>(at: Next<'a>, path: &mut Path) -> Result<Next<'a>, Passed> {
    let Next { layer, data } = at;
    match layer {
        Layer::EtherType(kind) => ether_type(kind, data, path),
        Layer::Ethernet => {
            let kind = u16_at(data, 12).ok_or(Passed::Cut)?;
            ether_type(kind, data.get(14..).unwrap_or_default(), path)
        }
        Layer::Ip => Ok(at),
        Layer::Link(link) => link::step(link, data),
        Layer::Llc => llc(data),
        Layer::Mpls => mpls(data, path),
        Layer::Nsh => nsh(data),
        Layer::Ppp => ppp(data),
    }
}

/// Steps over tags, then over the header that the type names.
pub(super) fn ether_type<'a>(
    kind: u16,
    data: &'a [u8],
    path: &mut Path,
) -> Result<Next<'a>, Passed> {
    let (mut kind, mut data) = (kind, data);
    let mut vlan = None;
    for _ in 0..MAX_TAGS {
        let tag = match kind {
            ETHER_IPV4 | ETHER_IPV6 => return Ok(Next { layer: Layer::Ip, data }),
            // IEEE 802.1Q, 802.1ad, and the tags that came before the standards.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => 2,
            // VN-Tag and E-Tag (IEEE 802.1BR) of port extenders.
            0x8926 => 4,
            0x893f => 6,
            _ => return behind_tags(kind, data, path),
        };
        if tag == 2 {
            let id = u16_at(data, 0).ok_or(Passed::Cut)?;
            match vlan {
                None => path.tag(id, None),
                Some(outer) if path.inner_vlan().is_none() => path.tag(outer, Some(id)),
                Some(_) => {}
            }
            vlan = vlan.or(Some(id));
        }
        kind = u16_at(data, tag).ok_or(Passed::Cut)?;
        data = data.get(tag + 2..).unwrap_or_default();
    }
    Err(Passed::TooDeep)
}

fn behind_tags<'a>(kind: u16, data: &'a [u8], path: &mut Path) -> Result<Next<'a>, Passed> {
    match kind {
        // Length of an IEEE 802.3 frame.
        0..LEAST_ETHER_TYPE => Ok(Next { layer: Layer::Llc, data }),
        0x6558 => Ok(Next { layer: Layer::Ethernet, data }),
        0x880b => Ok(Next { layer: Layer::Ppp, data }),
        0x8847 | 0x8848 => Ok(Next { layer: Layer::Mpls, data }),
        0x8864 => pppoe(data, path),
        0x88e7 => {
            let tag = u32_at(data, 0).ok_or(Passed::Cut)?;
            enter(path, TunnelKind::Pbb, Some(tag & 0x00ff_ffff))?;
            skip(data, 4, Layer::Ethernet)
        }
        0x894f => Ok(Next { layer: Layer::Nsh, data }),
        // Cisco FabricPath: a tag, then the frame it carries.
        0x8903 => skip(data, 2, Layer::Ethernet),
        _ => Err(Passed::NotIp),
    }
}

/// RFC 2516 section 4: version and type 1, code 0 for data.
pub(super) fn pppoe<'a>(data: &'a [u8], path: &mut Path) -> Result<Next<'a>, Passed> {
    let head = u16_at(data, 0).ok_or(Passed::Cut)?;
    if head != 0x1100 {
        return Err(Passed::NotIp);
    }
    let session = u16_at(data, 2).ok_or(Passed::Cut)?;
    enter(path, TunnelKind::Pppoe, Some(session.into()))?;
    skip(data, 6, Layer::Ppp)
}

/// RFC 1662 section 3.1 and RFC 1661 section 2; both fields may be compressed.
fn ppp(data: &[u8]) -> Result<Next<'_>, Passed> {
    let data = data.strip_prefix(&[0xff, 0x03]).unwrap_or(data);
    let first = *data.first().ok_or(Passed::Cut)?;
    let (protocol, at) = if first & 1 == 1 {
        (u16::from(first), 1)
    } else {
        (u16_at(data, 0).ok_or(Passed::Cut)?, 2)
    };
    match protocol {
        0x0021 | 0x0057 => skip(data, at, Layer::Ip),
        0x0281 | 0x0283 => skip(data, at, Layer::Mpls),
        _ => Err(Passed::NotIp),
    }
}

/// RFC 3032 section 2.1; what stands behind the stack is told by its first four bits (RFC 4928).
fn mpls<'a>(data: &'a [u8], path: &mut Path) -> Result<Next<'a>, Passed> {
    let mut at = 0;
    loop {
        let entry = u32_at(data, at).ok_or(Passed::Cut)?;
        at += 4;
        if entry & 0x100 == 0 {
            continue;
        }
        enter(path, TunnelKind::Mpls, Some(entry >> 12))?;
        let rest = data.get(at..).unwrap_or_default();
        return match rest.first().ok_or(Passed::Cut)? >> 4 {
            4 | 6 => Ok(Next { layer: Layer::Ip, data: rest }),
            // The control word of a pseudowire (RFC 4385).
            0 => skip(rest, 4, Layer::Ethernet),
            _ => Ok(Next { layer: Layer::Ethernet, data: rest }),
        };
    }
}

/// IEEE 802.2 and RFC 1042; RFC 2684 for what ATM puts there.
fn llc(data: &[u8]) -> Result<Next<'_>, Passed> {
    match data {
        // Unnumbered information of SNAP; the organisation is Ethernet (or its bridge tunnel).
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, high, low, rest @ ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            Ok(Next { layer: Layer::EtherType(kind), data: rest })
        }
        // Bridged Ethernet behind two octets of padding.
        [0xaa, 0xaa, 0x03, 0, 0x80, 0xc2, 0, 1 | 7, rest @ ..] => skip(rest, 2, Layer::Ethernet),
        [0x06, 0x06, 0x03, rest @ ..] => Ok(Next { layer: Layer::Ip, data: rest }),
        [0xfe, 0xfe, 0x03, 0xcc | 0x8e, rest @ ..] => Ok(Next { layer: Layer::Ip, data: rest }),
        [0xfe, 0xfe, 0x03, 0xcf, rest @ ..] => Ok(Next { layer: Layer::Ppp, data: rest }),
        [] | [0xaa, ..] if data.len() < 8 => Err(Passed::Cut),
        _ => Err(Passed::NotIp),
    }
}

/// RFC 8300 section 2.
fn nsh(data: &[u8]) -> Result<Next<'_>, Passed> {
    let (length, next) = (data.get(1).ok_or(Passed::Cut)? & 0x3f, data.get(3).ok_or(Passed::Cut)?);
    let layer = match next {
        1 | 2 => Layer::Ip,
        3 => Layer::Ethernet,
        4 => Layer::Nsh,
        5 => Layer::Mpls,
        _ => return Err(Passed::NotIp),
    };
    // A header of no octets would be stepped over for ever.
    skip(data, usize::from(length.max(2)) * 4, layer)
}
