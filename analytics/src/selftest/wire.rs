//! DNS messages and the frames around them, written by hand: nothing here reads what it wrote.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::PacketBuilder;
use geophone_sensor::name::Name;
use geophone_sensor::time::Timestamp;

/// Record types the scenarios ask for (RFC 1035 section 3.2.2, RFC 3596, RFC 9460).
pub(super) const A: u16 = 1;
pub(super) const CNAME: u16 = 5;
pub(super) const NULL: u16 = 10;
pub(super) const PTR: u16 = 12;
pub(super) const MX: u16 = 15;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;
pub(super) const HTTPS: u16 = 65;

/// The resolver that everybody asks.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 53);
/// Microseconds until it answers.
const ANSWER_AFTER: i64 = 12_000;
/// The first moment of every scenario: 2026-01-12T08:00:00Z.
const START: i64 = 1_768_204_800_000_000;

/// A pointer to octet 12, where the question's name stands.
const QUESTION: [u8; 2] = [0xc0, 0x0c];

/// What the answer carries.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// One address.
    Address,
    /// An address in 127.0.0.0/8, as services answer that are asked in names (RFC 5782).
    Listed,
    /// An alias, and an address behind it.
    Alias(String),
    /// No such name.
    Nowhere,
    /// The name exists and has nothing of the type.
    Empty,
    /// One record of the type asked for, with this data.
    Data(Vec<u8>),
    /// A name where the type asks for one.
    Name(String),
}

/// The frames of one client talking to the resolver, in the order of time, and what they carry.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    client: Ipv4Addr,
    pub(super) frames: Vec<(Timestamp, Vec<u8>)>,
    /// When each query was asked and how many octets of hidden payload it moved.
    pub(super) queries: Vec<(Timestamp, u64)>,
    now: i64,
    id: u16,
    random: u64,
    malformed: u64,
}

impl Traffic {
    /// Begins the traffic of the client 10.77.0.`host`, whose random numbers are its own.
    pub(super) fn of_client(host: u8) -> Self {
        Self {
            client: Ipv4Addr::new(10, 77, 0, host),
            frames: Vec::new(),
            queries: Vec::new(),
            now: START,
            id: 0,
            random: 0x9e37_79b9_7f4a_7c15 ^ u64::from(host),
            malformed: 0,
        }
    }

    pub(super) const fn client(&self) -> IpAddr {
        IpAddr::V4(self.client)
    }

    /// Tells how many names could not be written: none, unless a scenario is wrong.
    pub(super) const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Lets time pass.
    pub(super) fn pause_millis(&mut self, millis: i64) {
        self.now += millis * 1000;
    }

    /// Asks and is answered; the exchange moves `payload` octets of hidden data.
    pub(super) fn ask(&mut self, qname: &str, qtype: u16, payload: u64, reply: &Reply) {
        self.id = self.id.wrapping_add(1);
        let Some(question) = question(qname, qtype) else {
            self.malformed += 1;
            return;
        };
        let asked = Timestamp(self.now);
        let query = message(self.id, 0x0100, &question, &[]);
        let port = 20_000 + self.id % 20_000;
        let Some((rcode, answers)) = answers(qtype, reply) else {
            self.malformed += 1;
            return;
        };
        let answer = message(self.id, 0x8180 | rcode, &question, &answers);
        self.push(asked, port, &query, false);
        self.push(Timestamp(self.now + ANSWER_AFTER), port, &answer, true);
        self.queries.push((asked, payload));
    }

    fn push(&mut self, time: Timestamp, port: u16, payload: &[u8], answer: bool) {
        let (client, server) = (self.client.octets(), SERVER.octets());
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let builder = if answer {
            builder.ipv4(server, client, 60).udp(53, port)
        } else {
            builder.ipv4(client, server, 64).udp(port, 53)
        };
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        match builder.write(&mut frame, payload) {
            Ok(()) => self.frames.push((time, frame)),
            Err(_) => self.malformed += 1,
        }
    }

    /// Draws a number below `n` (a 64-bit linear congruential generator, Knuth's constants).
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % n.max(1)
    }

    /// Draws one of `choices`.
    pub(super) fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = self.below(u64::try_from(choices.len()).unwrap_or(1));
        choices.get(usize::try_from(index).unwrap_or_default()).copied().unwrap_or_default()
    }

    /// Draws `n` octets.
    pub(super) fn octets(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| u8::try_from(self.below(256)).unwrap_or_default()).collect()
    }

    /// Draws `n` characters of `alphabet`, which is ASCII.
    pub(super) fn letters(&mut self, n: usize, alphabet: &str) -> String {
        let length = u64::try_from(alphabet.len()).unwrap_or(1);
        let letters = alphabet.as_bytes();
        (0..n)
            .map(|_| {
                let index = usize::try_from(self.below(length)).unwrap_or_default();
                char::from(letters.get(index).copied().unwrap_or(b'x'))
            })
            .collect()
    }

    /// Draws `n` octets in hexadecimal.
    pub(super) fn hex(&mut self, n: usize) -> String {
        self.letters(2 * n, "0123456789abcdef")
    }
}

/// A question in wire form; `None` for a name over its limits.
fn question(qname: &str, qtype: u16) -> Option<Vec<u8>> {
    let mut question = name(qname)?;
    question.extend(qtype.to_be_bytes());
    question.extend([0, 1]);
    Some(question)
}

fn name(text: &str) -> Option<Vec<u8>> {
    let mut wire = Name::parse(text).ok()?.wire().to_vec();
    wire.push(0);
    Some(wire)
}

/// A message with one question (RFC 1035 section 4.1).
fn message(id: u16, flags: u16, question: &[u8], answers: &[Vec<u8>]) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend(flags.to_be_bytes());
    let n = u16::try_from(answers.len()).unwrap_or_default();
    for count in [1, n, 0, 0] {
        message.extend(count.to_be_bytes());
    }
    message.extend_from_slice(question);
    for answer in answers {
        message.extend_from_slice(answer);
    }
    message
}

/// The response code and the records of an answer; `None` for what cannot be written.
fn answers(qtype: u16, reply: &Reply) -> Option<(u16, Vec<Vec<u8>>)> {
    let own = |data: &[u8]| record(&QUESTION, qtype, data);
    Some(match reply {
        Reply::Address => (0, vec![own(address(qtype))?]),
        Reply::Listed => (0, vec![own(&[127, 0, 0, 2])?]),
        Reply::Alias(target) => {
            let target = name(target)?;
            let alias = record(&QUESTION, CNAME, &target)?;
            (0, vec![alias, record(&target, qtype, address(qtype))?])
        }
        Reply::Nowhere => (3, Vec::new()),
        Reply::Empty => (0, Vec::new()),
        Reply::Data(data) if qtype == TXT => (0, vec![own(&strings(data)?)?]),
        Reply::Data(data) => (0, vec![own(data)?]),
        Reply::Name(target) if qtype == MX => {
            let mut data = vec![0, 10];
            data.extend(name(target)?);
            (0, vec![own(&data)?])
        }
        Reply::Name(target) => (0, vec![own(&name(target)?)?]),
    })
}

/// An address for documentation (RFC 5737, RFC 3849).
const fn address(qtype: u16) -> &'static [u8] {
    match qtype {
        AAAA => &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
        _ => &[198, 51, 100, 7],
    }
}

/// Character strings of at most 255 octets (RFC 1035 section 3.3).
fn strings(data: &[u8]) -> Option<Vec<u8>> {
    let mut strings = Vec::new();
    for part in data.chunks(255) {
        strings.push(u8::try_from(part.len()).ok()?);
        strings.extend_from_slice(part);
    }
    Some(strings)
}

/// A record of `owner`, which is in wire form.
fn record(owner: &[u8], kind: u16, data: &[u8]) -> Option<Vec<u8>> {
    let mut record = owner.to_vec();
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 60]);
    record.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    record.extend_from_slice(data);
    Some(record)
}

#[cfg(test)]
mod tests {
    use geophone_sensor::capture::{Frame, LinkType};
    use geophone_sensor::config::SensorConfig;
    use geophone_sensor::pipeline::{Detail, Pipeline};
    use geophone_sensor::record::{Record, Status};

    use super::*;

    #[test]
    fn what_is_written_is_read_without_a_defect() {
        let mut traffic = Traffic::of_client(1);
        traffic.ask("a.example.com", A, 0, &Reply::Alias("b.example.net".to_owned()));
        traffic.ask("a.example.com", TXT, 0, &Reply::Data(vec![b'x'; 300]));
        traffic.ask("a.example.com", MX, 0, &Reply::Name("mx.example.com".to_owned()));
        traffic.ask("nowhere.example.com", AAAA, 0, &Reply::Nowhere);
        traffic.ask(&"x".repeat(64), A, 0, &Reply::Address);
        assert_eq!((traffic.frames.len(), traffic.malformed()), (8, 1));
        let mut sensor = Pipeline::new(&SensorConfig::default(), Detail::Figures);
        let mut n_answered = 0;
        for (time, data) in &traffic.frames {
            let wire_length = u32::try_from(data.len()).unwrap();
            let frame = Frame { time: *time, link: LinkType::Ethernet, data, wire_length };
            sensor.frame(&frame, &mut |record| {
                if let Record::Transaction(transaction) = record {
                    n_answered += usize::from(transaction.status == Status::Answered);
                    assert_eq!(transaction.defects.iter().count(), 0);
                }
            });
        }
        assert_eq!(n_answered, 4);
    }
}
