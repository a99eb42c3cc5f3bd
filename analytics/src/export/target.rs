//! What an entry blocks.

use std::fmt;
use std::net::IpAddr;

use super::domain::Domain;

/// What an entry blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A domain and all below it.
    Domain(Domain),
    /// What is sent to a server.
    Server(IpAddr),
    /// What a client asks.
    Client(IpAddr),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => f.write_str(domain.as_str()),
            Self::Server(address) => write!(f, "server {address}"),
            Self::Client(address) => write!(f, "client {address}"),
        }
    }
}

/// Tells whether `address` is one that no list may hold: nobody's, one's own, everybody's, or good
/// on one link only (RFC 6890 and RFC 5771).
pub(super) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.octets().first() == Some(&0)
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}

/// Tells whether `address` is a site's own (RFC 1918, RFC 4193) or shared (RFC 6598).
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_by_who_has_them() {
        let special = ["0.0.0.0", "0.1.2.3", "127.0.0.53", "169.254.1.1", "224.0.0.251"];
        for text in
            special.into_iter().chain(["255.255.255.255", "::", "::1", "fe80::1", "ff02::fb"])
        {
            assert!(is_special(text.parse().unwrap()), "{text}");
        }
        for text in ["10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"] {
            let address = text.parse().unwrap();
            assert!(is_private(address) && !is_special(address), "{text}");
        }
        for text in ["203.0.113.9", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
            let address = text.parse().unwrap();
            assert!(!is_private(address) && !is_special(address), "{text}");
        }
    }
}
