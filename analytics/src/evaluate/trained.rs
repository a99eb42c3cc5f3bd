//! Published methods that are trained on benign traffic, each kept away from what it learnt from.

use std::collections::{BTreeMap, BTreeSet};

use geophone_sensor::config::SensorConfig;
use geophone_sensor::record::{Record, Status, Transaction};

use super::corpus::{Capture, Role};
use super::published::{Fitted, Published, Training};
use super::run::records;

/// Two trainings, each on one half of the benign captures.
pub struct Trained {
    halves: [Fitted; 2],
    half_of: BTreeMap<String, usize>,
}

/// Tells whether our own detection scores `transaction`: published methods get the same.
#[must_use]
pub fn is_scored(transaction: &Transaction) -> bool {
    let no_question = transaction.qtype == 0 && transaction.qname.is_root();
    transaction.status != Status::Continued && !no_question
}

impl Trained {
    /// Divides the benign captures by network, where there is only one by file, and trains on
    /// each half.
    #[must_use]
    pub fn new(captures: &[Capture], config: &SensorConfig) -> Self {
        let benign = || captures.iter().filter(|capture| capture.role == Role::Benign);
        let units = |unit: fn(&Capture) -> &String| benign().map(unit).collect::<BTreeSet<_>>();
        let by_network: fn(&Capture) -> &String = |capture| &capture.network;
        let by_file: fn(&Capture) -> &String = |capture| &capture.file;
        let unit = if units(by_network).len() > 1 { by_network } else { by_file };
        let half: BTreeMap<&String, usize> =
            units(unit).into_iter().enumerate().map(|(index, unit)| (unit, index % 2)).collect();
        let half_of = |capture: &Capture| half.get(unit(capture)).copied().unwrap_or(0);
        let train = |own: usize| {
            let mut training = Training::default();
            for capture in benign().filter(|capture| half_of(capture) == own) {
                let _ = records(&capture.path, config, &mut |record| {
                    if let Record::Transaction(transaction) = record
                        && is_scored(transaction)
                    {
                        training.transaction(transaction);
                    }
                });
                training.capture_ends();
            }
            training.finish()
        };
        Self {
            halves: [train(0), train(1)],
            half_of: captures.iter().map(|c| (c.file.clone(), half_of(c))).collect(),
        }
    }

    /// Makes fresh methods for `capture`, trained on the half it is not part of.
    #[must_use]
    pub fn methods(&self, capture: &Capture) -> Vec<Box<dyn Published>> {
        let [first, second] = &self.halves;
        let own = self.half_of.get(&capture.file).copied().unwrap_or(0);
        if own == 0 { second.methods() } else { first.methods() }
    }
}
