//! `query-flood`: far more questions than a host is used to.
//!
//! Seconds come as ticks, so a flood costs one record a second, not one a packet. What is usual is
//! learned by host and hour of the day ([`Habit`]): servers that thousands ask have high rates every
//! day. Before the warm-up is over only rates that no resolver of a site reaches count. What moved
//! from one host to another is no rise ([`Flow`](super::flow::Flow)), and what a resolver asks servers
//! outside rises many times over once its cache is emptied: there only what is beyond that counts.

use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::record::Role;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::habit::{Habit, QUANTILE, REMEMBERED};
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::Suspect;
use crate::detect::{Feature, Values};

/// Seconds over which a rate is a mean.
const SPAN: f64 = 10.0;
/// Queries a second below which nothing is a flood, and what counts as usual at least.
const LEAST: f64 = 20.0;
/// How many times over what a resolver asks may rise while it fills its cache: of what clients ask,
/// 80 to 95 % is answered from it (Jung et al. 2002).
const REFILL: f64 = 16.0;

/// The watch.
pub(super) struct QueryFlood;

/// What is kept of a host.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) host: Option<IpAddr>,
    /// Whether it is asked, not asking.
    pub(super) server: bool,
    /// Questions.
    pub(super) queries: Habit,
    /// Answers that something failed: no such name, server failure, refused.
    pub(super) failures: Habit,
    /// Questions for types with large or arbitrary data: ANY, TXT, NULL, DNSSEC.
    pub(super) large: Habit,
    /// Means over the last seconds, a second.
    rate: f64,
    failing: f64,
    /// Whether the last second is explained by what others do no more.
    moved: bool,
    /// Whether a resolver asks, or somebody outside is asked by resolvers.
    refills: bool,
}

impl Watch for QueryFlood {
    const RULE: &'static str = "query-flood";
    const MEMORY: Duration = REMEMBERED;
    const HEAP: usize = 0;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let tick = seen.tick()?;
        let address = tick.address?;
        match tick.role {
            Role::Client => Some(About::Client(address)),
            Role::Server => Some(About::Server(address)),
            Role::Sensor => None,
        }
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(tick) = seen.tick() else { return false };
        let counts = &tick.figures;
        let failures = counts.nxdomain + counts.servfail + counts.refused;
        let large = counts.any + counts.txt + counts.opaque + counts.dnssec;
        if figures.host.is_none() && seen.roles.has(Roles::SETTLED) {
            let all = [&mut figures.queries, &mut figures.failures, &mut figures.large];
            all.into_iter().for_each(|habit| habit.begin_quiet(moment.at));
        }
        figures.queries.add(moment.at, counts.queries);
        figures.failures.add(moment.at, failures);
        figures.large.add(moment.at, large);
        figures.rate += (f64::from(counts.queries) - figures.rate) / SPAN;
        figures.failing += (f64::from(failures) - figures.failing) / SPAN;
        figures.moved = seen.roles.has(Roles::SITE_STEADY);
        figures.refills = match tick.role {
            Role::Client => seen.roles.has(Roles::CLIENT_RESOLVER),
            _ => {
                let ours = [Roles::SERVER_INSIDE, Roles::SERVER_AUTHORITATIVE];
                !ours.into_iter().any(|role| seen.roles.has(role))
            }
        };
        (figures.host, figures.server) = (tick.address, tick.role == Role::Server);
        figures.rate > LEAST
    }

    fn values(figures: &Figures, _moment: Moment) -> Values {
        let rise = figures.queries.rise(figures.rate, LEAST);
        let rise = if figures.refills { (rise / REFILL).max(rise.min(1.0)) } else { rise };
        Values::default()
            .with(Feature::QueryRate, figures.rate)
            .with(Feature::RateRise, if figures.moved { rise.min(1.0) } else { rise })
            .with(Feature::FailureRise, figures.failures.rise(figures.failing, LEAST))
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        let (minutes, of_hour) = figures.queries.learned();
        let usual = figures.queries.usual().map_or_else(
            || "what is usual is not known yet".to_owned(),
            |usual| {
                let when = if of_hour { " at this hour" } else { "" };
                let share = 100.0 * QUANTILE;
                format!("up to {usual:.0} are usual{when} ({share:.1} % of {minutes} minutes)")
            },
        );
        let (host, does) =
            if figures.server { (suspect.server, "is asked") } else { (suspect.client, "asks") };
        format!("{host} {does} {:.0} questions a second; {usual}", figures.rate)
    }
}
