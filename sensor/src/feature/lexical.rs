//! Character statistics of a byte string.

/// Longest string whose entropy is computed exactly: a name has at most 254 octets.
const MAX_LENGTH: usize = 256;

/// Computes the Shannon entropy of short strings with a table of k·log2(k).
pub(super) struct Entropy {
    k_log_k: [f64; MAX_LENGTH],
}

impl Entropy {
    pub(super) fn new() -> Self {
        let mut k_log_k = [0.0; MAX_LENGTH];
        for (k, cell) in (0_u16..).zip(&mut k_log_k) {
            let k = f64::from(k);
            *cell = if k > 0.0 { k * k.log2() } else { 0.0 };
        }
        Self { k_log_k }
    }

    /// Returns the entropy of `bytes` in bits per octet: log2 n − (1/n)·Σ k·log2 k.
    pub(super) fn of(&self, bytes: &[u8]) -> f64 {
        let mut counts = [0_u8; 256];
        for byte in bytes {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                *count = count.saturating_add(1);
            }
        }
        let mut sum = 0.0;
        for byte in bytes {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                sum += self.cell(usize::from(*count));
                *count = 0;
            }
        }
        let n = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        if n == 0 {
            return 0.0;
        }
        ((self.cell(usize::from(n)) - sum) / f64::from(n)).max(0.0)
    }

    fn cell(&self, k: usize) -> f64 {
        self.k_log_k.get(k).copied().unwrap_or_default()
    }
}

/// How many octets of each class a name's subdomain has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) digits: u8,
    pub(super) lower: u8,
    pub(super) upper: u8,
    pub(super) hyphens: u8,
    pub(super) other: u8,
}

impl Classes {
    pub(super) fn add(&mut self, byte: u8) {
        let class = match byte {
            b'0'..=b'9' => &mut self.digits,
            b'a'..=b'z' => &mut self.lower,
            b'A'..=b'Z' => &mut self.upper,
            b'-' | b'_' => &mut self.hyphens,
            _ => &mut self.other,
        };
        *class = class.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entropy_of_known_strings() {
        let entropy = Entropy::new();
        for (text, bits) in [("", 0.0), ("aaaa", 0.0), ("ab", 1.0), ("abcd", 2.0), ("aabc", 1.5)] {
            assert!((entropy.of(text.as_bytes()) - bits).abs() < 1e-9, "{text}");
        }
    }

    proptest! {
        #[test]
        fn entropy_is_between_none_and_the_log_of_the_length(
            bytes in prop::collection::vec(any::<u8>(), 1..254),
        ) {
            let bits = Entropy::new().of(&bytes);
            let most = f64::from(u16::try_from(bytes.len()).unwrap()).log2();
            prop_assert!((0.0..=most + 1e-9).contains(&bits));
        }
    }
}
