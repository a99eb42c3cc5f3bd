//! The scenarios: what is played in, and what must come of it.

use super::ordinary::{block_list, browsing, cdn, kubernetes, reputation, reverse};
use super::tunnels::{dnscat2, dnscat2_direct, download, iodine, rotating, slow};
use super::wire::Traffic;

/// What must come of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// An alert about the client.
    Alert {
        /// The rules that may name it, where the rules in force have one of them.
        rules: &'static [&'static str],
        /// Whether the hidden payload is in names to one domain or server, so that the leak
        /// contract bounds it.
        contract: bool,
        /// Why this version may miss it; what it misses for a reason that is known is no failure.
        gap: Option<&'static str>,
    },
    /// Nothing.
    Silence,
}

/// One scenario.
pub(super) struct Scenario {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is, in a phrase.
    pub(super) about: &'static str,
    /// What must come of it.
    pub(super) expected: Expected,
    /// Makes its traffic, from one client.
    pub(super) traffic: fn(u8) -> Traffic,
}

/// The rules that name a channel in names.
const CHANNEL: &[&str] = &["dns-tunnel", "dns-exfiltration", "c2-beacon"];

const fn found(rules: &'static [&'static str]) -> Expected {
    Expected::Alert { rules, contract: true, gap: None }
}

/// Every scenario, in the order of the report.
pub(super) const SCENARIOS: [Scenario; 12] = [
    Scenario {
        name: "iodine",
        about: "NULL queries full of base 32, packets in the answers",
        expected: found(&["dns-tunnel"]),
        traffic: iodine,
    },
    Scenario {
        name: "dnscat2",
        about: "hexadecimal in TXT, CNAME and MX, once a second",
        expected: found(CHANNEL),
        traffic: dnscat2,
    },
    Scenario {
        name: "dnscat2-direct",
        about: "the same without a domain, to the server itself",
        expected: found(CHANNEL),
        traffic: dnscat2_direct,
    },
    Scenario {
        name: "slow-exfiltration",
        about: "16 octets a minute, for six hours",
        expected: found(CHANNEL),
        traffic: slow,
    },
    Scenario {
        name: "rotating-domains",
        about: "ten domains in turn, each below its own bucket",
        expected: Expected::Alert { rules: &[], contract: false, gap: None },
        traffic: rotating,
    },
    Scenario {
        name: "txt-download",
        about: "a program fetched in 40 kB of text",
        expected: Expected::Alert { rules: &["txt-abuse"], contract: false, gap: None },
        traffic: download,
    },
    Scenario {
        name: "cdn",
        about: "content delivery names with hashes",
        expected: Expected::Silence,
        traffic: cdn,
    },
    Scenario {
        name: "av-reputation",
        about: "400 file hashes asked of a vendor",
        expected: Expected::Silence,
        traffic: reputation,
    },
    Scenario {
        name: "dnsbl",
        about: "a mail server asks block lists of 500 senders",
        expected: Expected::Silence,
        traffic: block_list,
    },
    Scenario {
        name: "reverse-lookup",
        about: "500 addresses back to names",
        expected: Expected::Silence,
        traffic: reverse,
    },
    Scenario {
        name: "kubernetes-search",
        about: "a pod's names under every search domain",
        expected: Expected::Silence,
        traffic: kubernetes,
    },
    Scenario {
        name: "browsing",
        about: "twenty sites, again and again",
        expected: Expected::Silence,
        traffic: browsing,
    },
];
