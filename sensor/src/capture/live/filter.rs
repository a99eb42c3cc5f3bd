//! The default BPF filter, as text in libpcap's language.
//!
//! It lets pass whatever the decoder can find a message on a watched port in. Headers that stand
//! at a place known in advance are looked through; behind one that is not looked through, and
//! inside of tunnels over IP, fragments and IP options, everything passes. So a header too many
//! costs time, not sight.
//!
//! It is written with plain offsets (`link[12:2]`) and without the keywords `vlan`, `mpls` and
//! `pppoes`: those move the offsets of everything behind them in the text, whether they matched or
//! not, and `vlan` means the kernel's metadata on a live handle but octets of the frame in a file.
//! Linux takes the outermost VLAN tag out of a frame before the filter sees it, so on an interface
//! one tag more than [`SHIMS`] is looked through. Every load stands behind the test that makes
//! it safe, because a load behind the end of a frame makes BPF refuse the frame as a whole.
//!
//! The language cannot name a part and use it twice, but many ways through the headers lead to the
//! same place. So the text is put together by place, and each place is tested once. For one
//! port and Ethernet that makes a program of 2,880 instructions, of which a query takes 17 and a
//! segment of HTTPS 28; each further port adds some 72, the hosts whose HTTPS passes some 165
//! (libpcap 1.10.3).
//!
//! The kernel charges the program, some 86 KB in its own form, to `net.core.optmem_max`. Where that
//! is less (kernels before 131,072 became the default have 20,480), libpcap says so on standard
//! error and filters in user space: the same frames pass, but all of them go through the ring.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::capture::LinkType;

/// VLAN tags and MPLS labels, four octets each, that are looked through in one frame.
const SHIMS: u32 = 4;
/// Octets that are looked through in front of IP: so many shims, ...
const OUTER: u32 = 4 * SHIMS;
/// ... and one more Ethernet header, where there is another.
const INNER: u32 = OUTER + 14;
/// Octets in front of IP up to which a packet that is none of ours is tried for nothing else. It
/// makes the filter longer, but most frames of a network end here.
const NEAR: u32 = 8;
/// UDP ports of tunnels: L2TP, GTP-U, Teredo, GRE in UDP, VXLAN, VXLAN-GPE, Geneve, MPLS in UDP,
/// VXLAN as Linux first had it, TZSP.
const TUNNEL_PORTS: [u16; 10] = [1701, 2152, 3544, 4754, 4789, 4790, 6081, 6635, 8472, 37008];
/// IP protocols that carry another packet or frame: IPv4, IPv6, GRE (and with it ERSPAN), EtherIP,
/// MPLS in IP.
const TUNNEL_PROTOCOLS: [u8; 5] = [4, 41, 47, 97, 137];
/// The authentication header, the one extension that IPv4 has, too.
const AUTHENTICATION: u8 = 51;
/// IPv6 headers between the first one and the transport: routing, fragment, authentication,
/// destination options (RFC 8200). Hop-by-hop is tested apart.
const EXTENSIONS: [u8; 4] = [43, 44, AUTHENTICATION, 60];

/// The port of HTTPS.
const HTTPS: u16 = 443;

const IP: [u16; 2] = [0x0800, 0x86dd];
/// IEEE 802.1Q, 802.1ad, and the tags that came before the standards.
const VLAN: [u16; 5] = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];
const MPLS: [u16; 2] = [0x8847, 0x8848];
/// E-Tag of a port extender (IEEE 802.1BR).
const EXTENDER: u16 = 0x893f;
/// IEEE 802.1ah and Cisco FabricPath, each before another Ethernet header.
const BACKBONE: u16 = 0x88e7;
const FABRIC: u16 = 0x8903;
const PPPOE: u16 = 0x8864;
/// IP as PPP numbers it.
const PPP_IP: [u16; 2] = [0x0021, 0x0057];
/// What is never looked through: VN-Tag, and bridged Ethernet, PPP and a network service header,
/// which are at home in tunnels.
const RARE: [u16; 4] = [0x8926, 0x6558, 0x880b, 0x894f];

/// Returns the filter for `ports` on frames of `link`, or nothing where a link type has no fixed
/// place for the type of what it carries: then everything passes.
pub(super) fn default_filter(ports: &[u16], hosts: &[IpAddr], link: LinkType) -> String {
    let mut routes = Routes { ports, hosts, start: 0, ways: BTreeMap::new(), whole: Vec::new() };
    let (kind, start) = match link {
        LinkType::Ethernet => (12, 14),
        LinkType::LinuxCooked1 => (14, 16),
        LinkType::LinuxCooked2 => (0, 20),
        LinkType::RawIp => return routes.ip(0),
        _ => return String::new(),
    };
    routes.start = start;
    if link != LinkType::Ethernet {
        // Netlink's own number of netfilter stands here on frames of nlmon interfaces.
        routes.whole.push(format!("link[{kind}:2] = 12"));
    }
    let header = Header::Type { kind, reach: Reach::Ethernet };
    routes.ways.insert(Place { at: start, header }, Vec::new());
    routes.text()
}

/// A header and where it begins, in the order of the places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: u32,
    header: Header,
}

/// What may stand at a place; one leads to another at the same place only in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Header {
    /// What the type at `kind` names.
    Type {
        kind: u32,
        reach: Reach,
    },
    /// An MPLS label.
    Label {
        reach: Reach,
    },
    Ip,
}

/// What is still looked through besides tags and PPPoE. Every step multiplies the places, so tags
/// among the octets end the first, and an Ethernet header inside of a frame the second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Nothing,
    Labels,
    /// Labels, and whatever stands before another Ethernet header.
    Ethernet,
}

/// A place with a type, ready to be written.
struct Typed<'a> {
    /// The tests that lead there.
    way: &'a str,
    /// Where the type is read.
    kind: &'a str,
    at: u32,
    reach: Reach,
}

/// The filter while it is written.
struct Routes<'a> {
    ports: &'a [u16],
    /// Hosts whose HTTPS passes, too.
    hosts: &'a [IpAddr],
    /// Where the link header ends.
    start: u32,
    /// Places that are still to be written, and the tests that lead there.
    ways: BTreeMap<Place, Vec<String>>,
    /// Alternatives behind which everything passes.
    whole: Vec<String>,
}

impl Routes<'_> {
    fn text(mut self) -> String {
        let mut packets = Vec::new();
        // Every header leads to a place behind its own, so no place gets a way once it is done.
        while let Some((Place { at, header }, ways)) = self.ways.pop_first() {
            let way = any(&ways);
            match header {
                Header::Type { kind, reach } => {
                    let kind = format!("link[{kind}:2]");
                    let ends = self.typed(&Typed { way: &way, kind: &kind, at, reach });
                    self.whole.push(both(&way, &any(&ends)));
                }
                Header::Label { reach } => self.label(&way, at, reach),
                Header::Ip => packets.push((at, way)),
            }
        }
        packets.iter().rev().fold(any(&self.whole), |others, (at, way)| {
            let packet = both(way, &self.ip(*at));
            if *at > self.start + NEAR {
                return any(&[packet, others]);
            }
            any(&[packet, both(&format!("not {way}"), &others)])
        })
    }

    fn lead(&mut self, at: u32, header: Header, way: String) {
        self.ways.entry(Place { at, header }).or_default().push(way);
    }

    /// Leads to what a type announces; returns tests behind which everything passes.
    fn typed(&mut self, from: &Typed<'_>) -> Vec<String> {
        let Typed { way, kind, at, reach } = *from;
        let last = self.start + if reach == Reach::Nothing { INNER } else { OUTER };
        let is = |kinds: &[u16]| any_of(kind, kinds);
        let (types, others) = llc(kind, at);
        let (ppp, session) = (format!("link[{}:2]", at + 6), is(&[PPPOE]));
        // Compressed numbers, MPLS, and address and control octets; above are control protocols.
        let data = format!("({ppp} > 0x0057 and ({ppp} < 0x8000 or {ppp} = 0xff03))");
        let mut ends = vec![is(&RARE), others, both(&session, &data)];
        let mut to = |test: String, at: u32, header: Header| {
            if at > last { ends.push(test) } else { self.lead(at, header, both(way, &test)) }
        };
        to(is(&IP), at, Header::Ip);
        to(both(&session, &any_of(&ppp, &PPP_IP)), at + 8, Header::Ip);
        let tagged =
            |octets| Header::Type { kind: at + octets - 2, reach: reach.min(Reach::Labels) };
        to(is(&VLAN), at + 4, tagged(4));
        if reach == Reach::Ethernet {
            to(is(&[EXTENDER]), at + 8, tagged(8));
            to(types, at + 8, tagged(8));
            to(is(&[FABRIC]), at + 16, tagged(16));
            let header = Header::Type { kind: at + 16, reach: Reach::Nothing };
            self.lead(at + 18, header, both(way, &is(&[BACKBONE])));
        } else {
            ends.extend([is(&[EXTENDER, FABRIC, BACKBONE]), types]);
        }
        if reach != Reach::Nothing && at < last {
            self.lead(at, Header::Label { reach }, both(way, &is(&MPLS)));
        } else {
            ends.push(is(&MPLS));
        }
        ends
    }

    /// A label (RFC 3032); behind the last one the first four bits tell IP from Ethernet, with the
    /// control word of a pseudowire (RFC 4385) or without.
    fn label(&mut self, way: &str, at: u32, reach: Reach) {
        let (last, behind) = (format!("link[{}] & 1", at + 2), at + 4);
        let end = both(way, &format!("{last} = 1"));
        let more = both(way, &format!("{last} = 0"));
        let half = format!("link[{behind}] & 0xf0");
        // Version 4 and 6 differ in one bit.
        let version = format!("link[{behind}] & 0xd0");
        let wire = both(&end, &format!("{version} != 0x40"));
        if reach == Reach::Ethernet {
            let header = |kind| Header::Type { kind, reach: Reach::Nothing };
            self.lead(behind + 14, header(behind + 12), both(&wire, &format!("{half} != 0")));
            self.lead(behind + 18, header(behind + 16), both(&end, &format!("{half} = 0")));
        } else {
            self.whole.push(wire);
        }
        self.lead(behind, Header::Ip, both(&end, &format!("{version} = 0x40")));
        if behind < self.start + OUTER {
            self.lead(behind, Header::Label { reach }, more);
        } else {
            self.whole.push(more);
        }
    }

    /// The decoder tells the versions apart as here, whatever stands before them.
    fn ip(&self, at: u32) -> String {
        let version = format!("link[{at}] & 0xf0");
        let four = both(&format!("{version} = 0x40"), &self.ipv4(at));
        any(&[four, both(&format!("{version} = 0x60"), &self.ipv6(at))])
    }

    fn ipv4(&self, at: u32) -> String {
        let protocol = format!("link[{}]", at + 9);
        let authentication = format!("{protocol} = {AUTHENTICATION}");
        // Fragments, and options, behind which the ports have no fixed place.
        let apart = format!("link[{}:2] & 0x3fff != 0 or link[{at}] != 0x45", at + 6);
        let words = self.hosts.iter().filter_map(|host| match host {
            IpAddr::V4(host) => Some(host.to_bits()),
            IpAddr::V6(_) => None,
        });
        let host = any_of(&format!("link[{}:4]", at + 16), &words.collect::<Vec<_>>());
        let https = self.https(at, at + 20, &host);
        let apart = any(&[vec![apart], https].concat());
        self.transport(&protocol, at + 20, &authentication, Some(&apart))
    }

    /// What goes to the port of HTTPS of one of the hosts; nothing far inside of a frame, where it is not
    /// worth the instructions.
    fn https(&self, at: u32, ports: u32, host: &str) -> Vec<String> {
        if host.is_empty() || at > self.start + NEAR {
            return Vec::new();
        }
        vec![both(&format!("link[{}:2] = {HTTPS}", ports + 2), host)]
    }

    fn ipv6(&self, at: u32) -> String {
        let protocol = format!("link[{}]", at + 6);
        // Behind hop-by-hop options there is mostly ICMPv6 (58): multicast listener reports.
        let hops = format!("({protocol} = 0 and link[{}] != 58)", at + 40);
        let extension = any(&[any_of(&protocol, &EXTENSIONS), hops]);
        // The networks of the hosts are theirs alone.
        let words = self.hosts.iter().filter_map(|host| match host {
            IpAddr::V4(_) => None,
            IpAddr::V6(host) => Some(host.to_bits() >> 64),
        });
        let networks = words.collect::<BTreeSet<_>>().into_iter().map(|network| {
            let (high, low) = (network >> 32, network & 0xffff_ffff);
            format!("(link[{}:4] = {high} and link[{}:4] = {low})", at + 24, at + 28)
        });
        let host = any(&networks.collect::<Vec<_>>());
        let https = any(&self.https(at, at + 40, &host));
        let apart = Some(https.as_str()).filter(|https| !https.is_empty());
        self.transport(&protocol, at + 40, &extension, apart)
    }

    /// Protocols that pass as they are, then UDP and TCP: where they stand `apart`, or by port.
    fn transport(&self, protocol: &str, ports: u32, other: &str, apart: Option<&str>) -> String {
        let ends = [format!("link[{ports}:2]"), format!("link[{}:2]", ports + 2)];
        let either = |ports: &[u16]| any(&ends.each_ref().map(|end| any_of(end, ports)));
        let tunnel = both(&format!("{protocol} = 17"), &either(&TUNNEL_PORTS));
        let mut wanted: Vec<String> = apart.map(str::to_owned).into_iter().collect();
        wanted.extend([either(self.ports), tunnel]);
        let segment = both(&any_of(protocol, &[17, 6]), &any(&wanted));
        any(&[segment, any_of(protocol, &TUNNEL_PROTOCOLS), other.to_owned()])
    }
}

/// IEEE 802.2 with SNAP and a type of Ethernet, or with what else IP may be behind: SNAP of bridges
/// and the numbers of IP and of ISO (of which IS-IS has another one).
fn llc(kind: &str, at: u32) -> (String, String) {
    let half = |more: u32| format!("link[{}:2]", at + more);
    let (numbers, length) = (half(0), format!("{kind} < 0x0600"));
    let snap = both(&length, &format!("{numbers} = 0xaaaa"));
    let iso = format!("({numbers} = 0xfefe and {} != 0x0383)", half(2));
    let others = any(&[format!("{numbers} = 0x0606"), iso]);
    let bridged = both(&snap, &format!("{} = 0x80c2", half(4)));
    (both(&snap, &any_of(&half(4), &[0, 0x00f8])), any(&[both(&length, &others), bridged]))
}

fn any_of<N: std::fmt::Display>(place: &str, values: &[N]) -> String {
    any(&values.iter().map(|value| format!("{place} = {value}")).collect::<Vec<_>>())
}

/// One of the tests; no tests at all are a way that is always open.
fn any(tests: &[String]) -> String {
    match tests {
        [] => String::new(),
        [test] => test.clone(),
        _ => format!("({})", tests.join(" or ")),
    }
}

fn both(way: &str, test: &str) -> String {
    if way.is_empty() { test.to_owned() } else { format!("({way} and {test})") }
}

#[cfg(test)]
mod tests {
    use pcap::{BpfProgram, Capture, Linktype};

    use super::*;

    const TCP: u8 = 6;
    const UDP: u8 = 17;
    /// The kernel's limit (`BPF_MAXINSNS`).
    const MAX_INSTRUCTIONS: usize = 4096;

    fn compiled(ports: &[u16], link: LinkType) -> BpfProgram {
        compiled_with(ports, &[], link)
    }

    fn compiled_with(ports: &[u16], hosts: &[IpAddr], link: LinkType) -> BpfProgram {
        // A handle has the number of libpcap, not that of files.
        let number = if link == LinkType::RawIp { 12 } else { link.number() };
        let dead = Capture::dead(Linktype(number.into())).unwrap();
        dead.compile(&default_filter(ports, hosts, link), true).unwrap()
    }

    fn bytes(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    /// A UDP or TCP header, as far as it is looked at, and a payload.
    fn transport(source: u16, destination: u16) -> Vec<u8> {
        bytes(&[&source.to_be_bytes(), &destination.to_be_bytes(), &[0; 28]])
    }

    /// An IPv4 header with `words` of 4 octets and the given flags and fragment offset.
    fn v4_with(words: u8, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; usize::from(words) * 4];
        header[0] = 0x40 | words;
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        header[9] = protocol;
        bytes(&[&header, payload])
    }

    /// With "don't fragment", as most are.
    fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        v4_with(5, 0x4000, protocol, payload)
    }

    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 40];
        header[0] = 0x60;
        header[6] = next;
        bytes(&[&header, payload])
    }

    fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
        bytes(&[&[2; 12], &kind.to_be_bytes(), payload])
    }

    /// Puts a tag into an Ethernet frame.
    fn tagged(tag: u16, frame: &[u8]) -> Vec<u8> {
        bytes(&[&frame[..12], &tag.to_be_bytes(), &[0, 20], &frame[12..]])
    }

    /// A label stack in front of a packet.
    fn labelled(labels: u8, packet: &[u8]) -> Vec<u8> {
        let stack: Vec<u8> = (1..=labels)
            .flat_map(|label| [0, label, 0x10 | u8::from(label == labels), 64])
            .collect();
        ethernet(0x8847, &bytes(&[&stack, packet]))
    }

    fn pppoe(protocol: u16, packet: &[u8]) -> Vec<u8> {
        ethernet(0x8864, &bytes(&[&[0x11, 0, 0, 1, 0, 9], &protocol.to_be_bytes(), packet]))
    }

    /// Plain packets with DNS, and with what is none of ours.
    fn packets(ours: bool) -> Vec<(String, u16, Vec<u8>)> {
        let pairs = if ours { [(4000, 53), (53, 4000)] } else { [(4000, 443), (80, 4000)] };
        let mut all = Vec::new();
        for (source, destination) in pairs {
            let inner = transport(source, destination);
            for protocol in [UDP, TCP] {
                let name = format!("{protocol} {source} to {destination}");
                all.push((format!("IPv4 {name}"), 0x0800, v4(protocol, &inner)));
                all.push((format!("IPv6 {name}"), 0x86dd, v6(protocol, &inner)));
            }
        }
        all
    }

    /// Every way a packet may be carried in Ethernet.
    fn carried(name: &str, kind: u16, packet: &[u8]) -> Vec<(String, Vec<u8>)> {
        let plain = ethernet(kind, packet);
        let ppp = if kind == 0x0800 { 0x21 } else { 0x57 };
        let session = pppoe(ppp, packet);
        let mut all = vec![
            (format!("{name} in VLAN"), tagged(0x8100, &plain)),
            (format!("{name} in QinQ"), tagged(0x88a8, &tagged(0x8100, &plain))),
            (format!("{name} in old QinQ"), tagged(0x9100, &tagged(0x8100, &plain))),
            (format!("{name} in PPPoE in QinQ"), tagged(0x8100, &tagged(0x8100, &session))),
            (format!("{name} in PPPoE"), session),
            (format!("{name} plain"), plain),
        ];
        for labels in 1..=4 {
            let stack = labelled(labels, packet);
            if labels < 4 {
                all.push((format!("{name} under {labels} labels in VLAN"), tagged(0x8100, &stack)));
            }
            all.push((format!("{name} under {labels} labels"), stack));
        }
        all
    }

    #[test]
    fn dns_passes_in_every_link_encapsulation_and_nothing_else_does() {
        let filter = compiled(&[53], LinkType::Ethernet);
        for ours in [true, false] {
            for (name, kind, packet) in packets(ours) {
                for (name, frame) in carried(&name, kind, &packet) {
                    assert_eq!(filter.filter(&frame), ours, "{name}");
                }
            }
        }
    }

    #[test]
    fn what_may_hide_dns_passes() {
        let filter = compiled(&[53], LinkType::Ethernet);
        let inner = transport(443, 4000);
        let mut hiding = Vec::new();
        for protocol in [4u8, 41, 47, 51, 97, 137] {
            hiding.push((format!("IPv4 {protocol}"), 0x0800, v4(protocol, &[0; 24])));
            hiding.push((format!("IPv6 {protocol}"), 0x86dd, v6(protocol, &[0; 24])));
        }
        for port in TUNNEL_PORTS {
            let tunnel = transport(50_000, port);
            hiding.push((format!("IPv4 port {port}"), 0x0800, v4(UDP, &tunnel)));
            hiding.push((format!("IPv6 port {port}"), 0x86dd, v6(UDP, &tunnel)));
        }
        hiding.push(("options".into(), 0x0800, v4_with(15, 0, UDP, &inner)));
        hiding.push(("first fragment".into(), 0x0800, v4_with(5, 0x2000, UDP, &inner)));
        hiding.push(("later fragment".into(), 0x0800, v4_with(5, 0x2005, UDP, &inner)));
        hiding.push(("last fragment".into(), 0x0800, v4_with(5, 0x0005, TCP, &[])));
        for next in [0u8, 43, 44, 51, 60] {
            hiding.push((
                format!("extension {next}"),
                0x86dd,
                v6(next, &bytes(&[&[UDP], &[0; 15]])),
            ));
        }
        for (name, kind, packet) in hiding {
            for (name, frame) in carried(&name, kind, &packet) {
                assert!(filter.filter(&frame), "{name}");
            }
        }
        let teredo = v4(UDP, &transport(3544, 50_000));
        assert!(filter.filter(&ethernet(0x0800, &teredo)), "a Teredo server answers");
    }

    #[test]
    fn what_cannot_be_dns_does_not_pass() {
        let filter = compiled(&[53], LinkType::Ethernet);
        let others = [
            ("ARP", ethernet(0x0806, &[0; 28])),
            ("ping", ethernet(0x0800, &v4(1, &[0; 40]))),
            ("group report with options", ethernet(0x0800, &v4_with(6, 0, 2, &[0; 8]))),
            ("fragment of a ping", ethernet(0x0800, &v4_with(5, 0x2000, 1, &[0; 40]))),
            ("spanning tree", ethernet(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0])),
            ("IS-IS", ethernet(38, &[0xfe, 0xfe, 3, 0x83, 0, 0, 0, 0])),
            ("discovery of Cisco", ethernet(38, &[0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0])),
            ("LLDP", ethernet(0x88cc, &[2; 40])),
            ("listener report", ethernet(0x86dd, &v6(0, &[58, 0, 5, 2, 0, 0, 1, 0]))),
            ("TCP on a tunnel's port", ethernet(0x0800, &v4(TCP, &transport(4000, 4789)))),
            ("NTP", ethernet(0x0800, &v4(UDP, &transport(123, 123)))),
            ("PPPoE keepalive", pppoe(0xc021, &[0; 20])),
            ("runt", vec![2; 10]),
            ("empty", vec![]),
        ];
        for (name, frame) in others {
            assert!(!filter.filter(&frame), "{name}");
            if frame.len() > 12 {
                assert!(!filter.filter(&tagged(0x8100, &frame)), "{name} in VLAN");
            }
        }
    }

    #[test]
    fn cooked_and_raw_links_have_their_own_offsets() {
        for ours in [true, false] {
            for (name, kind, packet) in packets(ours) {
                let kind = kind.to_be_bytes();
                let links = [
                    (LinkType::LinuxCooked1, bytes(&[&[0; 14], &kind, &packet])),
                    (LinkType::LinuxCooked2, bytes(&[&kind, &[0; 18], &packet])),
                    (LinkType::RawIp, packet),
                ];
                for (link, frame) in links {
                    assert_eq!(compiled(&[53], link).filter(&frame), ours, "{name} on {link:?}");
                }
            }
        }
    }

    #[test]
    fn every_watched_port_passes_and_the_program_fits_the_kernel() {
        let ports: Vec<u16> = (1..=16).map(|port| port * 53).collect();
        let filter = compiled(&ports, LinkType::Ethernet);
        for port in &ports {
            let packet = v4(UDP, &transport(*port, 4000));
            assert!(filter.filter(&tagged(0x8100, &ethernet(0x0800, &packet))), "{port}");
        }
        assert!(filter.get_instructions().len() <= MAX_INSTRUCTIONS);
    }

    #[test]
    fn https_passes_to_the_hosts_that_are_named_and_to_no_other() {
        let hosts = crate::config::SensorConfig::default().encrypted_hosts;
        let filter = compiled_with(&[53, 853], &hosts, LinkType::Ethernet);
        let size = filter.get_instructions().len();
        assert!(size < MAX_INSTRUCTIONS - 8 * 72, "room for eight more ports: {size}");
        for host in &hosts {
            let (kind, packet) = match host {
                IpAddr::V4(host) => {
                    let mut packet = v4(TCP, &transport(40_000, 443));
                    packet[16..20].copy_from_slice(&host.octets());
                    ([8, 0], packet)
                }
                IpAddr::V6(host) => {
                    let mut packet = v6(UDP, &transport(40_000, 443));
                    packet[24..40].copy_from_slice(&host.octets());
                    ([0x86, 0xdd], packet)
                }
            };
            let frame = bytes(&[&[0; 12], &kind, &packet]);
            assert!(filter.filter(&frame), "{host}");
            let tagged = bytes(&[&[0; 12], &[0x81, 0, 0, 7], &kind, &packet]);
            assert!(filter.filter(&tagged), "{host} in a VLAN");
        }
        for packet in [v4(TCP, &transport(40_000, 443)), v4(TCP, &transport(443, 40_000))] {
            assert!(!filter.filter(&bytes(&[&[0; 12], &[8, 0], &packet])));
        }
        assert!(!filter.filter(&bytes(&[&[0; 12], &[0x86, 0xdd], &v6(TCP, &transport(1, 443))])));
    }
}
