//! What is not in a list, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::comment::{counted, plain};

/// Examples that a line gives.
const EXAMPLES: usize = 3;

/// Why an alert, or something that it names, is not in the list; in the order they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    // Alerts.
    Closed,
    BeforeSince,
    Severity,
    Confidence,
    OtherRule,
    NoTime,
    Expired,
    RuleBlocksNothing,
    NamesNothing,
    // What an alert names.
    Unsafe,
    PublicSuffix,
    Infrastructure,
    Undelegated,
    Popular,
    UnderAttack,
    ServedHere,
    TurnedOnce,
    SpecialAddress,
    PrivateServer,
    OwnClient,
    Kept,
    // What a format cannot hold.
    AddressInDns,
    ClientUnasked,
    DomainInFirewall,
    TooLong,
}

impl Why {
    /// Returns what it counts, and the words for it.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Closed => ("alert", "closed because nothing new came (--include-closed)"),
            Self::BeforeSince => ("alert", "ended before --since"),
            Self::Severity => ("alert", "below --min-severity"),
            Self::Confidence => ("alert", "below --min-confidence"),
            Self::OtherRule => ("alert", "of rules not named by --rule"),
            Self::NoTime => ("alert", "without a time that can be read"),
            Self::Expired => ("alert", "run out by --now"),
            Self::RuleBlocksNothing => ("alert", "of rules that name nobody to block"),
            Self::NamesNothing => ("alert", "naming neither a domain nor an address to block"),
            Self::Unsafe => ("name", "no host name, so it cannot be written safely"),
            Self::PublicSuffix => ("name", "a public suffix: others live below it"),
            Self::Infrastructure => ("name", "under arpa: addresses would lose their names"),
            Self::Undelegated => {
                ("name", "under a suffix that nobody registers (--allow-undelegated)")
            }
            Self::Popular => ("name", "that half the world uses (--allow-popular)"),
            Self::UnderAttack => {
                ("domain", "flooded or forged itself, by other alerts (--allow-victims)")
            }
            Self::ServedHere => {
                ("domain", "asked from outside of a server inside: your own (--allow-victims)")
            }
            Self::TurnedOnce => {
                ("domain", "turned inside once, as a split view does (--rule dns-rebinding)")
            }
            Self::SpecialAddress => ("address", "unspecified, loopback, link-local or multicast"),
            Self::PrivateServer => ("server", "of your own (--allow-private)"),
            Self::OwnClient => {
                ("client", "at a private address, cut off only when asked to (--clients)")
            }
            Self::Kept => ("entry", "named by --keep or [network]"),
            Self::AddressInDns => ("address", "of no use in this format (nft and stix take it)"),
            Self::ClientUnasked => ("client", "cut off only when asked to (--clients)"),
            Self::DomainInFirewall => ("domain", "of no use in this format (all others take it)"),
            Self::TooLong => ("domain", "too long to stand in a response policy zone"),
        }
    }
}

/// What is not in a list, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Why, BTreeSet<String>>);

impl LeftOut {
    /// Notes that `what` is left out; the same thing counts once for a reason.
    pub(super) fn add(&mut self, why: Why, what: &str) {
        self.0.entry(why).or_default().insert(what.to_owned());
    }

    /// Returns a line a reason: how many, why, and the first of them; printable ASCII.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(why, names)| {
                let (kind, words) = why.words();
                let many = match kind {
                    "entry" => "entries".to_owned(),
                    "address" => "addresses".to_owned(),
                    kind => format!("{kind}s"),
                };
                let count = counted(names.len(), kind, &many);
                let shown: Vec<_> =
                    names.iter().take(EXAMPLES).map(|name| plain(name, 80)).collect();
                let more = if names.len() > EXAMPLES { ", ..." } else { "" };
                format!("{count} {words}: {}{more}", shown.join(", "))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_with_examples_that_cannot_break_a_line() {
        let mut left = LeftOut::default();
        for name in ["a\nb", "c", "d", "e", "c"] {
            left.add(Why::Unsafe, name);
        }
        left.add(Why::Kept, "evil.com");
        assert_eq!(
            left.lines(),
            [
                "4 names no host name, so it cannot be written safely: a?b, c, d, ...",
                "1 entry named by --keep or [network]: evil.com"
            ]
        );
    }
}
