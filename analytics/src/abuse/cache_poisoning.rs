//! `cache-poisoning`: forged answers.
//!
//! A forger who does not see the question must guess the id and the port (RFC 5452): wrong guesses
//! arrive in bursts, best for many names of one zone (Kaminsky 2008). One who does see it races the
//! server: then one question gets two answers that contradict each other. A query sent more than once
//! may be answered more than once, and a frame mirrored twice repeats itself: neither contradicts.
//! Guesses count as `unpaired` says. A forger may also leave id and port to the server, and forge
//! what follows the head of a fragmented answer (Herzberg and Shulman 2013): then fragments lie in
//! wait for heads that never come, for the id of the datagram has to be guessed.

use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::record::{Mismatch, Role, Status, TickFigures, Transport, hash_of};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::distinct::Lately;
use super::largest::Largest;
use super::recent::Recent;
use super::seen::Seen;
use super::unpaired::Unpaired;
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// Microseconds that a question waited for the answer that is contradicted, from which the second may be
/// one to a repetition that the capture lost: programs wait for a second at least before they repeat a
/// question with its id and port (glibc for five, Windows and macOS for one). A forger is at hand.
const REPEATED: u64 = 500_000;
/// What such an answer counts.
const MAY_BE_HONEST: f64 = 0.25;
/// How many of these count before the second is over.
const UNSURE_LATE: f64 = 2.0;
/// Guesses that count before the second is over.
const UNSURE: f64 = 7.0;
/// Answers about one name in a row, each within a second of the one before, from which they may be
/// guesses: with a wrong id, and to nothing. Where the mirror shows answers alone, all are to nothing,
/// and where the capture lost one, the next has a wrong id; but nobody asks for a name so often.
const ROW: u32 = 4;
const LONG_ROW: u32 = 20;
const BREAK: Duration = Duration::from_secs(1);
/// Servers in whose name a zone may be forged: as many as the root's.
const MOST_SERVERS: u32 = 13;
/// Octets from which an answer is no guess: who sends many makes them small.
const LARGE: u32 = 1000;
/// Fragments without a head for each answer, from which they are not the answers' own, whose heads took
/// another way past the sensor.
const FRAGMENTS: f64 = 0.05;
/// Fragments without a head for each head, up to which they are copies of what was put together already:
/// a mirror may show everything twice.
const COPIES: f64 = 1.2;

/// The watch.
pub(super) struct CachePoisoning;

/// What is kept of a client: a resolver, or a host that is lied to directly.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    guesses: Recent,
    conflicts: Recent,
    /// Of those that may be answers to a question sent again.
    late_conflicts: Recent,
    /// Names of the guesses, and servers in whose name they came.
    names: Lately,
    servers: Lately,
    ports: Lately,
    /// Answers to nothing, from a server's port to ports that asked nothing.
    stray: Recent,
    /// The name of the last answer, when it came, how many came about it in a row, and the longest row.
    name: u64,
    last: Timestamp,
    row: u32,
    longest: Largest,
    answers: Recent,
    headless: Recent,
    headed: Recent,
    unpaired: Unpaired,
    taken: u32,
}

impl Watch for CachePoisoning {
    const RULE: &'static str = "cache-poisoning";
    const HEAP: usize = 3 * Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        if let Some(client) = Unpaired::client_of(seen).or_else(|| fragmented(seen)) {
            return Some(About::Neighbour(client));
        }
        let asked = seen.transaction().filter(|asked| asked.status == Status::Unsolicited)?;
        // Over TCP whoever does not see the connection cannot say anything; there it is a gap.
        let honest = matches!(asked.mismatch, Some(Mismatch::Repeat | Mismatch::Late))
            || asked.transport == Transport::Tcp
            || asked.mismatch != Some(Mismatch::Conflict) && asked.answer_bytes >= LARGE;
        (!honest).then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Moment { at, window } = moment;
        if let Some(tick) = seen.tick() {
            let TickFigures { headless, headed, unsolicited, responses, .. } = tick.figures;
            figures.answers.add(at, responses.into(), window);
            figures.headless.add(at, headless.into(), window);
            figures.headed.add(at, headed.into(), window);
            let over = unsolicited > 0 && figures.unpaired.second(tick, moment);
            return over || headless > 0;
        }
        let Some(asked) = seen.transaction() else { return false };
        figures.taken = figures.taken.wrapping_add(1);
        let name = hash_of(asked.qname.folded().from(0), 0);
        figures.names.add(name, moment);
        figures.servers.add(host_hash(asked.server), moment);
        figures.ports.add(hash_of(&asked.client_port.to_be_bytes(), 0), moment);
        match asked.mismatch {
            Some(Mismatch::Conflict) => {
                let late = asked.rtt_micros.is_some_and(|waited| waited >= REPEATED);
                let conflicts =
                    if late { &mut figures.late_conflicts } else { &mut figures.conflicts };
                conflicts.add(at, 1, window);
                figures.unpaired.answer(moment);
                return true;
            }
            Some(_) => {
                let new = figures.in_row(name, moment);
                figures.guesses.add(at, new, window);
            }
            None => {
                figures.stray.add(at, 1, window);
                figures.in_row(name, moment);
            }
        }
        figures.unpaired.answer(moment);
        figures.taken < 32 || figures.taken.is_multiple_of(16)
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        let (guesses, stray) = (sum(&figures.guesses), sum(&figures.stray));
        // A capture that loses packets pairs most answers; a forger on the path answers each question.
        let late = figures.unpaired.of(sum(&figures.late_conflicts), UNSURE_LATE, moment.at);
        let conflicts = sum(&figures.conflicts) + late * MAY_BE_HONEST;
        // What a capture loses are fewer heads than it keeps.
        let (headless, headed) = (sum(&figures.headless), sum(&figures.headed));
        let own = headless <= COPIES * headed || headless < FRAGMENTS * sum(&figures.answers);
        let headless = if own { 0.0 } else { headless };
        let all = guesses + stray;
        if !figures.unpaired.is_fair(moment.at) {
            let few = figures.unpaired.of(all, UNSURE, moment.at);
            return Values::default()
                .with(Feature::Conflicts, conflicts)
                .with(Feature::HeadlessFragments, headless)
                .with(Feature::Mismatches, few)
                .with(Feature::UnaskedAnswers, 0.0)
                .with(Feature::Siblings, 0.0)
                .with(Feature::Ports, 0.0);
        }
        let each = all / f64::from(figures.names.count().max(1));
        // Answers to nothing count as guesses where one server is said to send many for each name;
        // where every name comes about once, the capture missed the questions.
        let in_row = figures.longest.within(moment) >= LONG_ROW;
        let few = figures.servers.count() <= MOST_SERVERS;
        let stray = if few && each >= 4.0 && in_row { stray } else { 0.0 };
        // Guesses come several to a name, or they are answers to questions that were asked twice.
        let guesses = if each >= 2.0 { guesses } else { 0.0 };
        Values::default()
            .with(Feature::Conflicts, conflicts)
            .with(Feature::HeadlessFragments, headless)
            .with(Feature::Mismatches, guesses)
            .with(Feature::UnaskedAnswers, stray)
            .with(Feature::Siblings, figures.names.count())
            .with(Feature::Ports, figures.ports.count())
    }

    /// In whose name they are lied to.
    fn cause(_figures: &Figures, seen: &Seen<'_>) -> u64 {
        seen.transaction().map_or(0, |asked| host_hash(asked.server))
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        let headless = sum(&figures.headless);
        let conflicts = sum(&figures.conflicts) + sum(&figures.late_conflicts);
        if headless > conflicts + sum(&figures.guesses) + sum(&figures.stray) {
            return format!(
                "{} got {headless:.0} fragments of datagrams without a head and {:.0} heads within \
                 {} s: forged ones may lie in wait for its answers",
                suspect.client,
                sum(&figures.headed),
                moment.window.as_secs(),
            );
        }
        format!(
            "{} got, in the name of {}, {:.0} answers that contradict an earlier one and {:.0} with \
             a wrong id, name or port within {} s, for {} names",
            suspect.client,
            suspect.server,
            conflicts,
            sum(&figures.guesses) + sum(&figures.stray),
            moment.window.as_secs(),
            figures.names.count(),
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Domain(asked.domain_text()))
    }
}

impl Figures {
    /// Takes an answer about a name; returns how many become guesses by it.
    fn in_row(&mut self, name: u64, moment: Moment) -> u64 {
        let goes_on = name == self.name && moment.at.since(self.last) <= BREAK;
        self.row = if goes_on { self.row.saturating_add(1) } else { 1 };
        (self.name, self.last) = (name, moment.at);
        self.longest.add(self.row, moment);
        match self.row {
            0..ROW => 0,
            ROW => ROW.into(),
            _ => 1,
        }
    }
}

/// The client of a second in which it got fragments.
fn fragmented(seen: &Seen<'_>) -> Option<IpAddr> {
    let tick = seen.tick().filter(|tick| tick.role == Role::Client)?;
    let of_interest = tick.figures.headless > 0 || tick.figures.headed > 0;
    tick.address.filter(|_| of_interest)
}
