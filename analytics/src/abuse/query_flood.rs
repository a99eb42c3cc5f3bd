//! `query-flood`: far more questions than a host is used to.
//!
//! Seconds come as ticks, so a flood costs one record a second, not one a packet. What is usual is
//! learned by host: servers that thousands ask have high rates every day. Before the warm-up is over
//! only rates that no resolver of a site reaches count.

use std::time::Duration;

use geophone_sensor::record::Role;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::bins::Usual;
use super::seen::Seen;
use super::watch::{Moment, Watch};
use crate::alert::Suspect;
use crate::detect::{Feature, Values};

/// Seconds over which a rate is a mean.
const SPAN: f64 = 10.0;
/// Queries a second below which nothing is a flood, and what counts as usual at least.
const LEAST: f64 = 20.0;

/// The watch.
pub(super) struct QueryFlood;

/// What is kept of a host.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    usual: Usual,
    /// Queries of the bin at hand.
    queries: u32,
    /// The mean over the last seconds.
    rate: f64,
    server: bool,
}

impl Watch for QueryFlood {
    const RULE: &'static str = "query-flood";
    const MEMORY: Duration = Duration::from_secs(7 * 86_400);
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
        // What is going on is not what is usual: the bin before this one is taken only when over.
        let mean = f64::from(figures.queries) / moment.window.as_secs_f64();
        if figures.usual.turn(moment.at, moment.window, mean) {
            figures.queries = 0;
        }
        figures.queries = figures.queries.saturating_add(tick.figures.queries);
        figures.rate += (f64::from(tick.figures.queries) - figures.rate) / SPAN;
        figures.server = tick.role == Role::Server;
        figures.rate > LEAST
    }

    fn values(figures: &Figures, _moment: Moment) -> Values {
        Values::default()
            .with(Feature::QueryRate, figures.rate)
            .with(Feature::RateRise, figures.usual.rise(figures.rate, LEAST))
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        let usual = figures.usual.mean().map_or_else(
            || "what is usual is not known yet".to_owned(),
            |mean| format!("{mean:.0} a second are usual"),
        );
        let (host, does) =
            if figures.server { (suspect.server, "is asked") } else { (suspect.client, "asks") };
        format!("{host} {does} {:.0} questions a second; {usual}", figures.rate)
    }
}
