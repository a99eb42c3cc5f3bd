//! `rogue-resolver`: clients that ask other resolvers than they are meant to.
//!
//! Malware changes the resolver (DNSChanger), users evade filters. Where the configuration names the
//! site's resolvers, whoever asks others for recursion is told. Where it does not, a client that asks
//! many resolvers outside is (ntopng and Splunk begin to wonder at five).

use std::time::Duration;

use geophone_sensor::record::hash_of;
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// The watch.
pub(super) struct RogueResolver;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    queries: Recent,
    servers: Lately,
    names: Lately,
    /// Whether the configuration names the resolvers to ask.
    designated: bool,
    taken: u32,
}

impl Watch for RogueResolver {
    const RULE: &'static str = "rogue-resolver";
    const MEMORY: Duration = Duration::from_secs(24 * 3600);
    const HEAP: usize = 2 * Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let Seen { roles, .. } = seen;
        if !roles.has(Roles::CLIENT_INSIDE)
            || roles.has(Roles::CLIENT_RESOLVER)
            || roles.has(Roles::SERVER_RESOLVER)
            || roles.has(Roles::SERVER_AUTHORITATIVE)
        {
            return None;
        }
        let asked = seen.transaction().filter(|asked| asked.has_query())?;
        if !asked.flags.recursion_desired() {
            return None;
        }
        let designated = roles.has(Roles::RESOLVERS_NAMED);
        // Without names to go by, once for each domain is enough to count servers.
        let of_interest = designated
            || roles.has(Roles::DOMAIN_NEW)
                && !roles.has(Roles::SERVER_INSIDE)
                && asked.answer_flags.recursion_available();
        of_interest.then_some(About::Client(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        figures.queries.add(moment.at, 1, moment.window);
        figures.designated = seen.roles.has(Roles::RESOLVERS_NAMED);
        figures.names.add(hash_of(asked.qname.folded().from(0), 0), moment);
        figures.taken = figures.taken.saturating_add(1);
        figures.servers.add(host_hash(asked.server), moment) || figures.taken.is_power_of_two()
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let queries = figures.queries.sum(moment.at, moment.window);
        Values::default()
            .with(Feature::Undesignated, if figures.designated { queries } else { 0.0 })
            .with(Feature::Servers, figures.servers.count())
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let meant = if figures.designated { " that it is not meant to ask" } else { " outside" };
        format!(
            "{} asked {} resolvers{meant} (the last was {}), {:.0} questions within {} min",
            suspect.client,
            figures.servers.count(),
            suspect.server,
            figures.queries.sum(moment.at, moment.window),
            moment.window.as_secs() / 60,
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Server(asked.server))
    }
}
