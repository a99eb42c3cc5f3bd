//! From the figures of a key to a verdict with its reasons.

mod feature;
mod scorecard;

pub use feature::{Feature, Features};
pub use scorecard::{Evidence, Scorecard, Term};
