//! Digits of a hash of the day and a counter.

use sha2::{Digest, Sha256};

fn hash(family: &str, n: u32) -> Vec<u8> {
    Sha256::digest(format!("{family} 2026-03-02 {n}")).to_vec()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(super) fn bamital(n: u32) -> String {
    let suffixes = ["co.cc", "cz.cc", "info", "org"];
    let label = hex(&hash("bamital", n)[..16]);
    format!("{label}.{}", suffixes[usize::try_from(n).unwrap() % 4])
}

pub(super) fn dyre(n: u32) -> String {
    let suffixes = ["cc", "ws", "to", "in", "hk", "cn", "tk", "so"];
    let letter = char::from(b'a' + u8::try_from(n % 26).unwrap());
    let mut digits = hex(&hash("dyre", n));
    digits.truncate(33);
    format!("{letter}{digits}.{}", suffixes[usize::try_from(n).unwrap() % 8])
}

/// Sixteen octets in base 36, four at a time.
pub(super) fn gameover(n: u32) -> String {
    let octets = hash("gameover", n);
    let mut label = String::new();
    for four in octets[..16].chunks(4) {
        let mut value = four.iter().fold(0_u32, |value, octet| value << 8 | u32::from(*octet));
        while value > 0 {
            label.push(char::from_digit(value % 36, 36).unwrap());
            value /= 36;
        }
    }
    format!("{label}.{}", ["biz", "com", "net", "org"][usize::try_from(n).unwrap() % 4])
}
