//! The order of names in which file2 comes before file10.

use std::cmp::Ordering;
use std::path::Path;

/// Compares two paths; runs of digits compare as numbers of any length.
pub(super) fn natural(one: &Path, other: &Path) -> Ordering {
    let (first, second) =
        (one.as_os_str().as_encoded_bytes(), other.as_os_str().as_encoded_bytes());
    let (mut left, mut right) = (first, second);
    while let (Some((a, rest_a)), Some((b, rest_b))) = (left.split_first(), right.split_first()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number_a, after_a) = number(left);
            let (number_b, after_b) = number(right);
            (left, right) = (after_a, after_b);
            number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
        } else {
            (left, right) = (rest_a, rest_b);
            a.cmp(b)
        };
        if order.is_ne() {
            return order;
        }
    }
    // Names that differ in leading zeros only must differ all the same.
    left.len().cmp(&right.len()).then_with(|| first.cmp(second))
}

/// Splits off a run of digits, without its leading zeros.
fn number(octets: &[u8]) -> (&[u8], &[u8]) {
    let end = octets.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(octets.len());
    let (digits, rest) = octets.split_at(end);
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    (digits.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(one: &str, other: &str) -> Ordering {
        natural(Path::new(one), Path::new(other))
    }

    #[test]
    fn numbers_in_names_count() {
        let sorted = [
            "d/a",
            "d/file.pcap",
            "d/file2.pcap",
            "d/file10.pcap",
            "d/file99999999999999999999998",
            "d/file99999999999999999999999",
            "d/x",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(order(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(order("a01", "a1"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn it_is_an_order(a in "[a01-9.]{0,6}", b in "[a01-9.]{0,6}", c in "[a01-9.]{0,6}") {
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &b) == Ordering::Equal, a == b);
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }
    }
}
