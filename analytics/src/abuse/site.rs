//! What is known of the site: from the configuration, and by guess where it says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use geophone_sensor::record::{Record, Transaction};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::guess::Duty;
use super::seen::{Roles, Seen};
use crate::alert::Direction;
use crate::config::NetworkConfig;
use crate::rule::is_under;

/// Networks that are nobody's on the public internet: private (RFC 1918), shared (RFC 6598),
/// loopback, link-local (RFC 3927).
const PRIVATE_V4: [([u8; 4], u8); 6] = [
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
];
/// The same: unique local (RFC 4193), link-local (RFC 4291 section 2.5.6), loopback.
const PRIVATE_V6: [([u16; 8], u8); 3] = [
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128),
];

/// The site.
pub(crate) struct Site {
    internal: Vec<IpNet>,
    network: NetworkConfig,
}

impl Site {
    /// Takes what the configuration says; where it names no networks, private addresses are inside.
    pub(crate) fn new(network: &NetworkConfig) -> Self {
        let mut internal = network.internal.clone();
        if internal.is_empty() {
            let v4 = |(net, length): ([u8; 4], u8)| Ipv4Net::new(Ipv4Addr::from(net), length);
            let v6 = |(net, length): ([u16; 8], u8)| Ipv6Net::new(Ipv6Addr::from(net), length);
            internal.extend(PRIVATE_V4.into_iter().filter_map(|net| v4(net).ok()).map(IpNet::V4));
            internal.extend(PRIVATE_V6.into_iter().filter_map(|net| v6(net).ok()).map(IpNet::V6));
        }
        Self { internal, network: network.clone() }
    }

    /// Tells whether `host` is of this site.
    pub(crate) fn is_inside(&self, host: IpAddr) -> bool {
        self.internal.iter().any(|network| network.contains(&host))
    }

    /// Returns between whom something passes; `None` where one of the two is not known.
    pub(crate) fn direction(&self, client: IpAddr, server: IpAddr) -> Option<Direction> {
        let known = !client.is_unspecified() && !server.is_unspecified();
        known.then(|| Direction::between(self.is_inside(client), self.is_inside(server)))
    }

    /// Tells whether somebody outside asks a server that the configuration names: whatever the names
    /// say, they tell it nothing of this site.
    pub(crate) fn serves(&self, asked: &Transaction) -> bool {
        self.network.authoritative.contains(&asked.server) && !self.is_inside(asked.client)
    }

    /// Tells whether the configuration leaves it to guesses who has this duty.
    pub(crate) const fn is_guessed(&self, duty: Duty) -> bool {
        match duty {
            Duty::Authoritative => self.network.authoritative.is_empty(),
            Duty::Resolver | Duty::Iterator => self.network.resolvers.is_empty(),
        }
    }

    /// Returns what the configuration says of the hosts of `record`.
    pub(crate) fn roles(&self, record: &Record<'_>) -> Roles {
        let (client, server) = Seen::hosts_of(record);
        let named = !self.network.resolvers.is_empty();
        let mut roles = Roles::default().with(Roles::RESOLVERS_NAMED, named);
        if let Some(client) = client {
            roles = roles
                .with(Roles::CLIENT_INSIDE, self.is_inside(client))
                .with(Roles::CLIENT_RESOLVER, self.network.resolvers.contains(&client))
                .with(Roles::CLIENT_MAIL, self.network.mail.contains(&client))
                .with(
                    Roles::CLIENT_SECONDARY,
                    self.network.secondaries.iter().any(|network| network.contains(&client)),
                );
        }
        if let Some(server) = server {
            roles = roles
                .with(Roles::SERVER_INSIDE, self.is_inside(server))
                .with(Roles::SERVER_RESOLVER, self.network.resolvers.contains(&server))
                .with(Roles::SERVER_AUTHORITATIVE, self.network.authoritative.contains(&server));
        }
        if let Record::Transaction(transaction) = record
            && !self.network.zones.is_empty()
        {
            let name = transaction.qname.text_from(0);
            let inside = self.network.zones.iter().any(|zone| is_under(&name, zone));
            roles = roles.with(Roles::NAME_INTERNAL, inside);
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_addresses_are_inside_unless_networks_are_named() {
        let site = Site::new(&NetworkConfig::default());
        for inside in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "fd00::1", "fe80::1", "127.0.0.1"] {
            assert!(site.is_inside(host(inside)), "{inside}");
        }
        for outside in ["172.32.0.1", "192.0.2.1", "2001:db8::1"] {
            assert!(!site.is_inside(host(outside)), "{outside}");
        }
        let internal = vec!["192.0.2.0/24".parse().unwrap()];
        let site = Site::new(&NetworkConfig { internal, ..NetworkConfig::default() });
        assert!(site.is_inside(host("192.0.2.1")) && !site.is_inside(host("10.1.2.3")));
    }
}
