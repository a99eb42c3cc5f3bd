//! Public resolvers that answer over HTTPS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port of HTTPS.
pub const HTTPS: u16 = 443;

/// Public resolvers that answer over HTTPS, as their operators publish them: Cloudflare, Google, Quad9,
/// OpenDNS, AdGuard, Control D, Mullvad, AliDNS, DNSPod. They serve little else there.
pub(super) const RESOLVERS: [IpAddr; 26] = [
    v4(1, 1, 1, 1),
    v4(1, 0, 0, 1),
    v4(1, 1, 1, 2),
    v4(1, 1, 1, 3),
    v6([0x2606, 0x4700, 0x4700], [0, 0x1111]),
    v6([0x2606, 0x4700, 0x4700], [0, 0x1001]),
    v4(8, 8, 8, 8),
    v4(8, 8, 4, 4),
    v6([0x2001, 0x4860, 0x4860], [0, 0x8888]),
    v6([0x2001, 0x4860, 0x4860], [0, 0x8844]),
    v4(9, 9, 9, 9),
    v4(149, 112, 112, 112),
    v6([0x2620, 0xfe, 0], [0, 0xfe]),
    v6([0x2620, 0xfe, 0], [0, 9]),
    v4(208, 67, 222, 222),
    v4(208, 67, 220, 220),
    v4(94, 140, 14, 14),
    v4(94, 140, 15, 15),
    v6([0x2a10, 0x50c0, 0], [0xad1, 0xff]),
    v6([0x2a10, 0x50c0, 0], [0xad2, 0xff]),
    v4(76, 76, 2, 0),
    v4(194, 242, 2, 2),
    v4(223, 5, 5, 5),
    v4(223, 6, 6, 6),
    v4(1, 12, 12, 12),
    v4(120, 53, 53, 53),
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(head: [u16; 3], tail: [u16; 2]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(head[0], head[1], head[2], 0, 0, 0, tail[0], tail[1]))
}
