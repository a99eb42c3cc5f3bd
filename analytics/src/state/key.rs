//! The running figures of one (client, domain).

use std::time::Duration;

use geophone_sensor::time::Timestamp;

use super::leak::{LeakContract, Levels};

/// The figures of one (client, domain): 120 octets, beside 8 of its tag in the table.
///
/// The windowed figures are halved whenever a window of capture time is over, so a figure stands
/// for one to two windows; shares and means of them are what the scorecards use.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyState {
    pub(crate) levels: Levels,
    pub(crate) last: Timestamp,
    pub(crate) first: Timestamp,
    window: u32,
    /// Queries in the window.
    pub queries: u32,
    /// Novel names.
    pub novel: u32,
    /// Price of the novel names, in bits.
    pub bits: u32,
    /// Octets of the novel names' subdomains.
    pub octets: u32,
    /// Entropy of the novel names' subdomains, summed, in thousandths of a bit.
    pub entropy_millibits: u32,
    /// Queries of types that carry anything: NULL, KEY, private, unassigned.
    pub opaque_queries: u32,
    /// Queries of types that carry names or text: CNAME, MX, SRV, TXT and their like.
    pub carrier_queries: u32,
    /// Queries for text.
    pub text_queries: u32,
    /// Answers.
    pub answers: u32,
    /// Octets of text, names and opaque data in answers.
    pub payload_bytes: u32,
    /// Octets of text and opaque data in answers not seen before.
    pub novel_text_bytes: u32,
    /// Answers of those octets.
    pub novel_texts: u32,
    /// Answers that no such name exists.
    pub nxdomain: u32,
    /// Queries since the key was first met.
    pub total_queries: u32,
    /// Novel names since then.
    pub total_novel: u32,
    /// Price of the novel names since then, in bits.
    pub total_bits: u32,
    /// Bytes in the buckets that an evicted key left behind: the error of the levels.
    pub(crate) inherited: f32,
}

/// What is new about one transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Novelty {
    /// What is charged to the leak contract for a novel name, in bytes; 0 for a repeated one.
    pub charged_bytes: f64,
    /// The whole price in bits.
    pub bits: u32,
    /// Whether the name is novel and not allowed to be.
    pub name: bool,
    /// Octets of text or opaque answer data not seen before.
    pub text_bytes: u32,
}

/// What the answers to a query can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carries {
    /// Addresses, or data with a form of its own.
    #[default]
    Little,
    /// Names: CNAME, MX, SRV and their like.
    Names,
    /// Anything: NULL, KEY, private and unassigned types.
    Opaque,
    /// Text.
    Text,
}

/// The figures of one transaction that a key adds up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sighting {
    /// Octets of the subdomain.
    pub octets: u32,
    /// Entropy of the subdomain in thousandths of a bit.
    pub entropy_millibits: u32,
    /// What answers of the type asked for can carry.
    pub carries: Carries,
    /// Octets of text, names and opaque data in the answer; `None` without an answer.
    pub payload_bytes: Option<u32>,
    /// The answer says that no such name exists.
    pub nxdomain: bool,
}

impl KeyState {
    /// Begins a key at `time`, its buckets as an evicted key left them.
    pub(crate) fn begin(time: Timestamp, left: Levels) -> Self {
        let most = left.iter().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_possible_truncation, reason = "an error bar needs no more digits")]
        let inherited = most as f32;
        Self { levels: left, last: time, first: time, inherited, ..Self::default() }
    }

    /// Drains the buckets to `time` and halves the window's figures as often as windows passed.
    pub(crate) fn advance(&mut self, time: Timestamp, contract: &LeakContract, window: Duration) {
        contract.pour(&mut self.levels, time.since(self.last), 0.0);
        self.last = self.last.max(time);
        let index = window_index(time, window);
        let passed = index.wrapping_sub(self.window);
        if passed == 0 || passed > u32::MAX / 2 {
            return;
        }
        self.window = index;
        for figure in self.windowed() {
            *figure = figure.checked_shr(passed).unwrap_or(0);
        }
    }

    /// Adds one transaction.
    pub(crate) fn add(&mut self, seen: &Sighting, novelty: &Novelty, contract: &LeakContract) {
        let add = |figure: &mut u32, n: u32| *figure = figure.saturating_add(n);
        add(&mut self.queries, 1);
        add(&mut self.total_queries, 1);
        add(&mut self.opaque_queries, u32::from(seen.carries == Carries::Opaque));
        let carrier = matches!(seen.carries, Carries::Names | Carries::Text);
        add(&mut self.carrier_queries, u32::from(carrier));
        add(&mut self.text_queries, u32::from(seen.carries == Carries::Text));
        add(&mut self.nxdomain, u32::from(seen.nxdomain));
        if let Some(payload) = seen.payload_bytes {
            add(&mut self.answers, 1);
            add(&mut self.payload_bytes, payload);
        }
        if novelty.text_bytes > 0 {
            add(&mut self.novel_texts, 1);
            add(&mut self.novel_text_bytes, novelty.text_bytes);
        }
        if novelty.name {
            add(&mut self.novel, 1);
            add(&mut self.total_novel, 1);
            add(&mut self.bits, novelty.bits);
            add(&mut self.total_bits, novelty.bits);
            add(&mut self.octets, seen.octets);
            add(&mut self.entropy_millibits, seen.entropy_millibits);
        }
        if novelty.charged_bytes > 0.0 {
            contract.pour(&mut self.levels, Duration::ZERO, novelty.charged_bytes);
        }
    }

    fn windowed(&mut self) -> [&mut u32; 13] {
        [
            &mut self.queries,
            &mut self.novel,
            &mut self.bits,
            &mut self.octets,
            &mut self.entropy_millibits,
            &mut self.opaque_queries,
            &mut self.carrier_queries,
            &mut self.text_queries,
            &mut self.answers,
            &mut self.payload_bytes,
            &mut self.novel_text_bytes,
            &mut self.novel_texts,
            &mut self.nxdomain,
        ]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only differences modulo 2^32 are used"
)]
fn window_index(time: Timestamp, window: Duration) -> u32 {
    let width = i64::try_from(window.as_micros()).unwrap_or(i64::MAX).max(1);
    time.micros().div_euclid(width) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_tag_take_at_most_128_octets() {
        assert!(size_of::<KeyState>() + size_of::<u64>() <= 128, "{}", size_of::<KeyState>());
    }
}
