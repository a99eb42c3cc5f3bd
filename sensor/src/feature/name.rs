//! The figures of one query name, and where its registered domain begins.

use serde::{Deserialize, Serialize};

use super::lexical::{Classes, Entropy};
use crate::name::Name;

/// Stands in for a dot inside a label when the suffix list is asked: no suffix has it.
const NOT_A_DOT: u8 = 0x1a;

/// What can be counted about a query name. Lengths are in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameFeatures {
    /// Length of the name as text, without the final dot.
    pub length: u8,
    /// Labels of the whole name.
    pub n_labels: u8,
    /// Labels before the registered domain.
    pub n_subdomain_labels: u8,
    /// Octets before the registered domain, without dots.
    pub subdomain_length: u8,
    /// Length of the longest label before the registered domain.
    pub longest_label: u8,
    /// Shannon entropy of the subdomain's octets in lower case, in thousandths of a bit.
    pub entropy_millibits: u16,
    /// Digits in the subdomain.
    pub digits: u8,
    /// Lower-case letters in the subdomain.
    pub lower: u8,
    /// Upper-case letters in the subdomain.
    pub upper: u8,
    /// Hyphens and underscores in the subdomain.
    pub hyphens: u8,
    /// All other octets of the subdomain.
    pub other: u8,
    /// Upper-case letters in the registered domain: 0x20 case is over the whole name.
    pub domain_upper: u8,
    /// Whether the public suffix list knows the domain's suffix.
    pub suffix_known: bool,
}

/// Reads names; holds the tables that takes.
pub struct NameReader {
    entropy: Entropy,
}

impl Default for NameReader {
    fn default() -> Self {
        Self { entropy: Entropy::new() }
    }
}

impl NameReader {
    /// Returns the octet of `name`'s wire form where its registered domain begins, and the figures.
    ///
    /// The registered domain is the public suffix and one label more, by the public suffix list
    /// with its ICANN and private sections. A name that is itself a suffix is its own domain.
    #[must_use]
    pub fn read(&self, name: &Name) -> (u8, NameFeatures) {
        let mut text = [0_u8; 256];
        let length = lower_text(name, &mut text);
        let text = text.get(..length).unwrap_or_default();
        let (domain, suffix_known) = match psl::domain(text) {
            Some(domain) => (domain.as_bytes().len(), domain.suffix().is_known()),
            None => (text.len(), psl::suffix(text).is_some_and(|suffix| suffix.is_known())),
        };
        // In text a dot stands where the wire form has the next length octet, so a tail of the
        // text and the same tail of the wire form differ by the first length octet alone.
        let domain_at = (name.wire().len() + usize::from(domain == 0)).saturating_sub(domain + 1);
        let mut features = self.subdomain(name, domain_at);
        features.length = saturate(length);
        features.suffix_known = suffix_known;
        (saturate(domain_at), features)
    }

    fn subdomain(&self, name: &Name, domain_at: usize) -> NameFeatures {
        let mut features = NameFeatures::default();
        let mut classes = Classes::default();
        let mut octets = [0_u8; 256];
        let mut length = 0;
        let mut at = 0;
        for label in name.labels() {
            features.n_labels += 1;
            if at < domain_at {
                features.n_subdomain_labels += 1;
                features.longest_label = features.longest_label.max(saturate(label.len()));
                for (byte, cell) in label.iter().zip(octets.iter_mut().skip(length)) {
                    classes.add(*byte);
                    *cell = byte.to_ascii_lowercase();
                }
                length += label.len();
            } else {
                let upper = label.iter().filter(|byte| byte.is_ascii_uppercase()).count();
                features.domain_upper = features.domain_upper.saturating_add(saturate(upper));
            }
            at += 1 + label.len();
        }
        let entropy = self.entropy.of(octets.get(..length).unwrap_or_default());
        features.subdomain_length = saturate(length);
        features.entropy_millibits = millibits(entropy);
        Classes {
            digits: features.digits,
            lower: features.lower,
            upper: features.upper,
            hyphens: features.hyphens,
            other: features.other,
        } = classes;
        features
    }
}

/// Writes `name` as lower-case text with dots into `text`; returns its length.
fn lower_text(name: &Name, text: &mut [u8; 256]) -> usize {
    let mut length = 0;
    for label in name.labels() {
        if length > 0 {
            put(text, &mut length, b'.');
        }
        for byte in label {
            let byte = if *byte == b'.' { NOT_A_DOT } else { byte.to_ascii_lowercase() };
            put(text, &mut length, byte);
        }
    }
    length
}

fn put(text: &mut [u8; 256], length: &mut usize, byte: u8) {
    if let Some(cell) = text.get_mut(*length) {
        *cell = byte;
        *length += 1;
    }
}

fn saturate(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "entropy of octets is between 0 and 8 bits"
)]
fn millibits(bits: f64) -> u16 {
    (bits * 1000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain_of(text: &str) -> (String, NameFeatures) {
        let name = Name::parse(text).unwrap();
        let (at, features) = NameReader::default().read(&name);
        (name.text_from(usize::from(at)), features)
    }

    #[test]
    fn registered_domains_follow_the_public_suffix_list() {
        for (name, domain) in [
            ("a.b.example.com", "example.com"),
            ("A.B.Example.CO.UK", "Example.CO.UK"),
            ("x.user.github.io", "user.github.io"),
            ("github.io", "github.io"),
            ("com", "com"),
            (".", "."),
            ("data.t.tunnel.lab", "tunnel.lab"),
            ("4.3.2.1.in-addr.arpa", "1.in-addr.arpa"),
            ("a\\.b.example.com", "example.com"),
            ("a.\\255x.com", "\\255x.com"),
        ] {
            let found = domain_of(name).0;
            assert_eq!(if found.is_empty() { "." } else { &found }, domain, "{name}");
        }
    }

    #[test]
    fn figures_are_about_the_subdomain() {
        let (_, features) = domain_of("aB3-.x\\255.Example.com");
        assert_eq!((features.n_labels, features.n_subdomain_labels), (4, 2));
        assert_eq!((features.subdomain_length, features.longest_label), (6, 4));
        assert_eq!((features.lower, features.upper, features.digits), (2, 1, 1));
        assert_eq!((features.hyphens, features.other, features.domain_upper), (1, 1, 1));
        assert_eq!(features.entropy_millibits, 2585);
        assert!(features.suffix_known && !domain_of("a.tunnel.lab").1.suffix_known);
    }
}
