//! Who runs a public resolver, by its address.
//!
//! A host that uses one of them asks up to four of its addresses, two of each family: that is one
//! choice, not four.

use std::net::IpAddr;

use super::about::{host_hash, network_of};

/// The networks of public resolvers as their operators publish them, [`network_of`] each, with a number
/// for each operator.
const OPERATORS: [(&str, u64); 24] = [
    ("8.8.8.0", 1), // Google
    ("8.8.4.0", 1),
    ("2001:4860:4860::", 1),
    ("1.1.1.0", 2), // Cloudflare
    ("1.0.0.0", 2),
    ("2606:4700:4700::", 2),
    ("9.9.9.0", 3), // Quad9
    ("149.112.112.0", 3),
    ("2620:fe::", 3),
    ("208.67.222.0", 4), // OpenDNS
    ("208.67.220.0", 4),
    ("2620:119:35::", 4),
    ("2620:119:53::", 4),
    ("94.140.14.0", 5), // AdGuard
    ("94.140.15.0", 5),
    ("2a10:50c0::", 5),
    ("64.6.64.0", 6), // UltraDNS
    ("64.6.65.0", 6),
    ("2620:74:1b::", 6),
    ("185.228.168.0", 7), // CleanBrowsing
    ("185.228.169.0", 7),
    ("223.5.5.0", 8), // AliDNS
    ("223.6.6.0", 8),
    ("2400:3200::", 8),
];

/// Returns what stands for the operator of a resolver, or for the host itself where nobody is known.
pub(super) fn operator_of(server: IpAddr) -> u64 {
    let network = network_of(server);
    let known = OPERATORS.iter().find(|(text, _)| text.parse() == Ok(network));
    known.map_or_else(|| host_hash(server), |(_, operator)| *operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_operator_are_one() {
        let of = |host: &str| operator_of(host.parse().unwrap());
        assert_eq!(of("8.8.8.8"), of("2001:4860:4860::8844"));
        assert_eq!(of("1.1.1.1"), of("1.0.0.1"));
        assert_ne!(of("8.8.8.8"), of("1.1.1.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        for (text, _) in OPERATORS {
            let host = text.parse().unwrap();
            assert_eq!(network_of(host), host, "{text}");
        }
    }
}
