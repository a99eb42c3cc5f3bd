//! What a name could carry: a price in bits by a fixed, normalised code.
//!
//! Whatever an implant writes into query names, the receiver cannot learn more bits than a code
//! for those names spends on them (source coding; `theory` in ARCHITECTURE.md). So the price is an
//! upper bound whatever the encoding, as long as the code is a code: the shares of all labels sum
//! to at most one. Every label is priced by the cheapest of several experts, each of which has a
//! share of the code; costs are rounded up. Fixed-point numbers, so a price is the same everywhere.
//!
//! Does not know what was asked before: repeats are the caller's business.

mod address;
mod bits;
mod charset;
mod dictionary;
mod label;
mod ngram;

pub use bits::Bits;
pub use label::{Expert, LabelPrice};

use geophone_sensor::name::Name;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use self::label::LabelPricer;

/// The names the n-gram and dictionary experts learn from; a text file, so that it can be reviewed.
const LABELS: &str = include_str!("../../../datasets/names/labels.txt");

/// Prices the subdomain of query names.
pub struct Pricer {
    labels: LabelPricer,
}

/// The price of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamePrice {
    /// All of it.
    pub bits: Bits,
    /// The expert that priced the longest label.
    pub expert: Expert,
}

impl Default for Pricer {
    fn default() -> Self {
        Self::new()
    }
}

impl Pricer {
    /// Trains the experts on the labels compiled in.
    #[must_use]
    pub fn new() -> Self {
        Self { labels: LabelPricer::train(LABELS) }
    }

    /// Prices what stands before octet `domain_at` of `name`'s wire form.
    ///
    /// One bit a label says that another follows, one that none does; then the labels in lower
    /// case; then the case of the letters.
    #[must_use]
    pub fn price(&self, name: &Name, domain_at: usize) -> NamePrice {
        let mut sum = Sum::default();
        let mut case = Case::default();
        let mut address = None;
        let mut at = 0;
        for (n, label) in name.labels().enumerate() {
            case.add(label);
            if n == 0 && domain_at > 0 {
                address = address::leading(labels_before(name, domain_at));
            }
            if at < domain_at {
                sum.add(&self.labels.price(label), label.len());
                if let Some(found) = address.filter(|found| found.labels == n + 1) {
                    sum.offer(found.bits, Expert::Address);
                }
            }
            at += 1 + label.len();
        }
        let bits = PLAIN + Bits::from_whole(1) + sum.bits + case.price();
        NamePrice { bits, expert: sum.expert }
    }

    /// Prices the case of a name's letters alone, for a name that was asked before: a bit a letter
    /// where it is mixed (0x20), next to nothing otherwise.
    #[must_use]
    pub fn price_case(&self, name: &Name) -> Bits {
        // The octets that tell lengths are below every letter (RFC 1035 section 2.3.4).
        let mut case = Case::default();
        if name.wire().iter().any(u8::is_ascii_uppercase) {
            case.add(name.wire());
        }
        if case.upper > 0 && case.lower > 0 { case.price() } else { Bits::default() }
    }

    /// Prices one label, its case and its place in the name left out.
    #[must_use]
    pub fn price_label(&self, label: &[u8]) -> LabelPrice {
        self.labels.price(label)
    }
}

/// Returns what a label costs an ordinary writer of names, in bits, beyond what it costs one who
/// draws its characters evenly; above 0 it looks drawn. No other expert has a say.
#[must_use]
pub fn drawn_bits(label: &[u8]) -> f64 {
    static ORDINARY: LazyLock<LabelPricer> = LazyLock::new(|| LabelPricer::train(LABELS));
    ORDINARY.drawn_bits(label)
}

/// Tells whether a name begins with a whole address, reversed: four octets, or 32 nibbles (RFC 5782
/// sections 2.1 and 2.4).
#[must_use]
pub fn begins_with_address(name: &Name) -> bool {
    address::leading(name.labels()).is_some_and(|address| matches!(address.labels, 4 | 32))
}

/// −log2(1 − 2·2^-5), rounded up: names that begin with no address have the rest of the code.
const PLAIN: Bits = Bits::from_raw(24);

fn labels_before(name: &Name, end: usize) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    name.labels().take_while(move |label| {
        let before = at < end;
        at += 1 + label.len();
        before
    })
}

/// The labels so far.
struct Sum {
    bits: Bits,
    expert: Expert,
    longest: usize,
}

impl Default for Sum {
    fn default() -> Self {
        Self { bits: Bits::default(), expert: Expert::Dictionary, longest: 0 }
    }
}

impl Sum {
    /// One bit says that a label follows.
    fn add(&mut self, price: &LabelPrice, length: usize) {
        self.bits = self.bits + Bits::from_whole(1) + price.bits;
        if length > self.longest {
            (self.longest, self.expert) = (length, price.expert);
        }
    }

    /// Takes another price for all labels so far, if it is lower.
    fn offer(&mut self, bits: Bits, expert: Expert) {
        if bits < self.bits {
            (self.bits, self.expert) = (bits, expert);
        }
    }
}

/// The letters of a name by case: mixed case carries a bit a letter (0x20).
#[derive(Default)]
struct Case {
    upper: u32,
    lower: u32,
}

impl Case {
    fn add(&mut self, label: &[u8]) {
        for byte in label {
            self.upper += u32::from(byte.is_ascii_uppercase());
            self.lower += u32::from(byte.is_ascii_lowercase());
        }
    }

    /// All lower has half of the code, all upper a quarter, mixed the rest.
    fn price(&self) -> Bits {
        match (self.upper, self.lower) {
            (0, _) => Bits::from_whole(1),
            (_, 0) => Bits::from_whole(2),
            (upper, lower) => Bits::from_whole(2 + upper + lower),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static PRICER: LazyLock<Pricer> = LazyLock::new(Pricer::new);

    fn bits(text: &str) -> f64 {
        let name = Name::parse(text).unwrap();
        // The registered domain is the last two labels in these tests.
        let labels: Vec<_> = name.labels().collect();
        let tail: usize = labels.iter().rev().take(2).map(|label| label.len() + 1).sum();
        PRICER.price(&name, name.wire().len() - tail).bits.as_f64()
    }

    #[test]
    fn whole_addresses_are_told_from_parts_of_them_and_from_numbers() {
        let six = format!("{}zen.example.org", "0.".repeat(32));
        for (text, whole) in [
            ("2.0.18.198.zen.example.org", true),
            (six.as_str(), true),
            ("18.198.zen.example.org", false),
            ("2.0.18.300.zen.example.org", false),
            ("www.2.0.18.198.example.org", false),
        ] {
            assert_eq!(begins_with_address(&Name::parse(text).unwrap()), whole, "{text}");
        }
    }

    #[test]
    fn ordinary_names_are_cheap_and_encoded_data_is_dear() {
        let (www, mail) = (bits("www.example.com"), bits("mail.example.com"));
        let base32 = bits("mzxw6ytboi4tqnzrgm3dknbs.example.com");
        assert!(www < 12.0 && mail < 16.0, "{www} {mail}");
        assert!(base32 > 24.0 * 5.0, "{base32}");
    }

    #[test]
    fn letters_of_mixed_case_cost_a_bit_each() {
        let plain = bits("data.example.com");
        assert!((bits("dAta.example.com") - plain - 15.0).abs() < 1e-9);
        assert!((bits("DATA.EXAMPLE.COM") - plain - 1.0).abs() < 1e-9);
    }

    proptest! {
        /// Source coding, sampled: random data in any alphabet never costs less than it carries
        /// (beyond what luck allows: n bits less happens with a chance of 2^-n).
        #[test]
        fn random_labels_cost_at_least_what_they_carry(
            picks in prop::collection::vec(0_u8..=255, 16..60),
            alphabet in prop::sample::select(vec![
                &b"0123456789"[..], b"0123456789abcdef", b"abcdefghijklmnopqrstuvwxyz234567",
                b"abcdefghijklmnopqrstuvwxyz0123456789", b"etaoin",
            ]),
        ) {
            let label: Vec<u8> = picks.iter()
                .map(|pick| alphabet[usize::from(*pick) % alphabet.len()]).collect();
            let mut name = Name::default();
            prop_assert!(name.push(&label));
            let priced = PRICER.price(&name, name.wire().len()).bits.as_f64();
            // 256 is not a multiple of every alphabet's size: the least entropy of a pick.
            let most_likely = 256_usize.div_ceil(alphabet.len());
            let per_pick = (256.0 / f64::from(u32::try_from(most_likely).unwrap())).log2();
            let carried = per_pick * f64::from(u32::try_from(label.len()).unwrap());
            prop_assert!(priced > carried - 30.0, "{} priced {priced}, carries {carried}",
                String::from_utf8_lossy(&label));
        }
    }
}
