//! Detectors somebody published, written anew from their descriptions to be measured beside ours.
//!
//! Each file names its source and keeps its figures. Where the original is batch work over a
//! store, the same figure is kept running; where it needs what a DNS sensor does not see (flows,
//! popularity lists, reputation feeds), that part is left out and the file says so. Every table is
//! bounded, and gives room by forgetting what was longest untouched.
//!
//! All of them get the transactions that our own detection scores: everything with a question but
//! the further messages of a zone transfer.

mod ahmed;
mod anomalous_dns;
mod bottom;
mod elastic;
mod forest;
mod gzip_bound;
mod ibhh;
mod maltrail;
mod meaningful;
mod nadler;
mod rita;
mod single;
mod table;
mod weighted;

use std::net::IpAddr;

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

pub use ahmed::{Ahmed, AhmedTraining};
pub use anomalous_dns::AnomalousDns;
pub use elastic::Elastic;
pub use gzip_bound::{GzipBound, gzip_bytes};
pub use ibhh::Ibhh;
pub use maltrail::Maltrail;
pub use nadler::{Nadler, NadlerTraining};
pub use rita::Rita;
pub use single::Single;

/// A detector somebody published, run over transactions in capture time.
///
/// One stands for one capture: make a fresh one for the next.
pub trait Published {
    /// Short stable name, e.g. "ibhh" or "rita".
    fn name(&self) -> &'static str;
    /// The published operating point: an alarm is score >= this.
    fn threshold(&self) -> f64;
    /// Takes one transaction and tells every (client or none, domain) whose score reached a new
    /// maximum.
    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore));
    /// Ends the input (window-based methods score what is open).
    fn finish(&mut self, tell: &mut dyn FnMut(PublishedScore));
}

/// A score that is higher than all before it for the same client and domain.
///
/// A subject that a bounded table forgot in between may be told again with a lower score.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedScore {
    /// The client, where the method tells clients apart.
    pub client: Option<IpAddr>,
    /// The registered domain in lower case.
    pub domain: String,
    /// When the method knew.
    pub time: Timestamp,
    /// In the method's own unit.
    pub score: f64,
}

/// Makes every method that needs no training.
#[must_use]
pub fn all() -> Vec<Box<dyn Published>> {
    vec![
        Box::new(Ibhh::default()),
        Box::new(Rita::default()),
        Box::new(AnomalousDns::default()),
        Box::new(Maltrail::default()),
        Box::new(Elastic::default()),
        Box::new(Single::entropy()),
        Box::new(Single::long_name()),
        Box::new(GzipBound::default()),
    ]
}

/// Collects benign traffic for the methods that are trained on it.
#[derive(Default)]
pub struct Training {
    nadler: NadlerTraining,
    ahmed: AhmedTraining,
}

impl Training {
    /// Takes one benign transaction.
    pub fn transaction(&mut self, transaction: &Transaction) {
        self.nadler.transaction(transaction);
        self.ahmed.transaction(transaction);
    }

    /// Says that the next transaction belongs to another capture.
    pub fn capture_ends(&mut self) {
        self.nadler.capture_ends();
    }

    /// Fits the forests.
    ///
    /// What was trained on nothing scores nothing.
    #[must_use]
    pub fn finish(self) -> Fitted {
        Fitted { nadler: self.nadler.finish(), ahmed: self.ahmed.finish() }
    }
}

/// The trained methods, from which fresh ones are made for each capture.
pub struct Fitted {
    nadler: Nadler,
    ahmed: Ahmed,
}

impl Fitted {
    /// Makes all methods with empty tables: those of [`all`], "nadler-6" and "ahmed-8".
    #[must_use]
    pub fn methods(&self) -> Vec<Box<dyn Published>> {
        let mut methods = all();
        methods.push(Box::new(self.nadler.fresh()));
        methods.push(Box::new(self.ahmed.fresh()));
        methods
    }
}

/// Trains on benign transactions in capture order.
#[must_use]
pub fn fitted(training: &[Transaction]) -> Fitted {
    let mut benign = Training::default();
    for transaction in training {
        benign.transaction(transaction);
    }
    benign.finish()
}

#[cfg(test)]
mod tests {
    use super::table::made::{ask, best};
    use super::*;

    #[test]
    fn names_are_unique_and_an_untrained_forest_is_silent() {
        let methods = fitted(&[]).methods();
        let mut names: Vec<_> = methods.iter().map(|method| method.name()).collect();
        assert_eq!(names.len(), 10);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 10);
        let asked: Vec<_> = (0..50).map(|n| ask(n, 1, &format!("x{n}.example.com"), 16)).collect();
        for mut method in methods.into_iter().filter(|method| method.name().ends_with(['6', '8'])) {
            assert!(best(&mut *method, &asked).is_empty(), "{}", method.name());
        }
    }

    #[test]
    fn the_same_transactions_give_the_same_scores_bit_for_bit() {
        let name = |n: i64| format!("{:x}.d{}.example.com", n * 0x9e37_79b9, n % 3);
        let asked: Vec<_> = (0..400).map(|n| ask(n * 40, 1, &name(n), 1)).collect();
        let once = fitted(&asked);
        let run = |fitted: &Fitted| {
            let mut told = Vec::new();
            for mut method in fitted.methods() {
                for transaction in &asked {
                    method.transaction(transaction, &mut |score| told.push(score));
                }
                method.finish(&mut |score| told.push(score));
            }
            told
        };
        let first = run(&once);
        assert!(first.len() > 100);
        assert_eq!(first, run(&once), "fresh methods remember nothing");
        assert_eq!(first, run(&fitted(&asked)));
    }
}
