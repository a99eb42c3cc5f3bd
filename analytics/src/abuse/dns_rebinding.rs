//! `dns-rebinding`: a public name that turns to a private address.
//!
//! A page from the name then talks to hosts inside as if they were its own (Jackson et al. 2007). The
//! name answers with a public address first, and with a private one soon after, to be kept for
//! seconds only; or with both at once, and the page's server goes silent. Zones of this site are left
//! out; sites that publish private addresses for good never turn.
//!
//! A resolver that begins to deny a site turns its name, too, to a page inside or to 0.0.0.0. So the
//! first turn counts only where the client met the domain a moment ago, as it does on the page that
//! attacks it, and where few others know it; back and forth counts always ([`Turns`](super::Turns)).

use std::time::Duration;

use geophone_sensor::record::Status;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::turns::Points;
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// The watch.
pub(super) struct DnsRebinding;

/// What is kept of a domain.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    private: Recent,
    flips: Recent,
}

impl Watch for DnsRebinding {
    const RULE: &'static str = "dns-rebinding";
    const MEMORY: Duration = Duration::from_secs(1200);
    const HEAP: usize = 0;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction().filter(|asked| asked.status == Status::Answered)?;
        let of_interest = asked.answer.n_private > 0
            && asked.name.suffix_known
            && !seen.roles.has(Roles::NAME_INTERNAL)
            && Points::of(asked).is_some();
        of_interest.then_some(About::Zone)
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        figures.private.add(moment.at, 1, moment.window);
        if seen.roles.has(Roles::NAME_TURNED) {
            figures.flips.add(moment.at, 1, moment.window);
        }
        true
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
