//! One query in every wrapping that is followed.

use geophone_sensor::capture::LinkType;
use geophone_sensor::decode::path::{Path, Tunnel, TunnelKind};

/// A query for www.example.com.
pub(crate) fn query() -> Vec<u8> {
    super::query(7, &[b"www", b"example", b"com"], 1)
}

/// An Ethernet frame with the type `kind`.
pub(crate) fn ethernet(kind: u16, data: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &kind.to_be_bytes(), data].concat()
}

/// An IPv4 packet of `protocol`.
pub(crate) fn ip4(protocol: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + data.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 9, 0, 0, 64, protocol, 0, 0];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 53]);
    packet.extend(data);
    packet
}

/// An IPv6 packet whose first header announces `next`.
pub(crate) fn ip6(next: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    packet.extend([0xfd; 16]);
    packet.extend([0xfc; 16]);
    packet.extend(data);
    packet
}

/// A UDP datagram to `port`.
pub(crate) fn udp(port: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + data.len()).unwrap().to_be_bytes();
    [&[0x30, 0x39][..], &port.to_be_bytes(), &length, &[0, 0], data].concat()
}

/// The query in IPv4.
pub(crate) fn dns() -> Vec<u8> {
    ip4(17, &udp(53, &query()))
}

/// The query in Ethernet.
pub(crate) fn dns_frame() -> Vec<u8> {
    ethernet(0x0800, &dns())
}

/// The path through one tunnel.
pub(crate) fn tunnel(kind: TunnelKind, id: Option<u32>) -> Path {
    Path::new(None, None, &[Tunnel { kind, id }])
}

/// The path of tags.
pub(crate) fn vlans(outer: u16, inner: Option<u16>) -> Path {
    Path::new(Some(outer), inner, &[])
}

/// GRE in Ethernet, its header given.
pub(crate) fn gre(head: &[u8], data: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ip4(47, &[head, data].concat()))
}

/// A tunnel over UDP in Ethernet, its header given.
pub(crate) fn over_udp(port: u16, head: &[u8], data: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ip4(17, &udp(port, &[head, data].concat())))
}

/// Over Ethernet: name, frame, path.
pub(crate) fn over_ethernet() -> Vec<(&'static str, Vec<u8>, Path)> {
    let plain = Path::default();
    let tag = |id: u8, kind: u16, data: &[u8]| [&[0, id], &kind.to_be_bytes()[..], data].concat();
    let qinq = ethernet(0x88a8, &tag(7, 0x8100, &tag(9, 0x0800, &dns())));
    let pbb = ethernet(0x88e7, &[&[0, 0, 1, 2][..], &dns_frame()].concat());
    let mpls = ethernet(0x8847, &[&[0, 1, 0x10, 64, 0, 2, 0x11, 64][..], &dns()].concat());
    let wire = ethernet(0x8847, &[&[0, 2, 0x11, 64, 0, 0, 0, 0][..], &dns_frame()].concat());
    let pppoe = ethernet(0x8864, &[&[0x11, 0, 0, 5, 0, 60, 0, 0x21][..], &dns()].concat());
    let snap = ethernet(60, &[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &dns()].concat());
    vec![
        ("plain", dns_frame(), plain),
        ("802.1Q", ethernet(0x8100, &tag(7, 0x0800, &dns())), vlans(7, None)),
        ("QinQ", qinq, vlans(7, Some(9))),
        ("802.1ah", pbb, tunnel(TunnelKind::Pbb, Some(258))),
        ("802.3 SNAP", snap, plain),
        ("E-Tag", ethernet(0x893f, &[&[0; 6][..], &[8, 0], &dns()].concat()), plain),
        ("MPLS", mpls, tunnel(TunnelKind::Mpls, Some(0x21))),
        ("MPLS pseudowire", wire, tunnel(TunnelKind::Mpls, Some(0x21))),
        ("PPPoE", pppoe, tunnel(TunnelKind::Pppoe, Some(5))),
        ("NSH", ethernet(0x894f, &[&[0, 2, 1, 1, 0, 0, 0, 0][..], &dns()].concat()), plain),
    ]
}

/// Over IP: name, frame, path.
pub(crate) fn over_ip() -> Vec<(&'static str, Vec<u8>, Path)> {
    let keyed = gre(&[0x30, 0, 8, 0, 0, 0, 0, 42, 0, 0, 0, 1], &dns());
    let bridged = gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 42], &dns_frame());
    let erspan2 = gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0, 3, 0, 0, 0, 0], &dns_frame());
    let erspan3_head =
        [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 4][..], &[0; 7], &[1], &[0; 8]];
    let erspan2_path =
        Path::new(Some(7), None, &[Tunnel { kind: TunnelKind::Erspan, id: Some(3) }]);
    let gtp = over_udp(2152, &[0x34, 255, 0, 60, 0, 0, 0, 8, 0, 0, 0, 0x85, 1, 0, 0, 0], &dns());
    let teredo = over_udp(3544, &[0, 0, 1, 2, 3, 4, 5, 6], &ip6(17, &udp(53, &query())));
    let ppp =
        [&[0x30, 1, 0x88, 0x0b, 0, 60, 0, 9, 0, 0, 0, 1, 0xff, 3, 0, 0x21][..], &dns()].concat();
    vec![
        ("IP in IP", ethernet(0x0800, &ip4(4, &dns())), tunnel(TunnelKind::IpIp, None)),
        ("IP in IPv6", ethernet(0x86dd, &ip6(4, &dns())), tunnel(TunnelKind::IpIp, None)),
        (
            "6in4",
            ethernet(0x0800, &ip4(41, &ip6(17, &udp(53, &query())))),
            tunnel(TunnelKind::SixInFour, None),
        ),
        (
            "EtherIP",
            ethernet(0x0800, &ip4(97, &[&[0x30, 0][..], &dns_frame()].concat())),
            tunnel(TunnelKind::EtherIp, None),
        ),
        ("GRE", gre(&[0, 0, 8, 0], &dns()), tunnel(TunnelKind::Gre, None)),
        ("GRE with key and number", keyed, tunnel(TunnelKind::Gre, Some(42))),
        ("GRE bridging", bridged, tunnel(TunnelKind::Gre, Some(42))),
        ("PPTP", ethernet(0x0800, &ip4(47, &ppp)), tunnel(TunnelKind::Gre, Some(0x003c_0009))),
        ("GRE in UDP", over_udp(4754, &[0, 0, 8, 0], &dns()), tunnel(TunnelKind::Gre, None)),
        ("ERSPAN I", gre(&[0, 0, 0x88, 0xbe], &dns_frame()), tunnel(TunnelKind::Erspan, None)),
        ("ERSPAN II", erspan2, erspan2_path),
        (
            "ERSPAN III",
            gre(&erspan3_head.concat(), &dns_frame()),
            tunnel(TunnelKind::Erspan, Some(4)),
        ),
        (
            "VXLAN",
            over_udp(4789, &[8, 0, 0, 0, 0, 1, 0, 0], &dns_frame()),
            tunnel(TunnelKind::Vxlan, Some(256)),
        ),
        (
            "VXLAN-GPE",
            over_udp(4790, &[12, 0, 0, 1, 0, 1, 0, 0], &dns()),
            tunnel(TunnelKind::Vxlan, Some(256)),
        ),
        (
            "Geneve with options",
            over_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 4], &dns_frame()),
            tunnel(TunnelKind::Geneve, Some(9)),
        ),
        ("GTP-U with extension", gtp, tunnel(TunnelKind::GtpU, Some(8))),
        ("Teredo", teredo, tunnel(TunnelKind::Teredo, None)),
        (
            "L2TP",
            over_udp(1701, &[0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], &dns()),
            tunnel(TunnelKind::L2tp, Some(0x1_0002)),
        ),
        (
            "TZSP",
            over_udp(37008, &[1, 0, 0, 1, 10, 1, 0, 1], &dns_frame()),
            tunnel(TunnelKind::Tzsp, None),
        ),
    ]
}

/// By link type: name, link type, frame.
pub(crate) fn by_link() -> Vec<(&'static str, LinkType, Vec<u8>)> {
    let with = |head: &[u8], data: &[u8]| [head, data].concat();
    let snap = with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &dns());
    let wlan = with(&[&[0x88, 1][..], &[0; 24]].concat(), &snap);
    let length = u16::try_from(dns().len() + 4).unwrap();
    let little = with(&length.to_le_bytes(), &with(&[9, 0], &dns()));
    let big = with(&length.to_be_bytes(), &with(&[0, 9], &dns()));
    let netlink = with(&[&[0; 14][..], &[0, 12, 0, 0, 0, 0, 0, 4], &[0; 14]].concat(), &little);
    let mut pktap = vec![12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    pktap.extend(dns_frame());
    let mut erf = [0; 16];
    erf[8] = 0x82;
    let erf = with(&[&erf[..], &[0; 8], &[0; 2]].concat(), &dns_frame());
    vec![
        ("raw", LinkType::RawIp, dns()),
        ("null", LinkType::BsdNull, with(&[2, 0, 0, 0], &dns())),
        ("cooked 1", LinkType::LinuxCooked1, with(&[&[0; 14][..], &[8, 0]].concat(), &dns())),
        ("cooked 2", LinkType::LinuxCooked2, with(&[&[8, 0][..], &[0; 18]].concat(), &dns())),
        ("PPP", LinkType::Ppp { skip: 0 }, with(&[0xff, 3, 0, 0x21], &dns())),
        ("PPP, compressed", LinkType::Ppp { skip: 1 }, with(&[1, 0x21], &dns())),
        ("Cisco HDLC", LinkType::CiscoHdlc, with(&[0x0f, 0, 8, 0], &dns())),
        ("802.11", LinkType::Ieee80211, wlan.clone()),
        ("radiotap", LinkType::Radiotap { avs: false }, with(&[0, 0, 8, 0, 0, 0, 0, 0], &wlan)),
        ("AVS", LinkType::Radiotap { avs: true }, with(&[0x80, 0x21, 0x10, 1, 0, 0, 0, 8], &wlan)),
        ("Prism", LinkType::Prism, with(&[0x44, 0, 0, 0, 8, 0, 0, 0], &wlan)),
        ("PPI", LinkType::Ppi, with(&[0, 0, 8, 0, 105, 0, 0, 0], &wlan)),
        ("NFLOG, least octet first", LinkType::Nflog, with(&[2, 0, 0, 0], &little)),
        ("NFLOG, greatest octet first", LinkType::Nflog, with(&[2, 0, 0, 0], &big)),
        ("netlink", LinkType::Netlink, netlink),
        ("PKTAP", LinkType::Pktap, pktap),
        ("ERF with extension", LinkType::Erf, erf),
        ("PFLOG", LinkType::Pflog, with(&[&[61][..], &[0; 63]].concat(), &dns())),
        ("LLC", LinkType::Llc, snap.clone()),
        ("FDDI", LinkType::Fddi, with(&[0; 13], &snap)),
        ("ARCNET", LinkType::Arcnet { linux: true }, with(&[1, 2, 0, 0, 0xf0], &dns())),
        (
            "ARCNET of RFC 1201",
            LinkType::Arcnet { linux: false },
            with(&[1, 2, 0xd4, 0, 0, 0], &dns()),
        ),
    ]
}
