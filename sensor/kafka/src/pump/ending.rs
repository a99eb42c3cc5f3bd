//! How a pump ends.

use std::time::Duration;

use super::{Pace, Pump, STEP};
use crate::counts::Counts;
use crate::spool::{Spool, SpoolError};

impl Pump {
    /// Waits for the last deliveries, and puts what is left into the spool. A replay waits as long
    /// as something moves; who ends a live run wants it to end.
    pub(super) fn finish(&mut self) {
        let mut waited = Duration::ZERO;
        while waited < self.habits.patience && !self.gave_up {
            self.drain();
            if self.counts.in_flight == 0 && !self.waits() {
                break;
            }
            let moves = self.reports(STEP) > 0 && self.habits.pace == Pace::Replay;
            waited = if moves { Duration::ZERO } else { waited + STEP };
        }
        let reports = self.sender.take_back();
        let back = self.note(reports);
        self.take_up(back);
        if let Err(error) = self.put_back() {
            (self.habits.say)(&error.to_string());
        }
        self.counts.spool_bytes = self.spool.as_ref().map(Spool::bytes).unwrap_or_default();
        self.end_words();
    }

    fn put_back(&mut self) -> Result<(), SpoolError> {
        let held: Vec<_> = self.held.drain(..).collect();
        let lost = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let Some(spool) = &mut self.spool else {
            self.counts.dropped_full += lost(held.len());
            return Ok(());
        };
        // Those that are on disk already stay there, whatever comes of this.
        let is_there = |file: Option<u64>| file.is_some_and(|file| spool.has_file(file));
        let nowhere = held.iter().filter(|(file, _)| !is_there(*file)).count();
        let done = if held.is_empty() && !spool.has_unread() {
            Ok(())
        } else {
            let held: Vec<_> = held.into_iter().map(|(_, octets)| octets).collect();
            let put = spool.put_back(&held);
            self.counts.dropped_full +=
                put.as_ref().map_or_else(|_| lost(nowhere), |refused| *refused);
            put.map(drop)
        };
        self.counts.dropped_full += spool.abandon();
        self.counts.spooled = spool.unsettled();
        done
    }

    fn end_words(&self) {
        let Counts { spooled, spool_bytes, .. } = self.counts;
        if spooled > 0 {
            (self.habits.say)(&format!(
                "{spooled} messages ({spool_bytes} octets) stay in the spool; the next start sends them first"
            ));
        }
        if self.counts.lost() > 0 {
            let Counts { dropped_full, dropped_busy, rejected, unreadable, .. } = self.counts;
            (self.habits.say)(&format!(
                "{} messages are lost to Kafka: {dropped_full} had no room, {dropped_busy} came too \
                 fast, {rejected} were refused, {unreadable} could not be read back",
                self.counts.lost()
            ));
        }
    }
}
