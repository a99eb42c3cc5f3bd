//! How far the sensors of one partition are.
//!
//! Every sensor says once a second of its captures how far it is, to every partition. A second is
//! over when every sensor that keeps up has reached its end. One that falls behind, because it
//! hangs or replays an old capture, does not hold the others back: its records still count, and are
//! counted as late. Wall clocks play no part.
//!
//! The time of a partition is its own: it never goes back, and sensors whose time is another one are
//! set to it. One that begins far behind the others is a capture of long ago, one that begins far ahead
//! has a clock that is wrong. One that goes back saw a frame from the future; where those that led are
//! gone or silent, the others are set to where time stands, all that have the same time together. So
//! no clock, however wrong, stops the time of the others for longer than they take to notice.

use std::collections::BTreeMap;

use geophone_kafka::envelope::Envelope;
use geophone_kafka::heartbeat::Heartbeat;
use serde::{Deserialize, Serialize};

/// Seconds that sensors may differ by before the others go on without the last.
const TOLERANCE: i64 = 30;
/// Heartbeats of each other sensor after which one that says nothing is silent: two minutes, but a
/// moment beside a capture that is replayed.
const SILENT: u64 = 120;
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
    /// Heartbeats of all of them.
    beats: u64,
    /// Starts of sensors that ended without a last word, as far as is known.
    #[serde(skip)]
    cut_off: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Clock {
    next: u64,
    /// The second that it said last…
    said: Option<i64>,
    /// …and the most it reached by the time of the partition.
    reached: Option<i64>,
    /// Seconds by which its time is set to that of the partition.
    offset: i64,
    /// Whether it is a capture of long ago.
    guest: bool,
    ended: bool,
    /// How many heartbeats of all there were when it last beat.
    beat: u64,
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
            clock.guest || clock.reached.is_some_and(|at| self.second > Some(at))
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
        self.beats = self.beats.saturating_add(1);
        let (now, beats) = (self.second, self.beats);
        let said = beat.reached.div_euclid(SECOND);
        let begins = self.clock(envelope).said.is_none();
        // It has reached nothing yet, so it is none of them.
        let led = begins && now.is_some_and(|now| self.keeps_up(now));
        let clock = self.clock(envelope);
        let (before, offset) = (clock.said, clock.offset);
        (clock.said, clock.beat) = (Some(said), beats);
        // One that was taken for dead and speaks is alive.
        clock.ended = beat.last;
        match (before, now) {
            (None, Some(now)) => {
                let behind = now.saturating_sub(said);
                if behind > TOLERANCE || led && behind < -TOLERANCE {
                    (clock.offset, clock.guest) = (behind, behind > 0);
                }
            }
            (Some(before), Some(now)) if said < before - TOLERANCE => {
                self.set_forward(offset, now.saturating_sub(said).saturating_sub(offset));
            }
            _ => {}
        }
        let clock = self.clock(envelope);
        clock.reached = clock.reached.max(Some(said.saturating_add(clock.offset)));
        if let Some(now) = now
            && !beat.last
            && !self.keeps_up(now)
        {
            let offset = self.clock(envelope).offset;
            self.set_forward(offset, now.saturating_sub(said).saturating_sub(offset));
        }
        let second = self.slowest()?;
        if now.is_some_and(|now| second <= now) {
            return None;
        }
        self.second = Some(second);
        self.second
    }

    /// Tells whether one lives that is about where time stands.
    fn keeps_up(&self, now: i64) -> bool {
        self.living().any(|clock| clock.reached >= Some(now - TOLERANCE))
    }

    /// Sets all clocks that have the same time forward by so many seconds, or back.
    fn set_forward(&mut self, offset: i64, by: i64) {
        for clock in self.sensors.values_mut().filter(|clock| clock.offset == offset) {
            clock.offset = clock.offset.saturating_add(by);
            // Where it stands now, not the furthest that it ever was.
            clock.reached = clock.said.map(|said| said.saturating_add(clock.offset));
        }
    }

    /// The clocks that have not ended, and beat.
    fn living(&self) -> impl Iterator<Item = &Clock> {
        let lively = self.sensors.values().filter(|clock| !clock.ended).count();
        let silent = SILENT.saturating_mul(u64::try_from(lively).unwrap_or(u64::MAX));
        let beats = self.beats;
        let clocks = self.sensors.values();
        clocks.filter(move |clock| !clock.ended && beats.saturating_sub(clock.beat) <= silent)
    }

    /// The second that all have reached who keep up; where all have ended, the one after it.
    fn slowest(&self) -> Option<i64> {
        let living = || self.living().filter_map(|clock| clock.reached);
        match living().max() {
            Some(first) => living().filter(|reached| *reached >= first - TOLERANCE).min(),
            None => {
                let reached = self.sensors.values().filter_map(|clock| clock.reached);
                reached.max().map(|last| last.saturating_add(1))
            }
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
    fn a_frame_from_the_future_does_not_stop_the_time_of_anybody() {
        let month = 30 * 86_400;
        let mut clocks = Clocks::default();
        for second in 0..10 {
            beat(&mut clocks, "a", 1_000 + second, false);
            beat(&mut clocks, "b", 1_000 + second, false);
        }
        beat(&mut clocks, "a", 1_010 + month, false);
        beat(&mut clocks, "b", 1_010, false);
        let (mut last, mut moved) = (clocks.second().unwrap(), 0);
        for second in 11..200 {
            for sensor in ["a", "b"] {
                beat(&mut clocks, sensor, 1_000 + second, false);
            }
            moved += i64::from(clocks.second().unwrap() > last);
            last = clocks.second().unwrap();
        }
        assert!(moved > 180, "{moved}");
        assert!(["a", "b"].iter().all(|sensor| !clocks.is_late(&envelope(sensor, 1))));
    }

    #[test]
    fn a_sensor_whose_clock_is_ahead_is_set_to_the_time_of_the_others() {
        let mut clocks = Clocks::default();
        beat(&mut clocks, "a", 1_000, false);
        for second in 1..50 {
            beat(&mut clocks, "wrong", 900_000 + second, false);
            beat(&mut clocks, "a", 1_000 + second, false);
        }
        assert_eq!(clocks.second(), Some(1_048));
        assert!(!clocks.is_late(&envelope("a", 1)));
    }

    #[test]
    fn a_capture_replayed_beside_live_sensors_holds_nobody_up_when_it_is_over() {
        for last_word in [true, false] {
            let mut clocks = Clocks::default();
            let mut live = 1_000_000..;
            let mut step = |clocks: &mut Clocks, n: i64| {
                for _ in 0..n {
                    let second = live.next().unwrap();
                    beat(clocks, "a", second, false);
                    beat(clocks, "b", second, false);
                }
            };
            step(&mut clocks, 10);
            // An hour in three seconds.
            for second in 0..3_600 {
                beat(&mut clocks, "old", 500 + second, last_word && second == 3_599);
                if second % 1_200 == 0 {
                    step(&mut clocks, 1);
                }
            }
            step(&mut clocks, 2 * i64::try_from(SILENT).unwrap());
            let before = clocks.second().unwrap();
            step(&mut clocks, 100);
            assert_eq!(clocks.second(), Some(before + 100), "last word: {last_word}");
        }
    }

    #[test]
    fn who_leads_and_is_cut_off_is_not_waited_for() {
        let mut clocks = Clocks::default();
        for second in 0..20 {
            beat(&mut clocks, "a", 1_000 + second, false);
            beat(&mut clocks, "b", 1_000 + second, false);
        }
        for second in 20..400 {
            beat(&mut clocks, "b", 1_000 + second, false);
        }
        assert_eq!(clocks.second(), Some(1_399));
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
