//! `nxdomain-flood`: names that do not exist, new ones all the time, of one zone (random-subdomain
//! attack, "water torture").
//!
//! They hurt whoever is authoritative for the zone and every resolver on the way: no cache helps. A
//! tunnel's names exist and one client asks them; a crawler's stand in many zones; a domain generator
//! asks a new domain each time, a few a second at most. The zone is the registered domain, or the
//! public suffix where the domains themselves do not exist (a flood at a registry's servers).
//! Addresses that are looked up in reverse zones are not random names; what they could carry the leak
//! contract counts. Names that begin with an address are asked of block lists all day: of these one in
//! four counts.
//! Afek et al. 2016 (distinct heavy hitters) and the thresholds of the root-server studies.

use geophone_sensor::name::Name;
use geophone_sensor::record::{Mismatch, Status, Transaction, Transport, hash_of};
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::bins::Usual;
use super::distinct::Distinct;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};
use crate::price::begins_with_address;
use crate::price::drawn_bits;

/// The response codes for a name that does not exist, for a server that gave up, and for one that does
/// not want to hear of the zone any more.
const NXDOMAIN: u16 = 3;
const SERVFAIL: u16 = 2;
const REFUSED: u16 = 5;
/// Addresses are the type of which names without data are few: compact denial (RFC 9824) says so of what
/// does not exist.
const A: u16 = 1;

/// Names of one zone that each client of the site misses, where browsers begin their day: each tries
/// three that nobody made, with the search suffix behind them. Whoever forges all addresses of a
/// network asks once in the name of each.
const TRIES: std::ops::Range<f64> = 2.0..3.5;
/// The share of the questions from inside from which the clients are taken for those of the site.
const INSIDE: f64 = 0.9;
/// Names a bin must hold before it is looked at.
const LEAST: u32 = 100;

/// Of names that begin with an address, one in so many counts.
const OF_ADDRESSES: u64 = 4;

/// From so many bits on a label looks drawn: of labels of eight letters and digits 19 in 20 have 29,
/// of two words put together one in six.
const DRAWN: f64 = 12.0;

/// The watch.
pub(super) struct NxdomainFlood;

/// What is kept of a zone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    usual: Usual,
    names: Distinct,
    clients: Distinct,
    failures: u32,
    /// Of these, those of clients of the site that a resolver told so.
    inside: u32,
    /// New names whose first label looks drawn, and those whose does not.
    drawn: u32,
    written: u32,
    /// The client that came most often, by majority vote (Boyer and Moore), and its lead.
    busiest: u64,
    lead: u32,
    registered: bool,
}

impl Watch for NxdomainFlood {
    const RULE: &'static str = "nxdomain-flood";
    const HEAP: usize = 2 * Distinct::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        // Whoever comes over TCP waits for its answers and has the address it comes from.
        let asked = seen.transaction().filter(|asked| asked.transport == Transport::Udp)?;
        let failed = match asked.status {
            // A copy of the mirror's is no second failure.
            Status::Unsolicited if asked.mismatch == Some(Mismatch::Repeat) => false,
            Status::Answered | Status::Unsolicited => has_failed(asked) || is_denied(asked),
            Status::Unanswered => true,
            Status::Continued => false,
        };
        let is_lost = asked.answer.rcode != NXDOMAIN && seen.roles.has(Roles::SITE_CUT_OFF);
        // Lists answer that there is no entry, to those who ask all day.
        let is_list = seen.roles.has(Roles::NAME_LISTED) || seen.roles.has(Roles::CLIENT_MAIL);
        // A single label stands in no zone but the root's, which is everybody's typing errors.
        if !failed || is_lost || is_list || asked.name.n_labels < 2 {
            return None;
        }
        // Reverse zones have a watch of their own, and clusters try everything under their own name first
        // (Kubernetes, DNS for Services and Pods).
        if is_under(&asked.qname, b"\x04arpa") || is_under(&asked.qname, b"\x07cluster\x05local") {
            return None;
        }
        // What mail servers ask of lists is mostly not there, and they ask all day.
        let counts = !begins_with_address(&asked.qname)
            || hash_of(asked.qname.folded().from(0), 1).is_multiple_of(OF_ADDRESSES);
        counts.then_some(About::Parent)
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        if figures.usual.is_over(moment.at, moment.window) {
            let names = f64::from(figures.names.count());
            if figures.usual.turn(moment.at, moment.window, names) {
                figures.names.clear();
                figures.clients.clear();
                (figures.failures, figures.lead, figures.inside) = (0, 0, 0);
                (figures.drawn, figures.written) = (0, 0);
            }
        }
        figures.registered = asked.domain_at > 0;
        figures.failures = figures.failures.saturating_add(1);
        let is_of_site = seen.roles.has(Roles::CLIENT_INSIDE)
            && !seen.roles.has(Roles::CLIENT_RESOLVER)
            && asked.answer_flags.recursion_available();
        figures.inside = figures.inside.saturating_add(u32::from(is_of_site));
        let client = host_hash(asked.client);
        figures.clients.add(client);
        if figures.lead == 0 {
            (figures.busiest, figures.lead) = (client, 1);
        } else if figures.busiest == client {
            figures.lead += 1;
        } else {
            figures.lead -= 1;
        }
        let new = figures.names.add(hash_of(asked.qname.folded().from(0), 0));
        if new {
            let label = asked.qname.labels().next().unwrap_or_default();
            let count =
                if drawn_bits(label) >= DRAWN { &mut figures.drawn } else { &mut figures.written };
            *count = count.saturating_add(1);
        }
        // Not each time: the estimate is asked for once in 64 names.
        figures.failures >= LEAST && figures.failures.is_multiple_of(64)
            || new && figures.failures == LEAST
    }

    fn values(figures: &Figures, _moment: Moment) -> Values {
        let all = f64::from(figures.names.count());
        let of_site = f64::from(figures.inside) >= INSIDE * f64::from(figures.failures);
        let each = all / f64::from(figures.clients.count().max(1));
        let names = if of_site && TRIES.contains(&each) { 0.0 } else { all };
        let share = f64::from(figures.lead) / f64::from(figures.failures.max(1));
        Values::default()
            .with(Feature::NxNames, names)
            .with(Feature::NxRise, figures.usual.rise(names, 1.0))
            .with(Feature::RegisteredZone, u8::from(figures.registered))
            .with(Feature::UniqueRatio, (all / f64::from(figures.failures.max(1))).min(1.0))
            .with(
                Feature::DrawnShare,
                f64::from(figures.drawn) / f64::from((figures.drawn + figures.written).max(1)),
            )
            .with(Feature::Clients, figures.clients.count())
            .with(Feature::ClientShare, share)
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        format!(
            "{} distinct names of {} that do not exist or get no answer within {} s, asked by {} \
             clients (one is {}) of servers like {}",
            figures.names.count(),
            suspect.domain,
            moment.window.as_secs(),
            figures.clients.count(),
            suspect.client,
            suspect.server,
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Client(asked.client))
    }
}

fn has_failed(asked: &Transaction) -> bool {
    matches!(asked.answer.rcode, NXDOMAIN | SERVFAIL | REFUSED)
}

/// Whether the answer says that there is no such address, and nothing else: so does compact denial.
fn is_denied(asked: &Transaction) -> bool {
    let answer = &asked.answer;
    asked.qtype == A && answer.rcode == 0 && answer.n_answers == 0 && answer.n_authority > 0
        // A referral has servers there, too.
        && (asked.answer_flags.authoritative() || asked.answer_flags.recursion_available())
}

/// Whether the name stands under a zone, given in wire form and lower case. Asked of every failure, so
/// nothing is put into lower case for it.
fn is_under(name: &Name, zone: &[u8]) -> bool {
    let wire = name.wire();
    let wire = wire.strip_suffix(b"\0").unwrap_or(wire);
    let end = wire.len().checked_sub(zone.len()).and_then(|at| wire.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(zone))
}
