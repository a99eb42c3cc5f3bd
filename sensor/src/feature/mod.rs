//! Figures about one transaction: pure functions of its name, and running rates per domain.

mod lexical;
mod name;
mod rate;

pub use name::{NameFeatures, NameReader};
pub use rate::{DomainRates, Rates};
