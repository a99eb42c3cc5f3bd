//! The kinds of octets that shapes are written with.

/// A set of octets; letters stand for both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// `a` to `z`.
    Alpha,
    /// Letters and `2` to `7` (RFC 4648 section 6).
    Base32,
    /// `0` to `9` and `a` to `v` (RFC 4648 section 7).
    Base32Hex,
    /// Letters and digits.
    Base36,
    /// Letters, digits, `-` and `_` (RFC 4648 section 5, where case is lost).
    Base64Url,
    /// `0` to `9`.
    Decimal,
    /// `0` to `9` and `a` to `f`.
    Hex,
    /// Hexadecimal digits whose letters are turned by 13 places: `0` to `9` and `n` to `s`.
    HexRot13,
    /// Letters, digits and `-`: what host names are made of (RFC 952).
    Word,
}

impl Alphabet {
    const NAMES: [(&'static str, Self); 9] = [
        ("alpha", Self::Alpha),
        ("base32", Self::Base32),
        ("base32hex", Self::Base32Hex),
        ("base36", Self::Base36),
        ("base64url", Self::Base64Url),
        ("decimal", Self::Decimal),
        ("hex", Self::Hex),
        ("hex_rot13", Self::HexRot13),
        ("word", Self::Word),
    ];

    /// Finds the alphabet by its name.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, alphabet)| *alphabet).ok_or_else(|| {
            let known = Self::NAMES.map(|(name, _)| name);
            let near =
                known.iter().find(|known| known.starts_with(name) || name.starts_with(**known));
            match near {
                Some(near) => format!("unknown alphabet `{name}`, did you mean `{near}`?"),
                None => format!("unknown alphabet `{name}`; there are {}", known.join(", ")),
            }
        })
    }

    /// Tells whether `byte` is of it, in either case.
    pub(super) const fn has(self, byte: u8) -> bool {
        let byte = byte.to_ascii_lowercase();
        match self {
            Self::Alpha => byte.is_ascii_lowercase(),
            Self::Base32 => byte.is_ascii_lowercase() || matches!(byte, b'2'..=b'7'),
            Self::Base32Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'v'),
            Self::Base36 => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Decimal => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::HexRot13 => byte.is_ascii_digit() || matches!(byte, b'n'..=b's'),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'-',
        }
    }

    /// Returns what an octet of it carries at most, in tenths of a bit, rounded up.
    pub(super) const fn tenths(self) -> u32 {
        match self {
            Self::Alpha => 48,
            Self::Base32 | Self::Base32Hex => 50,
            Self::Base36 => 52,
            Self::Base64Url | Self::Word => 53,
            Self::Decimal => 34,
            Self::Hex | Self::HexRot13 => 40,
        }
    }
}

/// Tells whether `label` is a number from 0 to 255 without a leading zero.
pub(super) fn is_octet(label: &[u8]) -> bool {
    let plain = label.len() == 1 || !label.starts_with(b"0");
    let digits = !label.is_empty() && label.len() <= 3 && label.iter().all(u8::is_ascii_digit);
    let value = label.iter().fold(0_u32, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')))
    });
    plain && digits && value <= 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_plain_numbers_up_to_255() {
        for (label, expected) in [
            ("0", true),
            ("255", true),
            ("256", false),
            ("00", false),
            ("01", false),
            ("", false),
            ("+1", false),
            ("1000", false),
        ] {
            assert_eq!(is_octet(label.as_bytes()), expected, "{label}");
        }
    }

    #[test]
    fn an_alphabet_is_as_large_as_its_bits_say() {
        for (_, alphabet) in Alphabet::NAMES {
            let size = (0..=255_u8)
                .filter(|byte| alphabet.has(*byte) && !byte.is_ascii_uppercase())
                .count();
            let tenths = (f64::from(u32::try_from(size).unwrap()).log2() * 10.0).ceil();
            assert!((tenths - f64::from(alphabet.tenths())).abs() < 1.5, "{alphabet:?} {size}");
            assert!(tenths <= f64::from(alphabet.tenths()), "{alphabet:?} {size} {tenths}");
        }
    }
}
