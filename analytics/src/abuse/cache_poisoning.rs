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

use geophone_sensor::record::{Mismatch, Role, Status, TickFigures, Transport, hash_of};
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

/// Microseconds after the question from which a second answer may be one to a repetition that the capture
/// lost: programs wait for a second at least before they repeat a question with its id and port (glibc
/// for five, Windows and macOS for one); c-ares, which may after a quarter of one, is left to chance, for
/// injected answers were met that came half a second before the true ones.
const REPEATED: u64 = 700_000;
/// What such an answer counts.
const MAY_BE_HONEST: f64 = 0.25;
/// How many of these count before the second is over.
const UNSURE_LATE: f64 = 2.0;
/// Guesses that count before the second is over.
const UNSURE: f64 = 7.0;
/// Answers to nothing that come to a client within a second before they may be guesses. Where the mirror
/// shows answers alone, all are to nothing, and nobody asks for a name so often.
const BURST: f64 = 20.0;
/// Fragments without a head for each answer, from which they are not the answers' own, whose heads took
/// another way past the sensor.
const FRAGMENTS: f64 = 0.05;

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
    /// The second at hand, how many of them came in it, and the most that came in one.
    second: i64,
    in_second: u32,
    burst: Largest,
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
            || asked.transport == Transport::Tcp;
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
        figures.names.add(hash_of(asked.qname.folded().from(0), 0), moment);
        figures.servers.add(host_hash(asked.server), moment);
        figures.ports.add(hash_of(&asked.client_port.to_be_bytes(), 0), moment);
        match asked.mismatch {
            Some(Mismatch::Conflict) => {
                let late = asked.rtt_micros.is_some_and(|after| after >= REPEATED);
                let conflicts =
                    if late { &mut figures.late_conflicts } else { &mut figures.conflicts };
                conflicts.add(at, 1, window);
                figures.unpaired.answer(moment);
                return true;
            }
            Some(_) => figures.guesses.add(at, 1, window),
            None => {
                figures.stray.add(at, 1, window);
                figures.count_burst(moment);
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
        let own = headless < headed || headless < FRAGMENTS * sum(&figures.answers);
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
        let burst = f64::from(figures.burst.within(moment)) >= BURST;
        let stray = if figures.servers.count() <= 2 && each >= 4.0 && burst { stray } else { 0.0 };
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
    fn count_burst(&mut self, moment: Moment) {
        let second = moment.at.micros().div_euclid(1_000_000);
        if second != self.second {
            (self.second, self.in_second) = (second, 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        self.burst.add(self.in_second, moment);
    }
}

/// The client of a second in which it got fragments.
fn fragmented(seen: &Seen<'_>) -> Option<IpAddr> {
    let tick = seen.tick().filter(|tick| tick.role == Role::Client)?;
    let of_interest = tick.figures.headless > 0 || tick.figures.headed > 0;
    tick.address.filter(|_| of_interest)
}
