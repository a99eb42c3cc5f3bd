//! `dns-rebinding`: a public name that turns to a private address.
//!
//! A page from the name then talks to hosts inside as if they were its own (Jackson et al. 2007). The
//! name answers with a public address first, and with a private one soon after, to be kept for
//! seconds only; or with both at once, and the page's server goes silent. Zones of this site are left
//! out; sites that publish private addresses for good never turn.
//!
//! A resolver that begins to deny a site turns its name, too, to a page inside or to 0.0.0.0. So the
//! first turn counts only where the client met the domain a moment ago, as it does on the page that
//! attacks it, and where few others know it; back and forth counts always.

use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::record::{Status, hash_of};
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// An answer to be kept this long, in seconds, is meant to turn.
const SHORT: u32 = 60;
/// The same, where public and private addresses stand side by side.
const SHORTEST: u32 = 10;
/// Names of a domain that are followed at once.
const NAMES: usize = 32;
/// Clients that met the domain lately, at once.
const NEWCOMERS: usize = 16;
/// How long a domain is one that a client has just met.
const NEW: Duration = Duration::from_secs(1200);

/// The watch.
pub(super) struct DnsRebinding;

/// What is kept of a domain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    private: Recent,
    flips: Recent,
    names: Vec<Turned>,
    newcomers: Vec<Newcomer>,
}

/// Where a name pointed when a server last answered a client.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Turned {
    name: u32,
    /// In seconds since the epoch.
    at: u32,
    private: bool,
    /// Whether it turned before.
    turned: bool,
}

/// A client that asked the domain for the first time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Newcomer {
    client: u32,
    /// In seconds since the epoch.
    at: u32,
}

impl Figures {
    /// Tells whether a client met the domain a moment ago; notes it where `meets` says so.
    fn is_new(&mut self, client: IpAddr, meets: bool, now: u32) -> bool {
        let client = short(host_hash(client));
        if meets {
            if self.newcomers.len() >= NEWCOMERS {
                self.newcomers.remove(0);
            }
            self.newcomers.push(Newcomer { client, at: now });
        }
        let held = u32::try_from(NEW.as_secs()).unwrap_or(u32::MAX);
        self.newcomers.iter().any(|one| one.client == client && now.abs_diff(one.at) <= held)
    }
}

impl Watch for DnsRebinding {
    const RULE: &'static str = "dns-rebinding";
    const MEMORY: Duration = Duration::from_secs(1200);
    const HEAP: usize = NAMES * size_of::<Turned>() + NEWCOMERS * size_of::<Newcomer>();

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction().filter(|asked| asked.status == Status::Answered)?;
        let answer = &asked.answer;
        let short = answer.ttls.is_some_and(|(least, _)| least <= SHORT);
        // The client meets the domain by a question for the type that it does not have.
        let meets = seen.roles.has(Roles::DOMAIN_NEW.and(Roles::DOMAIN_RARE))
            && answer.rcode == 0
            && answer.n_answers == 0;
        let of_interest = (answer.n_addresses > 0 && short || meets)
            && asked.name.suffix_known
            && !seen.roles.has(Roles::NAME_INTERNAL);
        of_interest.then_some(About::Zone)
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        let Moment { at, window } = moment;
        let now = u32::try_from(at.micros() / 1_000_000).unwrap_or_default();
        let is_new = figures.is_new(asked.client, seen.roles.has(Roles::DOMAIN_NEW), now)
            && seen.roles.has(Roles::DOMAIN_RARE);
        let answer = &asked.answer;
        if answer.n_addresses == 0 {
            return false;
        }
        let private = answer.n_private > 0;
        if private {
            figures.private.add(at, 1, window);
        }
        // Hosts with one leg inside and one outside say so for longer.
        let shortest = answer.ttls.is_some_and(|(least, _)| least <= SHORTEST);
        let both = private && answer.n_private < answer.n_addresses;
        if both && !shortest {
            return false;
        }
        // Of one client and one server: where a name stands for one host inside and for another
        // outside, others are told otherwise, and so are clients that ask two resolvers.
        let hosts = host_hash(asked.client).rotate_left(1) ^ host_hash(asked.server);
        let hosts = hosts ^ u64::from(asked.qtype);
        let name = short(hash_of(asked.qname.folded().from(0), hosts));
        let before = figures.names.iter_mut().find(|turned| turned.name == name);
        let Some(before) = before else {
            if figures.names.len() >= NAMES {
                figures.names.remove(0);
            }
            figures.names.push(Turned { name, at: now, private, turned: false });
            return private;
        };
        // From inside to outside is a captive portal that let the client through.
        let soon = u64::from(now.saturating_sub(before.at)) <= window.as_secs();
        let turns = private && (!before.private || both) && soon;
        let counts = turns && (is_new || before.turned);
        *before = Turned { name, at: now, private, turned: before.turned || turns };
        if counts {
            figures.flips.add(at, 1, window);
        }
        counts || private
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        Values::default()
            .with(Feature::PrivateAnswers, sum(&figures.private))
            .with(Feature::Flips, sum(&figures.flips))
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        format!(
            "names of {} turned from public to private addresses {:.0} times within {} min; {:.0} \
             answers pointed {} inside",
            suspect.domain,
            sum(&figures.flips),
            moment.window.as_secs() / 60,
            sum(&figures.private),
            suspect.client,
        )
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Client(asked.client))
    }
}

/// Half of a hash: enough for the few that are kept.
fn short(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}
