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

/// Collects benign traffic for the methods that are trained on it.
#[derive(Default)]
pub struct Training {}

impl Training {
    /// Takes one benign transaction.
    pub fn transaction(&mut self, _: &Transaction) {}

    /// Says that the next transaction belongs to another capture.
    pub fn capture_ends(&mut self) {}

    /// Ends the training.
    #[must_use]
    pub fn finish(self) -> Fitted {
        Fitted {}
    }
}

/// The trained methods, from which fresh ones are made for each capture.
pub struct Fitted {}

impl Fitted {
    /// Makes all methods with empty tables.
    #[must_use]
    pub fn methods(&self) -> Vec<Box<dyn Published>> {
        all()
    }
}
