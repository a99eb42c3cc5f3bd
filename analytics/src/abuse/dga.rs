//! `dga`: a client that looks for the domain its program computed today.
//!
//! Programs that generate domains ask many that nobody registered until one answers (Antonakakis et
//! al. 2012). Every registered domain that does not exist adds to a sum (CUSUM, Page 1954): by how
//! much its label looks drawn rather than written, less what chance allows. Families that put words
//! together look written; for those the number of such domains counts.

use std::time::Duration;

use geophone_sensor::record::{Transaction, hash_of};
use serde::{Deserialize, Serialize};

use super::about::About;
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};
use crate::price::drawn_bits;

/// Decibans a bit is worth.
const DECIBANS: f64 = 3.0103;
/// What one domain may add, in decibans.
const LEAST: f64 = -6.0;
const MOST: f64 = 12.0;
/// What chance takes off each, in decibans.
const DRIFT: f64 = 3.0;
/// A label this long is looked at; shorter ones say too little.
const SHORTEST: usize = 6;
/// The sum does not grow beyond: who stops is soon forgotten.
const CEILING: f64 = 120.0;
/// What a domain that does exist takes off, in decibans.
const EXISTS: f64 = 2.0;
/// The sum from which a drawn name that exists is a rendezvous, in decibans.
const SUSPICIOUS: f64 = 20.0;
/// How drawn a name that does resolve must look to be a rendezvous, in decibans.
const RENDEZVOUS: f64 = 6.0;

/// A and AAAA: the program wants an address.
const HOSTS: [u16; 2] = [1, 28];

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
    /// Length of the last label, for families of one length.
    length: u8,
    rendezvous: u32,
    named: String,
}

impl Watch for Dga {
    const RULE: &'static str = "dga";
    const MEMORY: Duration = Duration::from_secs(4 * 3600);
    const HEAP: usize = Lately::HEAP + 256;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction()?;
        // What nobody can register is a search suffix or a typing error.
        if !asked.name.suffix_known || asked.name.n_subdomain_labels > 1 || !asked.has_answer() {
            return None;
        }
        label_of(asked)?;
        // What begins with an underscore is no host: resolvers probe for delegations with such names
        // (RFC 9156 section 2.3), and services stand there (RFC 8552).
        if !HOSTS.contains(&asked.qtype) || asked.qname.folded().from(0).get(1) == Some(&b'_') {
            return None;
        }
        let of_interest = match asked.answer.rcode {
            3 => true,
            0 => seen.roles.has(Roles::DOMAIN_NEW),
            _ => false,
        };
        of_interest.then_some(About::Client(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some((asked, label)) = seen.transaction().and_then(|a| Some((a, label_of(a)?))) else {
            return false;
        };
        if asked.answer.rcode == 0 {
            // Without missing domains around it, it is a name like others; and who asks for many
            // that exist is a crawler, or a resolver.
            let drawn = evidence(label) >= RENDEZVOUS && asked.answer.n_addresses > 0;
            if figures.sum < SUSPICIOUS || !drawn {
                figures.sum = (figures.sum - EXISTS).max(0.0);
                figures.existing.add(moment.at, 1, moment.window);
                return false;
            }
            figures.rendezvous = figures.rendezvous.saturating_add(1);
            figures.named = asked.domain_text();
            return true;
        }
        let domain = asked.qname.folded();
        if !figures.missing.add(hash_of(domain.from(usize::from(asked.domain_at)), 0), moment) {
            return false;
        }
        figures.domains.add(moment.at, 1, moment.window);
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        let alike = if length == figures.length { 2.0 } else { 0.0 };
        figures.length = length;
        figures.sum = (figures.sum + evidence(label) + alike - DRIFT).clamp(0.0, CEILING);
        true
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let missing = figures.domains.sum(moment.at, moment.window);
        let existing = figures.existing.sum(moment.at, moment.window);
        Values::default()
            .with(Feature::DgaEvidence, figures.sum)
            .with(Feature::NxDomains, missing)
            .with(Feature::NxdomainShare, missing / (missing + existing).max(1.0))
            .with(Feature::Rendezvous, figures.rendezvous)
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
            text += &format!("; {} of their kind resolved", figures.named);
        }
        text
    }

    fn unique(figures: &Figures) -> u32 {
        figures.missing.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Domain(asked.domain_text()))
    }
}

/// The label that was registered, or was not.
fn label_of(asked: &Transaction) -> Option<&[u8]> {
    let label = asked.qname.labels_from(usize::from(asked.domain_at)).next()?;
    // Letters of other scripts (RFC 5890) are no draw.
    (label.len() >= SHORTEST && !label.starts_with(b"xn--")).then_some(label)
}

fn evidence(label: &[u8]) -> f64 {
    (drawn_bits(label) * DECIBANS).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_labels_weigh_and_written_ones_excuse() {
        for drawn in ["xkqwzlvbnmfg", "qpzmvtrxkwlj", "a8f3k2q9z7x1", "vhtkqcjwplxd"] {
            assert!(evidence(drawn.as_bytes()) > 3.0, "{drawn} {}", evidence(drawn.as_bytes()));
        }
        for written in ["facebook", "googleapis", "windowsupdate", "stackoverflow", "newsletter"] {
            assert!(evidence(written.as_bytes()) < 0.0, "{written}");
        }
    }
}
