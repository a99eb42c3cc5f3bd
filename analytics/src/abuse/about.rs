//! Whose case a record belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use geophone_sensor::record::{Record, Transaction, hash_of, hash_of_host};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::seen::{Roles, Seen};
use super::watches::Abuses;

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum About {
    /// A client, whatever it asks and whomever.
    Client(IpAddr),
    /// A client among its neighbours: all of a network (see [`network_of`]) are one campaign.
    Neighbour(IpAddr),
    /// The clients of a network, by its address (see [`network_of`]), at a server. All networks at
    /// one server are one campaign.
    Network(IpAddr, IpAddr),
    /// A server, whoever asks it.
    Server(IpAddr),
    /// The registered domain of the record, whoever asks for it.
    Zone,
    /// The client and the registered domain of the record.
    Pair(IpAddr),
    /// The zone that a name which does not exist would stand in: its registered domain, or the
    /// public suffix where that domain itself is what does not exist.
    Parent,
}

/// A record is of interest to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The watch, by its place among all.
    pub(crate) watch: u8,
    /// Whose case it is.
    pub(crate) about: About,
    /// What is known of the two hosts: the same for whoever takes it.
    pub(crate) roles: Roles,
}

impl Notice {
    /// Returns it in words.
    pub(crate) fn words(&self) -> Value {
        json!({ "rule": Abuses::rule(self.watch), "about": self.about })
    }
}

impl About {
    /// Returns the hash of the owner under `seed`, the same on every machine.
    pub(crate) fn owner(self, record: &Record<'_>, seed: u64) -> u64 {
        match self {
            Self::Client(host) | Self::Network(_, host) | Self::Server(host) => {
                hash_of_host(host, seed)
            }
            Self::Neighbour(host) => hash_of_host(network_of(host), seed),
            Self::Zone | Self::Pair(_) => {
                domain_hash(record, |asked| usize::from(asked.domain_at), seed)
            }
            Self::Parent => domain_hash(record, parent_at, seed),
        }
    }

    /// Returns what the alert is about that several cases share; `None` where each has its own. All of
    /// them have one owner.
    pub(crate) fn campaign(self) -> Option<Self> {
        match self {
            Self::Network(_, server) => Some(Self::Server(server)),
            Self::Neighbour(host) => Some(Self::Neighbour(network_of(host))),
            Self::Client(_) | Self::Server(_) | Self::Zone | Self::Pair(_) | Self::Parent => None,
        }
    }

    /// Returns what tells this case from all others of its watch.
    pub(crate) fn key(self, seen: &Seen<'_>) -> (Self, u64) {
        let domain = match self {
            Self::Client(_) | Self::Neighbour(_) | Self::Network(..) | Self::Server(_) => 0,
            Self::Zone | Self::Pair(_) => Self::Zone.owner(&seen.record, 0),
            Self::Parent => Self::Parent.owner(&seen.record, 0),
        };
        (self, domain)
    }
}

fn domain_hash(record: &Record<'_>, at: impl Fn(&Transaction) -> usize, seed: u64) -> u64 {
    match record {
        Record::Transaction(transaction) => {
            hash_of(transaction.qname.folded().from(at(transaction)), seed)
        }
        _ => hash_of(&[], seed),
    }
}

/// Returns the octet of the wire form at which the zone of [`About::Parent`] begins.
pub(super) fn parent_at(transaction: &Transaction) -> usize {
    match transaction.domain_at {
        0 => 1 + transaction.qname.labels().next().map_or(0, <[u8]>::len),
        at => usize::from(at),
    }
}

/// Returns the network that a host is taken to share with its neighbours: 256 addresses, or a site
/// of IPv6 (RFC 6177).
pub(super) fn network_of(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(host) => IpAddr::V4(Ipv4Addr::from_bits(host.to_bits() & !0xff)),
        IpAddr::V6(host) => IpAddr::V6(Ipv6Addr::from_bits(host.to_bits() >> 80 << 80)),
    }
}

/// Returns the hash of a host's address.
pub(super) fn host_hash(host: IpAddr) -> u64 {
    hash_of_host(host, 0)
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;
    use geophone_sensor::time::Timestamp;

    use super::*;

    fn asked(client: u8, zone: &[u8]) -> Transaction {
        let mut qname = Name::default();
        qname.push(b"www");
        qname.push(zone);
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, client));
        Transaction { client, qname, domain_at: 4, ..Transaction::default() }
    }

    #[test]
    fn neighbours_share_a_network() {
        let network = |host: &str| network_of(host.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.77"), "192.0.2.0");
        assert_eq!(network("2001:db8:1:2:3::4"), "2001:db8:1::");
    }

    #[test]
    fn a_zone_is_the_same_whoever_asks_and_in_any_case() {
        let key = |about: About, transaction: &Transaction| {
            let record = Record::Transaction(transaction);
            let seen = Seen { record, roles: Roles::default(), at: Timestamp(0) };
            (about.key(&seen), about.owner(&record, 7))
        };
        let (one, other) = (asked(1, b"org"), asked(2, b"ORG"));
        assert_eq!(key(About::Zone, &one), key(About::Zone, &other));
        assert_ne!(key(About::Zone, &one), key(About::Zone, &asked(1, b"com")));
        let pair = |transaction: &Transaction| key(About::Pair(transaction.client), transaction);
        assert_ne!(pair(&one).0, pair(&other).0);
        assert_eq!(pair(&one).1, pair(&other).1, "one partition owns a domain's pairs");
    }
}
