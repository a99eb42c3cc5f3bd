//! How much all servers answer, to tell what is new from what has moved.
//!
//! Where one server takes over from another, or a client's resolver does, a host answers far more than
//! it is used to, and the site as a whole does not. So a host's rise counts only where the site's
//! answers rise by a third of it, or where the host leaves its questions unanswered.

use geophone_sensor::record::{Tick, TickFigures};
use serde::{Deserialize, Serialize};

/// Seconds that the means reach back: the site's of now and what it was before.
const NOW: f64 = 3.0;
const BEFORE: f64 = 300.0;
/// Seconds that must be known.
const WARM_UP: u32 = 60;
/// Answers to a question from which a host is held to answer.
const ANSWERS: f64 = 0.8;
/// The share of a host's answers by which the site's must rise.
const SHARE: f64 = 0.3;
const SECOND: i64 = 1_000_000;

/// The site's answers, a second, from the sensors' ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// The second at hand since the epoch, and what all sensors told of it so far.
    second: i64,
    sum: u32,
    known: u32,
    now: f64,
    before: f64,
}

impl Flow {
    /// Takes the second of a sensor.
    pub(crate) fn add(&mut self, tick: &Tick) {
        let second = tick.time.micros().div_euclid(SECOND);
        if second > self.second {
            if self.second > 0 {
                self.roll();
            }
            (self.second, self.sum) = (second, 0);
        }
        self.sum = self.sum.saturating_add(tick.figures.responses);
    }

    fn roll(&mut self) {
        self.known = self.known.saturating_add(1);
        let (answers, known) = (f64::from(self.sum), f64::from(self.known));
        self.now += (answers - self.now) / known.min(NOW);
        self.before += (answers - self.before) / known.min(BEFORE);
    }

    /// Tells whether a host's second is explained by what others do no more: the site as a whole
    /// answers what it did before, and so does the host.
    pub(crate) fn is_steady(&self, host: &TickFigures) -> bool {
        let (answers, asked) = (f64::from(host.responses), f64::from(host.queries));
        self.known >= WARM_UP
            && answers >= ANSWERS * asked
            && self.now - self.before < SHARE * answers
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::time::Timestamp;

    use super::*;

    fn told(flow: &mut Flow, seconds: std::ops::Range<i64>, responses: u32) {
        for second in seconds {
            let time = Timestamp((1_800_000_000 + second) * SECOND);
            let figures = TickFigures { responses, ..TickFigures::default() };
            flow.add(&Tick { time, figures, ..Tick::default() });
        }
    }

    #[test]
    fn what_moved_is_told_from_what_is_new() {
        let busy = TickFigures { queries: 500, responses: 500, ..TickFigures::default() };
        let silent = TickFigures { queries: 500, responses: 90, ..TickFigures::default() };
        let mut flow = Flow::default();
        told(&mut flow, 0..50, 10_000);
        assert!(!flow.is_steady(&busy), "too little is known");
        told(&mut flow, 50..600, 10_000);
        assert!(flow.is_steady(&busy) && !flow.is_steady(&silent));
        told(&mut flow, 600..606, 10_300);
        assert!(!flow.is_steady(&busy));
    }

    #[test]
    fn sensors_add_up_within_a_second() {
        let (mut one, mut two) = (Flow::default(), Flow::default());
        for second in 0..100 {
            told(&mut one, second..second + 1, 30);
            told(&mut two, second..second + 1, 10);
            told(&mut two, second..second + 1, 20);
        }
        assert_eq!(one, two);
    }
}
