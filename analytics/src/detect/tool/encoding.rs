//! What names are encoded with, where no tool is known.
//!
//! The longest label is put into the narrowest alphabet that holds it; the answer is the narrowest
//! that holds most names. Letters alone say nothing: they are words as well as base 32.

use serde::{Deserialize, Serialize};

use super::question::{Question, all, base32, hex};

/// Octets a label has at least: a shorter one fits an alphabet by chance.
const LEAST: usize = 10;
/// Kinds of labels that are counted.
const KINDS: usize = 8;

/// An alphabet of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Digits.
    Decimal,
    /// Hexadecimal digits.
    Hex,
    /// Hexadecimal digits in the groups of RFC 9562.
    Uuid,
    /// Letters and 2–7 (RFC 4648 section 6).
    Base32,
    /// Letters and digits.
    Base36,
    /// Letters of both cases, digits, and two or three more (RFC 4648 sections 4 and 5).
    Base64,
    /// Octets that no host name has.
    Binary,
    /// Letters and hyphens.
    Words,
}

impl Encoding {
    /// Returns the name that alerts carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decimal => "decimal",
            Self::Hex => "hex",
            Self::Uuid => "uuid",
            Self::Base32 => "base32",
            Self::Base36 => "base36",
            Self::Base64 => "base64",
            Self::Binary => "binary",
            Self::Words => "words",
        }
    }

    fn of(label: &[u8]) -> Self {
        let digits = label.iter().filter(|byte| byte.is_ascii_digit()).count();
        let upper = label.iter().any(u8::is_ascii_uppercase);
        let lower = label.iter().any(u8::is_ascii_lowercase);
        if digits == label.len() {
            Self::Decimal
        } else if digits > 0 && all(label, hex) {
            Self::Hex
        } else if label.len() == 36
            && label.iter().all(|byte| *byte == b'-' || hex(*byte).is_some())
        {
            Self::Uuid
        } else if !label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_+/=".contains(byte))
        {
            Self::Binary
        } else if digits == 0 && !(upper && lower) {
            Self::Words
        } else if upper && lower {
            Self::Base64
        } else if all(label, base32) {
            Self::Base32
        } else if label.iter().all(u8::is_ascii_alphanumeric) {
            Self::Base36
        } else {
            Self::Words
        }
    }
}

/// Names counted by alphabet.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Encodings {
    counts: [u32; KINDS],
}

impl Encodings {
    /// Counts one name.
    pub(super) fn add(&mut self, question: &Question<'_>) {
        let longest = question.labels().iter().max_by_key(|label| label.len());
        let Some(label) = longest.filter(|label| label.len() >= LEAST) else { return };
        if let Some(count) = self.counts.get_mut(Self::slot(Encoding::of(label))) {
            *count = count.saturating_add(1);
        }
    }

    /// Returns the narrowest alphabet that holds four fifths of the names that were long enough,
    /// and how many it holds.
    pub(super) fn best(&self) -> Option<(Encoding, u32)> {
        const RISING: [(Encoding, &[Encoding]); 7] = [
            (Encoding::Decimal, &[]),
            (Encoding::Uuid, &[]),
            (Encoding::Hex, &[Encoding::Decimal]),
            (Encoding::Base32, &[Encoding::Words]),
            (
                Encoding::Base36,
                &[Encoding::Base32, Encoding::Hex, Encoding::Decimal, Encoding::Words],
            ),
            (
                Encoding::Base64,
                &[
                    Encoding::Base36,
                    Encoding::Base32,
                    Encoding::Hex,
                    Encoding::Decimal,
                    Encoding::Words,
                ],
            ),
            (Encoding::Binary, &[Encoding::Base64, Encoding::Base36, Encoding::Base32]),
        ];
        let total: u32 = self.counts.iter().sum();
        let count = |kind: Encoding| self.counts.get(Self::slot(kind)).copied().unwrap_or_default();
        RISING.iter().find_map(|(kind, inside)| {
            let held = count(*kind) + inside.iter().map(|kind| count(*kind)).sum::<u32>();
            let own = count(*kind);
            let most = u64::from(held) * 5 >= u64::from(total) * 4;
            (most && u64::from(own) * 4 >= u64::from(held) && held > 0).then_some((*kind, held))
        })
    }

    const fn slot(kind: Encoding) -> usize {
        match kind {
            Encoding::Decimal => 0,
            Encoding::Hex => 1,
            Encoding::Uuid => 2,
            Encoding::Base32 => 3,
            Encoding::Base36 => 4,
            Encoding::Base64 => 5,
            Encoding::Binary => 6,
            Encoding::Words => 7,
        }
    }
}
