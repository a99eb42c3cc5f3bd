//! What a run tells, on its way to files and terminal.

use std::process::ExitCode;
use std::sync::Arc;

use geophone_analytics::alert::{Action, Alert};
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::replay::Listener;
use geophone_analytics::rule::Rules;
use geophone_analytics::severity::Severity;
use geophone_analytics::sink::Sink;
use geophone_analytics::state_file::StateFile;
use geophone_sensor::capture::{CaptureError, Frame};
use geophone_sensor::record::Record;
use geophone_sensor::words::in_words;

use crate::command::features::Features;
use crate::progress::Progress;
use crate::publishing::Publishing;
use crate::reload::Reload;

/// The error of the leak contract's levels that is worth telling: an eighth of the least burst.
const LEAK_ERROR_TOLD: u64 = 64;

/// The outputs of a run and what came of it.
pub(crate) struct Console {
    pub(crate) sink: Sink,
    pub(crate) features: Option<Features>,
    pub(crate) progress: Progress,
    /// Where alerts go as well.
    pub(crate) publishing: Publishing,
    /// Where what is remembered is saved.
    pub(crate) state: Option<StateFile>,
    /// Rules that were read again meanwhile.
    pub(crate) reload: Arc<Reload>,
    /// Whether it was told that levels may be too high.
    pub(crate) leak_error_told: bool,
    /// How many guesses about hosts were told.
    pub(crate) guesses_told: usize,
    pub(crate) opened: u64,
    pub(crate) worst: Option<Severity>,
    /// Inputs that could not be read to their end.
    pub(crate) troubles: u64,
}

impl Console {
    /// An input that could not be read counts more than what was found in the others.
    pub(crate) fn exit_code(&self, fail_on: Option<Severity>) -> ExitCode {
        if self.troubles > 0 {
            return ExitCode::from(1);
        }
        let met = fail_on.zip(self.worst).is_some_and(|(least, worst)| worst >= least);
        ExitCode::from(if met { 3 } else { 0 })
    }
}

impl Listener for Console {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.progress.frame(frame.data.len());
    }

    fn record(&mut self, record: &Record<'_>) {
        if let Some(features) = &mut self.features {
            features.write(record);
        }
    }

    fn alert(&mut self, alert: &Alert<'_>) {
        self.opened += u64::from(alert.action == Action::Open);
        self.worst = self.worst.max(Some(alert.severity));
        self.sink.write(alert);
        self.publishing.publish(alert);
    }

    fn trouble(&mut self, error: CaptureError) {
        self.troubles += u64::from(!error.is_notice());
        self.progress.say(&error.to_string());
    }

    fn rest(&mut self, analytics: &Analytics) {
        let error = analytics.leak_error_bytes();
        if error > LEAK_ERROR_TOLD && !self.leak_error_told {
            self.leak_error_told = true;
            self.progress.say(&format!(
                "levels of the leak contract may be up to {error} B too high: there are more keys \
                 than the tables hold; raise state.keys, state.clients or state.domains"
            ));
        }
        for guess in analytics.guesses().iter().skip(self.guesses_told) {
            self.progress.say(&guess.to_string());
        }
        self.guesses_told = analytics.guesses().len();
        let Some(state) = &mut self.state else { return };
        if let Err(error) = state.save_if_due(analytics) {
            self.troubles += 1;
            self.progress.say(&in_words(&error));
        }
    }

    fn new_rules(&mut self) -> Option<Rules> {
        self.reload.take()
    }

    fn has_enough(&self) -> bool {
        self.sink.has_failed() || self.features.as_ref().is_some_and(Features::has_failed)
    }
}
