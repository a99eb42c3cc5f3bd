//! Names that begin with an address: reversed for look-ups (RFC 1035 section 3.5, RFC 3596
//! section 2.5, RFC 5782), or written into a host name by an access provider.
//!
//! An address costs its own bits and no more, however many digits and dots write it.

use super::bits::Bits;

/// Most octets of an IPv4 address and nibbles of an IPv6 address.
const OCTETS: usize = 4;
const NIBBLES: usize = 32;

/// What an address at the beginning of a name costs, and how many labels it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) labels: usize,
    pub(super) bits: Bits,
}

/// Finds the address that the first of `labels` write, the longest that they do.
///
/// The share of such names of the code is 2^-5 each for octets and nibbles. Two bits say how many
/// octets there are, five how many nibbles; two octets or eight nibbles are the least.
pub(super) fn leading<'a>(mut labels: impl Iterator<Item = &'a [u8]>) -> Option<Address> {
    let share = Bits::from_whole(5);
    let first = labels.next()?;
    let rest = |labels: &mut dyn Iterator<Item = &'a [u8]>, most: usize, is: fn(&[u8]) -> bool| {
        1 + labels.take(most - 1).take_while(|label| is(label)).count()
    };
    if first.len() == 1 && is_nibble(first) {
        let mut all = [&[][..]; NIBBLES];
        let mut n = 0;
        for (cell, label) in all.iter_mut().zip(std::iter::once(first).chain(labels)) {
            *cell = label;
            n += 1;
        }
        let all = all.get(..n).unwrap_or_default();
        let nibbles = all.iter().take_while(|label| is_nibble(label)).count();
        if nibbles >= 8 {
            let bits = share + Bits::from_whole(5) + Bits::from_whole(4).times(count(nibbles));
            return Some(Address { labels: nibbles, bits });
        }
        let octets = all.iter().take(OCTETS).take_while(|label| is_octet(label)).count();
        return octet_address(octets, share);
    }
    if !is_octet(first) {
        return None;
    }
    octet_address(rest(&mut labels, OCTETS, is_octet), share)
}

fn octet_address(octets: usize, share: Bits) -> Option<Address> {
    let bits = share + Bits::from_whole(2) + Bits::from_whole(8).times(count(octets));
    (octets >= 2).then_some(Address { labels: octets, bits })
}

/// Finds four octets with hyphens between them inside a label in lower case, as in
/// `host86-142-117-124`; returns what stands before and behind them.
pub(super) fn inside(label: &[u8]) -> Option<(&[u8], &[u8])> {
    if label.iter().filter(|byte| **byte == b'-').count() < OCTETS - 1 {
        return None;
    }
    let mut at = 0;
    while let Some(rest) = label.get(at..).filter(|rest| rest.len() >= 7) {
        // Octets begin where digits do; the first such place is the canonical reading.
        let begins = rest.first().is_some_and(u8::is_ascii_digit)
            && !label.get(..at).and_then(<[u8]>::last).is_some_and(u8::is_ascii_digit);
        if begins && let Some(length) = dashed(rest) {
            return Some((label.get(..at)?, label.get(at + length..)?));
        }
        at += 1;
    }
    None
}

/// The octets of the dashed address at the beginning of `text`.
fn dashed(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for n in 0..OCTETS {
        if n > 0 {
            (text.get(at) == Some(&b'-')).then_some(())?;
            at += 1;
        }
        let digits = text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        is_octet(text.get(at..at + digits)?).then_some(())?;
        at += digits;
    }
    Some(at)
}

/// A decimal octet without zeros before it: each value is written one way.
fn is_octet(label: &[u8]) -> bool {
    match *label {
        [a] => a.is_ascii_digit(),
        [a, b] => a != b'0' && a.is_ascii_digit() && b.is_ascii_digit(),
        [b'1', b, c] => b.is_ascii_digit() && c.is_ascii_digit(),
        [b'2', b'0'..=b'4', c] => c.is_ascii_digit(),
        [b'2', b'5', b'0'..=b'5'] => true,
        _ => false,
    }
}

const fn is_nibble(label: &[u8]) -> bool {
    matches!(label, [byte] if byte.is_ascii_hexdigit())
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_bits(name: &str) -> Option<(usize, u32)> {
        let found = leading(name.split('.').map(str::as_bytes))?;
        Some((found.labels, found.bits.raw() / 256))
    }

    #[test]
    fn reversed_addresses_cost_their_bits_and_a_few_more() {
        let nibbles = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4";
        for (name, found) in [
            ("4.3.2.1.zen", Some((4, 39))),
            ("255.0.10.in-addr", Some((3, 31))),
            ("1.2.3.4.5.6", Some((4, 39))),
            ("a.b.c.d.e.f.0.1.x", Some((8, 42))),
            (nibbles, Some((32, 138))),
            ("256.1.1.1", None),
            ("01.1.1.1", None),
            ("www.1.1.1", None),
            ("a.b.c", None),
            ("7.www", None),
        ] {
            assert_eq!(whole_bits(name), found, "{name}");
        }
    }

    #[test]
    fn addresses_inside_host_names_are_found_where_they_begin() {
        for (label, found) in [
            ("host86-142-117-124", Some(("host", ""))),
            // The digit of the name is read with the address: one reading is enough.
            ("ec2-52-1-2-3", Some(("ec", "-3"))),
            ("c-24-9-8-255-x", Some(("c-", "-x"))),
            ("1-2-3-256", None),
            ("a-b-c-d-e", None),
            ("10-20-30", None),
        ] {
            let found = found.map(|(a, b): (&str, &str)| (a.as_bytes(), b.as_bytes()));
            assert_eq!(inside(label.as_bytes()), found, "{label}");
        }
    }
}
