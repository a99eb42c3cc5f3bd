//! A domain that may stand in a list: letters, digits and hyphens, and never a public suffix.

use super::left_out::Why;

/// A domain in lower case without a final dot, safe to write in every format.
///
/// Two labels or more of letters, digits and hyphens (RFC 1123 section 2.1), of 1 to 63 octets each
/// and 253 in all. The last label begins with a letter, so no reader takes it for an address, and is
/// none of the words a response policy zone gives a meaning of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Domain {
    text: String,
    suffix_known: bool,
}

impl Domain {
    /// Checks `text`.
    ///
    /// # Errors
    /// Why it can be in no list.
    pub(super) fn new(text: &str) -> Result<Self, Why> {
        let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if !is_host_name(&text) {
            return Err(Why::Unsafe);
        }
        if text.ends_with(".arpa") {
            return Err(Why::Infrastructure);
        }
        match psl::domain(text.as_bytes()).map(|domain| domain.suffix().is_known()) {
            Some(suffix_known) => Ok(Self { text, suffix_known }),
            None => Err(Why::PublicSuffix),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether the public suffix list has its suffix.
    pub(super) const fn is_delegated(&self) -> bool {
        self.suffix_known
    }

    /// Tells whether it is `other` or below it.
    pub(super) fn is_under(&self, other: &str) -> bool {
        self.text.strip_suffix(other).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// Tells whether `text` is a name that programs read as a host's and as nothing else.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((_, last)) = text.rsplit_once('.') else { return false };
    text.len() <= 253
        && text.split('.').all(is_label)
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
        && !last.starts_with("rpz-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_registers_becomes_an_entry() {
        for (text, expected) in [
            ("Evil.COM.", Ok(("evil.com", true))),
            ("a.b.evil.co.uk", Ok(("a.b.evil.co.uk", true))),
            ("someone.github.io", Ok(("someone.github.io", true))),
            ("xn--e1afmkfd.xn--p1ai", Ok(("xn--e1afmkfd.xn--p1ai", true))),
            ("tunnel.lab", Ok(("tunnel.lab", false))),
            ("co.uk", Err(Why::PublicSuffix)),
            ("github.io", Err(Why::PublicSuffix)),
            ("com", Err(Why::Unsafe)),
            ("192.in-addr.arpa", Err(Why::Infrastructure)),
            ("", Err(Why::Unsafe)),
            (".", Err(Why::Unsafe)),
            ("192.0.2.1", Err(Why::Unsafe)),
            ("10.rpz-client-ip", Err(Why::Unsafe)),
            ("-evil.com", Err(Why::Unsafe)),
            ("ev il.com", Err(Why::Unsafe)),
            ("evil.com\n0.0.0.0 good.com", Err(Why::Unsafe)),
            ("ev\\233l.com", Err(Why::Unsafe)),
            ("évil.com", Err(Why::Unsafe)),
            ("*.evil.com", Err(Why::Unsafe)),
            ("evil..com", Err(Why::Unsafe)),
        ] {
            let domain = Domain::new(text);
            let found = domain.as_ref().map(|domain| (domain.as_str(), domain.is_delegated()));
            assert_eq!(found, expected.as_ref().map(|found| *found), "{text}");
        }
        let long = format!("{}.com", "a".repeat(64));
        assert_eq!(Domain::new(&long), Err(Why::Unsafe));
    }

    #[test]
    fn below_ends_at_labels() {
        let domain = Domain::new("a.evil.com").unwrap();
        assert!(domain.is_under("evil.com") && domain.is_under("a.evil.com"));
        assert!(!domain.is_under("vil.com") && !domain.is_under("b.evil.com"));
    }
}
