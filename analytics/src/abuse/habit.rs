//! What a host is used to: how much of something comes in a minute, by the hour of the day.
//!
//! Of every hour (UTC) a mean and a variance are kept, which forget over two weeks. The usual is an
//! upper quantile of the gamma distribution with that mean and variance, never narrower than that of
//! chance alone (Poisson). An hour of which too little is known borrows from all hours. What lies
//! beyond the usual is taken in as the usual: an attack does not teach that attacks are usual.

use std::net::IpAddr;
use std::time::Duration;

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Gamma};

use super::query_flood::Figures;

/// Share of minutes that lie below the usual.
pub(super) const QUANTILE: f64 = 0.999;
/// Minutes that must be known before anything is called usual.
const WARM_UP: u16 = 6;
/// Minutes of an hour of the day that must be known before it is judged by itself.
const HOUR_WARM_UP: u16 = 60;
/// Minutes over which an hour of the day forgets: two weeks of them.
const MEMORY: u16 = 840;
/// Minutes of silence that are taken in; longer ones change nothing more.
const SILENCE: i64 = 1_440;
const MINUTE: i64 = 60_000_000;

/// Mean and variance of the minutes of one hour of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Hour {
    minutes: u16,
    mean: f32,
    variance: f32,
}

/// What a host is used to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Habit {
    hours: [Hour; 24],
    all: Hour,
    /// The minute at hand since the epoch, and what came in it.
    minute: i64,
    sum: u32,
    /// What is usual in the minute at hand.
    usual: Option<f32>,
}

impl Hour {
    fn take(&mut self, value: f32) {
        self.minutes = self.minutes.saturating_add(1).min(MEMORY);
        let weight = 1.0 / f32::from(self.minutes);
        let off = value - self.mean;
        self.mean += off * weight;
        self.variance += weight * (off * (value - self.mean) - self.variance);
    }

    /// The upper quantile, in so many a minute.
    fn quantile(&self) -> f64 {
        let mean = f64::from(self.mean).max(1e-3);
        let variance = f64::from(self.variance).max(mean);
        // Shape and rate by the method of moments.
        Gamma::new(mean * mean / variance, mean / variance)
            .map_or(mean, |gamma| gamma.inverse_cdf(QUANTILE))
    }
}

impl Habit {
    /// Adds `n` at `time`. Time that runs backwards adds to the minute at hand.
    pub(super) fn add(&mut self, time: Timestamp, n: u32) {
        let minute = time.micros().div_euclid(MINUTE);
        if self.minute == 0 {
            self.minute = minute;
        }
        if minute > self.minute {
            let sum = std::mem::take(&mut self.sum);
            self.take(self.minute, sum);
            for silent in (self.minute + 1).max(minute - SILENCE)..minute {
                self.take(silent, 0);
            }
            self.minute = minute;
            #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
            let usual = self.known().map(|hour| hour.quantile() as f32);
            self.usual = usual;
        }
        self.sum = self.sum.saturating_add(n);
    }

    /// Begins with silence: the host was watched all the while, and was too quiet to be counted.
    pub(super) fn begin_quiet(&mut self, time: Timestamp) {
        let minute = time.micros().div_euclid(MINUTE);
        (minute - i64::from(WARM_UP)..minute).for_each(|minute| self.take(minute, 0));
        self.minute = minute - 1;
    }

    fn take(&mut self, minute: i64, sum: u32) {
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
        let value = sum as f32;
        let value = self.usual.map_or(value, |usual| value.min(usual.max(1.0)));
        if let Some(hour) = self.hours.get_mut(hour_of(minute)) {
            hour.take(value);
        }
        self.all.take(value);
    }

    /// What is known of the hour at hand, or of all where that is too little.
    fn known(&self) -> Option<&Hour> {
        let hour = self.hours.get(hour_of(self.minute));
        hour.filter(|hour| hour.minutes >= HOUR_WARM_UP)
            .or_else(|| Some(&self.all).filter(|all| all.minutes >= WARM_UP))
    }

    /// Returns what is usual now, a second; `None` before the warm-up is over.
    pub(super) fn usual(&self) -> Option<f64> {
        self.usual.map(|usual| f64::from(usual) / 60.0)
    }

    /// Returns how often `rate`, a second, is what is usual; 1 before the warm-up is over. At least
    /// `least` is taken for usual.
    pub(super) fn rise(&self, rate: f64, least: f64) -> f64 {
        self.usual().map_or(1.0, |usual| rate / usual.max(least))
    }

    /// Returns over how many minutes the usual of now was learned, and whether of this hour alone.
    pub(super) fn learned(&self) -> (u16, bool) {
        let of_hour = self.hours.get(hour_of(self.minute)).map_or(0, |hour| hour.minutes);
        if of_hour >= HOUR_WARM_UP { (of_hour, true) } else { (self.all.minutes, false) }
    }

    /// Returns the usual in words for people and programs.
    fn told(&self) -> UsualRate {
        let usual = |hour: &Hour, least| (hour.minutes >= least).then(|| hour.quantile() / 60.0);
        UsualRate {
            all_day: usual(&self.all, WARM_UP),
            by_hour: self.hours.iter().map(|hour| usual(hour, HOUR_WARM_UP)).collect(),
        }
    }
}

/// What is usual of something, a second: the rate that 99.9 % of minutes stay below.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsualRate {
    /// At any hour; `None` before six minutes are known.
    pub all_day: Option<f64>,
    /// By the hour of the day (UTC), 24 of them; `None` before sixty minutes of it are known.
    pub by_hour: Vec<Option<f64>>,
}

/// What one host is used to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostHabits {
    /// The host.
    pub host: IpAddr,
    /// Whether as a server: what it is asked. Otherwise what it asks.
    pub server: bool,
    /// Minutes behind it, at most two weeks of each hour of the day.
    pub minutes: u32,
    /// Questions.
    pub queries: UsualRate,
    /// Answers that something failed: no such name, server failure, refused.
    pub failures: UsualRate,
    /// Questions for types with large or arbitrary data: ANY, TXT, NULL, DNSSEC.
    pub large: UsualRate,
}

impl HostHabits {
    pub(super) fn of(figures: &Figures) -> Option<Self> {
        let minutes = figures.queries.hours.iter().map(|hour| u32::from(hour.minutes)).sum();
        Some(Self {
            host: figures.host?,
            server: figures.server,
            minutes,
            queries: figures.queries.told(),
            failures: figures.failures.told(),
            large: figures.large.told(),
        })
    }
}

fn hour_of(minute: i64) -> usize {
    usize::try_from(minute.div_euclid(60).rem_euclid(24)).unwrap_or_default()
}

/// How long a habit is remembered without a word of its host.
pub(super) const REMEMBERED: Duration = Duration::from_secs(14 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    /// So many a second for the minutes from `begin` to `end`.
    fn live(habit: &mut Habit, begin: i64, end: i64, a_second: impl Fn(i64) -> u32) {
        for minute in begin..end {
            for second in 0..60 {
                habit.add(Timestamp(minute * MINUTE + second * 1_000_000), a_second(minute));
            }
        }
    }

    #[test]
    fn nothing_is_usual_before_the_warm_up() {
        let mut habit = Habit::default();
        live(&mut habit, 100, 106, |_| 50);
        assert_eq!((habit.usual(), habit.rise(5_000.0, 1.0)), (None, 1.0));
        live(&mut habit, 106, 108, |_| 50);
        let usual = habit.usual().unwrap();
        assert!((50.0..60.0).contains(&usual), "{usual}");
        assert_eq!(habit.learned(), (7, false));
    }

    #[test]
    fn a_daily_peak_is_usual_at_its_hour_and_not_at_night() {
        let day = |minute: i64| match hour_of(minute) {
            8..=17 => 400,
            _ => 4,
        };
        let mut habit = Habit::default();
        live(&mut habit, 24 * 60, 3 * 24 * 60 + 10 * 60, day);
        assert!(habit.rise(400.0, 1.0) < 1.1, "{:?}", habit.usual());
        live(&mut habit, 3 * 24 * 60 + 10 * 60, 3 * 24 * 60 + 26 * 60, day);
        assert!(habit.rise(400.0, 1.0) > 20.0, "{:?}", habit.usual());
        assert!(habit.learned().1);
    }

    #[test]
    fn an_attack_does_not_become_usual_while_it_lasts() {
        let mut habit = Habit::default();
        live(&mut habit, 100, 300, |_| 20);
        let before = habit.usual().unwrap();
        live(&mut habit, 300, 330, |_| 20_000);
        let after = habit.usual().unwrap();
        assert!(after < 4.0 * before, "{before} {after}");
    }

    #[test]
    fn silence_counts_as_nothing_and_time_may_run_backwards() {
        let mut habit = Habit::default();
        live(&mut habit, 100, 110, |_| 60);
        habit.add(Timestamp(5 * MINUTE), 3);
        live(&mut habit, 5_000, 5_002, |_| 1);
        assert!(habit.usual().unwrap() < 60.0);
        assert!(habit.all.mean < 30.0, "{:?}", habit.all);
    }
}
