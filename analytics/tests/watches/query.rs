//! A record of an exchange, made by hand.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use geophone_sensor::decode::message::Flags;
use geophone_sensor::defect::Defect;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Mismatch, Status, Transaction, Transport, hash_of};
use geophone_sensor::time::Timestamp;

static READER: LazyLock<NameReader> = LazyLock::new(NameReader::default);

pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const SRV: u16 = 33;
pub(crate) const DNSKEY: u16 = 48;
pub(crate) const HTTPS: u16 = 65;
pub(crate) const AXFR: u16 = 252;
pub(crate) const ANY: u16 = 255;

/// An exchange in the making.
pub(crate) struct Query(Transaction);

/// A question for an address and its answer, one public address kept for five minutes, by way of a
/// resolver.
pub(crate) fn ask(client: &str, server: &str, name: &str) -> Query {
    let qname = Name::parse(name).unwrap();
    let (domain_at, features) = READER.read(&qname);
    let length = u32::try_from(qname.wire().len()).unwrap();
    let transaction = Transaction {
        status: Status::Answered,
        client: client.parse().unwrap(),
        server: server.parse().unwrap(),
        client_port: 40_000,
        server_port: 53,
        flags: Flags(0x0100),
        answer_flags: Flags(0x8180),
        qname,
        domain_at,
        name: features,
        qtype: 1,
        qclass: 1,
        query_bytes: 16 + length,
        answer_bytes: 32 + length,
        rtt_micros: Some(8_000),
        ..Transaction::default()
    };
    Query(transaction).points_to(&["198.51.100.7"], 300)
}

impl Query {
    /// Asks for another type: the answer is no address.
    pub(crate) fn kind(mut self, qtype: u16) -> Self {
        self.0.qtype = qtype;
        if !matches!(qtype, 1 | AAAA) {
            let answer = &mut self.0.answer;
            (answer.n_addresses, answer.n_private, answer.addresses) = (0, 0, 0);
        }
        self
    }

    /// Asks in another class.
    pub(crate) fn class(mut self, qclass: u16) -> Self {
        self.0.qclass = qclass;
        self
    }

    /// Comes from another port.
    pub(crate) fn by_port(mut self, port: u16) -> Self {
        self.0.client_port = port;
        self
    }

    /// Is answered with addresses, to be kept for `ttl` seconds.
    pub(crate) fn points_to(mut self, addresses: &[&str], ttl: u32) -> Self {
        let answer = &mut self.0.answer;
        (answer.n_addresses, answer.n_private, answer.n_loopback, answer.addresses) = (0, 0, 0, 0);
        for text in addresses {
            let (octets, private, loopback) = match text.parse().unwrap() {
                IpAddr::V4(host) => {
                    let here = host.is_loopback() || host.is_unspecified();
                    let private = host.is_private() || here || host.is_link_local();
                    (host.octets().to_vec(), private, host.is_loopback())
                }
                IpAddr::V6(host) => (host.octets().to_vec(), host.is_unique_local(), false),
            };
            answer.n_addresses += 1;
            answer.n_private += u16::from(private);
            answer.n_loopback += u16::from(loopback);
            let print = hash_of(&octets, 0) & 0xffff_ffff;
            answer.addresses = answer.addresses.wrapping_add(u32::try_from(print).unwrap());
        }
        answer.n_answers = answer.n_addresses;
        answer.ttls = Some((ttl, ttl));
        self
    }

    /// Is answered with a payload that `text` stands for.
    pub(crate) fn tells(mut self, text: &str) -> Self {
        let answer = &mut self.0.answer;
        answer.n_answers = 1;
        answer.text_bytes = u32::try_from(text.len()).unwrap();
        answer.rdata_bytes = answer.text_bytes;
        answer.fingerprint = u32::try_from(hash_of(text.as_bytes(), 0) & 0xffff_ffff).unwrap();
        self
    }

    /// May be kept for so long, in seconds.
    pub(crate) fn kept(mut self, ttl: u32) -> Self {
        self.0.answer.ttls = Some((ttl, ttl));
        self
    }

    /// Is answered with this response code and nothing else.
    pub(crate) fn fails(mut self, rcode: u16) -> Self {
        self = self.points_to(&[], 0);
        self.0.answer.rcode = rcode;
        self.0.answer.ttls = None;
        self.0.answer.n_authority = u16::from(rcode == 3);
        self
    }

    /// Is referred to other servers: no answer, their names (RFC 1034 section 4.3.2).
    pub(crate) fn referred(mut self) -> Self {
        self = self.fails(0);
        self.0.answer.n_authority = 2;
        self
    }

    /// Is answered that the name does not exist.
    pub(crate) fn missing(self) -> Self {
        self.fails(3)
    }

    /// Gets no answer.
    pub(crate) fn unanswered(mut self) -> Self {
        self = self.fails(0);
        self.0.status = Status::Unanswered;
        self.0.answer_bytes = 0;
        self.0.rtt_micros = None;
        self
    }

    /// Is an answer nobody waits for, with this in common with a question.
    pub(crate) fn unasked(mut self, mismatch: Option<Mismatch>) -> Self {
        self.0.status = Status::Unsolicited;
        self.0.mismatch = mismatch;
        self.0.query_bytes = 0;
        self.0.rtt_micros = None;
        self
    }

    /// Is answered so many seconds after the question; also one that contradicts.
    pub(crate) fn after(mut self, seconds: f64) -> Self {
        self.0.rtt_micros = Some(Duration::from_secs_f64(seconds).as_micros().try_into().unwrap());
        self
    }

    /// Has messages of these sizes, in octets.
    pub(crate) fn octets(mut self, up: u32, down: u32) -> Self {
        (self.0.query_bytes, self.0.answer_bytes) = (up, down);
        self
    }

    /// Is answered by the authority itself.
    pub(crate) fn by_authority(mut self) -> Self {
        (self.0.flags, self.0.answer_flags) = (Flags(0), Flags(0x8400));
        self
    }

    /// Asks for recursion, whatever it gets.
    pub(crate) fn recursing(mut self) -> Self {
        self.0.flags = Flags(0x0100);
        self
    }

    /// Is answered with as much as fits (TC).
    pub(crate) fn cut_to_fit(mut self) -> Self {
        self.0.answer_flags = Flags(0x8380);
        self
    }

    /// Goes over TCP.
    pub(crate) fn over_tcp(mut self) -> Self {
        self.0.transport = Transport::Tcp;
        self
    }

    /// Has these defects.
    pub(crate) fn broken(mut self, defects: &[Defect]) -> Self {
        for defect in defects {
            self.0.defects.add(*defect);
        }
        self
    }

    /// Returns the record at a time.
    pub(crate) fn at(self, time: Timestamp) -> Transaction {
        Transaction { time, ..self.0 }
    }
}
