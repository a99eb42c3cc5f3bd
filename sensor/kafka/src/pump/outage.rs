//! A stretch of time in which messages could not be sent at once, and what is said of it.

/// What happened since it began.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Messages that went to the spool.
    pub(super) spooled: u64,
    /// Messages for which there was no room.
    pub(super) dropped: u64,
}

impl Outage {
    /// Says that it begins, and why.
    pub(super) fn begin(is_away: bool, has_spool: bool, trouble: &str) -> (Self, String) {
        let why = if is_away { "no broker can be reached" } else { "it is slower than what comes" };
        let place = if has_spool { "they go to the spool" } else { "they have no place to go" };
        let words = format!("Kafka takes no messages now, {why}{trouble}: {place}");
        (Self::default(), words)
    }

    /// Takes note of a message without room; says so the first time.
    pub(super) fn drop_one(&mut self, why: &str) -> Option<String> {
        self.dropped += 1;
        let words = || format!("from here on messages for Kafka are dropped and counted: {why}");
        (self.dropped == 1).then(words)
    }

    /// Says that it is over.
    pub(super) fn end(&self) -> String {
        let Self { spooled, dropped } = self;
        format!(
            "Kafka takes messages again: {spooled} went through the spool, {dropped} were dropped"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_told_once_and_counted_at_the_end() {
        let (mut outage, words) = Outage::begin(true, true, " (refused)");
        assert!(words.contains("reached (refused): they go to the spool"), "{words}");
        let told: Vec<_> = (0..9).filter_map(|_| outage.drop_one("it is full")).collect();
        assert_eq!(told.len(), 1);
        assert!(outage.end().ends_with("0 went through the spool, 9 were dropped"));
    }
}
