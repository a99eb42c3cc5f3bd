//! What became of every record and alert.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counters of the analytics; the sums of [`imbalance`](Self::imbalance) always hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsCounters {
    /// Records taken.
    pub records: u64,
    /// Records that went to a key.
    pub records_scored: u64,
    /// Records without a question.
    pub records_without_question: u64,
    /// Records of payloads that are not DNS.
    pub records_not_dns: u64,
    /// Records of seconds.
    pub records_ticks: u64,
    /// Records of further messages of a zone transfer.
    pub records_continued: u64,
    /// Records of kinds this version does not know.
    pub records_unknown: u64,
    /// Names a client asked for the first time.
    pub names_novel: u64,
    /// Of these, names under an allowance.
    pub names_allowed: u64,
    /// Price of the novel names, in bits.
    pub bits_priced: u64,
    /// Of these, bits under an allowance.
    pub bits_allowed: u64,
    /// The same by class; published as `allow.<class>`.
    pub allowed_by_class: BTreeMap<String, u64>,
    /// Novel names of domains with a learned budget.
    pub names_baseline: u64,
    /// Price of these names, in bits.
    pub bits_baseline: u64,
    /// Times a suspect was weighed.
    pub judgements: u64,
    /// Alerts opened.
    pub alerts_opened: u64,
    /// Updates told.
    pub alerts_updated: u64,
    /// Updates not worth telling.
    pub alerts_suppressed: u64,
    /// Alerts closed.
    pub alerts_closed: u64,
    /// Keys in the table.
    pub keys_used: u64,
    /// Keys of the leak contract that gave way to others.
    pub keys_evicted: u64,
    /// Keys whose figures gave way to others'.
    pub figures_evicted: u64,
    /// Domains whose facts gave way to others'.
    pub domains_evicted: u64,
    /// The most by which any level of the leak contract may be too high, in bytes.
    pub leak_error_bytes: u64,
    /// Bytes that were charged to clients over fresh, rare domains together.
    pub bytes_rotation: u64,
    /// Bytes that were charged to domains over all clients.
    pub bytes_shared: u64,
    /// Suspects that gave way to others.
    pub suspects_evicted: u64,
    /// Records that watches of other abuses took, each counted once for each watch.
    pub notices: u64,
    /// Cases of watches that gave way to others.
    pub cases_evicted: u64,
    /// Generations of the first-seen filter that were full before their time.
    pub seen_turned_early: u64,
}

impl AnalyticsCounters {
    /// Counts `bits` of a name under an allowance of `class`.
    pub(super) fn allow(&mut self, class: &str, bits: u64) {
        self.bits_allowed += bits;
        match self.allowed_by_class.get_mut(class) {
            Some(sum) => *sum += bits,
            None => {
                self.allowed_by_class.insert(class.to_owned(), bits);
            }
        }
    }

    /// Returns the bits under an allowance by the published name of their class.
    #[must_use]
    pub fn named_classes(&self) -> BTreeMap<String, u64> {
        let name = |(class, bits): (&String, &u64)| (format!("allow.{class}"), *bits);
        self.allowed_by_class.iter().map(name).collect()
    }

    /// Returns every counter by its published name, those of classes excepted.
    #[must_use]
    pub fn named(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("analytics.records", self.records),
            ("analytics.records_scored", self.records_scored),
            ("analytics.records_not_dns", self.records_not_dns),
            ("analytics.records_ticks", self.records_ticks),
            ("analytics.records_continued", self.records_continued),
            ("analytics.records_unknown", self.records_unknown),
            ("analytics.records_without_question", self.records_without_question),
            ("analytics.names_novel", self.names_novel),
            ("analytics.names_allowed", self.names_allowed),
            ("analytics.bits_priced", self.bits_priced),
            ("analytics.bits_allowed", self.bits_allowed),
            ("analytics.names_baseline", self.names_baseline),
            ("analytics.bits_baseline", self.bits_baseline),
            ("analytics.judgements", self.judgements),
            ("alert.opened", self.alerts_opened),
            ("alert.updated", self.alerts_updated),
            ("alert.suppressed", self.alerts_suppressed),
            ("alert.closed", self.alerts_closed),
            ("state.keys_used", self.keys_used),
            ("state.keys_evicted", self.keys_evicted),
            ("state.figures_evicted", self.figures_evicted),
            ("state.domains_evicted", self.domains_evicted),
            ("state.leak_error_bytes", self.leak_error_bytes),
            ("analytics.bytes_rotation", self.bytes_rotation),
            ("analytics.bytes_shared", self.bytes_shared),
            ("state.suspects_evicted", self.suspects_evicted),
            ("analytics.notices", self.notices),
            ("state.cases_evicted", self.cases_evicted),
            ("state.seen_turned_early", self.seen_turned_early),
        ])
    }

    /// Names the first sum that does not add up.
    #[must_use]
    pub fn imbalance(&self) -> Option<String> {
        let parts = self.records_scored
            + self.records_without_question
            + self.records_not_dns
            + self.records_ticks
            + self.records_continued
            + self.records_unknown;
        if parts != self.records {
            let records = self.records;
            return Some(format!("analytics.records is {records}, its parts add up to {parts}"));
        }
        let (bits, classes) = (self.bits_allowed, self.allowed_by_class.values().sum::<u64>());
        (classes != bits)
            .then(|| format!("analytics.bits_allowed is {bits}, its classes add up to {classes}"))
    }
}
