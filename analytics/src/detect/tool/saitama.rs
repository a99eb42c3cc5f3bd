//! Saitama and implants like it: base 36 with a shuffled alphabet and a counter at the end.
//!
//! Source: Malwarebytes, "How the Saitama backdoor uses DNS tunnelling" (2022); Fox-IT/NCC Group,
//! "Detecting DNS implants: Old kitten, new tricks" (2022). One label under one of three domains, A
//! only; its last three characters are a counter in base 36 whose digits stand in shuffled order,
//! so two of them stay for 36 messages while the last takes every value once.

use serde::{Deserialize, Serialize};

use super::question::{Question, all};

const TYPE_A: u16 = 1;

/// What is remembered of one client's implant.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Saitama {
    /// The first two characters of the label before.
    head: [u8; 2],
    /// The upper two digits of the counter.
    upper: [u8; 2],
    /// Lowest digits seen since the upper ones changed.
    seen: u64,
}

impl Saitama {
    /// Takes one name; tells whether such an implant would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        let [label] = question.labels() else { return false };
        let [first, second, .., high, middle, low] = **label else { return false };
        let Some(low) = digit(low).filter(|_| all(label, digit)) else { return false };
        let varies = std::mem::replace(&mut self.head, [first, second]) != [first, second];
        let upper = std::mem::replace(&mut self.upper, [high, middle]);
        let bit = 1_u64 << low;
        let fits = if upper == [high, middle] {
            self.seen & bit == 0
        } else {
            self.seen = 0;
            // A carry changes one digit above it, seldom two.
            upper[0] == high || upper[1] == middle
        };
        self.seen |= bit;
        fits && varies && question.transaction.qtype == TYPE_A
    }
}

/// A letter or digit; its value in the shuffled alphabet is not known.
const fn digit(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        lower @ b'a'..=b'z' => Some(lower - b'a'),
        digit @ b'0'..=b'9' => Some(digit - b'0' + 26),
        _ => None,
    }
}
