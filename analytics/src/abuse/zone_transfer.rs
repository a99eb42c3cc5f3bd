//! `zone-transfer`: AXFR (RFC 5936) and IXFR (RFC 1995) by whoever is no listed secondary.
//!
//! A transfer hands out every name of a zone: a map of the network. Attempted, refused and succeeded
//! are told apart by what came back.

use std::time::Duration;

use geophone_sensor::record::{Status, hash_of};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// IXFR and AXFR (RFC 1995, RFC 5936).
const IXFR: u16 = 251;
const TRANSFERS: std::ops::RangeInclusive<u16> = IXFR..=252;

/// A secondary that nobody listed comes again and again: the same is told once in this time.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The watch.
pub(super) struct ZoneTransfer;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    transfers: Recent,
    octets: Recent,
    /// Transfers that were answered with records, since the case began.
    succeeded: u32,
    /// Octets of them.
    left: u64,
    asked: u32,
    zones: Lately,
    /// Zones that were told, a bit each by its hash and outcome, and when one was last.
    told: u128,
    told_at: Timestamp,
}

impl Watch for ZoneTransfer {
    const RULE: &'static str = "zone-transfer";
    const MEMORY: Duration = Duration::from_secs(25 * 3600);
    const HEAP: usize = Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction().filter(|asked| TRANSFERS.contains(&asked.qtype))?;
        // A resolver that keeps a policy zone or the root at hand (RFC 8806) fetches it outside.
        let fetches =
            seen.roles.has(Roles::CLIENT_RESOLVER) && !seen.roles.has(Roles::SERVER_INSIDE);
        (!fetches && !seen.roles.has(Roles::CLIENT_SECONDARY))
            .then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        // One record alone, the SOA, says that there is nothing new, or to come again over TCP (RFC
        // 1995 sections 2 and 4).
        let least = if asked.qtype == IXFR && asked.status != Status::Continued { 2 } else { 1 };
        let carries =
            asked.has_answer() && asked.answer.rcode == 0 && asked.answer.n_answers >= least;
        let before = figures.left;
        if carries {
            let octets = u64::from(asked.answer_bytes);
            figures.octets.add(moment.at, octets, moment.window);
            figures.left += octets;
        }
        if asked.status == Status::Continued {
            // Weighed again whenever it has doubled.
            return carries && before.leading_zeros() != figures.left.leading_zeros();
        }
        figures.asked = figures.asked.saturating_add(1);
        figures.succeeded += u32::from(carries);
        figures.transfers.add(moment.at, 1, moment.window);
        let zone = hash_of(asked.qname.folded().from(0), 0);
        figures.zones.add(zone, moment);
        let bit = 1_u128 << (zone.wrapping_add(u64::from(carries)) % 128);
        let is_new = figures.told & bit == 0 || moment.at.since(figures.told_at) >= DAY;
        if is_new {
            (figures.told, figures.told_at) = (figures.told | bit, moment.at);
        }
        // While it goes on, its figures grow.
        is_new || moment.at.since(figures.told_at) < moment.window
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let lately = |recent: &Recent| recent.sum(moment.at, moment.window);
        Values::default()
            .with(Feature::Transfers, lately(&figures.transfers))
            .with(Feature::TransferBytes, lately(&figures.octets))
            .with(Feature::Domains, figures.zones.count())
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        let Figures { asked, succeeded, left, .. } = figures;
        let outcome = match succeeded {
            0 => "none was granted".to_owned(),
            _ => format!("{succeeded} granted, {} left", crate::alert::bytes(*left)),
        };
        format!(
            "{} asked {} for {asked} zone transfers of {} zones; {outcome}",
            suspect.client,
            suspect.server,
            figures.zones.count(),
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.zones.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Domain(asked.qname.text_from(0)))
    }
}
