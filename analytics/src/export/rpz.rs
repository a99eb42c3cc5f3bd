//! A response policy zone (draft-vixie-dnsop-dns-rpz-00): `CNAME .` is NXDOMAIN.
//!
//! Servers get no trigger: `rpz-nsip` works on delegations that the resolver follows, and a client
//! that asks a server of its own follows none.

use std::net::{IpAddr, Ipv6Addr};

use super::List;
use super::comment::{commented, reason};
use super::target::Target;

/// Octets of a domain here: `*.` and the name of the zone must fit into 253 beside it.
pub(super) const LONGEST: usize = 180;

/// Seconds for which an answer may be kept, short so that a list that is taken back is gone soon.
const TTL: u32 = 60;

pub(super) fn write(list: &List<'_>) -> String {
    let about = [
        "load: zone \"rpz.geophone\" { type primary; file \"this file\"; allow-query { none; }; };",
        "      options { response-policy { zone \"rpz.geophone\"; } qname-wait-recurse no; };",
        "check: named-checkzone rpz.geophone FILE",
        "blocks each domain and all below it, for every type: NXDOMAIN; a client's every question where one is named",
        "the serial is the time in seconds of the latest alert, or of --now",
    ];
    let mut text = commented(list, ";", &about);
    let serial = u32::try_from(list.latest.micros().div_euclid(1_000_000) & 0xffff_ffff);
    let serial = serial.unwrap_or_default();
    text += &format!(
        "\n$TTL {TTL}\n@ IN SOA localhost. root.localhost. {serial} 3600 600 86400 {TTL}\n@ IN NS localhost.\n"
    );
    for entry in list.entries {
        let reason = reason(entry);
        match &entry.target {
            Target::Domain(domain) => {
                let name = domain.as_str();
                text += &format!("\n; {reason}\n{name} CNAME .\n*.{name} CNAME .\n");
            }
            Target::Client(address) => {
                let trigger = trigger(*address);
                text += &format!("\n; {reason}\n{trigger}.rpz-client-ip CNAME .\n");
            }
            Target::Server(_) => {}
        }
    }
    text
}

/// Returns the prefix length and the address from its end, with `zz` for `::`.
fn trigger(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("32.{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(v6) => format!("128.{}", words(v6)),
    }
}

/// Rust writes the text form of RFC 5952, whose parts only need to be turned round; BIND takes no
/// other for canonical and passes over what is not.
fn words(address: Ipv6Addr) -> String {
    // Forms with a dotted quad at the end are those of IPv4: written by hand.
    let text = match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => format!("::{high:x}:{low:x}"),
        _ => address.to_string(),
    };
    let text = text.replace("::", ":zz:");
    let parts: Vec<_> = text.split(':').filter(|part| !part.is_empty()).rev().collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_the_address_from_its_end() {
        for (address, expected) in [
            ("10.0.0.9", "32.9.0.0.10"),
            ("2001:db8::3", "128.3.zz.db8.2001"),
            ("2001:db8::", "128.zz.db8.2001"),
            ("2001:db8:0:1:0:0:0:3", "128.3.zz.1.0.db8.2001"),
            ("1:2:0:0:3:0:0:4", "128.4.0.0.3.zz.2.1"),
            ("1:2:3:4:5:6:7:8", "128.8.7.6.5.4.3.2.1"),
            ("::192.0.2.1", "128.201.c000.zz"),
        ] {
            assert_eq!(trigger(address.parse().unwrap()), expected);
        }
    }
}
