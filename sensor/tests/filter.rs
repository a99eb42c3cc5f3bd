//! The default filter of live capture lets pass what the decoder reads, and keeps the rest out.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly"
)]

#[cfg(test)]
mod support;

use geophone_sensor::capture::{Frame, LinkType, LiveConfig};
use geophone_sensor::decode::segment::{Found, found_in};
use geophone_sensor::time::Timestamp;
use pcap::{BpfProgram, Capture, Linktype};
use support::wrapped::{
    by_link, dns, dns_frame, ethernet, ip4, ip6, over_ethernet, over_ip, query, udp,
};

const ETHERNET: LinkType = LinkType::Ethernet;
/// The link types a live handle has and the filter tells apart.
const LINKS: [LinkType; 4] =
    [ETHERNET, LinkType::LinuxCooked1, LinkType::LinuxCooked2, LinkType::RawIp];

fn compiled(link: LinkType) -> BpfProgram {
    // A handle has the number of libpcap, not that of files.
    let number = if link == LinkType::RawIp { 12 } else { link.number() };
    let dead = Capture::dead(Linktype(number.into())).unwrap();
    dead.compile(&LiveConfig::default().default_filter(link), true).unwrap()
}

/// Tells whether the decoder finds something on port 53, or a fragment that may be of it.
fn is_read(link: LinkType, data: &[u8]) -> bool {
    let wire_length = u32::try_from(data.len()).unwrap();
    let frame = Frame { time: Timestamp(0), link, data, wire_length };
    !matches!(found_in(&frame, &[53]), Found::Passed(_))
}

/// What an Ethernet header announces, and what stands behind it.
#[derive(Clone, Debug)]
struct Carried {
    kind: u16,
    data: Vec<u8>,
}

impl Carried {
    fn ip(data: Vec<u8>) -> Self {
        Self { kind: if data[0] >> 4 == 4 { 0x0800 } else { 0x86dd }, data }
    }

    fn is_ip(&self) -> bool {
        matches!(self.kind, 0x0800 | 0x86dd)
    }

    /// The frame without an Ethernet header of its own before it.
    fn frame(&self) -> Vec<u8> {
        ethernet(self.kind, &self.data)
    }

    /// A frame as `link` delivers it.
    fn on(&self, link: LinkType) -> Vec<u8> {
        let kind = self.kind.to_be_bytes();
        match link {
            LinkType::LinuxCooked1 => [&[0; 14][..], &kind, &self.data].concat(),
            LinkType::LinuxCooked2 => [&kind[..], &[0; 18], &self.data].concat(),
            LinkType::RawIp => self.data.clone(),
            _ => self.frame(),
        }
    }
}

type Wrapping = (&'static str, fn(&Carried) -> Option<Carried>);

fn behind(kind: u16, head: &[u8], data: &[u8]) -> Option<Carried> {
    Some(Carried { kind, data: [head, data].concat() })
}

/// Puts `octets` of a tag in front of the type.
fn tag(kind: u16, octets: usize, inner: &Carried) -> Option<Carried> {
    let mut head = vec![1; octets];
    head.extend(inner.kind.to_be_bytes());
    behind(kind, &head, &inner.data)
}

fn session(protocol: [&[u8]; 2], inner: &Carried) -> Option<Carried> {
    let number = protocol[usize::from(inner.kind != 0x0800)];
    inner
        .is_ip()
        .then(|| behind(0x8864, &[&[0x11, 0, 0, 5, 0, 60], number].concat(), &inner.data))?
}

/// `count` labels before what they carry.
fn labels(count: u8, data: &[u8]) -> Option<Carried> {
    let stack: Vec<u8> = (1..=count).flat_map(|n| [0, n, u8::from(n == count), 64]).collect();
    behind(0x8847, &stack, data)
}

fn over_port(port: u16, head: &[u8], data: &[u8]) -> Option<Carried> {
    Some(Carried::ip(ip4(17, &udp(port, &[head, data].concat()))))
}

/// Headers of an Ethernet that the filter looks through.
const LINKED: [Wrapping; 14] = [
    ("802.1Q", |inner| tag(0x8100, 2, inner)),
    ("802.1ad", |inner| tag(0x88a8, 2, inner)),
    ("old tag", |inner| tag(0x9100, 2, inner)),
    ("E-Tag", |inner| tag(0x893f, 6, inner)),
    ("PPPoE", |inner| session([&[0, 0x21], &[0, 0x57]], inner)),
    ("label", |inner| inner.is_ip().then(|| labels(1, &inner.data))?),
    ("two labels", |inner| inner.is_ip().then(|| labels(2, &inner.data))?),
    ("three labels", |inner| inner.is_ip().then(|| labels(3, &inner.data))?),
    ("pseudowire", |inner| labels(1, &[&[0; 4][..], &inner.frame()].concat())),
    ("pseudowire of two labels", |inner| labels(2, &[&[0; 4][..], &inner.frame()].concat())),
    ("pseudowire without control word", |inner| {
        let mut frame = inner.frame();
        frame[0] = 0xa2;
        labels(2, &frame)
    }),
    ("802.1ah", |inner| behind(0x88e7, &[0, 0, 1, 2], &inner.frame())),
    ("FabricPath", |inner| behind(0x8903, &[0, 9], &inner.frame())),
    ("SNAP", |inner| {
        let kind = inner.kind.to_be_bytes();
        behind(60, &[&[0xaa, 0xaa, 3, 0, 0, 0][..], &kind].concat(), &inner.data)
    }),
];

/// Headers behind which everything passes.
const OPAQUE: [Wrapping; 23] = [
    ("another old tag", |inner| tag(0x9300, 2, inner)),
    ("VN-Tag", |inner| tag(0x8926, 4, inner)),
    ("five labels", |inner| inner.is_ip().then(|| labels(5, &inner.data))?),
    ("pseudowire of four labels", |inner| labels(4, &[&[0; 4][..], &inner.frame()].concat())),
    ("PPPoE, compressed", |inner| session([&[0x21], &[0x57]], inner)),
    ("PPPoE with address", |inner| session([&[0xff, 3, 0, 0x21], &[0xff, 3, 0, 0x57]], inner)),
    ("MPLS in PPPoE", |inner| {
        let stack = labels(1, &inner.data)?.data;
        inner.is_ip().then(|| behind(0x8864, &[0x11, 0, 0, 5, 0, 60, 2, 0x81], &stack))?
    }),
    ("bridged", |inner| behind(0x6558, &[], &inner.frame())),
    ("PPP", |inner| {
        let protocol = if inner.kind == 0x0800 { 0x21 } else { 0x57 };
        inner.is_ip().then(|| behind(0x880b, &[protocol], &inner.data))?
    }),
    ("NSH", |inner| behind(0x894f, &[0, 2, 1, 3, 0, 0, 0, 0], &inner.frame())),
    ("SNAP of a bridge", |inner| {
        behind(60, &[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0], &inner.frame())
    }),
    ("LLC of IP", |inner| inner.is_ip().then(|| behind(60, &[6, 6, 3], &inner.data))?),
    ("LLC of ISO", |inner| {
        inner.is_ip().then(|| behind(60, &[0xfe, 0xfe, 3, 0xcc], &inner.data))?
    }),
    ("GRE", |inner| {
        let kind = inner.kind.to_be_bytes();
        Some(Carried::ip(ip4(47, &[&[0, 0][..], &kind, &inner.data].concat())))
    }),
    ("EtherIP over IPv6", |inner| {
        Some(Carried::ip(ip6(97, &[&[0x30, 0][..], &inner.frame()].concat())))
    }),
    ("MPLS in IP", |inner| {
        let stack = labels(1, &inner.data)?.data;
        inner.is_ip().then(|| Carried::ip(ip4(137, &stack)))
    }),
    ("MPLS in UDP", |inner| {
        let stack = labels(1, &inner.data)?.data;
        inner.is_ip().then(|| over_port(6635, &[], &stack))?
    }),
    ("VXLAN", |inner| over_port(4789, &[8, 0, 0, 0, 0, 1, 0, 0], &inner.frame())),
    ("old VXLAN", |inner| over_port(8472, &[8, 0, 0, 0, 0, 1, 0, 0], &inner.frame())),
    ("TZSP", |inner| over_port(37008, &[1, 0, 0, 1, 1], &inner.frame())),
    ("authentication", |inner| {
        let version = if inner.kind == 0x0800 { 4 } else { 41 };
        let head = [version, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let data = [&head[..], &[0; 12], &inner.data].concat();
        inner.is_ip().then(|| Carried::ip(ip4(51, &data)))
    }),
    ("hop-by-hop and destination options", |inner| {
        let version = if inner.kind == 0x0800 { 4 } else { 41 };
        let head = [60, 0, 1, 4, 0, 0, 0, 0, version, 0, 1, 4, 0, 0, 0, 0];
        inner.is_ip().then(|| Carried::ip(ip6(0, &[&head[..], &inner.data].concat())))
    }),
    ("fragment header of a whole packet", |inner| {
        let version = if inner.kind == 0x0800 { 4 } else { 41 };
        let head = [version, 0, 0, 0, 0, 0, 0, 1];
        inner.is_ip().then(|| Carried::ip(ip6(44, &[&head[..], &inner.data].concat())))
    }),
];

/// An IPv4 packet with options.
fn with_options(protocol: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = ip4(protocol, &[&[1; 8][..], data].concat());
    packet[0] = 0x47;
    packet
}

/// Part of a datagram: its offset in units of eight octets, with the bit for more.
fn fragment(offset: u16, mut packet: Vec<u8>) -> Vec<u8> {
    packet[6..8].copy_from_slice(&offset.to_be_bytes());
    packet
}

/// TCP without options.
fn tcp(source: u16, destination: u16) -> Vec<u8> {
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    [&ports[..], &[0; 8], &[0x50, 0x18, 1, 0, 0, 0, 0, 0], b"payload of a stream"].concat()
}

/// Packets that the decoder takes.
fn wanted() -> Vec<Carried> {
    let later = [0, 0, 0, 9, 0, 0, 0, 1];
    let packets = [
        dns(),
        ip6(17, &udp(53, &query())),
        ip4(6, &tcp(4000, 53)),
        ip6(6, &tcp(53, 4000)),
        with_options(17, &udp(53, &query())),
        fragment(0x2000, dns()),
        fragment(0x2005, ip4(17, &[7; 40])),
        fragment(0x0005, ip4(6, &[7; 3])),
        fragment(0x0005, ip4(17, &[7])),
        ip6(44, &[&[17][..], &later[1..], &[7; 5]].concat()),
    ];
    packets.map(Carried::ip).to_vec()
}

/// What every network is full of.
fn ordinary() -> Vec<(&'static str, Carried)> {
    vec![
        ("HTTPS", Carried::ip(ip4(6, &tcp(4000, 443)))),
        ("HTTPS, answered", Carried::ip(ip4(6, &tcp(443, 4000)))),
        ("HTTPS over IPv6", Carried::ip(ip6(6, &tcp(4000, 443)))),
        ("QUIC", Carried::ip(ip4(17, &udp(443, &[0x40; 60])))),
        ("QUIC over IPv6", Carried::ip(ip6(17, &udp(443, &[0x40; 60])))),
        ("SSH", Carried::ip(ip4(6, &tcp(22, 53_000)))),
        ("TCP on a tunnel's port", Carried::ip(ip4(6, &tcp(4000, 4789)))),
        ("NTP", Carried::ip(ip4(17, &udp(123, &[0x23; 48])))),
        ("multicast DNS", Carried::ip(ip4(17, &udp(5353, &query())))),
        ("ping", Carried::ip(ip4(1, &[8; 40]))),
        ("neighbour solicitation", Carried::ip(ip6(58, &[135; 24]))),
        (
            "listener report",
            Carried::ip(ip6(0, &[&[58, 0, 5, 2, 0, 0, 1, 0][..], &[143; 28]].concat())),
        ),
        ("ESP", Carried::ip(ip4(50, &[5; 60]))),
        ("OSPF", Carried::ip(ip4(89, &[2; 44]))),
    ]
}

/// Everything made of at most `depth` of `wrappings` around `inner`.
fn wrap(
    inner: &(String, Carried),
    wrappings: &[Wrapping],
    depth: u8,
    each: &mut impl FnMut(&str, &Carried),
) {
    each(&inner.0, &inner.1);
    if depth == 0 {
        return;
    }
    for (name, put) in wrappings {
        if let Some(outer) = put(&inner.1) {
            wrap(&(format!("{} in {name}", inner.0), outer), wrappings, depth - 1, each);
        }
    }
}

#[test]
fn every_wrapping_that_is_followed_passes() {
    let filter = compiled(ETHERNET);
    for (name, frame, _) in over_ethernet().into_iter().chain(over_ip()) {
        assert!(filter.filter(&frame), "{name}");
        let tagged = [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
        assert!(filter.filter(&tagged), "{name} in a VLAN");
    }
    for (name, link, frame) in by_link() {
        if LINKS.contains(&link) {
            assert!(compiled(link).filter(&frame), "{name}");
        } else {
            assert_eq!(LiveConfig::default().default_filter(link), "", "{name}");
        }
    }
}

#[test]
fn what_the_decoder_reads_passes_however_it_is_wrapped() {
    let wrappings = [&LINKED[..], &OPAQUE].concat();
    for link in LINKS {
        let filter = compiled(link);
        for (n, packet) in wanted().into_iter().enumerate() {
            let depth = if n == 0 && link == ETHERNET { 3 } else { 2 };
            let mut read = 0;
            wrap(&(format!("packet {n}"), packet), &wrappings, depth, &mut |name, carried| {
                let frame = carried.on(link);
                if is_read(link, &frame) {
                    read += 1;
                    assert!(filter.filter(&frame), "{name} on {link:?}: {frame:02x?}");
                } else {
                    let is_raw = link == LinkType::RawIp && !carried.is_ip();
                    assert!(is_raw, "{name} on {link:?} is not read");
                }
            });
            assert!(read > 100, "{read} frames of {link:?} tried the filter");
        }
    }
}

#[test]
fn ordinary_frames_do_not_pass_even_inside_of_what_is_looked_through() {
    for link in LINKS {
        let filter = compiled(link);
        for (name, packet) in ordinary() {
            // Raw IP has nothing around it.
            let depth = u8::from(link != LinkType::RawIp);
            wrap(&(name.to_owned(), packet.clone()), &LINKED, depth, &mut |name, carried| {
                assert!(!filter.filter(&carried.on(link)), "{name} on {link:?}");
            });
        }
    }
    let filter = compiled(ETHERNET);
    let arp = ethernet(0x0806, &[0; 46]);
    let keepalive = ethernet(0x8864, &[&[0x11, 0, 0, 5, 0, 10, 0xc0, 0x21][..], &[9; 38]].concat());
    for (name, frame) in [("ARP", arp), ("keepalive of PPPoE", keepalive)] {
        assert!(!filter.filter(&frame), "{name}");
        let tagged = [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
        assert!(!filter.filter(&tagged), "{name} in a VLAN");
    }
}

#[test]
fn usual_stacks_of_headers_are_looked_through_to_the_end() {
    let stacks: [&[&str]; 8] = [
        &["802.1Q", "802.1ad"],
        &["802.1Q", "802.1Q", "802.1ad", "old tag"],
        &["PPPoE", "802.1Q", "802.1ad"],
        &["three labels", "802.1Q"],
        &["802.1Q", "pseudowire of two labels"],
        &["802.1Q", "802.1ad", "pseudowire"],
        &["802.1Q", "802.1ad", "802.1ah"],
        &["802.1Q", "E-Tag"],
    ];
    let filter = compiled(ETHERNET);
    for stack in stacks {
        let put = |inner: Carried| {
            stack.iter().fold(inner, |inner, name| {
                LINKED.iter().find(|known| known.0 == *name).unwrap().1(&inner).unwrap()
            })
        };
        for (name, packet) in ordinary() {
            assert!(!filter.filter(&put(packet).frame()), "{name} in {stack:?}");
        }
        assert!(filter.filter(&put(Carried { kind: 0x0800, data: dns() }).frame()), "{stack:?}");
    }
    assert!(filter.filter(&dns_frame()));
}
