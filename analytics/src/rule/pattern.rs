//! A written pattern of labels, matched without backtracking over octets.
//!
//! `<hex:12>.<word:4-16>.token` is three labels. A pattern says how many names there can be, so
//! the most a name of it could carry is known: [`Pattern::bits`]. Case does not matter.

use super::alphabet::{Alphabet, is_octet};

/// Labels of a domain written into a name, and octets of them: a limit that host names keep.
const DOMAIN_LABELS: usize = 5;
const DOMAIN_OCTETS: usize = 60;
const DOMAIN_LABEL: usize = 24;

/// Tenths of a bit that an appended domain is counted with: 60 octets of 37 kinds.
const DOMAIN_TENTHS: u32 = 3_130;

/// The longest label (RFC 1035 section 2.3.4), so that positions in one fit 64 bits.
const MAX_LABEL: usize = 63;

/// A sequence of labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// One label.
    Label(Vec<Piece>),
    /// Several labels of one kind.
    Many { kind: Kind, min: usize, max: usize },
    /// A registered domain with what stands before it, as search suffixes append to.
    Domain,
}

/// What each of several labels is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One decimal digit.
    Digit,
    /// One hexadecimal digit.
    Nibble,
    /// A number from 0 to 255.
    Octet,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Octet,
    Run { alphabet: Alphabet, min: usize, max: usize },
}

/// The labels before an octet of a name's wire form; copied freely.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(label)
    }
}

impl Pattern {
    /// Reads a pattern as it is written in a rule file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut parts = Vec::new();
        for label in text.split('.') {
            parts.push(part(label).map_err(|what| format!("shape \"{text}\": {what}"))?);
        }
        Ok(Self { parts })
    }

    /// Tells whether `labels` are of this pattern.
    pub(super) fn fits(&self, labels: Walk<'_>) -> bool {
        fits(&self.parts, labels)
    }

    /// Returns the fewest and the most labels of a name of this pattern.
    pub(super) fn labels(&self) -> (usize, usize) {
        self.parts
            .iter()
            .map(Part::labels)
            .fold((0, 0), |(least, most), (min, max)| (least + min, most + max))
    }

    /// Returns the octet that every name of this pattern begins with, in lower case, if they do.
    pub(super) fn first(&self) -> Option<u8> {
        let Some(Part::Label(pieces)) = self.parts.first() else { return None };
        match pieces.first() {
            Some(Piece::Literal(text)) => text.first().map(u8::to_ascii_lowercase),
            _ => None,
        }
    }

    /// Returns the most that a name of this pattern can carry, in bits, rounded up.
    pub(super) fn bits(&self) -> u32 {
        self.parts.iter().map(Part::tenths).fold(0, u32::saturating_add).div_ceil(10)
    }
}

impl Part {
    fn labels(&self) -> (usize, usize) {
        match self {
            Self::Label(_) => (1, 1),
            Self::Many { min, max, .. } => ((*min).max(1), *max),
            Self::Domain => (2, DOMAIN_LABELS),
        }
    }

    fn tenths(&self) -> u32 {
        match self {
            Self::Label(pieces) => pieces.iter().map(Piece::tenths).fold(0, u32::saturating_add),
            Self::Many { kind, max, .. } => times(kind.tenths(), *max),
            Self::Domain => DOMAIN_TENTHS,
        }
    }
}

impl Kind {
    const fn tenths(self) -> u32 {
        match self {
            Self::Digit => 34,
            Self::Nibble => 40,
            Self::Octet => 80,
        }
    }

    fn fits(self, label: &[u8]) -> bool {
        match (self, label) {
            (Self::Digit, [digit]) => digit.is_ascii_digit(),
            (Self::Nibble, [digit]) => digit.is_ascii_hexdigit(),
            (Self::Octet, label) => is_octet(label),
            _ => false,
        }
    }
}

impl Piece {
    fn tenths(&self) -> u32 {
        match self {
            Self::Literal(_) => 0,
            Self::Octet => 80,
            Self::Run { alphabet, max, .. } => times(alphabet.tenths(), *max),
        }
    }

    /// Returns where in `label` this piece can end, having begun at one of `starts`; both are sets
    /// of positions, one a bit.
    fn step(&self, label: &[u8], starts: u64) -> u64 {
        let mut ends = 0;
        for start in (0..=label.len()).filter(|start| starts >> start & 1 == 1) {
            let rest = label.get(start..).unwrap_or_default();
            match self {
                Self::Literal(text) => {
                    let head = rest.get(..text.len());
                    if head.is_some_and(|head| head.eq_ignore_ascii_case(text)) {
                        ends |= 1 << (start + text.len());
                    }
                }
                Self::Octet => {
                    for length in (1..=3).filter(|n| rest.get(..*n).is_some_and(is_octet)) {
                        ends |= 1 << (start + length);
                    }
                }
                Self::Run { alphabet, min, max } => {
                    let run = rest.iter().take(*max).take_while(|byte| alphabet.has(**byte));
                    for length in *min..=run.count() {
                        ends |= 1 << (start + length);
                    }
                }
            }
        }
        ends
    }
}

fn times(tenths: u32, n: usize) -> u32 {
    u32::try_from(n).map_or(u32::MAX, |n| tenths.saturating_mul(n))
}

fn fits(parts: &[Part], mut labels: Walk<'_>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return labels.0.is_empty() };
    match part {
        Part::Label(pieces) => {
            labels.next().is_some_and(|label| label_fits(pieces, label)) && fits(rest, labels)
        }
        Part::Many { kind, min, max } => {
            for n in 1..=*max {
                if !labels.next().is_some_and(|label| kind.fits(label)) {
                    return false;
                }
                if n >= *min && fits(rest, labels) {
                    return true;
                }
            }
            false
        }
        Part::Domain => {
            let whole = labels;
            for n in 1..=DOMAIN_LABELS {
                if labels.next().is_none() {
                    return false;
                }
                if n >= 2 && fits(rest, labels) && is_domain(whole, n) {
                    return true;
                }
            }
            false
        }
    }
}

/// Tells whether the first `n` of `labels` are a name under a suffix that somebody registers.
fn is_domain(labels: Walk<'_>, n: usize) -> bool {
    let mut text = Vec::with_capacity(DOMAIN_OCTETS);
    for label in labels.take(n) {
        let ordinary = label.len() <= DOMAIN_LABEL
            && label.iter().all(|byte| Alphabet::Word.has(*byte) || *byte == b'_');
        if !ordinary || text.len() + label.len() >= DOMAIN_OCTETS {
            return false;
        }
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    psl::domain(&text).is_some_and(|domain| domain.suffix().is_known())
}

/// Tells whether the pieces fill a label, whatever the lengths of their runs.
fn label_fits(pieces: &[Piece], label: &[u8]) -> bool {
    if label.len() > MAX_LABEL {
        return false;
    }
    let mut at = 1_u64;
    for piece in pieces {
        at = piece.step(label, at);
        if at == 0 {
            return false;
        }
    }
    at >> label.len() & 1 == 1
}

fn part(label: &str) -> Result<Part, String> {
    if label == "<domain>" {
        return Ok(Part::Domain);
    }
    let single = label.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    if let Some((name, lengths)) = single.and_then(|inner| inner.split_once(':')) {
        let kind = match name {
            "digits" => Some(Kind::Digit),
            "nibbles" => Some(Kind::Nibble),
            "octets" => Some(Kind::Octet),
            _ => None,
        };
        if let Some(kind) = kind {
            let (min, max) = range(lengths, 127)?;
            return Ok(Part::Many { kind, min, max });
        }
    }
    pieces(label).map(Part::Label)
}

fn pieces(label: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = label;
    while !rest.is_empty() {
        let (literal, behind) = rest.split_once('<').map_or((rest, None), |(a, b)| (a, Some(b)));
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal_of(literal)?));
        }
        let Some(behind) = behind else { break };
        let (element, tail) =
            behind.split_once('>').ok_or_else(|| format!("no `>` behind `<{behind}`"))?;
        element_of(element, &mut pieces)?;
        rest = tail;
    }
    if pieces.is_empty() {
        return Err("a label is empty".to_owned());
    }
    Ok(pieces)
}

fn literal_of(text: &str) -> Result<Vec<u8>, String> {
    let ordinary = |byte: u8| Alphabet::Word.has(byte) || byte == b'_';
    match text.bytes().find(|byte| !ordinary(*byte)) {
        Some(byte) => Err(format!(
            "`{}` cannot stand in a label; write letters, digits, `-`, `_` and `<…>`",
            char::from(byte)
        )),
        None => Ok(text.to_ascii_lowercase().into_bytes()),
    }
}

fn element_of(text: &str, pieces: &mut Vec<Piece>) -> Result<(), String> {
    match text {
        "octet" => pieces.push(Piece::Octet),
        // RFC 9562 section 4.
        "uuid" => {
            for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
                if index > 0 {
                    pieces.push(Piece::Literal(b"-".to_vec()));
                }
                pieces.push(Piece::Run { alphabet: Alphabet::Hex, min: length, max: length });
            }
        }
        _ => {
            let (name, lengths) = text.split_once(':').ok_or_else(|| {
                format!("`<{text}>` has no length; write `<hex:32>` or `<hex:8-32>`")
            })?;
            let alphabet = Alphabet::parse(name)?;
            let (min, max) = range(lengths, MAX_LABEL)?;
            pieces.push(Piece::Run { alphabet, min, max });
        }
    }
    Ok(())
}

/// Reads `12` or `4-16`.
fn range(text: &str, most: usize) -> Result<(usize, usize), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<usize>().ok();
    match (number(low), number(high)) {
        (Some(min), Some(max)) if 1 <= min && min <= max && max <= most => Ok((min, max)),
        _ => Err(format!("length \"{text}\" must be like \"12\" or \"4-16\", from 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().fits(Walk(Name::parse(name).unwrap().wire()))
    }

    #[test]
    fn patterns_fit_what_they_say_and_nothing_longer() {
        for (pattern, name, expected) in [
            ("<hex:12>.<hex:8>.<word:4-16>.token", "fe4385362baa.ead381d8.eu-west-1.token", true),
            ("<hex:12>.<hex:8>.<word:4-16>.token", "fe4385362baa.ead381d8.eu-west-1", false),
            ("d-<decimal:17-20>", "D-3740153453463437492", true),
            ("d-<decimal:17-20>", "d-37401534534634374921234", false),
            ("ip-<octet>-<octet>-<octet>-<octet>", "ip-10-0-255-7", true),
            ("ip-<octet>-<octet>-<octet>-<octet>", "ip-10-0-256-7", false),
            ("<octets:4>.<word:2-12>", "4.3.2.1.zen", true),
            ("<octets:4>", "4.3.2", false),
            ("<octets:1-4>", "4.3.2", true),
            ("<nibbles:32>", &["f"; 32].join("."), true),
            ("<nibbles:32>", &["f"; 31].join("."), false),
            ("<uuid>._msdcs", "1cb6e9d1-6ec9-43e9-8aa6-8f26a8229c16._msdcs", true),
            ("<uuid>._msdcs", "1cb6e9d1-6ec9-43e9-8aa6-8f26a8229c1.6._msdcs", false),
            ("<domain>", "www.example.com", true),
            ("<domain>", "a.example.co.uk", true),
            ("<domain>", "www.example", false),
            ("<domain>", "com", false),
            ("<domain>", "mzxw6ytboi4tqnzrgm3dknbsgezdgnbv.com", false),
            ("<domain>.<word:1-9>.svc", "www.example.com.shop.svc", true),
            ("_dmarc", "_dmarc", true),
            ("_", "_", true),
            ("_", "__", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_says_how_much_it_can_carry() {
        let bits = |text| Pattern::parse(text).unwrap().bits();
        assert_eq!((bits("_dmarc"), bits("<hex:32>"), bits("<octets:4>")), (0, 128, 32));
        assert!(bits("<domain>") > 300);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_cure() {
        for (text, told) in [
            ("<hex>", "write `<hex:32>`"),
            ("<hexx:3>", "did you mean `hex`"),
            ("<hex:9-3>", "from 1 to 63"),
            ("<hex:64>", "from 1 to 63"),
            ("<hex:3", "no `>`"),
            ("a..b", "empty"),
            ("a*b", "cannot stand in a label"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_the_matcher_panic_and_none_outside_its_length_fits(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 0..4),
        ) {
            let mut name = Name::default();
            for label in &labels {
                name.push(label);
            }
            let pattern = Pattern::parse("a<word:1-5>-<word:1-5>-<word:1-5><octet>").unwrap();
            let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
            prop_assert!(!pattern.fits(Walk(name.wire())) || longest <= 21);
        }
    }
}
