//! `version-probe`: questions about the server itself, in class CH.
//!
//! `version.bind`, `hostname.bind` and their like (RFC 4892) tell an attacker which exploits to try.
//! Operators ask them too, of their own servers, which do not count as many where the configuration
//! names them; a scanner asks many servers or all the names.

use geophone_sensor::record::hash_of;
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::Suspect;
use crate::detect::{Feature, Values};

/// Class CH, Chaosnet (RFC 1035 section 3.2.4), which carries nothing else any more.
const CHAOS: u16 = 3;

/// First labels of names that tell which of many servers answers, not what it runs (RFC 4892, RFC
/// 5001): who watches an anycast service asks them of all its addresses, all day.
const INSTANCES: [&[u8]; 2] = [b"hostname", b"id"];

/// First labels of what dnsmasq tells about its cache (its manual, `--cache-size`):
/// exporters of statistics ask all of them every few seconds.
const STATISTICS: [&[u8]; 7] =
    [b"auth", b"cachesize", b"evictions", b"hits", b"insertions", b"misses", b"servers"];

/// The watch.
pub(super) struct VersionProbe;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    queries: Recent,
    names: Lately,
    servers: Lately,
}

impl Watch for VersionProbe {
    const RULE: &'static str = "version-probe";
    const HEAP: usize = 2 * Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked =
            seen.transaction().filter(|asked| asked.qclass == CHAOS && asked.has_query())?;
        let first = asked.qname.labels().next().unwrap_or_default();
        (!is_among(first, &STATISTICS)).then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        figures.queries.add(moment.at, 1, moment.window);
        let first = asked.qname.labels().next().unwrap_or_default();
        let tells_instance = is_among(first, &INSTANCES);
        let name = if tells_instance { 0 } else { hash_of(asked.qname.folded().from(0), 0) };
        let new_name = figures.names.add(name, moment);
        let own =
            seen.roles.has(Roles::SERVER_AUTHORITATIVE) || seen.roles.has(Roles::SERVER_RESOLVER);
        let server = if own && seen.roles.has(Roles::CLIENT_INSIDE) {
            0 // whichever of them it is
        } else {
            host_hash(asked.server)
        };
        !tells_instance && figures.servers.add(server, moment) || new_name
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        Values::default()
            .with(Feature::Queries, figures.queries.sum(moment.at, moment.window))
            .with(Feature::IdentityNames, figures.names.count())
            .with(Feature::Servers, figures.servers.count())
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        format!(
            "{} asked {} servers (the last was {}) for {} names that tell what they run",
            suspect.client,
            figures.servers.count(),
            suspect.server,
            figures.names.count(),
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }
}

fn is_among(label: &[u8], known: &[&[u8]]) -> bool {
    known.iter().any(|name| label.eq_ignore_ascii_case(name))
}
