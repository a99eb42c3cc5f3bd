//! Captures in, alerts out, in one process: what `geophone replay` does.

use geophone_sensor::capture::{CaptureError, Frame, FrameSource, Losses};
use geophone_sensor::counter::Counters;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;

use crate::alert::Alert;
use crate::config::Config;
use crate::pipeline::{Analytics, AnalyticsCounters};
use crate::rule::Rules;

/// Sensor and analytics joined.
pub struct Replay {
    sensor: Pipeline,
    analytics: Analytics,
}

/// What a replay hands on; every method may do nothing.
pub trait Listener {
    /// A frame was read.
    fn frame(&mut self, frame: &Frame<'_>);
    /// A record was made.
    fn record(&mut self, record: &Record<'_>);
    /// There is something to tell.
    fn alert(&mut self, alert: &Alert<'_>);
    /// An input could not be read on; the others are.
    fn trouble(&mut self, error: CaptureError);
    /// Tells whether to stop early.
    fn has_enough(&self) -> bool;
    /// The analytics stand where nothing is half done; asked after every frame.
    fn rest(&mut self, _analytics: &Analytics) {}
    /// Returns rules to put in force from here on; asked after every frame.
    fn new_rules(&mut self) -> Option<Rules> {
        None
    }
}

impl Replay {
    /// Makes both halves with empty tables.
    #[must_use]
    pub fn new(config: Config, rules: Rules, detail: Detail) -> Self {
        let sensor = Pipeline::new(&config.sensor, detail);
        Self { sensor, analytics: Analytics::new(config, rules) }
    }

    /// Reads `source` to its end.
    pub fn run(&mut self, source: &mut impl FrameSource, listener: &mut impl Listener) {
        let mut known = Losses::default();
        while !listener.has_enough() {
            let losses = source.losses();
            if losses != known {
                known = losses;
                self.sensor.lost(losses);
            }
            match source.next_frame() {
                Ok(Some(frame)) => {
                    listener.frame(&frame);
                    let Self { sensor, analytics } = self;
                    sensor.frame(&frame, &mut |record| {
                        listener.record(&record);
                        analytics.record(&record, &mut |alert| listener.alert(alert));
                    });
                }
                Ok(None) => break,
                Err(error) => listener.trouble(error),
            }
            listener.rest(&self.analytics);
            if let Some(rules) = listener.new_rules() {
                self.analytics.reload(rules, &mut |alert| listener.alert(alert));
            }
        }
        self.sensor.lost(source.losses());
        let Self { sensor, analytics } = self;
        sensor.finish(&mut |record| {
            listener.record(&record);
            analytics.record(&record, &mut |alert| listener.alert(alert));
        });
        analytics.finish(&mut |alert| listener.alert(alert));
    }

    /// The analytics.
    #[must_use]
    pub const fn analytics(&self) -> &Analytics {
        &self.analytics
    }

    /// The analytics, to read saved state into.
    pub const fn analytics_mut(&mut self) -> &mut Analytics {
        &mut self.analytics
    }

    /// Returns the counters of both halves.
    #[must_use]
    pub fn counters(&self) -> (&Counters, AnalyticsCounters) {
        (self.sensor.counters(), self.analytics.counters())
    }
}
