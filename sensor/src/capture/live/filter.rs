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
