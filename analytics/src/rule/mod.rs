//! The rules: what detectors weigh and what is allowed, from TOML files or compiled in.

mod allow;
mod baseline;
mod detector;
mod leak;
mod set;

pub use allow::{Allow, AllowList, Shape};
pub use baseline::{
    Baseline, BaselineEntry, BaselineFile, Change, Difference, MIN_CLIENTS, Observed, VALID_DAYS,
    differences, learn,
};
pub use detector::{Detector, SeverityLadder};
pub use set::{RuleError, Rules};
