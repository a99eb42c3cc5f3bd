//! `dga`: a client that looks for the domain its program computed today.
//!
//! Programs that generate domains ask many that nobody registered until one answers (Antonakakis et
//! al. 2012). Every missing domain that the client never asked before adds to a sum (CUSUM, Page
//! 1954) how much more likely a program makes it than a person: by how drawn its label looks, and by
//! what it has in common with the missing ones before it. Families that put words together look
//! written, but are alike.

use std::time::Duration;

use geophone_sensor::record::{Status, Transaction, hash_of};
use serde::{Deserialize, Serialize};

use super::about::About;
use super::distinct::Lately;
use super::kin::Kin;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};
use crate::price::drawn_bits;

/// Decibans a bit is worth.
const DECIBANS: f64 = 3.0103;
/// What the drawn look of a label is worth, both in decibans. The text model knows few languages: of
/// registered domains 17 % are beyond 40, 10 % beyond 60 and 4 % beyond 100; of names like
/// Conficker's, the shortest, 97 %, 93 % and 73 % (10,000 names each).
const WORTH: [(f64, f64); 4] = [(20.0, -6.0), (50.0, 0.0), (80.0, 6.0), (120.0, 12.0)];
/// What the suffix of a missing domain may say at most, in decibans: little, for where people live its
/// own is as usual as `com`.
const BY_SUFFIX: f64 = 4.0;
/// The same for one that exists, beside others that do.
const BY_SUFFIX_NAMED: f64 = 6.0;
/// What chance takes off each, in decibans.
const DRIFT: f64 = 1.0;
/// A label this long is looked at; shorter ones say too little.
const SHORTEST: usize = 6;
/// The sum does not grow beyond: who stops is soon forgotten.
const CEILING: f64 = 120.0;
/// What a domain that does exist takes off, in decibans.
const EXISTS: f64 = 2.0;
/// The sum from which a domain that exists may be a rendezvous, in decibans, or the missing domains
/// in a window.
const SUSPICIOUS: f64 = 20.0;
/// How much more a domain that exists must look like the missing ones than like what people visit
/// to be a rendezvous, in decibans; the one that looks most like them is named.
const RENDEZVOUS: f64 = 3.0;

/// The same for one that takes part, and may be blocked for it: others that are named before it are
/// chance.
const SURELY: f64 = 2.0 * RENDEZVOUS;

/// Decibans a domain from which missing domains are of one kind: forty of the word family that varies
/// most have 2.6, a hundred and fifty of what people visit most 1.5.
const CLOSE: f64 = 2.4;

/// A, AAAA and HTTPS (RFC 9460): the program wants an address, and a browser asks all three.
const HOSTS: [u16; 3] = [1, 28, 65];

/// The watch.
pub(super) struct Dga;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    sum: f64,
    domains: Recent,
    /// Domains asked for the first time that do exist.
    existing: Recent,
    /// Distinct domains that do not.
    missing: Lately,
    /// The least hash of them.
    least: u64,
    kin: Kin,
    /// The last label: who looks where one is free asks it under many suffixes.
    label: u64,
    rendezvous: u32,
    /// The rendezvous that looks most like the missing domains, and how much.
    named: String,
    likeness: f64,
}

impl Watch for Dga {
    const RULE: &'static str = "dga";
    const MEMORY: Duration = Duration::from_secs(4 * 3600);
    const HEAP: usize = Lately::HEAP + 256;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction()?;
        // Where the mirror shows answers alone, they are to nothing, and repeat what was desired.
        let desired = match asked.status {
            Status::Answered => asked.flags.recursion_desired(),
            Status::Unsolicited if asked.mismatch.is_none() => {
                asked.answer_flags.recursion_desired()
            }
            _ => return None,
        };
        // What nobody can register is a search suffix or a typing error; who does not ask for recursion
        // is a resolver, and looks for what others look for, as a mail server does for its senders.
        let resolves = !desired;
        if resolves
            || seen.roles.has(Roles::CLIENT_MAIL)
            || !asked.name.suffix_known
            || asked.name.n_subdomain_labels > 1
        {
            return None;
        }
        label_of(asked)?;
        // What begins with an underscore is no host: resolvers probe for delegations with such names
        // (RFC 9156 section 2.3), and services stand there (RFC 8552).
        if !HOSTS.contains(&asked.qtype) || asked.qname.folded().from(0).get(1) == Some(&b'_') {
            return None;
        }
        // What a resolver's block list denies is asked again every day.
        let of_interest = matches!(asked.answer.rcode, 0 | 3) && seen.roles.has(Roles::DOMAIN_NEW);
        of_interest.then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some((asked, label)) = seen.transaction().and_then(|a| Some((a, label_of(a)?))) else {
            return false;
        };
        if asked.answer.rcode == 0 {
            // Without missing domains around it, it is a name like others; and who asks for many
            // that exist is a crawler, or a resolver.
            let missing = figures.domains.sum(moment.at, moment.window);
            let likeness = figures.likeness_of(asked, label, BY_SUFFIX_NAMED);
            let found = figures.sum.max(missing) >= SUSPICIOUS
                // Where the family is drawn, so is the one that is there.
                && (figures.kin.drawn() < RENDEZVOUS || worth(label) >= 0.0)
                && likeness >= RENDEZVOUS
                && asked.answer.n_addresses > 0;
            if !found {
                figures.sum = (figures.sum - EXISTS).max(0.0);
                figures.existing.add(moment.at, 1, moment.window);
                return false;
            }
            figures.rendezvous = figures.rendezvous.saturating_add(1);
            if figures.named.is_empty() || likeness > figures.likeness {
                (figures.named, figures.likeness) = (asked.domain_text(), likeness);
            }
            return true;
        }
        let domain = asked.qname.folded();
        let hash = hash_of(domain.from(usize::from(asked.domain_at)), 0);
        if !figures.missing.add(hash, moment) {
            return false;
        }
        figures.least = if figures.kin.is_empty() { hash } else { figures.least.min(hash) };
        let said = hash_of(&label.to_ascii_lowercase(), 0);
        if said == figures.label {
            return false;
        }
        figures.label = said;
        figures.domains.add(moment.at, 1, moment.window);
        let likeness = figures.likeness_of(asked, label, BY_SUFFIX);
        figures.sum = (figures.sum + likeness - DRIFT).clamp(0.0, CEILING);
        figures.kin.add(label, suffix_of(asked, label), worth(label), likeness);
        true
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let missing = figures.domains.sum(moment.at, moment.window);
        let existing = figures.existing.sum(moment.at, moment.window);
        Values::default()
            .with(Feature::DgaEvidence, figures.sum)
            .with(Feature::NxDomains, missing)
            .with(Feature::NxKin, if figures.kin.closeness() >= CLOSE { missing } else { 0.0 })
            .with(Feature::NxdomainShare, missing / (missing + existing).max(1.0))
            .with(Feature::Rendezvous, figures.rendezvous)
    }

    /// The least of the missing domains, by their hash: hosts with one program look for the same.
    fn cause(figures: &Figures, _seen: &Seen<'_>) -> u64 {
        figures.least
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let mut text = format!(
            "{} asked for {:.0} domains that nobody registered within {} min, names that look \
             generated",
            suspect.client,
            figures.domains.sum(moment.at, moment.window),
            moment.window.as_secs() / 60,
        );
        if !figures.named.is_empty() {
            text += &format!("; {}, which exists, is most like them", figures.named);
        }
        text
    }

    fn unique(figures: &Figures) -> u32 {
        figures.missing.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Domain(asked.domain_text()))
    }

    /// Not what people visit meanwhile, and not what a block list denies them: of missing domains
    /// those that look like the family.
    fn takes_part(figures: &Figures, seen: &Seen<'_>) -> bool {
        let asked = seen.transaction().and_then(|asked| Some((asked, label_of(asked)?)));
        asked.is_some_and(|(asked, label)| {
            let of_family = || figures.likeness_of(asked, label, BY_SUFFIX) >= RENDEZVOUS;
            let is_named = || asked.domain_text() == figures.named && figures.likeness >= SURELY;
            is_named() || asked.answer.rcode == 3 && of_family()
        })
    }
}

impl Figures {
    /// How much more a domain looks like the missing ones than like what people visit, in decibans, its
    /// suffix saying `most` at most.
    fn likeness_of(&self, asked: &Transaction, label: &[u8], most: f64) -> f64 {
        worth(label) + self.kin.alike(label, suffix_of(asked, label), most)
    }
}

/// The label that was registered, or was not.
fn label_of(asked: &Transaction) -> Option<&[u8]> {
    let label = asked.qname.labels_from(usize::from(asked.domain_at)).next()?;
    // Letters of other scripts (RFC 5890) are no draw.
    (label.len() >= SHORTEST && !label.starts_with(b"xn--")).then_some(label)
}

/// The wire form of what stands behind the label.
fn suffix_of<'a>(asked: &'a Transaction, label: &[u8]) -> &'a [u8] {
    let behind = usize::from(asked.domain_at) + 1 + label.len();
    asked.qname.wire().get(behind..).unwrap_or_default()
}

/// What the drawn look of a label is worth, in decibans.
fn worth(label: &[u8]) -> f64 {
    let drawn = drawn_bits(label) * DECIBANS;
    let mut below = None;
    for (to, high) in WORTH {
        if drawn < to {
            return below
                .map_or(high, |(from, low)| low + (drawn - from) / (to - from) * (high - low));
        }
        below = Some((to, high));
    }
    below.map_or(0.0, |(_, most)| most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_labels_weigh_and_written_ones_excuse() {
        for drawn in ["xkqwzlvbnmfg", "qpzmvtrxkwlj", "a8f3k2q9z7x1", "vhtkqcjwplxd"] {
            assert!(worth(drawn.as_bytes()) > 3.0, "{drawn} {}", worth(drawn.as_bytes()));
        }
        for written in ["facebook", "googleapis", "windowsupdate", "stackoverflow", "newsletter"] {
            assert!(worth(written.as_bytes()) < 0.0, "{written}");
        }
    }
}
