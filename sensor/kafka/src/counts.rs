//! What became of every message, in numbers that add up.

use std::collections::BTreeMap;

/// Counts of one outbox since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that were handed over.
    pub produced: u64,
    /// Messages that a former process left in the spool.
    pub recovered: u64,
    /// Messages that the brokers confirmed.
    pub delivered: u64,
    /// Messages left in the spool for the next start.
    pub spooled: u64,
    /// Messages dropped because the spool was full, or there is none.
    pub dropped_full: u64,
    /// Messages dropped because handing them over would have held capture up.
    pub dropped_busy: u64,
    /// Messages that the brokers, or librdkafka, will not have: too large, not allowed.
    pub rejected: u64,
    /// Messages in files of the spool that could not be read back.
    pub unreadable: u64,
    /// Messages on their way; none at the end.
    pub in_flight: u64,
    /// Messages that went through the spool.
    pub through_spool: u64,
    /// Times that messages began to go to the spool, or to be dropped.
    pub outages: u64,
    /// Octets in the spool.
    pub spool_bytes: u64,
    /// The most octets that were in it.
    pub spool_peak_bytes: u64,
    /// Octets it may hold.
    pub spool_limit_bytes: u64,
    /// Octets of torn messages that a former process left.
    pub spool_torn_bytes: u64,
    /// Times that the producer had to be made anew.
    pub restarts: u64,
}

impl Counts {
    /// Returns the counters by their published names.
    #[must_use]
    pub fn named(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("kafka.delivered", self.delivered),
            ("kafka.dropped_busy", self.dropped_busy),
            ("kafka.dropped_full", self.dropped_full),
            ("kafka.in_flight", self.in_flight),
            ("kafka.outages", self.outages),
            ("kafka.produced", self.produced),
            ("kafka.recovered", self.recovered),
            ("kafka.rejected", self.rejected),
            ("kafka.restarts", self.restarts),
            ("kafka.spool_bytes", self.spool_bytes),
            ("kafka.spool_limit_bytes", self.spool_limit_bytes),
            ("kafka.spool_peak_bytes", self.spool_peak_bytes),
            ("kafka.spool_torn_bytes", self.spool_torn_bytes),
            ("kafka.spooled", self.spooled),
            ("kafka.through_spool", self.through_spool),
            ("kafka.unreadable", self.unreadable),
        ])
    }

    /// Messages that no broker has and no spool keeps.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.dropped_full + self.dropped_busy + self.rejected + self.unreadable
    }

    /// Returns the sum that does not add up.
    #[must_use]
    pub fn imbalance(&self) -> Option<String> {
        let all = self.produced + self.recovered;
        let ends = self.delivered + self.spooled + self.lost() + self.in_flight;
        (all != ends).then(|| {
            format!(
                "kafka.produced + recovered = {all} but delivered + spooled + dropped + rejected + \
                 unreadable + in_flight = {ends}"
            )
        })
    }
}
