//! What records carry, in figures; and in words, through hickory-proto, where somebody will read it.

use std::net::{Ipv4Addr, Ipv6Addr};

use std::fmt::Write as _;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, Record as HickoryRecord, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use serde::{Deserialize, Serialize};

use crate::decode::message::HEADER;
use crate::decode::wire::{skip_name, u16_at};

/// Distinct answer types that are kept.
pub const MAX_TYPES: usize = 4;

/// Octets of record data that go into the fingerprint of an answer's payload.
const FINGERPRINT_OCTETS: usize = 512;

/// What a record type can carry, as far as a tunnel is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A and AAAA: 4 or 16 octets.
    Address,
    /// CNAME, NS, PTR, MX, SRV, DNAME: a name.
    Name,
    /// TXT and SPF: free text.
    Text,
    /// NULL, KEY, private and unassigned types: anything at all.
    Opaque,
    /// DNSSEC, SOA, HTTPS and the rest: data with a form of its own.
    Structured,
}

impl Payload {
    /// Classifies a record type (numbers: IANA DNS parameters).
    #[must_use]
    pub const fn of(kind: u16) -> Self {
        match kind {
            1 | 28 => Self::Address,
            2 | 5 | 12 | 15 | 33 | 39 => Self::Name,
            16 | 99 => Self::Text,
            // NULL, WKS, HINFO, RP, KEY, SINK, NINFO, OPENPGPKEY; unassigned and private use.
            10
            | 11
            | 13
            | 17
            | 25
            | 40
            | 56
            | 61
            | 110..=127
            | 133..=248
            | 264..=32767
            | 32770..=65535 => Self::Opaque,
            _ => Self::Structured,
        }
    }
}

/// The OPT record of a message (RFC 6891).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edns {
    /// The largest UDP payload the sender takes, in octets.
    pub udp_size: u16,
    /// The version, 0 so far.
    pub version: u8,
    /// DO: DNSSEC records are wanted.
    pub dnssec_ok: bool,
    /// How many options it has.
    pub n_options: u16,
    /// Octets of all options with their headers.
    pub options_bytes: u16,
    /// Bits of the client's address told to the server (RFC 7871).
    pub client_subnet: Option<u8>,
    /// Octets of the cookie, both parts together (RFC 7873); 0 without one.
    pub cookie_bytes: u16,
    /// Octets of padding (RFC 7830).
    pub padding_bytes: u16,
    /// Octets of options that IANA assigned to nobody, which may carry anything.
    pub unknown_bytes: u16,
}

impl Edns {
    /// Notes an option (numbers: IANA DNS EDNS0 option codes).
    fn option(&mut self, code: u16, data: &[u8]) {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        self.n_options = self.n_options.saturating_add(1);
        match code {
            8 => self.client_subnet = data.get(2).copied().or(self.client_subnet),
            10 => self.cookie_bytes = self.cookie_bytes.saturating_add(length),
            12 => self.padding_bytes = self.padding_bytes.saturating_add(length),
            1..=20 | 26946 => {}
            _ => self.unknown_bytes = self.unknown_bytes.saturating_add(length),
        }
    }
}

/// An OPT record as read: the fields that records keep, and two that only the message needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    pub(crate) edns: Edns,
    /// The upper eight bits of the response code.
    pub(crate) extended_rcode: u16,
    /// Whether the options fill the record data exactly.
    pub(crate) options_fit: bool,
}

impl Opt {
    /// Reads the fields that OPT keeps in class, TTL and data.
    pub(crate) fn read(class: u16, ttl: u32, rdata: &[u8]) -> Self {
        let [extended, version, flags, _] = ttl.to_be_bytes();
        let mut edns = Edns {
            udp_size: class,
            version,
            dnssec_ok: flags & 0x80 != 0,
            options_bytes: u16::try_from(rdata.len()).unwrap_or(u16::MAX),
            ..Edns::default()
        };
        let mut at = 0;
        while let (Some(code), Some(length)) = (u16_at(rdata, at), u16_at(rdata, at + 2)) {
            let start = at + 4;
            at = start + usize::from(length);
            let Some(data) = rdata.get(start..at) else { break };
            edns.option(code, data);
        }
        Self { edns, extended_rcode: u16::from(extended), options_fit: at == rdata.len() }
    }
}

/// What an answer carries, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Response code, the bits of EDNS included.
    pub rcode: u16,
    /// Records in the answer section, by the header.
    pub n_answers: u16,
    /// Records in the authority section, by the header.
    pub n_authority: u16,
    /// Records in the additional section, by the header.
    pub n_additional: u16,
    /// The first distinct types of the answer section.
    pub(crate) types: [u16; MAX_TYPES],
    pub(crate) n_types: u8,
    /// Record data of the answer section, in octets.
    pub rdata_bytes: u32,
    /// Of these, text without its length octets.
    pub text_bytes: u32,
    /// Of these, names.
    pub name_bytes: u32,
    /// Of these, opaque data.
    pub opaque_bytes: u32,
    /// Addresses in the answer section.
    pub n_addresses: u16,
    /// Of these, IPv4 addresses in 127.0.0.0/8, which block lists answer (RFC 5782 section 2.1).
    pub n_loopback: u16,
    /// Of the addresses, those of private use: RFC 1918, RFC 3927, RFC 4193, RFC 4291 section 2.5.6,
    /// loopback and the unspecified address.
    pub n_private: u16,
    /// Tells sets of addresses apart, whatever their order; 0 where there is none.
    pub addresses: u32,
    /// Smallest and largest TTL of the answer section, in seconds.
    pub ttls: Option<(u32, u32)>,
    /// Tells payloads (text, names, opaque data) apart; 0 where there is none.
    pub fingerprint: u32,
}

impl Answer {
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Adds one record of the answer section; tells whether its length fits its type.
    pub(crate) fn add(&mut self, kind: u16, ttl: u32, rdata: &[u8]) -> bool {
        let length = u32::try_from(rdata.len()).unwrap_or(u32::MAX);
        self.rdata_bytes = self.rdata_bytes.saturating_add(length);
        self.ttls = Some(match self.ttls {
            Some((low, high)) => (low.min(ttl), high.max(ttl)),
            None => (ttl, ttl),
        });
        self.note_type(kind);
        match Payload::of(kind) {
            Payload::Address => {
                self.n_addresses = self.n_addresses.saturating_add(1);
                let loopback = kind == 1 && rdata.first() == Some(&127);
                self.n_loopback = self.n_loopback.saturating_add(u16::from(loopback));
                let private = is_private(kind, rdata);
                self.n_private = self.n_private.saturating_add(u16::from(private));
                self.addresses = self.addresses.wrapping_add(fnv1a(0x811c_9dc5, rdata));
                return rdata.len() == if kind == 1 { 4 } else { 16 };
            }
            Payload::Text => {
                let (octets, fits) = text_octets(rdata);
                self.text_bytes = self.text_bytes.saturating_add(octets);
                self.note_payload(rdata);
                return fits;
            }
            Payload::Name => {
                self.name_bytes = self.name_bytes.saturating_add(length);
                self.note_payload(rdata);
            }
            Payload::Opaque => {
                self.opaque_bytes = self.opaque_bytes.saturating_add(length);
                self.note_payload(rdata);
            }
            Payload::Structured => {}
        }
        true
    }

    /// Returns the first distinct types of the answer section.
    #[must_use]
    pub fn types(&self) -> &[u16] {
        self.types.get(..usize::from(self.n_types)).unwrap_or_default()
    }

    /// Replaces the types, keeping at most [`MAX_TYPES`].
    pub(crate) fn set_types(&mut self, types: &[u16]) {
        self.n_types = 0;
        for kind in types {
            self.note_type(*kind);
        }
    }

    fn note_type(&mut self, kind: u16) {
        if self.types().contains(&kind) {
            return;
        }
        if let Some(slot) = self.types.get_mut(usize::from(self.n_types)) {
            *slot = kind;
            self.n_types += 1;
        }
    }

    /// FNV-1a over the first octets and the length: tells answers apart, protects nothing.
    fn note_payload(&mut self, rdata: &[u8]) {
        let begin = if self.fingerprint == 0 { 0x811c_9dc5 } else { self.fingerprint };
        self.fingerprint = fnv1a(begin, rdata).max(1);
    }
}

fn fnv1a(begin: u32, rdata: &[u8]) -> u32 {
    let length = u32::try_from(rdata.len()).unwrap_or(u32::MAX);
    let octets = rdata.iter().take(FINGERPRINT_OCTETS);
    let mut hash = begin;
    for byte in octets.chain(&length.to_be_bytes()) {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

/// Counts the octets of character strings without their lengths (RFC 1035 section 3.3.14).
fn text_octets(rdata: &[u8]) -> (u32, bool) {
    let mut rest = rdata;
    let mut octets = 0_u32;
    while let Some((length, tail)) = rest.split_first() {
        let taken = usize::from(*length).min(tail.len());
        octets = octets.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
        if taken < usize::from(*length) {
            return (octets, false);
        }
        rest = tail.get(taken..).unwrap_or_default();
    }
    (octets, true)
}

/// One answer record in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerText {
    /// The record type's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// Time to live in seconds.
    pub ttl: u32,
    /// The data in presentation form.
    pub data: String,
}

/// Whether an address is of private use; not shared address space (RFC 6598), which providers use.
fn is_private(kind: u16, rdata: &[u8]) -> bool {
    if kind == 1 {
        let Ok(octets) = <[u8; 4]>::try_from(rdata) else { return false };
        let host = Ipv4Addr::from(octets);
        return host.is_private()
            || host.is_link_local()
            || matches!(octets.first(), Some(0 | 127));
    }
    let Ok(octets) = <[u8; 16]>::try_from(rdata) else { return false };
    let host = Ipv6Addr::from(octets);
    host.is_unique_local()
        || host.is_unicast_link_local()
        || host.is_loopback()
        || host.is_unspecified()
}

/// Decodes up to `most` records of the answer section of `data` with hickory-proto.
///
/// Stops at the first record it cannot read: figures are in [`Answer`], this is for readers.
#[must_use]
pub fn answers_in_words(data: &[u8], most: usize) -> Vec<AnswerText> {
    let mut texts = Vec::new();
    let (Some(questions), Some(answers)) = (u16_at(data, 4), u16_at(data, 6)) else { return texts };
    let mut at = HEADER;
    for _ in 0..questions {
        match skip_name(data, at) {
            Ok(behind) => at = behind + 4,
            Err(_) => return texts,
        }
    }
    // The decoder panics if it is set behind the end.
    let Some(start) = u16::try_from(at).ok().filter(|_| at < data.len()) else { return texts };
    let mut decoder = BinDecoder::new(data).clone(start);
    for _ in 0..usize::from(answers).min(most) {
        let Ok(record) = HickoryRecord::read(&mut decoder) else { break };
        texts.push(AnswerText {
            kind: type_name(record.record_type().into()),
            ttl: record.ttl,
            data: in_words(&record.data),
        });
    }
    texts
}

/// Some of hickory-proto's formatters refuse data that its decoder took (`to_string` would panic).
fn in_words(data: &RData) -> String {
    let mut text = String::new();
    if write!(text, "{data}").is_err() {
        text.push_str(" (the rest cannot be shown)");
    }
    text
}

/// Returns the name of a record type, `TYPE123` where it has none (RFC 3597 section 5).
#[must_use]
pub fn type_name(kind: u16) -> String {
    match RecordType::from(kind) {
        RecordType::Unknown(number) => match number {
            11 => "WKS".to_owned(),
            14 => "MINFO".to_owned(),
            17 => "RP".to_owned(),
            24 => "SIG".to_owned(),
            25 => "KEY".to_owned(),
            29 => "LOC".to_owned(),
            39 => "DNAME".to_owned(),
            99 => "SPF".to_owned(),
            _ => format!("TYPE{number}"),
        },
        RecordType::ZERO => "TYPE0".to_owned(),
        known => known.to_string(),
    }
}

/// Returns the number of a record type's name, the reverse of [`type_name`].
#[must_use]
pub fn type_number(name: &str) -> Option<u16> {
    if let Some(number) = name.strip_prefix("TYPE").and_then(|digits| digits.parse().ok()) {
        return Some(number);
    }
    (0..=u16::from(u8::MAX))
        .chain(256..=264)
        .chain([32768, 32769, 65305])
        .find(|number| type_name(*number) == name)
}

/// Returns the mnemonic of a response code (`NOERROR`, `NXDOMAIN`, …), `RCODE77` without one.
#[must_use]
pub fn rcode_name(rcode: u16) -> String {
    let [high, low] = (rcode >> 4, rcode & 0xf).into();
    let high = u8::try_from(high).unwrap_or(u8::MAX);
    let low = u8::try_from(low).unwrap_or_default();
    match ResponseCode::from(high, low) {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::YXDomain => "YXDOMAIN".to_owned(),
        ResponseCode::YXRRSet => "YXRRSET".to_owned(),
        ResponseCode::NXRRSet => "NXRRSET".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        ResponseCode::NotZone => "NOTZONE".to_owned(),
        ResponseCode::BADVERS | ResponseCode::BADSIG => "BADVERS".to_owned(),
        ResponseCode::BADCOOKIE => "BADCOOKIE".to_owned(),
        _ => format!("RCODE{rcode}"),
    }
}

/// Returns the number of a response code's mnemonic, the reverse of [`rcode_name`].
#[must_use]
pub fn rcode_number(name: &str) -> Option<u16> {
    if let Some(number) = name.strip_prefix("RCODE").and_then(|digits| digits.parse().ok()) {
        return Some(number);
    }
    (0..=23).find(|number| rcode_name(*number) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_number_has_a_name_that_leads_back() {
        for number in 0..=u16::MAX {
            let name = type_name(number);
            assert_eq!(type_number(&name), Some(number), "{name}");
        }
    }

    #[test]
    fn every_rcode_has_a_name_that_leads_back() {
        for number in 0..4096 {
            let name = rcode_name(number);
            assert_eq!(rcode_number(&name), Some(number), "{name}");
        }
    }

    #[test]
    fn a_record_that_hickory_cannot_print_is_no_panic() {
        // An OPT record in the answer section: decoded, but its formatter returns an error.
        let mut message = vec![0, 1, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0];
        message.extend(b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00");
        let texts = answers_in_words(&message, 8);
        assert_eq!(texts.first().map(|text| text.kind.as_str()), Some("OPT"));
    }

    #[test]
    fn character_strings_are_counted_without_their_lengths() {
        assert_eq!(text_octets(b"\x02hi\x00\x01!"), (3, true));
        assert_eq!(text_octets(b"\x05hi"), (2, false));
    }

    #[test]
    fn the_payload_fingerprint_tells_answers_apart() {
        let of = |rdata: &[u8]| {
            let mut answer = Answer::default();
            answer.add(10, 0, rdata);
            answer.fingerprint
        };
        assert_eq!(of(b"same"), of(b"same"));
        assert_ne!(of(b"same"), of(b"else"));
        let mut address = Answer::default();
        assert!(address.add(1, 60, &[1, 2, 3, 4]) && !address.add(1, 60, &[1, 2, 3]));
        assert_eq!((address.fingerprint, address.types()), (0, &[1][..]));
    }
}
