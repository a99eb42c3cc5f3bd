//! `open-resolver`: a server of this site that resolves anything for anybody.
//!
//! It will be used to attack others (RFC 5358). Its answers to clients outside are recursive: RA is
//! set, AA is not, and they are no refusals.

use std::net::IpAddr;

use geophone_sensor::record::{Status, hash_of};
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// The watch.
pub(super) struct OpenResolver;

/// What is kept of a server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    answers: Recent,
    clients: Lately,
    domains: Lately,
    taken: u32,
}

impl Watch for OpenResolver {
    const RULE: &'static str = "open-resolver";
    const HEAP: usize = 2 * Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        if !seen.roles.has(Roles::SERVER_INSIDE) || seen.roles.has(Roles::CLIENT_INSIDE) {
            return None;
        }
        let asked = seen.transaction().filter(|asked| asked.status == Status::Answered)?;
        // Nobody outside reaches a unique local address (RFC 4193): who does has another one inside.
        if matches!(asked.server, IpAddr::V6(server) if server.is_unique_local()) {
            return None;
        }
        let flags = asked.answer_flags;
        let recursed = flags.recursion_available()
            && !flags.authoritative()
            && asked.flags.recursion_desired()
            // A referral is no resolution.
            && (asked.answer.rcode == 0 && asked.answer.n_answers > 0
                || asked.answer.rcode == 3 && asked.answer.n_authority > 0);
        recursed.then_some(About::Server(asked.server))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        figures.answers.add(moment.at, 1, moment.window);
        figures.taken = figures.taken.saturating_add(1);
        let name = asked.qname.folded();
        let new = figures.domains.add(hash_of(name.from(usize::from(asked.domain_at)), 0), moment);
        figures.clients.add(host_hash(asked.client), moment)
            || new
            || figures.taken.is_power_of_two()
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        Values::default()
            .with(Feature::Recursions, figures.answers.sum(moment.at, moment.window))
            .with(Feature::Clients, figures.clients.count())
            .with(Feature::Domains, figures.domains.count())
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        format!(
            "{} resolved names of {} domains for {} clients outside (the last was {})",
            suspect.server,
            figures.domains.count(),
            figures.clients.count(),
            suspect.client,
        )
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Client(asked.client))
    }
}
