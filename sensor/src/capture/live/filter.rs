//! The default BPF filter, as text in libpcap's language.
//!
//! It is written with plain offsets (`link[12:2]`) and without the keywords `vlan`, `mpls` and
//! `pppoes`: those move the offsets of everything behind them in the text, whether they matched or
//! not, and `vlan` means the kernel's metadata on a live handle but octets of the frame in a file.
//! Linux takes the outermost VLAN tag out of a frame before the filter sees it, so on an interface
//! one tag more than [`MAX_TAGS`] is seen through. Every load stands behind the test that makes it
//! safe, because a load behind the end of a frame makes BPF refuse the frame as a whole.
//!
//! What is inside a tunnel, behind IPv6 extension headers or in a fragment is not looked at: such
//! frames pass. Ethernet inside MPLS (pseudowires), PPP with a compressed protocol number and more
//! than [`MAX_LABELS`] labels do not pass.

use std::fmt::Write as _;

use crate::capture::LinkType;

/// VLAN tags among the octets of a frame.
const MAX_TAGS: u32 = 2;
/// Labels of an MPLS stack.
const MAX_LABELS: u32 = 4;
/// UDP ports of tunnels: VXLAN (RFC 7348) and as Linux first had it, Geneve (RFC 8926), GTP-U
/// (3GPP TS 29.281), Teredo (RFC 4380), GRE in UDP (RFC 8086).
const TUNNEL_PORTS: [u16; 6] = [4789, 8472, 6081, 2152, 3544, 4754];
/// IP protocols that carry another packet: IPv4, IPv6, GRE (and with it ERSPAN).
const TUNNEL_PROTOCOLS: [u8; 3] = [4, 41, 47];
/// IPv6 headers between the first one and the transport: routing, fragment, authentication,
/// destination options, mobility, HIP, shim6 (RFC 8200, IANA). Hop-by-hop is tested apart.
const EXTENSIONS: [u8; 7] = [43, 44, 51, 60, 135, 139, 140];

/// Returns the filter for `ports` on frames of `link`, or nothing where a link type has no fixed
/// place for the type of what it carries: then everything passes.
pub(super) fn default_filter(ports: &[u16], link: LinkType) -> String {
    let ports = Ports { watched: ports };
    match link {
        LinkType::Ethernet => ports.layer(12, 14, MAX_TAGS),
        LinkType::LinuxCooked1 => ports.layer(14, 16, MAX_TAGS),
        LinkType::LinuxCooked2 => ports.layer(0, 20, MAX_TAGS),
        LinkType::RawIp => ports.ip(0),
        _ => String::new(),
    }
}

/// Writes the parts of the filter; each takes the place of what it tests, counted from the
/// beginning of the frame.
struct Ports<'a> {
    watched: &'a [u16],
}

impl Ports<'_> {
    /// What an ether type at `kind` announces at `at`.
    fn layer(&self, kind: u32, at: u32, tags: u32) -> String {
        let kind = format!("link[{kind}:2]");
        let mut text = format!("(({kind} = 0x0800 and {})", self.ipv4(at));
        append(&mut text, &format!(" or ({kind} = 0x86dd and {})", self.ipv6(at)));
        let labelled = format!("({kind} = 0x8847 or {kind} = 0x8848)");
        append(&mut text, &format!(" or ({labelled} and {})", self.mpls(at, MAX_LABELS)));
        append(&mut text, &format!(" or ({kind} = 0x8864 and {})", self.pppoe(at)));
        if tags > 0 {
            let tagged = any_of(&kind, &[0x8100, 0x88a8, 0x9100, 0x9200]);
            append(
                &mut text,
                &format!(" or ({tagged} and {})", self.layer(at + 2, at + 4, tags - 1)),
            );
        }
        text.push(')');
        text
    }

    /// A label stack (RFC 3032) and IP, told by its version, behind the label marked as the last.
    fn mpls(&self, at: u32, labels: u32) -> String {
        let last = format!("(link[{}] & 1 = 1 and {})", at + 2, self.ip(at + 4));
        if labels <= 1 {
            return last;
        }
        format!("({last} or (link[{}] & 1 = 0 and {}))", at + 2, self.mpls(at + 4, labels - 1))
    }

    /// A PPPoE session header (RFC 2516) and a PPP protocol number.
    fn pppoe(&self, at: u32) -> String {
        let (kind, ip) = (at + 6, at + 8);
        format!(
            "((link[{kind}:2] = 0x0021 and {}) or (link[{kind}:2] = 0x0057 and {}))",
            self.ipv4(ip),
            self.ipv6(ip)
        )
    }

    fn ip(&self, at: u32) -> String {
        format!(
            "((link[{at}] & 0xf0 = 0x40 and {}) or (link[{at}] & 0xf0 = 0x60 and {}))",
            self.ipv4(at),
            self.ipv6(at)
        )
    }

    fn ipv4(&self, at: u32) -> String {
        let header = format!("((link[{at}] & 15) << 2)");
        self.packet(&Places {
            opaque: format!("link[{}:2] & 0x3fff != 0", at + 6),
            protocol: format!("link[{}]", at + 9),
            source: format!("link[{at} + {header}:2]"),
            destination: format!("link[{} + {header}:2]", at + 2),
        })
    }

    fn ipv6(&self, at: u32) -> String {
        let protocol = format!("link[{}]", at + 6);
        // Behind hop-by-hop options there is mostly ICMPv6 (58): multicast listener reports.
        let hops = format!("({protocol} = 0 and link[{}] != 58)", at + 40);
        self.packet(&Places {
            opaque: format!("{hops} or {}", any_of(&protocol, &EXTENSIONS)),
            protocol,
            source: format!("link[{}:2]", at + 40),
            destination: format!("link[{}:2]", at + 42),
        })
    }

    fn packet(&self, places: &Places) -> String {
        let Places { opaque, protocol, source, destination } = places;
        let tunnel = any_of(protocol, &TUNNEL_PROTOCOLS);
        let watched = either(source, destination, self.watched);
        let tunnel_ports = either(source, destination, &TUNNEL_PORTS);
        format!(
            "({opaque} or {tunnel} \
             or (({protocol} = 17 or {protocol} = 6) and {watched}) \
             or ({protocol} = 17 and {tunnel_ports}))"
        )
    }
}

/// Where an IP header keeps what is tested.
struct Places {
    /// Whether the transport header cannot be looked at.
    opaque: String,
    protocol: String,
    source: String,
    destination: String,
}

fn either(source: &str, destination: &str, ports: &[u16]) -> String {
    format!("({} or {})", any_of(source, ports), any_of(destination, ports))
}

fn any_of<N: Copy + std::fmt::Display>(place: &str, values: &[N]) -> String {
    let tests: Vec<String> = values.iter().map(|value| format!("{place} = {value}")).collect();
    format!("({})", tests.join(" or "))
}

fn append(text: &mut String, more: &str) {
    // Writing to a string cannot fail.
    let _ = text.write_str(more);
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
        // A handle has the number of libpcap, not that of files.
        let number = if link == LinkType::RawIp { 12 } else { link.number() };
        let dead = Capture::dead(Linktype(number.into())).unwrap();
        dead.compile(&default_filter(ports, link), true).unwrap()
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
                all.push((
                    format!("IPv4 options {name}"),
                    0x0800,
                    v4_with(15, 0, protocol, &inner),
                ));
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
            all.push((format!("{name} under {labels} labels in VLAN"), tagged(0x8100, &stack)));
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
        for protocol in [4u8, 41, 47] {
            hiding.push((format!("IPv4 {protocol}"), 0x0800, v4(protocol, &[0; 24])));
            hiding.push((format!("IPv6 {protocol}"), 0x86dd, v6(protocol, &[0; 24])));
        }
        for port in [4789u16, 8472, 6081, 2152, 3544, 4754] {
            let tunnel = transport(50_000, port);
            hiding.push((format!("IPv4 port {port}"), 0x0800, v4(UDP, &tunnel)));
            hiding.push((format!("IPv6 port {port}"), 0x86dd, v6(UDP, &tunnel)));
        }
        hiding.push(("first fragment".into(), 0x0800, v4_with(5, 0x2000, UDP, &inner)));
        hiding.push(("later fragment".into(), 0x0800, v4_with(5, 0x2005, UDP, &inner)));
        hiding.push(("last fragment".into(), 0x0800, v4_with(5, 0x0005, TCP, &[])));
        for next in [0u8, 43, 44, 51, 60, 135, 139, 140] {
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
}
