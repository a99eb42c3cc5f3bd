//! `c2-beacon`: one client that asks few names of one rare domain by a clock.
//!
//! An implant asks whether there is work. So does honest software: what is asked by a clock with one
//! and the same answer is monitoring or a cache that renews, and is not told; what carries text, or is
//! told something else each time, or asks in spite of what it was told to keep, is. Addresses that
//! change are no such thing: services that spread their load answer so.
//! The regularity is the spread part of RITA's beacon score (see `detect::beacon`).

use std::time::Duration;

use geophone_sensor::record::hash_of;
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::distinct::{Distinct, Lately};
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::Suspect;
use crate::detect::{BeaconTracker, Feature, Values};

/// Names beyond which it is no beacon.
const FEW: u32 = 8;
/// Gaps between two looks.
const STEP: u32 = 8;
/// What may be kept this long, in seconds, is no order: whoever gives one wants to give another.
const KEPT: u32 = 300;
/// Questions closer than this belong together: A, AAAA and HTTPS of one look-up.
const TOGETHER: Duration = Duration::from_millis(500);

/// The watch.
pub(super) struct C2Beacon;

/// What is kept of a client and a domain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    clock: BeaconTracker,
    first: Timestamp,
    last: Timestamp,
    asked: u32,
    /// Look-ups, each of one question or several.
    rounds: u32,
    carriers: u32,
    /// Questions that came while the last answer was still to be kept.
    impatient: u32,
    keep_until: Timestamp,
    names: Distinct,
    answers: Lately,
}

impl Watch for C2Beacon {
    const RULE: &'static str = "c2-beacon";
    const LOCAL: bool = true;
    const MEMORY: Duration = Duration::from_secs(12 * 3600);
    const HEAP: usize = Distinct::HEAP + Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        // A flood asks for each domain once: whoever comes again may be a beacon.
        if !seen.roles.has(Roles::DOMAIN_RARE)
            || seen.roles.has(Roles::DOMAIN_NEW)
            || seen.roles.has(Roles::NAME_INTERNAL)
            || seen.roles.has(Roles::CLIENT_RESOLVER)
            || seen.roles.has(Roles::CLIENT_MAIL)
        {
            return None;
        }
        let asked = seen.transaction().filter(|asked| asked.has_query())?;
        asked.name.suffix_known.then_some(About::Pair(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        if figures.names.is_over(FEW) {
            return false;
        }
        if figures.asked == 0 {
            figures.first = moment.at;
        }
        figures.names.add(hash_of(asked.qname.folded().from(0), 0));
        figures.clock.add(moment.at);
        figures.impatient += u32::from(moment.at < figures.keep_until);
        let together = figures.asked > 0 && moment.at.since(figures.last) < TOGETHER;
        figures.rounds = figures.rounds.saturating_add(u32::from(!together));
        figures.asked = figures.asked.saturating_add(1);
        figures.last = figures.last.max(moment.at);
        let answer = &asked.answer;
        let keep = answer.ttls.map_or(0, |(least, _)| least);
        // NULL, TXT and what nobody assigned: types that carry what one likes.
        // What is not there carries nothing: certificate agents wait for a challenge to appear.
        let missing = asked.has_answer() && answer.rcode != 0;
        let carries = matches!(asked.qtype, 10 | 16 | 65_280..) && keep < KEPT && !missing;
        figures.carriers += u32::from(carries);
        if asked.has_answer() {
            // All addresses say one thing: go there. So do the keys, servers and serial numbers of a
            // zone, and what to know of a service before one connects (RFC 9460).
            let of_zone = matches!(asked.qtype, 2 | 6 | 15 | 33 | 43 | 46..=48 | 64 | 65);
            let says = if answer.n_addresses > 0 || of_zone { 0 } else { answer.fingerprint };
            figures.answers.add(hash_of(&says.to_be_bytes(), asked.qtype.into()), moment);
            figures.keep_until = moment.at.plus(Duration::from_secs(keep.into()));
        }
        figures.asked.is_multiple_of(STEP) && figures.asked >= 3 * STEP
    }

    fn values(figures: &Figures, _moment: Moment) -> Values {
        let asked = f64::from(figures.asked.max(1));
        Values::default()
            .with(Feature::Beacon, figures.clock.score())
            .with(Feature::Queries, figures.asked)
            .with(Feature::Minutes, figures.last.since(figures.first).as_secs_f64() / 60.0)
            .with(Feature::Names, figures.names.count())
            .with(Feature::CarrierShare, f64::from(figures.carriers) / asked)
            .with(Feature::AnswerChanges, figures.answers.count().saturating_sub(1))
            .with(Feature::Impatience, f64::from(figures.impatient) / asked)
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        let span = figures.last.since(figures.first);
        let gap = span.as_secs_f64() / f64::from(figures.rounds.saturating_sub(1).max(1));
        format!(
            "{} asked {} names of {} by a clock, every {gap:.0} s, {} times, and was told {} \
             different things lately",
            suspect.client,
            figures.names.count(),
            suspect.domain,
            figures.rounds,
            figures.answers.count(),
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }
}
