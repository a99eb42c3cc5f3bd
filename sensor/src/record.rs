//! THE CONTRACT between the sensor and everything behind it.
//!
//! In memory a record is borrowed from the pipeline; outside it is one JSON document a line with a
//! version, whose form the golden files hold. A reader refuses other versions and unknown fields.

mod json;
mod not_dns;
mod owner;
mod row;
mod tick;
mod wire;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use json::{OwnedRecord, RecordError, from_json, to_json};
pub use not_dns::{HEAD, NotDns};
pub use owner::{hash_of, hash_of_host, owner_of, seed_check};
pub use tick::{Role, SensorFigures, Tick, TickFigures};
pub use wire::{WIRE_VERSION, Wire, from_wire, to_wire};

use crate::decode::message::Flags;
use crate::decode::path::Path;
use crate::decode::rdata::{Answer, AnswerText, Edns};
use crate::defect::Defects;
use crate::feature::{NameFeatures, Rates};
use crate::name::Name;
use crate::time::Timestamp;

/// The version of the contract; it grows with every change that an old reader could misread.
pub const VERSION: u16 = 3;

/// What the sensor hands on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Record<'a> {
    /// A payload on a watched port that is not DNS.
    NotDns(&'a NotDns),
    /// One second of one host, or of all.
    Tick(&'a Tick),
    /// One exchange.
    Transaction(&'a Transaction),
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A query and its answer.
    Answered,
    /// A further message of an answer that goes on: a zone transfer (RFC 5936 section 2.2).
    Continued,
    /// A query that got none in time.
    #[default]
    Unanswered,
    /// An answer to no query that was seen.
    Unsolicited,
}

/// What an answer that nobody waits for has in common with a query that still waits, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// Addresses and ports, but not the id (RFC 5452 section 9).
    Id,
    /// Addresses, ports and id, but not the name or the type.
    Question,
    /// Everything; but the query was answered before, and this answer says something else.
    Conflict,
    /// Everything; but the query was answered before, and this answer says the same, or the query
    /// was sent more than once.
    Repeat,
    /// Everything; but the query's time was up.
    Late,
}

/// What carried the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP, with the two-octet length (RFC 7766).
    Tcp,
    /// UDP.
    #[default]
    Udp,
}

/// One exchange on port 53 with its features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// When the query was captured; the answer, where there was no query.
    pub time: Timestamp,
    /// How it ended.
    pub status: Status,
    /// What carried it.
    pub transport: Transport,
    /// Who asked.
    pub client: IpAddr,
    /// Who was asked.
    pub server: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The server's port.
    pub server_port: u16,
    /// The VLAN tags and tunnels around the query; the answer, where there was no query.
    pub path: Path,
    /// The message id.
    pub id: u16,
    /// The query's flags; the answer's, where there was no query.
    pub flags: Flags,
    /// The name asked for, in the case it was asked.
    pub qname: Name,
    /// The octet of `qname` where the registered domain begins.
    pub domain_at: u8,
    /// The type asked for.
    pub qtype: u16,
    /// The class asked for.
    pub qclass: u16,
    /// Figures of the name.
    pub name: NameFeatures,
    /// Octets of the query message, 0 without a query.
    pub query_bytes: u32,
    /// The query's OPT record; the answer's, where there was no query.
    pub edns: Option<Edns>,
    /// Repetitions of the query while it waited.
    pub retries: u16,
    /// Recent queries for the same domain.
    pub rates: Rates,
    /// Octets of the answer message, 0 without an answer.
    pub answer_bytes: u32,
    /// The answer's flags.
    pub answer_flags: Flags,
    /// For an answer nobody waits for: what it has in common with a query.
    pub mismatch: Option<Mismatch>,
    /// Microseconds from the query to its answer; of an answer that contradicts an earlier one, to that.
    pub rtt_micros: Option<u64>,
    /// What the answer carries; nothing of meaning without one.
    pub answer: Answer,
    /// The first answers in words, where the pipeline was asked for them.
    pub answer_texts: Vec<AnswerText>,
    /// What was wrong with either message.
    pub defects: Defects,
}

impl Transaction {
    /// Tells whether there was a query.
    #[must_use]
    pub fn has_query(&self) -> bool {
        matches!(self.status, Status::Answered | Status::Unanswered)
    }

    /// Tells whether there was an answer.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.status != Status::Unanswered
    }

    /// Returns the registered domain in wire form.
    #[must_use]
    pub fn domain_wire(&self) -> &[u8] {
        self.qname.wire().get(usize::from(self.domain_at)..).unwrap_or_default()
    }

    /// Returns the registered domain as lower-case text.
    #[must_use]
    pub fn domain_text(&self) -> String {
        let mut text = self.qname.text_from(usize::from(self.domain_at));
        text.make_ascii_lowercase();
        text
    }
}

impl Default for Transaction {
    fn default() -> Self {
        Self {
            time: Timestamp::default(),
            status: Status::default(),
            transport: Transport::default(),
            client: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            server: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            client_port: 0,
            server_port: 0,
            path: Path::default(),
            id: 0,
            flags: Flags::default(),
            qname: Name::default(),
            domain_at: 0,
            qtype: 0,
            qclass: 0,
            name: NameFeatures::default(),
            query_bytes: 0,
            edns: None,
            retries: 0,
            rates: Rates::default(),
            answer_bytes: 0,
            answer_flags: Flags::default(),
            mismatch: None,
            rtt_micros: None,
            answer: Answer::default(),
            answer_texts: Vec::new(),
            defects: Defects::default(),
        }
    }
}
