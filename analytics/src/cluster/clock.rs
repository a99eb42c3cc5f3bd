//! How far the sensors of one partition are.
//!
//! Every sensor says once a second of its captures how far it is, to every partition. A second is
//! over when every sensor that keeps up has reached its end. One that falls behind, because it
//! hangs or replays an old capture, does not hold the others back: its records still count, and are
//! counted as late. Wall clocks play no part.

use std::collections::BTreeMap;

use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::Heartbeat;
use serde::{Deserialize, Serialize};

/// Seconds that sensors may differ by before the others go on without the last.
const TOLERANCE: i64 = 30;
/// Starts of sensors that are remembered; the one furthest behind is forgotten.
const MOST: usize = 1_024;
const SECOND: i64 = 1_000_000;

/// What a message is to the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one.
    Next,
    /// One that was there before.
    Again,
    /// The next one that is there, so many others being lost.
    After(u64),
}

/// The clocks of sensors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Clocks {
    sensors: BTreeMap<(String, u64), Clock>,
    /// The second that goes on; everything before it is over.
    second: Option<i64>,
    /// Starts of sensors that ended without a last word, as far as is known.
    #[serde(skip)]
    cut_off: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Clock {
    next: u64,
    reached: Option<i64>,
    /// Seconds that its time is set forward by: a capture of long ago is met now.
    offset: i64,
    ended: bool,
}

impl Clocks {
    /// Returns the second that goes on; `None` before the first heartbeat.
    #[must_use]
    pub const fn second(&self) -> Option<i64> {
        self.second
    }

    /// Returns how many starts of sensors were followed by another one of the same name without a
    /// last word, since this was made: what such a sensor had in memory is lost, and nobody knows how much.
    #[must_use]
    pub const fn cut_off(&self) -> u64 {
        self.cut_off
    }

    /// Tells whether the sensor of a message is behind the second that goes on.
    #[must_use]
    pub fn is_late(&self, envelope: &Envelope<'_>) -> bool {
        let clock = self.sensors.get(&key(envelope));
        clock.is_some_and(|clock| {
            clock.offset > 0 || clock.reached.is_some_and(|at| self.second > Some(at))
        })
    }

    /// Takes the envelope of a message.
    pub fn arrive(&mut self, envelope: &Envelope<'_>) -> Arrival {
        let clock = self.clock(envelope);
        let expected = clock.next;
        if envelope.sequence < expected {
            return Arrival::Again;
        }
        clock.next = envelope.sequence.saturating_add(1);
        match envelope.sequence - expected {
            0 => Arrival::Next,
            lost => Arrival::After(lost),
        }
    }

    /// Takes a heartbeat; returns the second that goes on from here, if another one ended.
    pub fn beat(&mut self, envelope: &Envelope<'_>, beat: &Heartbeat) -> Option<i64> {
        let now = self.second;
        let reached = beat.reached.div_euclid(SECOND);
        let clock = self.clock(envelope);
        if clock.reached.is_none() {
            let behind = now.map_or(0, |now| now.saturating_sub(reached));
            clock.offset = if behind > TOLERANCE { behind } else { 0 };
        }
        let reached = reached.saturating_add(clock.offset);
        clock.reached = clock.reached.max(Some(reached));
        // One that was taken for dead and speaks is alive.
        clock.ended = beat.last;
        let second = self.slowest()?;
        if now.is_some_and(|now| second <= now) {
            return None;
        }
        self.second = Some(second);
        self.second
    }

    /// The second that all have reached who keep up; where all have ended, the one after it.
    fn slowest(&self) -> Option<i64> {
        let of = |ended: bool| {
            let clocks = self.sensors.values().filter(move |clock| clock.ended == ended);
            clocks.filter_map(|clock| clock.reached)
        };
        match of(false).max() {
            Some(first) => of(false).filter(|reached| *reached >= first - TOLERANCE).min(),
            None => of(true).max().map(|last| last.saturating_add(1)),
        }
    }

    fn clock(&mut self, envelope: &Envelope<'_>) -> &mut Clock {
        let key = key(envelope);
        if !self.sensors.contains_key(&key) {
            self.begin(envelope.sensor);
        }
        self.sensors.entry(key).or_default()
    }

    /// A sensor begins: whoever had its name is gone, and holds nobody back any more.
    fn begin(&mut self, sensor: &str) {
        let before = (sensor.to_owned(), u64::MIN)..=(sensor.to_owned(), u64::MAX);
        for (_, clock) in self.sensors.range_mut(before).filter(|(_, clock)| !clock.ended) {
            clock.ended = true;
            self.cut_off += 1;
        }
        if self.sensors.len() >= MOST {
            let last = self.sensors.iter().min_by_key(|(_, clock)| (!clock.ended, clock.reached));
            if let Some(key) = last.map(|(key, _)| key.clone()) {
                self.sensors.remove(&key);
            }
        }
    }
}

fn key(envelope: &Envelope<'_>) -> (String, u64) {
    (envelope.sensor.to_owned(), envelope.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(sensor: &str, sequence: u64) -> Envelope<'_> {
        Envelope { schema: b'h', version: 1, epoch: 1, sequence, order: 0, sensor }
    }

    fn beat(clocks: &mut Clocks, sensor: &str, second: i64, last: bool) -> Option<i64> {
        let reached = second * SECOND;
        let beat = Heartbeat { reached, floor: 0, partitions: 1, seed_check: 0, last };
        clocks.beat(&envelope(sensor, 0), &beat)
    }

    #[test]
    fn a_second_is_over_when_the_slowest_that_keeps_up_says_so() {
        let mut clocks = Clocks::default();
        assert_eq!(beat(&mut clocks, "a", 100, false), Some(100));
        assert_eq!(beat(&mut clocks, "b", 98, false), None, "time does not go back");
        assert_eq!(beat(&mut clocks, "a", 105, false), None);
        assert_eq!(beat(&mut clocks, "b", 104, false), Some(104));
        assert_eq!(beat(&mut clocks, "a", 150, false), Some(150), "b fell behind");
        assert_eq!(beat(&mut clocks, "b", 149, false), None);
        assert_eq!(beat(&mut clocks, "a", 160, true), None, "b keeps up again");
        assert_eq!(beat(&mut clocks, "b", 155, true), Some(161));
    }

    #[test]
    fn a_capture_of_long_ago_moves_the_clock_on() {
        let mut clocks = Clocks::default();
        beat(&mut clocks, "a", 1_000_000, true);
        assert_eq!(clocks.second(), Some(1_000_001));
        assert_eq!(beat(&mut clocks, "b", 500, false), None);
        assert_eq!(beat(&mut clocks, "b", 510, false), Some(1_000_011));
        assert_eq!(beat(&mut clocks, "b", 511, true), Some(1_000_013));
    }

    #[test]
    fn who_begins_anew_is_waited_for_no_longer_unless_both_speak() {
        let mut clocks = Clocks::default();
        let mut say = |epoch: u64, second: i64, last: bool| {
            let envelope = Envelope { epoch, ..envelope("a", 0) };
            let beat = Heartbeat {
                reached: second * SECOND,
                floor: 0,
                partitions: 1,
                seed_check: 0,
                last,
            };
            let second = clocks.beat(&envelope, &beat);
            (second, clocks.cut_off())
        };
        assert_eq!(say(1, 100, false), (Some(100), 0));
        assert_eq!(say(2, 110, false), (Some(110), 1), "the first was killed");
        assert_eq!(say(2, 112, true), (Some(113), 1));
        assert_eq!(say(3, 120, false), (Some(120), 1), "the second had its last word");
        assert_eq!(say(4, 121, false), (Some(121), 2));
        assert_eq!(say(3, 121, false), (None, 2), "a namesake lives");
        assert_eq!(say(4, 130, false), (None, 2), "and is waited for");
    }

    #[test]
    fn who_is_behind_is_late() {
        let mut clocks = Clocks::default();
        beat(&mut clocks, "a", 100, false);
        beat(&mut clocks, "b", 99, false);
        beat(&mut clocks, "c", 1, false);
        let late = ["a", "b", "c", "d"].map(|sensor| clocks.is_late(&envelope(sensor, 1)));
        assert_eq!(late, [false, true, true, false]);
    }

    #[test]
    fn repetitions_and_gaps_are_told() {
        let mut clocks = Clocks::default();
        for (sequence, expected) in [
            (0, Arrival::Next),
            (1, Arrival::Next),
            (1, Arrival::Again),
            (5, Arrival::After(3)),
            (4, Arrival::Again),
        ] {
            assert_eq!(clocks.arrive(&envelope("a", sequence)), expected);
        }
        assert_eq!(clocks.arrive(&envelope("b", 0)), Arrival::Next);
    }

    #[test]
    fn starts_of_sensors_are_bounded() {
        let mut clocks = Clocks::default();
        for epoch in 0..5_000 {
            clocks.arrive(&Envelope { epoch, ..envelope("a", 0) });
        }
        assert_eq!(clocks.sensors.len(), MOST);
    }
}
