//! One name as the recognisers see it: the labels that carry data, and how alphabets decode.

use geophone_sensor::record::Transaction;

/// Labels that are looked at; tools put what marks them into the first ones and before the domain.
const LABELS: usize = 10;

/// The labels of one transaction's name.
pub(super) struct Question<'a> {
    /// All of it.
    pub(super) transaction: &'a Transaction,
    labels: [&'a [u8]; LABELS],
    n_labels: usize,
}

impl<'a> Question<'a> {
    /// Takes the labels before the registered domain, or all of them where `whole`.
    pub(super) fn new(transaction: &'a Transaction, whole: bool) -> Self {
        let mut question = Self { transaction, labels: [b""; LABELS], n_labels: 0 };
        let end = if whole { usize::MAX } else { usize::from(transaction.domain_at) };
        let mut at = 0;
        for (label, cell) in transaction.qname.labels().zip(&mut question.labels) {
            if at >= end {
                break;
            }
            *cell = label;
            question.n_labels += 1;
            at += 1 + label.len();
        }
        question
    }

    /// Returns the labels, the leftmost first.
    pub(super) fn labels(&self) -> &[&'a [u8]] {
        self.labels.get(..self.n_labels).unwrap_or_default()
    }

    /// Returns the leftmost label, empty where there is none.
    pub(super) fn first(&self) -> &'a [u8] {
        self.labels().first().copied().unwrap_or_default()
    }
}

/// The value of a digit in base 16.
pub(super) const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The value of a digit in base 32 as RFC 4648 section 6 has it, in either case.
pub(super) const fn base32(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        lower @ b'a'..=b'z' => Some(lower - b'a'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    }
}

/// The value of a digit in base 64 as RFC 4648 sections 4 and 5 have it.
pub(super) const fn base64(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Reads `digits` of `width` bits each as one number; `None` where one is no digit.
///
/// At most 64 bits come back: what stands further left is lost.
pub(super) fn number(digits: &[u8], width: u32, digit: fn(u8) -> Option<u8>) -> Option<u64> {
    digits.iter().try_fold(0, |sum: u64, byte| Some((sum << width) | u64::from(digit(*byte)?)))
}

/// Reads `label` as a decimal number of at most nine digits.
pub(super) fn decimal(label: &[u8]) -> Option<u32> {
    let whole = (1..=9).contains(&label.len()) && label.iter().all(u8::is_ascii_digit);
    let digits = label.iter().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    whole.then(|| digits.fold(0, |sum, digit| sum * 10 + digit))
}

/// Tells whether every octet of `label` is a digit by `digit`.
pub(super) fn all(label: &[u8], digit: fn(u8) -> Option<u8>) -> bool {
    label.iter().all(|byte| digit(*byte).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_decode_as_the_rfc_says() {
        assert_eq!(number(b"MZXW6", 5, base32), Some(0b01100_11001_10111_10110_11110));
        assert_eq!(number(b"Zm9v", 6, base64), Some(0x66_6f6f));
        assert_eq!(number(b"0aF", 4, hex), Some(0x0af));
        assert_eq!(number(b"0g", 4, hex), None);
        assert_eq!([decimal(b"41"), decimal(b"4x"), decimal(b"")], [Some(41), None, None]);
    }
}
