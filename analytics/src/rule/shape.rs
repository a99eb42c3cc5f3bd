//! How a subdomain must look for a class to hold: a named shape or a written pattern.

use std::fmt;

use super::alphabet::is_octet;
use super::outline::{Glance, Outline};
use super::pattern::{Pattern, Walk};

/// Longest label that names a list of a block list service (`zen`, `sbl-xbl`).
const LIST_LABEL: usize = 8;
/// Shortest label that the shape `hash` takes for one, and the longest other label beside it.
const HASH_LABEL: usize = 16;
const OTHER_LABEL: usize = 12;
/// Longest label without an underscore in the shape `underscored`.
const WORD_LABEL: usize = 16;

/// How a subdomain may have to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    text: String,
    form: Form,
    outline: Outline,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// One label of 16 or more letters and digits, other labels short.
    Hash,
    Pattern(Pattern),
    /// One to four decimal octets, then at most one short label, as in `4.3.2.1.zen`.
    ReversedIpv4,
    /// Hexadecimal digits one a label and nothing else, as in `ip6.arpa`.
    ReversedIpv6,
    /// Labels that begin with an underscore, at least one, or are short words: `s1._domainkey`.
    Underscored,
}

impl Shape {
    /// Reads a shape as it is written in a rule file.
    ///
    /// # Errors
    /// A text that is neither a named shape nor a pattern, with the cure.
    pub fn parse(text: &str) -> Result<Self, String> {
        const NAMED: [(&str, Form); 4] = [
            ("hash", Form::Hash),
            ("reversed_ipv4", Form::ReversedIpv4),
            ("reversed_ipv6", Form::ReversedIpv6),
            ("underscored", Form::Underscored),
        ];
        let named = NAMED.into_iter().find(|(name, _)| *name == text);
        let form = match named {
            Some((_, form)) => form,
            None if text.starts_with('_') || text.contains(['<', '.']) => {
                Form::Pattern(Pattern::parse(text)?)
            }
            None => {
                return Err(format!(
                    "unknown shape `{text}`; there are hash, reversed_ipv4, reversed_ipv6, \
                     underscored and patterns like `<hex:32>`; a fixed label ends in a dot: `{text}.`"
                ));
            }
        };
        let (labels, first) = match &form {
            Form::Pattern(pattern) => (pattern.labels(), pattern.first()),
            _ => ((0, usize::MAX), None),
        };
        let underscored = has_underscore(&form, text);
        let outline = Outline { labels, first, underscored };
        Ok(Self { text: text.to_owned(), form, outline })
    }

    /// Tells at a glance whether labels may have this shape.
    pub(super) fn may_fit(&self, name: Glance) -> bool {
        self.outline.allows(name)
    }

    /// Tells whether the labels in `wire`, each behind its length octet, have this shape.
    #[must_use]
    pub fn fits(&self, wire: &[u8]) -> bool {
        let mut labels = Walk(wire);
        match &self.form {
            Form::Hash => {
                let mut hashes = 0;
                labels.all(|label| {
                    let is_hash =
                        label.len() >= HASH_LABEL && label.iter().all(u8::is_ascii_alphanumeric);
                    hashes += usize::from(is_hash);
                    is_hash || label.len() <= OTHER_LABEL
                }) && hashes == 1
            }
            Form::Pattern(pattern) => pattern.fits(labels),
            Form::ReversedIpv4 => {
                let (mut octets, mut lists) = (0, 0);
                labels.all(|label| {
                    let octet = is_octet(label) && lists == 0;
                    octets += usize::from(octet);
                    lists += usize::from(!octet);
                    octet || label.len() <= LIST_LABEL
                }) && octets <= 4
                    && lists <= 1
            }
            Form::ReversedIpv6 => {
                labels.all(|label| matches!(label, [digit] if digit.is_ascii_hexdigit()))
            }
            Form::Underscored => {
                let mut underscored = false;
                labels.all(|label| {
                    let marked = label.first() == Some(&b'_');
                    underscored |= marked;
                    marked || label.len() <= WORD_LABEL
                }) && underscored
            }
        }
    }

    /// Tells whether every name of this shape has an underscore.
    #[must_use]
    pub const fn has_underscore(&self) -> bool {
        self.outline.underscored
    }

    /// Returns the most that a name of this shape can carry, in bits; `None` where it is not
    /// known: a named shape bounds labels, not their number.
    #[must_use]
    pub fn bits(&self) -> Option<u32> {
        match &self.form {
            Form::Pattern(pattern) => Some(pattern.bits()),
            // A name under `ip6.arpa` has at most 32 digits (RFC 3596 section 2.5).
            Form::ReversedIpv6 => Some(128),
            Form::ReversedIpv4 => Some(80),
            Form::Hash | Form::Underscored => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has_underscore(form: &Form, text: &str) -> bool {
    let outside = |part: &str| part.rsplit('>').next().is_some_and(|rest| rest.contains('_'));
    match form {
        Form::Pattern(_) => text.split('<').any(outside),
        Form::Underscored => true,
        Form::Hash | Form::ReversedIpv4 | Form::ReversedIpv6 => false,
    }
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;

    use super::*;

    fn fits(shape: &str, name: &str) -> bool {
        Shape::parse(shape).unwrap().fits(Name::parse(name).unwrap().wire())
    }

    #[test]
    fn named_shapes_keep_an_allowance_to_what_it_is_for() {
        for (shape, name, expected) in [
            ("reversed_ipv4", "4.3.2.1", true),
            ("reversed_ipv4", "4.3.2.1.zen", true),
            ("reversed_ipv4", "deadbeef.aa", false),
            ("reversed_ipv4", "1.2.3.4.5", false),
            ("reversed_ipv4", "4.a.3.b", false),
            ("hash", "x1.mzxw6ytboi4tqnzrgm3d", true),
            ("hash", "mzxw6ytboi4tqnzrgm3d.mzxw6ytboi4tqnzrgm3d", false),
            ("reversed_ipv6", "f.0.1", true),
            ("reversed_ipv6", "f.00.1", false),
            ("underscored", "s1._domainkey", true),
            ("underscored", "a1b2c3d4.e5f6a7b8", false),
        ] {
            assert_eq!(fits(shape, name), expected, "{shape} {name}");
        }
    }

    #[test]
    fn an_underscore_in_the_name_of_an_alphabet_is_none_in_the_names() {
        let has = |shape: &str| Shape::parse(shape).unwrap().has_underscore();
        assert!(has("_dmarc") && has("<hex:4>._domainkey") && has("_<decimal:2>._tcp"));
        assert!(!has("<hex_rot13:8>.i") && !has("<word:1-32>"));
    }

    #[test]
    fn an_unknown_shape_is_refused_with_those_there_are() {
        let error = Shape::parse("hahs").unwrap_err();
        assert!(error.contains("reversed_ipv4") && error.contains("`hahs.`"), "{error}");
        assert!(Shape::parse("wpad.").is_ok());
    }
}
