//! What a client can tell a domain without asking a novel name: which known name it repeats, which
//! type it asks for, and when.
//!
//! Each is priced by an adaptive code (Krichevsky and Trofimov 1981): before the code has seen
//! anything every choice costs the same, and what a client always does costs next to nothing. The
//! decoder can keep the same counts, so it is a code, and the bound of source coding holds: no
//! receiver learns more from the choice than the bits spent on it. Compare Paxson et al. 2013,
//! who bound the same channels by the day.
//!
//! Knows nothing of answers but what is poured into their bucket.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::leak::{Levels, TIERS};
use crate::price::Bits;

/// How finely a receiver can tell times apart, in microseconds: jitter hides what is finer.
const TIME_STEP_MICROS: i64 = 10_000;

/// Classes of query types: five of their own, the listed others, all others.
const KINDS: usize = 7;
/// Types that are neither rare nor among the five: 4 bits say which.
const LISTED: [u16; 16] = [2, 5, 6, 10, 15, 25, 33, 35, 39, 43, 46, 48, 52, 64, 99, 257];
/// Classes that a key may be at home in: IN, CH, HS and ANY (RFC 1035 section 3.2.4, RFC 6895 section
/// 3.2). It is at home in IN until it asks in another of them.
const CLASSES: [u16; 4] = [1, 3, 4, 255];
/// Nearly all of the code is for the class of the last query, and every other class has 2^-25 of it:
/// a monitor that asks `id.server` in class CH all day tells nothing by that.
const SAME_CLASS: Bits = Bits::from_raw(1);
const OTHER_CLASS: Bits = Bits::from_whole(25);
/// The lower bits of what is kept of the last query: its kind; above them, its class.
const KIND_BITS: u32 = 3;
/// Cells of gaps between queries, by the bit length of the gap in steps.
const GAPS: usize = 24;
/// What a query's name is to the one before: the same, another known one, novel.
const RELATIONS: usize = 3;

/// What one key told by other ways than novel names, and what came down.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Channels {
    pub(crate) signal: Levels,
    pub(crate) answers: Levels,
    last: Timestamp,
    last_name: u32,
    /// The kind of the last query, and which of [`CLASSES`] it is at home in.
    last_kind: u8,
    relations: [u8; RELATIONS],
    kinds: [[u8; KINDS]; KINDS],
    gaps: [u8; GAPS],
    /// Price of which known name was repeated and in which case, in sixteenths of a bit.
    pub repeat: u32,
    /// Price of the types, in sixteenths of a bit.
    pub kind: u32,
    /// Price of the times, in sixteenths of a bit.
    pub timing: u32,
    /// Octets of data in answers that were not seen before.
    pub answer_bytes: u32,
}

impl Channels {
    /// Returns the moment, in microseconds, from which every bucket is empty.
    pub(crate) fn empty_at(&self) -> i64 {
        let both = self.signal.0.iter().chain(&self.answers.0);
        both.copied().max().unwrap_or(i64::MIN)
    }

    /// Returns the kind of the last query, and which class it is at home in.
    fn last_kind(&self) -> (usize, usize) {
        let last = usize::from(self.last_kind);
        (last & ((1 << KIND_BITS) - 1), last >> KIND_BITS)
    }

    /// Returns the buckets as words.
    pub(crate) fn pack(&self) -> [u64; 2 * TIERS] {
        let [a, b, c] = self.signal.0;
        let [d, e, f] = self.answers.0;
        [a, b, c, d, e, f].map(i64::cast_unsigned)
    }

    /// Reads buckets back; one that is fuller already stays as it is.
    pub(crate) fn restore(&mut self, words: [u64; 2 * TIERS]) {
        let held = self.signal.0.iter_mut().chain(&mut self.answers.0);
        held.zip(words).for_each(|(held, word)| *held = (*held).max(word.cast_signed()));
    }

    /// Begins with buckets that empty no earlier than those of `gone`, if it owes anything.
    pub(crate) fn inherit(&mut self, gone: &Self, time: Timestamp) {
        let until = gone.empty_at();
        if until > time.micros() {
            (self.signal, self.answers) = (Levels([until; TIERS]), Levels([until; TIERS]));
        }
    }
}

/// One query as the channels see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    pub(crate) time: Timestamp,
    /// A hash of the name.
    pub(crate) name: u64,
    pub(crate) novel: bool,
    /// Distinct names that the client asked of the domain before.
    pub(crate) distinct: u32,
    pub(crate) qtype: u16,
    pub(crate) qclass: u16,
    /// What the case of the letters costs; nothing for a novel name, whose price has it.
    pub(crate) case: Bits,
}

/// What a query costs by each channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SignalPrice {
    pub(crate) repeat: Bits,
    pub(crate) kind: Bits,
    pub(crate) timing: Bits,
}

impl SignalPrice {
    /// Returns all of it in bytes.
    pub(crate) fn bytes(self) -> f64 {
        (self.repeat + self.kind + self.timing).as_bytes()
    }
}

/// Holds the logarithms that pricing takes.
pub(crate) struct SignalPricer {
    /// 256·log2(n/2) for n from 0, as 1/256 bits above −256.
    half_logs: Vec<u32>,
}

impl Default for SignalPricer {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "logarithms of 0.5 to 512 are small"
    )]
    fn default() -> Self {
        let log = |n: u32| ((f64::from(n.max(1)) / 2.0).log2() * 256.0).floor() as i64;
        Self { half_logs: (0..1024).map(|n| (log(n) + 256) as u32).collect() }
    }
}

impl SignalPricer {
    /// Prices a query and lets the key learn from it.
    pub(crate) fn price(&self, channels: &mut Channels, signal: &Signal) -> SignalPrice {
        let first = channels.last == Timestamp::default();
        let name = u32::try_from(signal.name >> 32).unwrap_or_default();
        let relation = match (signal.novel, name == channels.last_name) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        };
        let mut repeat = self.symbol(&mut channels.relations, relation);
        repeat = repeat + signal.case;
        if relation == 1 {
            repeat = repeat + log2_up(signal.distinct);
        }
        let (kind, more) = kind_of(signal.qtype);
        let mut price = more;
        let (last_kind, home) = channels.last_kind();
        if let Some(counts) = channels.kinds.get_mut(last_kind) {
            price = price + self.symbol(counts, kind);
        }
        let class = CLASSES.iter().position(|class| *class == signal.qclass);
        price = price + if class == Some(home) { SAME_CLASS } else { OTHER_CLASS };
        let timing = if first { Bits::default() } else { self.gap(channels, signal.time) };
        channels.last = channels.last.max(signal.time);
        channels.last_name = name;
        let last = kind | class.unwrap_or(home) << KIND_BITS;
        channels.last_kind = u8::try_from(last).unwrap_or_default();
        let spent = SignalPrice { repeat, kind: price, timing };
        for (sum, bits) in [
            (&mut channels.repeat, spent.repeat),
            (&mut channels.kind, spent.kind),
            (&mut channels.timing, spent.timing),
        ] {
            *sum = sum.saturating_add(bits.raw().div_ceil(16));
        }
        spent
    }

    /// The bit length of the gap in steps, then the bits behind its first.
    fn gap(&self, channels: &mut Channels, time: Timestamp) -> Bits {
        let gap = time.micros().saturating_sub(channels.last.micros()).max(0) / TIME_STEP_MICROS;
        let length = (i64::BITS - gap.leading_zeros()).min(23);
        let cell = usize::try_from(length).unwrap_or_default();
        self.symbol(&mut channels.gaps, cell) + Bits::from_whole(length.saturating_sub(1))
    }

    /// The cost of `symbol` by its count so far, (n + ½)/(N + K/2), rounded up; then counts it.
    fn symbol<const K: usize>(&self, counts: &mut [u8; K], symbol: usize) -> Bits {
        let sum: usize = counts.iter().map(|n| usize::from(*n)).sum();
        let n = counts.get(symbol).copied().map_or(0, usize::from);
        let log = |half: usize| self.half_logs.get(half).copied().unwrap_or_default();
        // One up: the floor of a logarithm is less than a 256th of a bit below it.
        let cost = (log(2 * sum + K) + 1).saturating_sub(log(2 * n + 1));
        if let Some(count) = counts.get_mut(symbol) {
            *count += 1;
        }
        if sum >= 200 {
            counts.iter_mut().for_each(|n| *n /= 2);
        }
        Bits::from_raw(cost)
    }
}

/// The class of a type, and the bits that say which of its class it is.
fn kind_of(qtype: u16) -> (usize, Bits) {
    let of_its_own = match qtype {
        1 => 0,
        28 => 1,
        65 => 2,
        16 => 3,
        12 => 4,
        _ if LISTED.contains(&qtype) => return (5, Bits::from_whole(4)),
        _ => return (6, Bits::from_whole(16)),
    };
    (of_its_own, Bits::default())
}

/// log2 n, rounded up to whole bits.
const fn log2_up(n: u32) -> Bits {
    Bits::from_whole(u32::BITS - n.saturating_sub(1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signal(micros: u32, name: u64, qtype: u16, distinct: u32) -> Signal {
        let time = Timestamp(i64::from(micros) + 1);
        Signal {
            time,
            name: name << 32,
            novel: false,
            distinct,
            qtype,
            qclass: 1,
            case: Bits::default(),
        }
    }

    #[test]
    fn what_a_client_always_does_costs_next_to_nothing() {
        let (pricer, mut channels) = (SignalPricer::default(), Channels::default());
        let mut spent = 0.0;
        for n in 0..400 {
            let qtype = if n % 2 == 0 { 1 } else { 28 };
            let price = pricer.price(&mut channels, &signal(0, 7, qtype, 5));
            spent += (price.repeat + price.kind).as_f64();
        }
        assert!(spent < 100.0, "{spent} bits");
    }

    /// The shares of what may come next never sum above one, whatever was learnt.
    #[test]
    fn the_code_of_types_is_a_code() {
        let (pricer, mut channels) = (SignalPricer::default(), Channels::default());
        for n in 0..500_u16 {
            let share = |qtype| {
                let mut copy = channels;
                (-pricer.price(&mut copy, &signal(0, 7, qtype, 5)).kind.as_f64()).exp2()
            };
            let sum: f64 =
                (0..=u16::MAX).step_by(if n % 100 == 0 { 1 } else { 509 }).map(share).sum();
            assert!(sum <= 1.0 + 1e-9, "{sum}");
            pricer.price(&mut channels, &signal(0, 7, [1, 28, 65, 16, 999][usize::from(n % 5)], 5));
        }
    }

    #[test]
    fn the_code_of_classes_is_a_code() {
        let pricer = SignalPricer::default();
        for home in [1, 3, 4, 255, 7] {
            let mut known = Channels::default();
            pricer.price(&mut known, &Signal { qclass: home, ..signal(0, 7, 1, 5) });
            known.kinds = Default::default();
            let share = |qclass| {
                let asked = Signal { qclass, ..signal(0, 7, 1, 5) };
                let kind = |asked| pricer.price(&mut known.clone(), &asked).kind.as_f64();
                // Seven kinds, all alike before anything was seen.
                7.0 * (-kind(asked)).exp2()
            };
            let sum: f64 = (0..=u16::MAX).map(share).sum();
            assert!(sum <= 1.0 + 1e-9, "{sum} after class {home}");
        }
    }

    #[test]
    fn one_class_all_day_tells_nothing_and_a_change_costs_25_bits() {
        let (pricer, mut channels) = (SignalPricer::default(), Channels::default());
        let mut spent = |qclass| {
            let asked = Signal { qclass, ..signal(0, 7, 16, 1) };
            pricer.price(&mut channels, &asked).kind.as_f64()
        };
        assert!(spent(3) > 25.0);
        let day: f64 = (0..1_440).map(|_| spent(3)).sum();
        assert!(day < 100.0, "{day} bits");
        assert!(spent(1) > 25.0 && spent(3) > 25.0 && spent(9) > 25.0 && spent(9) > 25.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// A codebook of names, a choice of types, a choice of gaps: the price is never below what
        /// was chosen, but for the luck that Kraft's inequality leaves (2^-n for n bits).
        #[test]
        fn modulation_is_never_priced_below_what_it_carries(
            seed in any::<u64>(), log_names in 1_u32..9, n_types in 1_u8..5, log_gaps in 0_u32..5,
        ) {
            let (pricer, mut channels) = (SignalPricer::default(), Channels::default());
            let mut state = seed | 1;
            let mut draw = |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % n
            };
            let (mut micros, mut carried, mut priced) = (0, 0.0, 0.0);
            for _ in 0..500 {
                let name = 1 + draw(1 << log_names);
                let qtype = [1, 28, 16, 15, 33][usize::try_from(draw(n_types.into())).unwrap()];
                micros += 20_000 * (1 + u32::try_from(draw(1 << log_gaps)).unwrap());
                let price = pricer.price(&mut channels, &signal(micros, name, qtype, 1 << log_names));
                priced += price.bytes() * 8.0;
                carried += f64::from(log_names) + f64::from(n_types).log2() + f64::from(log_gaps);
            }
            prop_assert!(priced >= carried - 40.0, "{priced} bits priced, {carried} carried");
        }
    }
}
