//! `name-leak`: internal names asked of servers outside.
//!
//! Names of internal zones, of suffixes nobody registers and of services that clients look for by
//! themselves (wpad, isatap, domain controllers) tell outsiders how the network is built, and whoever
//! answers them takes the client over (ICANN's name-collision studies; RFC 6762 and RFC 8375 for
//! `.local` and `.home.arpa`; `.internal` by ICANN 2024). Addresses of private use have no names outside
//! either (RFC 6303).

use geophone_sensor::record::{Transaction, hash_of};
use serde::{Deserialize, Serialize};

use super::about::About;
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// Suffixes for internal use.
const SUFFIXES: [&[u8]; 10] = [
    b"local",
    b"internal",
    b"intranet",
    b"private",
    b"corp",
    b"home",
    b"lan",
    b"localdomain",
    b"domain",
    b"workgroup",
];
/// Zones of which nobody outside is to hear (RFC 8375; RFC 6303 section 4), in wire form; 16 to 31 of
/// 172.in-addr.arpa are told by their number.
const ZONES: [&[u8]; 8] = [
    b"\x04home\x04arpa",
    b"\x0210\x07in-addr\x04arpa",
    b"\x03168\x03192\x07in-addr\x04arpa",
    b"\x03254\x03169\x07in-addr\x04arpa",
    b"\x01d\x01f\x03ip6\x04arpa",
    b"\x018\x01e\x01f\x03ip6\x04arpa",
    b"\x019\x01e\x01f\x03ip6\x04arpa",
    b"\x01a\x01e\x01f\x03ip6\x04arpa",
];
const SHARED: &[u8] = b"\x03172\x07in-addr\x04arpa";
/// First labels that clients ask by themselves.
const SERVICES: [&[u8]; 5] = [b"wpad", b"isatap", b"_ldap", b"_kerberos", b"_msdcs"];

/// The watch.
pub(super) struct NameLeak;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    queries: Recent,
    names: Lately,
    taken: u32,
}

impl Watch for NameLeak {
    const RULE: &'static str = "name-leak";
    const HEAP: usize = Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        if !seen.roles.has(Roles::CLIENT_INSIDE) || seen.roles.has(Roles::SERVER_INSIDE) {
            return None;
        }
        let asked = seen.transaction().filter(|asked| asked.has_query())?;
        // A zone of this site that is served outside is no secret: its own servers say so.
        let served = asked.answer.rcode == 0
            && asked.answer.n_answers > 0
            && asked.answer_flags.authoritative();
        if served && !asked.flags.recursion_desired() {
            return None;
        }
        let internal = seen.roles.has(Roles::NAME_INTERNAL) || is_internal(asked);
        internal.then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        figures.queries.add(moment.at, 1, moment.window);
        figures.taken = figures.taken.saturating_add(1);
        figures.names.add(hash_of(asked.qname.folded().from(0), 0), moment)
            || figures.taken.is_power_of_two()
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        Values::default()
            .with(Feature::Queries, figures.queries.sum(moment.at, moment.window))
            .with(Feature::InternalNames, figures.names.count())
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        format!(
            "{} asked {}, which is outside, for {} internal names",
            suspect.client,
            suspect.server,
            figures.names.count(),
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Domain(asked.domain_text()))
    }
}

/// Whether the name stands under a suffix for internal use.
pub(super) fn is_private_suffix(asked: &Transaction) -> bool {
    let last = asked.qname.labels().last().unwrap_or_default();
    !asked.name.suffix_known && asked.name.n_labels > 1 && is_among(last, &SUFFIXES)
}

fn is_among(label: &[u8], list: &[&[u8]]) -> bool {
    list.iter().any(|known| label.eq_ignore_ascii_case(known))
}

fn is_internal(asked: &Transaction) -> bool {
    let last = asked.qname.labels().last().unwrap_or_default();
    let first = asked.qname.labels().next().unwrap_or_default();
    is_private_suffix(asked)
        || is_among(first, &SERVICES)
        || last.eq_ignore_ascii_case(b"arpa") && is_private(asked)
}

/// Whether a name under `arpa` stands in a zone for private use.
fn is_private(asked: &Transaction) -> bool {
    let name = asked.qname.folded();
    let wire = name.from(0);
    let wire = wire.strip_suffix(b"\0").unwrap_or(wire);
    let mut at = 0;
    asked.qname.labels().any(|label| {
        let rest = wire.get(at..).unwrap_or_default();
        at += 1 + label.len();
        let behind = wire.get(at..).unwrap_or_default();
        let number = || std::str::from_utf8(label).ok().and_then(|text| text.parse().ok());
        ZONES.contains(&rest) || behind == SHARED && matches!(number(), Some(16_u8..=31))
    })
}
