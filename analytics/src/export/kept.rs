//! What is never blocked, whatever an alert says.

use std::net::IpAddr;
use std::str::FromStr;

use super::domain::{Domain, is_host_name};
use super::target::Target;

/// A domain with all below it, or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept(What);

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Domain(String),
    Network { address: IpAddr, length: u32 },
}

/// Why a text names nothing that can be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a domain nor an address nor a network such as 192.0.2.0/24")]
pub struct KeptError;

impl FromStr for Kept {
    type Err = KeptError;

    fn from_str(text: &str) -> Result<Self, KeptError> {
        let (host, length) = match text.split_once('/') {
            Some((host, length)) => (host, Some(length.parse().map_err(|_| KeptError)?)),
            None => (text, None),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            let most = bits(address).1;
            let length = length.unwrap_or(most);
            let network = What::Network { address, length };
            return if length <= most { Ok(Self(network)) } else { Err(KeptError) };
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_host_name(&name) { Ok(Self(What::Domain(name))) } else { Err(KeptError) }
    }
}

impl Kept {
    /// Tells whether blocking `target` would block some of it.
    pub(super) fn meets(&self, target: &Target) -> bool {
        match (&self.0, target) {
            (What::Domain(kept), Target::Domain(domain)) => {
                domain.is_under(kept) || is_below(kept, domain)
            }
            (What::Network { address, length }, Target::Server(host) | Target::Client(host)) => {
                let ((kept, most), (host, width)) = (bits(*address), bits(*host));
                let shift = most.saturating_sub(*length);
                most == width && (kept ^ host).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

fn is_below(name: &str, domain: &Domain) -> bool {
    name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
}

/// Returns the bits of an address and how many there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), u32::BITS),
        IpAddr::V6(v6) => (v6.to_bits(), u128::BITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(kept: &str, target: &Target) -> bool {
        kept.parse::<Kept>().unwrap().meets(target)
    }

    #[test]
    fn a_network_keeps_what_is_in_it() {
        let server = Target::Server("192.0.2.130".parse().unwrap());
        for kept in ["192.0.2.130", "192.0.2.128/25", "192.0.2.130/32", "0.0.0.0/0"] {
            assert!(keeps(kept, &server), "{kept}");
        }
        for kept in ["192.0.2.131", "192.0.2.0/25", "::/0", "2001:db8::1", "example.com"] {
            assert!(!keeps(kept, &server), "{kept}");
        }
        assert!(keeps("::/0", &Target::Client("2001:db8::1".parse().unwrap())));
    }

    #[test]
    fn a_domain_keeps_those_below_it_and_those_it_is_below() {
        let target = Target::Domain(Domain::new("b.example.com").unwrap());
        for kept in ["example.com", "B.example.com.", "a.b.example.com"] {
            assert!(keeps(kept, &target), "{kept}");
        }
        for kept in ["c.example.com", "ab.example.com", "le.com"] {
            assert!(!keeps(kept, &target), "{kept}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "com", "192.0.2.0/33", "192.0.2.0/x", "a b.com", "example.com/24"] {
            assert_eq!(text.parse::<Kept>(), Err(KeptError), "{text}");
        }
    }
}
