//! The price of one label: the cheapest of the experts.

use serde::{Deserialize, Serialize};

use super::address::inside;
use super::bits::Bits;
use super::charset::{Alphabets, uuid_price};
use super::dictionary::Dictionary;
use super::ngram::Ngram;

/// Who priced a label. The order is that of output, nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Expert {
    /// An address, reversed or written into a host name.
    Address,
    /// Letters of base 32.
    Base32,
    /// Letters and digits.
    Base36,
    /// Letters, digits, hyphen and underscore.
    Base64,
    /// Digits.
    Decimal,
    /// A common label.
    Dictionary,
    /// Hexadecimal digits.
    Hex,
    /// Looks like an ordinary label.
    Ngram,
    /// Any octets.
    Octets,
    /// A UUID.
    Uuid,
}

impl Expert {
    /// Every expert.
    pub const ALL: [Self; 10] = [
        Self::Address,
        Self::Base32,
        Self::Base36,
        Self::Base64,
        Self::Decimal,
        Self::Dictionary,
        Self::Hex,
        Self::Ngram,
        Self::Octets,
        Self::Uuid,
    ];

    /// Returns the expert's part of the cost: its share of the code is 2^-n; they sum below one.
    #[must_use]
    pub const fn share(self) -> Bits {
        Bits::from_whole(match self {
            Self::Ngram => 1,
            Self::Dictionary => 2,
            Self::Hex => 4,
            Self::Base32 | Self::Base36 | Self::Decimal => 5,
            Self::Address | Self::Base64 | Self::Octets | Self::Uuid => 6,
        })
    }

    /// Returns the name that alerts carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Base32 => "base32",
            Self::Base36 => "base36",
            Self::Base64 => "base64",
            Self::Decimal => "decimal",
            Self::Dictionary => "word",
            Self::Hex => "hex",
            Self::Ngram => "text",
            Self::Octets => "binary",
            Self::Uuid => "uuid",
        }
    }
}

/// The price of one label and who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelPrice {
    /// The price.
    pub bits: Bits,
    /// Who set it.
    pub expert: Expert,
}

/// Prices labels.
pub(super) struct LabelPricer {
    ngram: Ngram,
    dictionary: Dictionary,
}

impl LabelPricer {
    /// Trains on a list of labels, one a line, most common first; `#` begins a comment.
    ///
    /// The character model takes the head of the list more to heart: the weight falls as 1/rank.
    pub(super) fn train(list: &'static str) -> Self {
        let labels = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let weights = (0_u32..).map(|rank| 1 + 20_000 / (rank + 100));
        Self {
            ngram: Ngram::train(labels.clone().zip(weights)),
            dictionary: Dictionary::train(labels),
        }
    }

    /// Returns the price of the text model beyond that of even letters (with digits where there are
    /// some), in bits.
    pub(super) fn drawn_bits(&self, label: &[u8]) -> f64 {
        let mut state = Ngram::start();
        let mut symbols: f64 = 26.0;
        for byte in label {
            let byte = byte.to_ascii_lowercase();
            self.ngram.add(&mut state, byte);
            if byte.is_ascii_digit() {
                symbols = 36.0;
            }
        }
        let length = u32::try_from(label.len()).map_or(0.0, f64::from);
        let text = self.ngram.end(state).as_f64();
        let known = self.dictionary.price(&label.to_ascii_lowercase()).map(Bits::as_f64);
        known.map_or(text, |known| known.min(text)) - length * symbols.log2()
    }

    /// Prices a label of at most 63 octets, in any case; the case itself is not priced.
    pub(super) fn price(&self, label: &[u8]) -> LabelPrice {
        let mut lower = [0_u8; 64];
        let mut state = Ngram::start();
        let mut alphabets = Alphabets::ALL;
        for (cell, byte) in lower.iter_mut().zip(label) {
            *cell = byte.to_ascii_lowercase();
            self.ngram.add(&mut state, *cell);
            alphabets.add(*cell);
        }
        let lower = lower.get(..label.len()).unwrap_or_default();
        let ngram = Expert::Ngram.share() + self.ngram.end(state);
        let (even, alphabet) = alphabets.price();
        let mut best = if ngram <= even {
            LabelPrice { bits: ngram, expert: Expert::Ngram }
        } else {
            LabelPrice { bits: even, expert: alphabet }
        };
        let around = inside(lower).map(|(before, behind)| {
            let text = Expert::Address.share() + Bits::from_whole(32);
            text + self.text(before) + self.text(behind)
        });
        let word = self.dictionary.price(lower).map(|bits| Expert::Dictionary.share() + bits);
        for (bits, expert) in [
            (word, Expert::Dictionary),
            (uuid_price(lower), Expert::Uuid),
            (around, Expert::Address),
        ] {
            if let Some(bits) = bits.filter(|bits| *bits < best.bits) {
                best = LabelPrice { bits, expert };
            }
        }
        best
    }

    /// What the character model says of text in lower case, with its end.
    fn text(&self, lower: &[u8]) -> Bits {
        let mut state = Ngram::start();
        for byte in lower {
            self.ngram.add(&mut state, *byte);
        }
        self.ngram.end(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pricer() -> LabelPricer {
        LabelPricer::train("# hosts\nwww\nmail\nstatic\napi\n")
    }

    #[test]
    fn the_experts_share_one_code() {
        let sum: f64 = Expert::ALL.iter().map(|expert| (-expert.share().as_f64()).exp2()).sum();
        assert!(sum <= 1.0, "{sum}");
    }

    /// Kraft's inequality, exhaustively over all labels of one and two octets.
    #[test]
    fn the_code_over_short_labels_sums_to_at_most_one() {
        let pricer = pricer();
        let mut sum = 0.0;
        for first in 0..=u8::MAX {
            sum += (-pricer.price(&[first]).bits.as_f64()).exp2();
            for second in 0..=u8::MAX {
                sum += (-pricer.price(&[first, second]).bits.as_f64()).exp2();
            }
        }
        assert!(sum <= 1.0, "{sum}");
    }

    #[test]
    fn each_encoding_finds_its_expert() {
        let pricer = pricer();
        for (label, expert) in [
            ("www", Expert::Dictionary),
            ("9f86d081884c7d659a2feaa0c55ad015", Expert::Hex),
            ("mzxw6ytboi4tqnzrgm3dknbsgq2tmnzy", Expert::Base32),
            ("20391847561029384756", Expert::Decimal),
            ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Expert::Uuid),
            ("\u{fe}\u{ff}\u{f0}\u{f1}\u{f2}\u{f3}", Expert::Octets),
        ] {
            assert_eq!(pricer.price(label.as_bytes()).expert, expert, "{label}");
        }
    }
}
