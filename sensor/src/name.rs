//! A domain name as it stood on the wire.
//!
//! Kept as length-prefixed labels in the case they came in, because a label may hold any octet,
//! dots included; text is made only for output. Does not know public suffixes: see `feature`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// The longest name, in octets of wire form with the root (RFC 1035 section 2.3.4).
pub const MAX_WIRE: usize = 255;

/// The longest label, in octets (RFC 1035 section 2.3.4).
pub const MAX_LABEL: usize = 63;

/// A domain name: labels each behind its length octet, without the root's zero octet.
///
/// At most 254 octets. The root is the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Name {
    wire: Vec<u8>,
}

/// The wire form of a name with its letters folded (RFC 4343).
///
/// Length octets are below 64 and no letters, so folding leaves them alone; and most names are asked
/// in lower case as they are.
#[derive(Clone, Debug)]
pub struct Folded<'a>(Cow<'a, [u8]>);

impl Folded<'_> {
    /// Returns the octets from `start` on.
    #[must_use]
    pub fn from(&self, start: usize) -> &[u8] {
        self.0.get(start..).unwrap_or_default()
    }
}

/// Why a text is not a domain name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Octets that are no labels.
    #[error("octets that are no labels behind their lengths")]
    Wire,
    /// An escape that is neither `\DDD` nor a backslash before one character.
    #[error("bad escape in name \"{0}\"")]
    Escape(String),
    /// A label of no or more than 63 octets.
    #[error("label of {0} octets: 1 to 63 are allowed")]
    Label(usize),
    /// More than 255 octets.
    #[error("name of {0} octets: 255 are allowed")]
    Length(usize),
}

impl TryFrom<Vec<u8>> for Name {
    type Error = NameError;

    fn try_from(wire: Vec<u8>) -> Result<Self, NameError> {
        Self::from_wire(&wire).ok_or(NameError::Wire)
    }
}

impl From<Name> for Vec<u8> {
    fn from(name: Name) -> Self {
        name.wire
    }
}

impl Name {
    /// Empties the name, keeping its memory.
    pub fn clear(&mut self) {
        self.wire.clear();
    }

    /// Appends a label if it and the name stay within the limits; tells whether it did.
    pub fn push(&mut self, label: &[u8]) -> bool {
        let Ok(length) = u8::try_from(label.len()) else { return false };
        if label.is_empty()
            || label.len() > MAX_LABEL
            || self.wire.len() + label.len() + 2 > MAX_WIRE
        {
            return false;
        }
        self.wire.push(length);
        self.wire.extend_from_slice(label);
        true
    }

    /// Copies `other` into this name's memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.wire.clear();
        self.wire.extend_from_slice(&other.wire);
    }

    /// Parses presentation form with `\.` and `\DDD` escapes (RFC 1035 section 5.1).
    ///
    /// # Errors
    /// A label or name over its limit, an empty label, or a broken escape.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut name = Self::default();
        let text = text.strip_suffix('.').filter(|rest| !rest.ends_with('\\')).unwrap_or(text);
        if text.is_empty() {
            return Ok(name);
        }
        let mut label = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => {
                    name.push_checked(&label)?;
                    label.clear();
                }
                b'\\' => {
                    let octet = unescape(&mut bytes);
                    label.push(octet.ok_or_else(|| NameError::Escape(text.to_owned()))?);
                }
                _ => label.push(byte),
            }
        }
        name.push_checked(&label)?;
        Ok(name)
    }

    fn push_checked(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.is_empty() || label.len() > MAX_LABEL {
            return Err(NameError::Label(label.len()));
        }
        if self.push(label) {
            Ok(())
        } else {
            Err(NameError::Length(self.wire.len() + label.len() + 2))
        }
    }

    /// Reads labels behind their length octets, without the root; `None` where they are none.
    #[must_use]
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        let mut name = Self { wire: Vec::with_capacity(wire.len()) };
        let mut rest = wire;
        while let Some((length, behind)) = rest.split_first() {
            let (label, behind) = behind.split_at_checked(usize::from(*length))?;
            if !name.push(label) {
                return None;
            }
            rest = behind;
        }
        Some(name)
    }

    /// Returns the labels behind their length octets, without the root.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Tells whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.wire.is_empty()
    }

    /// Walks the labels from the left.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: &self.wire }
    }

    /// Returns the wire form with its letters folded, by which a name is known.
    #[must_use]
    pub fn folded(&self) -> Folded<'_> {
        // All of them, without a way out: that is many octets at a time.
        let capitals = self.wire.iter().filter(|octet| octet.is_ascii_uppercase()).count();
        Folded(match capitals {
            0 => Cow::Borrowed(&self.wire),
            _ => Cow::Owned(self.wire.to_ascii_lowercase()),
        })
    }

    /// Walks the labels of the wire form from octet `start`, which must begin a label.
    #[must_use]
    pub fn labels_from(&self, start: usize) -> Labels<'_> {
        Labels { rest: self.wire.get(start..).unwrap_or_default() }
    }

    /// Returns the wire form from octet `start` on; `None` where no label and not the end is there.
    #[must_use]
    pub fn suffix_at(&self, start: usize) -> Option<&[u8]> {
        let mut rest = self.wire.as_slice();
        while rest.len() > self.wire.len().checked_sub(start)? {
            rest = rest.get(1 + usize::from(*rest.first()?)..)?;
        }
        (self.wire.len() - rest.len() == start).then_some(rest)
    }

    /// Returns the part from octet `start`, which must begin a label, as text.
    #[must_use]
    pub fn text_from(&self, start: usize) -> String {
        presentation(self.labels_from(start))
    }

    /// Returns the labels before octet `end`, which must begin a label, as text.
    #[must_use]
    pub fn text_until(&self, end: usize) -> String {
        presentation(Labels { rest: self.wire.get(..end).unwrap_or_default() })
    }
}

impl fmt::Display for Name {
    /// Writes presentation form without the final dot; `.` is the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_char('.') } else { f.write_str(&self.text_from(0)) }
    }
}

/// The labels of a name, left to right, without length octets.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        self.rest = rest;
        Some(label)
    }
}

fn presentation(labels: Labels<'_>) -> String {
    let mut text = String::with_capacity(labels.rest.len());
    for label in labels {
        if !text.is_empty() {
            text.push('.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' => {
                    text.push('\\');
                    text.push(char::from(byte));
                }
                0x21..=0x7e => text.push(char::from(byte)),
                _ => {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
    }
    text
}

fn unescape(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, bytes.next()?, bytes.next()?];
    let mut value = 0_u16;
    for digit in digits {
        value = value * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_outside_the_limits_are_refused() {
        assert!(Name::parse("a..b").is_err());
        assert!(Name::parse(&"a".repeat(64)).is_err());
        assert!(Name::parse(&vec!["a".repeat(63); 4].join(".")).is_err());
        assert!(Name::parse("a\\25").is_err());
        assert!(Name::parse(".").unwrap().is_root());
    }

    proptest! {
        #[test]
        fn any_name_survives_its_text(labels in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 1..20), 0..10,
        )) {
            let mut name = Name::default();
            for label in &labels {
                prop_assert!(name.push(label));
            }
            prop_assert_eq!(&Name::parse(&name.to_string()).unwrap(), &name);
            prop_assert_eq!(name.labels().map(<[u8]>::to_vec).collect::<Vec<_>>(), labels);
        }
    }
}
