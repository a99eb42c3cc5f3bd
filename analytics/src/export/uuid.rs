//! Identifiers that the same thing gets every time (RFC 9562 section 5.5, version 5).

use sha1::{Digest as _, Sha1};

/// The namespace of what geophone names. STIX 2.1 section 2.9 keeps its own namespace for observables
/// and forbids it to all other objects.
const NAMESPACE: [u8; 16] = [
    0x5e, 0x7c, 0x1f, 0x0a, 0x93, 0x2d, 0x4b, 0x86, 0xa1, 0x44, 0x0c, 0x6f, 0xd8, 0x21, 0xb9, 0x53,
];

/// Returns the UUID of `name` in geophone's namespace.
pub(super) fn of(name: &str) -> String {
    within(NAMESPACE, name)
}

fn within(namespace: [u8; 16], name: &str) -> String {
    let hash = Sha1::new().chain_update(namespace).chain_update(name.as_bytes()).finalize();
    let mut text = String::with_capacity(36);
    for (place, octet) in hash.iter().take(16).enumerate() {
        let octet = match place {
            6 => octet & 0x0f | 0x50,
            8 => octet & 0x3f | 0x80,
            _ => *octet,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text += &format!("{octet:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        // RFC 9562 appendix A.4: "www.example.com" in the namespace for DNS names.
        let dns = [
            0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4,
            0x30, 0xc8,
        ];
        assert_eq!(within(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
