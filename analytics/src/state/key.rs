//! The running figures of one (client, domain), which scorecards weigh.

use std::ops::Range;
use std::time::Duration;

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::channel::Channels;
use super::image::OtherSizes;
use super::leak::TIERS;
use super::sets::{Claim, Entry, Sets, SetsImage, Tagged};

/// The figures of one key.
///
/// They are halved whenever a window of capture time is over, so a figure stands for one to two
/// windows; shares and means of them are what the scorecards use.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    last: Timestamp,
    window: u32,
    /// What came by other ways than novel names.
    pub channels: Channels,
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
    /// Octets of addresses and names in answers not seen before.
    pub novel_answer_bytes: u32,
    /// Answers with data that may be kept for five seconds at most.
    pub short_lived: u32,
    /// Answers that no such name exists.
    pub nxdomain: u32,
}

/// The figures of keys, bounded.
///
/// The key whose buckets for signals and answers will all be empty first gives way, among those
/// that are empty the one longest without a query. Who comes in its place starts with buckets that
/// empty no earlier (Space-Saving, by the time of emptiness: it orders the same at any moment), so
/// a flood of keys empties none. Scorecards start anew.
pub struct FigureTable {
    sets: Sets<Vec<Tagged<Figures>>>,
    /// Microseconds of a window.
    window: i64,
    /// The window that was met last, in microseconds, and its number.
    met: (Range<i64>, u32),
}

/// A key right after a transaction: what it owes, and what scorecards weigh.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyState {
    /// What it owes to the contract.
    pub account: Account,
    /// What scorecards weigh.
    pub figures: Figures,
}

/// What is new about one transaction.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Novelty {
    /// What is charged to the leak contract for a novel name, in bytes; 0 for a repeated one.
    pub charged_bytes: f64,
    /// The whole price in bits.
    pub bits: u32,
    /// Whether the name is novel and not allowed to be.
    pub name: bool,
    /// Octets of text or opaque answer data not seen before.
    pub text_bytes: u32,
    /// Octets of all that an answer not seen before could carry: these, addresses and names.
    pub answer_bytes: u32,
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
    /// The answer has data that may be kept for five seconds at most.
    pub short_lived: bool,
    /// The answer says that no such name exists.
    pub nxdomain: bool,
}

impl Novelty {
    /// Returns what of the price was not excused, in bits.
    pub(crate) fn leaked_bits(&self) -> u32 {
        if self.name { self.bits } else { whole_bits(self.charged_bytes) }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a price is not negative and far below 2^32 bits"
)]
fn whole_bits(bytes: f64) -> u32 {
    (bytes * 8.0).ceil() as u32
}

impl FigureTable {
    /// Makes room for `keys` keys; `window` halves the figures.
    #[must_use]
    pub fn new(keys: u32, window: Duration) -> Self {
        let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX).max(1);
        Self { sets: Sets::new(keys), window, met: (0..0, 0) }
    }

    /// Octets of the table.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.sets.memory()
    }

    /// Keys that gave way to others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.sets.evicted()
    }

    /// Walks the keys that owe anything at `time`, with their buckets as words.
    pub(crate) fn owing(&self, time: Timestamp) -> impl Iterator<Item = (u64, [u64; 2 * TIERS])> {
        let all = self.sets.iter().map(|entry| (entry.tag(), &entry.value.channels));
        let owing = all.filter(move |(_, channels)| channels.empty_at() > time.micros());
        owing.map(|(hash, channels)| (hash, channels.pack()))
    }

    /// Puts back the buckets of a key that were saved at `time`.
    pub(crate) fn restore(&mut self, hash: u64, words: [u64; 2 * TIERS], time: Timestamp) {
        if let Some(figures) = self.at(hash, time) {
            figures.channels.restore(words);
        }
    }

    /// Returns an image of the figures.
    pub(crate) fn image(&self) -> SetsImage<(u64, Figures)> {
        self.sets.image(|entry| (entry.tag(), entry.value))
    }

    /// Puts an image into a table that is empty.
    pub(crate) fn put(&mut self, image: SetsImage<(u64, Figures)>) -> Result<(), OtherSizes> {
        self.sets.put(image, |(tag, _)| *tag, |(_, figures), entry| entry.value = figures)
    }

    /// Asks for the first line of `hash`.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        self.sets.touch(hash)
    }

    /// Finds or begins the figures of `hash` and brings them up to `time`.
    pub(crate) fn at(&mut self, hash: u64, time: Timestamp) -> Option<&mut Figures> {
        let index = self.window_of(time);
        let (entry, claim) = self.sets.claim(hash, |entry| entry.value.worth(time))?;
        let figures = &mut entry.value;
        if let Claim::Evicted(gone) = claim {
            figures.channels.inherit(&gone.value.channels, time);
        }
        figures.advance(time, index);
        Some(figures)
    }

    /// Numbers the window of `time`; divides only where it is not the one that was met last.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only differences modulo 2^32 are used"
    )]
    fn window_of(&mut self, time: Timestamp) -> u32 {
        let micros = time.micros();
        if !self.met.0.contains(&micros) {
            let into = micros.rem_euclid(self.window);
            let begins = micros.saturating_sub(into);
            let ends = micros.saturating_add(self.window - into);
            self.met = (begins..ends, micros.div_euclid(self.window) as u32);
        }
        self.met.1
    }
}

impl Figures {
    /// Orders keys by what is lost when they give way.
    #[expect(clippy::cast_precision_loss, reason = "the order of times, not their value")]
    fn worth(&self, time: Timestamp) -> f64 {
        // Half of all time: whoever owes nothing comes before whoever owes anything.
        const OWES: f64 = 4.6e18;
        let until = self.channels.empty_at();
        if until > time.micros() { until as f64 + OWES } else { self.last.micros() as f64 - OWES }
    }

    /// Halves the window's figures as often as windows passed to the one of number `index`.
    fn advance(&mut self, time: Timestamp, index: u32) {
        self.last = self.last.max(time);
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
    pub(crate) fn add(&mut self, seen: &Sighting, novelty: &Novelty) {
        let add = |figure: &mut u32, n: u32| *figure = figure.saturating_add(n);
        add(&mut self.queries, 1);
        add(&mut self.opaque_queries, u32::from(seen.carries == Carries::Opaque));
        let carrier = matches!(seen.carries, Carries::Names | Carries::Text);
        add(&mut self.carrier_queries, u32::from(carrier));
        add(&mut self.text_queries, u32::from(seen.carries == Carries::Text));
        add(&mut self.nxdomain, u32::from(seen.nxdomain));
        add(&mut self.short_lived, u32::from(seen.short_lived));
        let but_text = novelty.answer_bytes.saturating_sub(novelty.text_bytes);
        add(&mut self.novel_answer_bytes, but_text);
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
            add(&mut self.bits, novelty.bits);
            add(&mut self.octets, seen.octets);
            add(&mut self.entropy_millibits, seen.entropy_millibits);
        }
    }

    fn windowed(&mut self) -> [&mut u32; 15] {
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
            &mut self.novel_answer_bytes,
            &mut self.short_lived,
            &mut self.nxdomain,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_halved_with_every_window_and_never_by_time_that_runs_backwards() {
        let mut table = FigureTable::new(8, Duration::from_secs(10));
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        table.at(5, at(100)).unwrap().queries = 64;
        for (seconds, left) in [(105, 64), (90, 64), (111, 32), (139, 8)] {
            assert_eq!(table.at(5, at(seconds)).unwrap().queries, left, "{seconds}");
        }
    }

    #[test]
    fn figures_take_at_most_what_was_planned() {
        assert!(size_of::<Figures>() <= 232, "{}", size_of::<Figures>());
    }
}
