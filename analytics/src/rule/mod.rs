//! The rules: what detectors weigh and what is allowed, from TOML files or compiled in.

mod allow;
mod alphabet;
mod class;
mod baseline;
mod detector;
mod except;
mod leak;
mod marks;
mod outline;
mod pattern;
mod set;
mod shape;
mod why_not;

pub use allow::{AllowList, AnswerFacts, Facts};
pub use baseline::{
    Baseline, BaselineEntry, BaselineFile, Change, Difference, MIN_CLIENTS, Observed, VALID_DAYS,
    differences, learn,
};
pub use class::{Allow, AnswerCheck};
pub use detector::{Detector, SeverityLadder};
pub use except::Except;
pub(crate) use except::is_under;
pub use set::{RuleError, Rules};
pub use shape::Shape;
pub use why_not::{Misfit, WhyNot};
