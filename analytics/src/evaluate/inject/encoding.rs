//! How an implant writes data into names.

use std::collections::BTreeSet;

use geophone_sensor::name::{MAX_LABEL, Name};
use serde::Serialize;

use crate::evaluate::figure::{count, real};
use crate::evaluate::random::Random;

/// Names the word list is taken from: the ones the price knows best, so the worst case.
const LABELS: &str = include_str!("../../../../datasets/names/labels.txt");
/// Words of the list, a power of two.
const WORDS: usize = 2048;
/// Bits a word carries.
const WORD_BITS: usize = 11;

const HEX: &[u8] = b"0123456789abcdef";
const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// For each letter eight that often follow it in English, so that text carries three bits a
/// letter and looks like words. Chosen by hand.
const FOLLOWERS: [&[u8; 8]; 26] = [
    b"ntlrscdm",
    b"eluoraiy",
    b"eohatkil",
    b"eiaosrul",
    b"rnsdalct",
    b"oireafut",
    b"ehroaiul",
    b"eaiotrun",
    b"nsctolem",
    b"uoeaihrn",
    b"einasloy",
    b"eialodys",
    b"eaoipmbu",
    b"gdetscoi",
    b"nrumftsl",
    b"erolahip",
    b"uaiotehs",
    b"eoiastdu",
    b"tehiosau",
    b"hoeiatrs",
    b"rsntlcpm",
    b"eiaoyurl",
    b"aiehonrs",
    b"ptaiceou",
    b"oseitmla",
    b"eaiozyul",
];

/// How data becomes labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// 4 bits a character.
    Hex,
    /// 5 bits a character.
    Base32,
    /// 6 bits a character, by the case of letters too.
    Base64,
    /// 7 bits an octet, as iodine does it.
    Base128,
    /// 8 bits an octet.
    Raw,
    /// A word of 2,048 a label.
    Words,
    /// Letters that look like English, three bits each.
    Markov,
}

/// The word list and the alphabets.
pub(super) struct Encoder {
    words: Vec<&'static [u8]>,
    base128: Vec<u8>,
    raw: Vec<u8>,
}

impl Encoder {
    /// Makes the word list.
    pub(super) fn new() -> Self {
        let fits = |word: &&str| {
            (3..=9).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        let distinct: BTreeSet<&str> = LABELS.lines().filter(fits).take(4 * WORDS).collect();
        let words = distinct.into_iter().take(WORDS).map(str::as_bytes).collect();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || (0xbc..=0xfd).contains(byte);
        Self { words, base128: (0..=u8::MAX).filter(plain).collect(), raw: (0..=u8::MAX).collect() }
    }

    /// Puts about `bytes` random octets into a name under `domain`, fewer where they do not fit;
    /// returns the name and the octets it carries.
    pub(super) fn encode(
        &self,
        encoding: Encoding,
        bytes: usize,
        domain: &Name,
        random: &mut Random,
    ) -> (Name, f64) {
        let bits = self.bits(encoding);
        let mut n_symbols = (bytes * 8).div_ceil(bits).max(1);
        loop {
            let labels = self.labels(encoding, n_symbols, random);
            if let Some(name) = joined(&labels, domain) {
                return (name, real(count(n_symbols * bits)) / 8.0);
            }
            n_symbols -= n_symbols.div_ceil(16);
            if n_symbols == 0 {
                return (domain.clone(), 0.0);
            }
        }
    }

    const fn bits(&self, encoding: Encoding) -> usize {
        match encoding {
            Encoding::Markov => 3,
            Encoding::Hex => 4,
            Encoding::Base32 => 5,
            Encoding::Base64 => 6,
            Encoding::Base128 => 7,
            Encoding::Raw => 8,
            Encoding::Words => WORD_BITS,
        }
    }

    fn labels(&self, encoding: Encoding, n_symbols: usize, random: &mut Random) -> Vec<Vec<u8>> {
        let alphabet: &[u8] = match encoding {
            Encoding::Hex => HEX,
            Encoding::Base32 => BASE32,
            Encoding::Base64 => BASE64,
            Encoding::Base128 => &self.base128,
            Encoding::Raw => &self.raw,
            Encoding::Words => {
                let word = |_| self.words.get(random.below(self.words.len()));
                return (0..n_symbols).filter_map(word).map(|word| word.to_vec()).collect();
            }
            Encoding::Markov => return in_labels(&markov(n_symbols, random)),
        };
        let octet = |_| alphabet.get(random.below(alphabet.len())).copied();
        in_labels(&(0..n_symbols).filter_map(octet).collect::<Vec<u8>>())
    }
}

/// Letters each of which often follows the one before.
fn markov(n_letters: usize, random: &mut Random) -> Vec<u8> {
    let mut text = Vec::with_capacity(n_letters);
    let mut last = b's';
    for _ in 0..n_letters {
        let followers = FOLLOWERS.get(usize::from(last.saturating_sub(b'a')));
        last = followers.and_then(|f| f.get(random.below(f.len()))).copied().unwrap_or(b'e');
        text.push(last);
    }
    text
}

fn in_labels(text: &[u8]) -> Vec<Vec<u8>> {
    text.chunks(MAX_LABEL).map(<[u8]>::to_vec).collect()
}

fn joined(labels: &[Vec<u8>], domain: &Name) -> Option<Name> {
    let mut name = Name::default();
    let own = labels.iter().map(Vec::as_slice);
    own.chain(domain.labels()).all(|label| name.push(label)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 7] = [
        Encoding::Hex,
        Encoding::Base32,
        Encoding::Base64,
        Encoding::Base128,
        Encoding::Raw,
        Encoding::Words,
        Encoding::Markov,
    ];

    #[test]
    fn every_encoding_carries_what_was_asked_or_what_fits() {
        let (encoder, mut random) = (Encoder::new(), Random::new(1));
        assert_eq!((encoder.words.len(), encoder.base128.len()), (WORDS, 128));
        let domain = Name::parse("inject.com").unwrap();
        for encoding in ALL {
            for bytes in [4, 29, 180] {
                let (name, carried) = encoder.encode(encoding, bytes, &domain, &mut random);
                let wanted = f64::from(u32::try_from(bytes).unwrap());
                assert!(carried > 0.0 && carried < wanted + 1.4, "{encoding:?} {bytes} {carried}");
                assert!(bytes > 4 || carried >= wanted, "{encoding:?} {carried}");
                assert!(name.to_string().ends_with(".inject.com"));
            }
        }
    }

    #[test]
    fn letters_of_markov_text_are_distinct_choices() {
        for (letter, followers) in (b'a'..).zip(FOLLOWERS) {
            let distinct: BTreeSet<_> = followers.iter().collect();
            assert_eq!(distinct.len(), 8, "{}", char::from(letter));
        }
    }
}
