//! Published rules, run beside ours in the same harness.

use std::net::IpAddr;

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

/// A published rule as its source describes it.
pub trait Published {
    /// Returns the name results are told under.
    fn name(&self) -> &'static str;
    /// Returns the published threshold: an alert is a score at or above it.
    fn threshold(&self) -> f64;
    /// Takes one transaction and tells the scores it gives rise to.
    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore));
    /// Ends the input and tells the scores that are left.
    fn finish(&mut self, tell: &mut dyn FnMut(PublishedScore));
}

/// A score that a published rule gave.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedScore {
    /// Who asked; `None` where the rule looks at a domain over all clients.
    pub client: Option<IpAddr>,
    /// The registered domain.
    pub domain: String,
    /// When, in capture time.
    pub time: Timestamp,
    /// The score.
    pub score: f64,
}

/// Returns every published rule.
#[must_use]
pub fn all() -> Vec<Box<dyn Published>> {
    Vec::new()
}
