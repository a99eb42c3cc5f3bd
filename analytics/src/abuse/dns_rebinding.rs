//! `dns-rebinding`: a public name that turns to a private address.
//!
//! A page from the name then talks to hosts inside as if they were its own (Jackson et al. 2007). The
//! name answers with a public address first, and with a private one soon after, to be kept for
//! seconds only. Block lists answer 127.0.0.0/8 (RFC 5782) and are left out, so are the zones of this
//! site; sites that publish private addresses for good never turn.

use std::time::Duration;

use geophone_sensor::record::{Status, hash_of};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// An answer to be kept this long, in seconds, is meant to turn.
const SHORT: u32 = 60;
/// Names of a domain that are followed at once.
const NAMES: usize = 8;

/// The watch.
pub(super) struct DnsRebinding;

/// What is kept of a domain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    private: Recent,
    flips: Recent,
    names: Vec<Turned>,
}

/// Where a name pointed when a server last answered a client.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Turned {
    name: u64,
    private: bool,
    at: Timestamp,
}

impl Watch for DnsRebinding {
    const RULE: &'static str = "dns-rebinding";
    const MEMORY: Duration = Duration::from_secs(1200);
    const HEAP: usize = NAMES * 2 * size_of::<Turned>();

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction().filter(|asked| asked.status == Status::Answered)?;
        let answer = &asked.answer;
        let short = answer.ttls.is_some_and(|(least, _)| least <= SHORT);
        let lists = answer.n_loopback > 0 && asked.name.n_subdomain_labels >= 4;
        let of_interest = answer.n_addresses > 0
            && short
            && asked.name.suffix_known
            && !lists
            && !seen.roles.has(Roles::NAME_INTERNAL);
        of_interest.then_some(About::Zone)
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        let Moment { at, window } = moment;
        let private = asked.answer.n_private > 0;
        if private {
            figures.private.add(at, 1, window);
        }
        // Of one client and one server: where a name stands for one host inside and for another
        // outside, others are told otherwise, and so are clients that ask two resolvers.
        let hosts = host_hash(asked.client).rotate_left(1) ^ host_hash(asked.server);
        let name = hash_of(asked.qname.folded().from(0), hosts) ^ u64::from(asked.qtype);
        let before = figures.names.iter_mut().find(|turned| turned.name == name);
        let now = Turned { name, private, at };
        let Some(before) = before else {
            if figures.names.len() >= NAMES {
                figures.names.remove(0);
            }
            figures.names.push(now);
            return private;
        };
        // From inside to outside is a captive portal that let the client through.
        let turns = private && !before.private && at.since(before.at) <= window;
        *before = now;
        if turns {
            figures.flips.add(at, 1, window);
        }
        turns || private
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
