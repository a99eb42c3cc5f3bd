//! Whether answers that nobody asked for are more than what a capture loses.
//!
//! Where the capture loses questions, their answers look forged or reflected; but then most others
//! are paired. A second of the host tells how many were. So such answers count fully once their
//! second is over, and only where they are a fair share of all.

use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::record::{Role, Tick};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::seen::Seen;
use super::watch::Moment;

/// Answers nobody waits for, for each that is paired, from which a second is not what a capture makes
/// that loses a fifth of the packets.
const SHARE: f64 = 0.25;
/// How long a second is waited for; hosts with few messages have none of their own.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the seconds of a client say.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Unpaired {
    /// Since when answers wait for their second to be over.
    waiting: Option<Timestamp>,
    /// Whether they were a fair share in the last one, and up to when that is held.
    fair: bool,
    known_until: Timestamp,
}

impl Unpaired {
    /// Returns the client of a second with answers nobody waited for.
    pub(super) fn client_of(seen: &Seen<'_>) -> Option<IpAddr> {
        let tick = seen.tick()?;
        let of_interest = tick.role == Role::Client && tick.figures.unsolicited > 0;
        tick.address.filter(|_| of_interest)
    }

    /// Takes a second; tells whether answers waited for it.
    pub(super) fn second(&mut self, tick: &Tick, moment: Moment) -> bool {
        let unpaired = tick.figures.unsolicited;
        let paired = tick.figures.responses.saturating_sub(unpaired);
        self.fair = f64::from(unpaired) >= SHARE * f64::from(paired);
        self.known_until = moment.at.plus(moment.window);
        self.waiting.take().is_some()
    }

    /// Takes an answer that nobody waits for.
    pub(super) fn answer(&mut self, moment: Moment) {
        let since = *self.waiting.get_or_insert(moment.at);
        if moment.at > self.known_until && moment.at.since(since) >= PATIENCE {
            (self.fair, self.known_until) = (true, moment.at.plus(moment.window));
        }
    }

    /// Returns how many of `n` such answers count at a time: all, none, or at most `unsure`.
    pub(super) fn of(&self, n: f64, unsure: f64, at: Timestamp) -> f64 {
        match (at <= self.known_until, self.fair) {
            (true, true) => n,
            (true, false) => 0.0,
            (false, _) => n.min(unsure),
        }
    }

    /// Tells whether all of them count.
    pub(super) fn is_fair(&self, at: Timestamp) -> bool {
        at <= self.known_until && self.fair
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::record::TickFigures;

    use super::*;

    fn at(seconds: i64) -> Moment {
        let at = Timestamp(1_800_000_000_000_000 + seconds * 1_000_000);
        Moment { at, window: Duration::from_secs(60) }
    }

    fn tick(responses: u32, unsolicited: u32) -> Tick {
        let figures = TickFigures { responses, unsolicited, ..TickFigures::default() };
        Tick { figures, ..Tick::default() }
    }

    #[test]
    fn what_waits_counts_when_its_second_is_over() {
        let mut unpaired = Unpaired::default();
        unpaired.answer(at(0));
        assert!(unpaired.of(90.0, 7.0, at(0).at) < 7.1);
        assert!(unpaired.second(&tick(100, 90), at(1)) && unpaired.is_fair(at(1).at));
        assert!(unpaired.of(90.0, 7.0, at(1).at) > 89.0);
        assert!(!unpaired.second(&tick(100, 10), at(2)), "nothing waits any more");
        assert!(unpaired.of(90.0, 7.0, at(2).at) < 0.1, "a tenth is lost");
        assert!(unpaired.of(90.0, 7.0, at(63).at) > 6.9, "that was long ago");
    }

    #[test]
    fn quiet_hosts_have_no_second_of_their_own() {
        let mut unpaired = Unpaired::default();
        for second in 0..3 {
            assert!(!unpaired.is_fair(at(second).at));
            unpaired.answer(at(second));
        }
        assert!(unpaired.is_fair(at(2).at));
    }
}
