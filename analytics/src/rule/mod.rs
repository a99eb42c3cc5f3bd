//! The rules: what detectors weigh and what is allowed, from TOML files or compiled in.

mod allow;
mod detector;
mod leak;
mod set;

pub use allow::{Allow, AllowList, Shape};
pub use detector::{Detector, SeverityLadder};
pub use set::{RuleError, Rules};
