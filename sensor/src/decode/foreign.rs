//! What a payload on a DNS port is when it is not DNS.
//!
//! Told by the first octets that a protocol fixes; a payload that nothing fixes is only described.

use serde::{Deserialize, Serialize};

use crate::decode::message::HEADER;
use crate::decode::wire::u32_at;

/// Octets of a WireGuard initiation, response and cookie (the WireGuard paper, section 5.4).
const WIREGUARD: [(u8, usize); 3] = [(1, 148), (2, 92), (3, 64)];
/// The least a WireGuard data message takes.
const WIREGUARD_DATA: usize = 32;
/// The least a QUIC client may send first (RFC 9000 section 14.1).
const QUIC_FIRST: usize = 1200;

macro_rules! protocols {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// What a payload that is not DNS looks like.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Protocol { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl Protocol {
            /// Returns the name that records carry.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

protocols! {
    /// The beginning of a connection for DNS over QUIC (RFC 9250).
    DnsOverQuic => "dns_over_quic",
    /// The beginning of a connection for DNS over TLS (RFC 7858).
    DnsOverTls => "dns_over_tls",
    /// DTLS (RFC 9147), as some VPNs use it.
    Dtls => "dtls",
    /// HTTP/1 or the preface of HTTP/2.
    Http => "http",
    /// iodine's raw mode: UDP without any DNS around it.
    IodineRaw => "iodine_raw",
    /// OpenVPN's first packets.
    Openvpn => "openvpn",
    /// Nothing known.
    #[default]
    Other => "other",
    /// QUIC (RFC 9000).
    Quic => "quic",
    /// Fewer octets than a DNS header.
    Short => "short",
    /// SSH (RFC 4253).
    Ssh => "ssh",
    /// Printable text.
    Text => "text",
    /// TLS (RFC 8446).
    Tls => "tls",
    /// WireGuard.
    Wireguard => "wireguard",
    /// The beginning of a connection for HTTPS to a resolver that answers there (RFC 8484). The last, as
    /// the octets of records count them.
    DnsOverHttps => "dns_over_https",
}

/// Recognises a datagram that the fixed octets of a protocol mark; `None` where none does.
#[must_use]
pub fn datagram(data: &[u8]) -> Option<Protocol> {
    Some(match data {
        // The header of a raw packet, then a command of four bits and a user of four.
        [0x10, 0xd1, 0x9e, ..] => Protocol::IodineRaw,
        [20..=26, 0xfe, 0xfd | 0xff, ..] if data.len() > HEADER => Protocol::Dtls,
        [0x38 | 0x50, rest @ ..] if rest.get(8..13) == Some(&[0; 5][..]) => Protocol::Openvpn,
        [kind, 0, 0, 0, ..] if is_wireguard(*kind, data.len()) => Protocol::Wireguard,
        [first, ..] if first & 0xc0 == 0xc0 && is_quic(data) => Protocol::Quic,
        _ => return stream(data).filter(|found| matches!(found, Protocol::Http | Protocol::Ssh)),
    })
}

fn is_wireguard(kind: u8, length: usize) -> bool {
    WIREGUARD.contains(&(kind, length))
        || (kind == 4 && length >= WIREGUARD_DATA && length.is_multiple_of(16))
}

/// Version 1 or 2, or a draft's (RFC 9000 section 17.2, RFC 9369).
fn is_quic(data: &[u8]) -> bool {
    data.len() >= QUIC_FIRST
        && u32_at(data, 1).is_some_and(|version| {
            matches!(version, 1 | 0x6b33_43cf) || version >> 8 == 0x00ff_0000
        })
}

/// Recognises the beginning of a TCP stream, or of a TLS record in its middle.
#[must_use]
pub fn stream(head: &[u8]) -> Option<Protocol> {
    const METHODS: [&[u8]; 8] =
        [b"GET ", b"POST", b"HEAD", b"PUT ", b"CONN", b"OPTI", b"HTTP", b"PRI "];
    Some(match head {
        // A hello, or a record from the middle of a stream (RFC 8446 section 5.1).
        [22, 3, 0..=4, _, _, 1 | 2, ..] => Protocol::Tls,
        [20 | 21 | 23, 3, 0..=4, 0..=0x48, ..] => Protocol::Tls,
        [b'S', b'S', b'H', b'-', ..] => Protocol::Ssh,
        _ if METHODS.iter().any(|method| head.starts_with(method)) => Protocol::Http,
        _ => return None,
    })
}

/// Describes a payload that is known not to be DNS.
#[must_use]
pub fn describe(data: &[u8]) -> Protocol {
    let printable = |octet: &u8| matches!(octet, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    if let Some(found) = datagram(data).or_else(|| stream(data)) {
        found
    } else if data.len() < HEADER {
        Protocol::Short
    } else if data.iter().all(printable) {
        Protocol::Text
    } else {
        Protocol::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_told_by_their_fixed_octets() {
        let mut wireguard = vec![1, 0, 0, 0];
        wireguard.resize(148, 0xaa);
        let mut quic = vec![0xc3, 0, 0, 0, 1];
        quic.resize(1200, 7);
        let openvpn = [&[0x38][..], &[9; 8], &[0; 5]].concat();
        for (data, told) in [
            (&b"\x10\xd1\x9e\x21"[..], Protocol::IodineRaw),
            (&wireguard, Protocol::Wireguard),
            (&quic, Protocol::Quic),
            (&openvpn, Protocol::Openvpn),
            (b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10", Protocol::Dtls),
            (b"\x16\x03\x01\x02\x00\x01\x00", Protocol::Tls),
            (b"SSH-2.0-OpenSSH_9.2p1", Protocol::Ssh),
            (b"GET / HTTP/1.1\r\n", Protocol::Http),
            (b"hello, is there anybody", Protocol::Text),
            (b"\x00\x01\x02", Protocol::Short),
            (b"\x00\x01\x02\xff\x00\x01\x02\xff\x00\x01\x02\xff", Protocol::Other),
        ] {
            assert_eq!(describe(data), told, "{data:02x?}");
            let name = serde_json::to_string(&told).unwrap();
            assert_eq!(name.trim_matches('"'), told.name());
        }
    }

    #[test]
    fn the_length_of_a_message_in_tcp_is_not_taken_for_another_protocol() {
        // 0x1603 octets of DNS, with an id that no TLS version has.
        assert_eq!(stream(b"\x16\x03\x01\x34\x01\x00\x00\x01"), None);
        assert_eq!(stream(b"\x16\x03\x12\x34\x01\x00\x00\x01"), None);
        assert_eq!(stream(b"\x00\x1d\x12\x34\x01\x00\x00\x01"), None);
    }
}
