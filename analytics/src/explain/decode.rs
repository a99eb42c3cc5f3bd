//! What encoded labels say, for a reader: encodings taken back.

use std::fmt::Write as _;

use crate::price::Expert;

/// Octets that are shown.
const SHOWN: usize = 48;
/// Least share of printable octets, in percent, of what is called text.
const TEXT_PERCENT: usize = 90;
/// Octets below which nothing is called text: chance would.
const LEAST_TEXT: usize = 6;

/// An alphabet of encoders: the characters in the order of their value, and bits a character.
struct Alphabet {
    name: &'static str,
    letters: &'static [u8],
    bits: u32,
    fold: bool,
}

const HEX: Alphabet = Alphabet { name: "hex", letters: b"0123456789abcdef", bits: 4, fold: true };

const ALPHABETS: [Alphabet; 5] = [
    HEX,
    // RFC 4648 section 6.
    Alphabet { name: "base32", letters: b"abcdefghijklmnopqrstuvwxyz234567", bits: 5, fold: true },
    // RFC 4648 section 7.
    Alphabet {
        name: "base32hex",
        letters: b"0123456789abcdefghijklmnopqrstuv",
        bits: 5,
        fold: true,
    },
    // The alphabet of iodine's base 32 (its base32.c).
    Alphabet {
        name: "base32 as iodine writes it",
        letters: b"abcdefghijklmnopqrstuvwxyz012345",
        bits: 5,
        fold: true,
    },
    // RFC 4648 section 5.
    Alphabet {
        name: "base64url",
        letters: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        bits: 6,
        fold: false,
    },
];

/// Takes `text` back by the alphabets that `expert` may stand for: a quotation where text comes
/// out, some octets in hexadecimal where none does, `None` where there is nothing to take back.
///
/// Encoders put a header before the data, so a start a few characters in is tried as well.
pub(super) fn decoded(text: &[u8], expert: Expert) -> Option<String> {
    let fits = |alphabet: &&Alphabet| match expert {
        Expert::Hex => alphabet.bits == 4,
        Expert::Base32 | Expert::Base36 => alphabet.bits == 5,
        Expert::Base64 => alphabet.bits == 6,
        _ => false,
    };
    let mut plain = None;
    for alphabet in ALPHABETS.iter().filter(fits) {
        // After so many characters octets begin at the same place again.
        for start in 0..8_usize >> alphabet.bits.trailing_zeros() {
            let Some(octets) = text.get(start..).and_then(|tail| alphabet.octets(tail)) else {
                break;
            };
            if is_text(&octets) {
                let from = if start == 0 {
                    String::new()
                } else {
                    format!(" from character {}", start + 1)
                };
                return Some(format!("{}{from}: \"{}\"", alphabet.name, quoted(&octets)));
            }
            plain.get_or_insert((alphabet.name, octets));
        }
    }
    let (name, octets) = plain.filter(|(_, octets)| !octets.is_empty())?;
    Some(format!("{name}: no text in its {}", hexadecimal(&octets)))
}

/// Writes octets as ASCII, everything else as `\xNN`.
pub(super) fn quoted(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets.iter().take(SHOWN) {
        match octet {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*octet));
            }
            b'\n' => text += "\\n",
            0x20..=0x7e => text.push(char::from(*octet)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\x{octet:02x}");
            }
        }
    }
    if octets.len() > SHOWN {
        text.push('…');
    }
    text
}

fn hexadecimal(octets: &[u8]) -> String {
    let shown: Vec<_> = octets.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    let more = if octets.len() > 8 { " …" } else { "" };
    format!("{} octets {}{more}", octets.len(), shown.join(" "))
}

fn is_text(octets: &[u8]) -> bool {
    let printable = octets.iter().filter(|octet| matches!(octet, b'\n' | b'\t' | 0x20..=0x7e));
    octets.len() >= LEAST_TEXT && printable.count() * 100 >= octets.len() * TEXT_PERCENT
}

impl Alphabet {
    /// Returns the octets that `text` encodes, bits left over at the end dropped; `None` where a
    /// character is none of the alphabet.
    fn octets(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        let (mut held, mut n_held) = (0_u32, 0);
        for character in text {
            let character = if self.fold { character.to_ascii_lowercase() } else { *character };
            let value = self.letters.iter().position(|letter| *letter == character)?;
            held = held << self.bits | u32::try_from(value).ok()?;
            n_held += self.bits;
            if n_held >= 8 {
                n_held -= 8;
                octets.push(u8::try_from(held >> n_held & 0xff).ok()?);
                held &= (1 << n_held) - 1;
            }
        }
        Some(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_behind_a_header_and_quoted_safely() {
        let told = decoded(b"68656c6c6f2c20776f726c64", Expert::Hex).unwrap();
        assert_eq!(told, "hex: \"hello, world\"");
        let told = decoded(b"f68656c6c6f2c20776f726c64", Expert::Hex).unwrap();
        assert_eq!(told, "hex from character 2: \"hello, world\"");
        let told = decoded(b"nbswy3dpfqqho33snrsa", Expert::Base32).unwrap();
        assert_eq!(told, "base32: \"hello, world\"");
        let told = decoded(b"aGVsbG8sIHdvcmxk", Expert::Base64).unwrap();
        assert_eq!(told, "base64url: \"hello, world\"");
        assert_eq!(quoted(b"a\x1b[2J\"\n"), "a\\x1b[2J\\\"\\n");
    }

    #[test]
    fn what_holds_no_text_is_said_to_hold_none() {
        let told = decoded(b"9f86d081884c7d659a2feaa0c55ad015", Expert::Hex).unwrap();
        assert_eq!(told, "hex: no text in its 16 octets 9f 86 d0 81 88 4c 7d 65 …");
        assert_eq!(decoded(b"www", Expert::Dictionary), None);
        assert_eq!(decoded(b"", Expert::Hex), None);
    }
}
