//! Rules that are read again while a run goes on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use geophone_analytics::rule::{RuleError, Rules};

use crate::run::rules_with;

/// From the thread that reads rules to the run that puts them in force at its next frame.
#[derive(Default)]
pub(crate) struct Reload {
    /// Looked at for every frame, unlike the lock.
    fresh: AtomicBool,
    rules: Mutex<Option<Rules>>,
}

impl Reload {
    /// Reads `dir` and `baseline` and leaves the rules for the run; where anything is wrong, the old
    /// ones stay.
    ///
    /// # Errors
    /// The first thing wrong with the rules.
    pub(crate) fn read(
        &self,
        dir: Option<&Path>,
        baseline: Option<&Path>,
    ) -> Result<(), RuleError> {
        let rules = rules_with(dir, baseline)?;
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Some(rules);
        self.fresh.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes the rules that were read since the last call.
    pub(crate) fn take(&self) -> Option<Rules> {
        if !self.fresh.load(Ordering::Relaxed) || !self.fresh.swap(false, Ordering::Acquire) {
            return None;
        }
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
