//! What is kept about the few keys near alarm, so that an alert can explain itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use geophone_sensor::decode::path::Path;
use geophone_sensor::name::Name;
use geophone_sensor::record::{NotDns, Transaction};
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::lifecycle::OpenAlert;
use super::part::{Part, Parts};
use crate::detect::{BeaconTracker, DownloadTracker, Signs, ToolTracker};
use crate::price::{Bits, Expert, NamePrice};

/// Distinct query types and response codes kept per suspect.
const MAX_KINDS: usize = 12;

/// A query name kept as an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was asked.
    pub time: Timestamp,
    /// The name.
    pub qname: Name,
    /// The type asked for.
    pub qtype: u16,
    /// Its price.
    pub bits: Bits,
    /// Octets of the answer message, 0 without one.
    pub answer_bytes: u32,
}

/// What a client is suspected of talking to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A registered domain.
    #[default]
    Domain,
    /// All fresh and rare domains of a client together.
    Rotation,
    /// A registered domain, from all its clients together.
    Shared,
    /// A server, through names under no suffix that anybody registers.
    Undelegated,
    /// A client, whatever it asks and whomever.
    Client,
    /// A server, whoever asks it.
    Server,
    /// A registered domain, whoever asks for it.
    Zone,
}

impl Subject {
    /// Returns the word that alerts carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Rotation => "rotation",
            Self::Shared => "shared",
            Self::Undelegated | Self::Server => "server",
            Self::Client => "client",
            Self::Zone => "zone",
        }
    }
}

/// The evidence about one (client, domain) near alarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Suspect {
    /// What is suspected.
    pub subject: Subject,
    /// Who asks.
    pub client: IpAddr,
    /// Who was asked last.
    pub server: IpAddr,
    /// The registered domain in lower case; empty where the names have none.
    pub domain: String,
    /// Whether the public suffix list knows its suffix.
    pub suffix_known: bool,
    /// The VLAN tags and tunnels around the last transaction.
    pub path: Path,
    /// When it was first suspected.
    pub first: Timestamp,
    /// When it was last seen doing something new.
    pub last: Timestamp,
    /// The dearest names, in the order they came.
    pub samples: Vec<Sample>,
    /// Queries by type since it is suspected.
    pub types: BTreeMap<u16, u32>,
    /// Answers by response code since it is suspected.
    pub rcodes: BTreeMap<u16, u32>,
    /// Novel names by the expert that priced them.
    pub experts: BTreeMap<Expert, u32>,
    /// Octets of query messages since it is suspected.
    pub bytes_up: u64,
    /// Octets of answer messages since it is suspected.
    pub bytes_down: u64,
    /// The domains of a rotation or the clients of a shared domain, each with the price of its
    /// names in bits.
    pub parts: Parts,
    /// Which tool makes the names.
    pub tool: ToolTracker,
    /// How regularly new names come.
    pub beacon: BeaconTracker,
    /// What comes down in addresses.
    pub download: DownloadTracker,
    /// What happens in one clause with its numbers, where a watch saw it.
    pub headline: String,
    /// The alert that is open about it.
    pub open: Option<OpenAlert>,
}

impl Default for Suspect {
    fn default() -> Self {
        let unspecified = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        Self {
            subject: Subject::default(),
            client: unspecified,
            server: unspecified,
            domain: String::new(),
            suffix_known: false,
            path: Path::default(),
            first: Timestamp::default(),
            last: Timestamp::default(),
            samples: Vec::new(),
            types: BTreeMap::new(),
            rcodes: BTreeMap::new(),
            experts: BTreeMap::new(),
            bytes_up: 0,
            bytes_down: 0,
            parts: Parts::default(),
            tool: ToolTracker::default(),
            beacon: BeaconTracker::default(),
            download: DownloadTracker::default(),
            headline: String::new(),
            open: None,
        }
    }
}

impl Suspect {
    /// Begins to suspect the client of `transaction`.
    pub(super) fn begin(subject: Subject, transaction: &Transaction) -> Self {
        let (domain, tool) = match subject {
            Subject::Undelegated => (String::new(), ToolTracker::without_domain()),
            _ => (transaction.domain_text(), ToolTracker::default()),
        };
        Self {
            subject,
            tool,
            first: transaction.time,
            client: transaction.client,
            domain,
            suffix_known: transaction.name.suffix_known,
            ..Self::default()
        }
    }

    /// Begins to suspect the client of a payload that is not DNS.
    #[must_use]
    pub fn of_payload(record: &NotDns) -> Self {
        Self {
            client: record.client,
            server: record.server,
            first: record.time,
            last: record.time,
            ..Self::default()
        }
    }

    /// Takes one more datagram of a tunnel that speaks no DNS.
    pub fn add_payload(&mut self, record: &NotDns, samples: usize) {
        self.tool.add_raw();
        self.note_payload(record, samples);
    }

    /// Takes one more payload that is not DNS; the first ones stay as samples, in hexadecimal.
    pub fn note_payload(&mut self, record: &NotDns, samples: usize) {
        self.path = record.path;
        self.last = self.last.max(record.time);
        let way = if record.from_client { &mut self.bytes_up } else { &mut self.bytes_down };
        *way = way.saturating_add(record.bytes);
        if self.samples.len() < samples {
            let hex: String = record.head.iter().map(|octet| format!("{octet:02x}")).collect();
            let mut qname = Name::default();
            qname.push(hex.as_bytes());
            self.samples.push(Sample {
                time: record.time,
                qname,
                qtype: 0,
                bits: Bits::default(),
                answer_bytes: 0,
            });
        }
    }

    /// Takes one more transaction; `price` is that of a novel name.
    pub fn add(&mut self, transaction: &Transaction, price: Option<NamePrice>, samples: usize) {
        self.server = transaction.server;
        self.path = transaction.path;
        self.last = self.last.max(transaction.time);
        self.bytes_up += u64::from(transaction.query_bytes);
        self.bytes_down += u64::from(transaction.answer_bytes);
        self.tool.add(transaction);
        count(&mut self.types, transaction.qtype);
        if transaction.has_answer() {
            count(&mut self.rcodes, transaction.answer.rcode);
        }
        if let Some(price) = price {
            self.beacon.add(transaction.time);
            self.download.add(transaction);
            count(&mut self.experts, price.expert);
            self.keep(transaction, price.bits, samples);
        }
    }

    /// Adds `bits` to the domain or the client of `transaction`, where the subject has several.
    pub fn add_part(&mut self, transaction: &Transaction, bits: u32) {
        match self.subject {
            Subject::Rotation => self.parts.add(Part::Domain(transaction.domain_text()), bits),
            Subject::Shared => self.parts.add(Part::Client(transaction.client), bits),
            _ => {}
        }
    }

    /// Counts `part`, for an alert that says how often each took part.
    pub fn count_part(&mut self, part: Part) {
        // Parts are kept in bits and shown in whole eights.
        self.parts.add(part, 8);
    }

    /// Takes one more transaction that a watch looked at; the first distinct names stay as samples.
    pub fn note(&mut self, transaction: &Transaction, samples: usize) {
        self.path = transaction.path;
        self.last = self.last.max(transaction.time);
        self.bytes_up += u64::from(transaction.query_bytes);
        self.bytes_down += u64::from(transaction.answer_bytes);
        count(&mut self.types, transaction.qtype);
        if transaction.has_answer() {
            count(&mut self.rcodes, transaction.answer.rcode);
        }
        if self.samples.len() < samples
            && !self.samples.iter().any(|sample| sample.qname == transaction.qname)
        {
            self.samples.push(Sample {
                time: transaction.time,
                qname: transaction.qname.clone(),
                qtype: transaction.qtype,
                bits: Bits::default(),
                answer_bytes: transaction.answer_bytes,
            });
        }
    }

    /// Returns the domains that take part with the price of their names in bytes.
    #[must_use]
    pub fn domains(&self) -> Vec<(String, u64)> {
        self.parts.dearest().filter_map(|(part, bytes)| Some((part.domain()?, bytes))).collect()
    }

    /// Returns the clients that take part with the price of their names in bytes.
    #[must_use]
    pub fn clients(&self) -> Vec<(IpAddr, u64)> {
        self.parts.dearest().filter_map(|(part, bytes)| Some((part.client()?, bytes))).collect()
    }

    /// Returns how many clients share an alert that is about what each of them does by itself.
    #[must_use]
    pub fn sharers(&self) -> u32 {
        if self.subject != Subject::Client {
            return 0;
        }
        let clients = self.parts.known().filter(|part| part.client().is_some()).count();
        u32::try_from(clients).unwrap_or(u32::MAX)
    }

    /// Returns the servers that take part, with how often each did.
    #[must_use]
    pub fn servers(&self) -> Vec<(IpAddr, u64)> {
        self.parts.dearest().filter_map(|(part, n)| Some((part.server()?, n))).collect()
    }

    /// Tells whether only an overflow counts, no score: for a domain over all its clients, whose
    /// names are all novel by the way they are chosen, and for a rotation of which one domain
    /// makes the most, whose own account is the one to tell.
    #[must_use]
    pub fn waits_for_overflow(&self) -> bool {
        match self.subject {
            Subject::Shared => true,
            Subject::Rotation => self.parts.is_mostly_one(),
            _ => false,
        }
    }

    /// Names the dearest part, for alerts that have room for one.
    pub fn name_the_largest(&mut self) {
        let dearest = self.parts.dearest().next().map(|(part, _)| part.clone());
        match dearest {
            Some(Part::Domain(domain)) => self.domain = domain,
            Some(Part::Client(client)) => self.client = client,
            // The one asked last is named already.
            Some(Part::Server(_)) | None => {}
        }
    }

    /// Returns the figures that scorecards weigh beside those of the key.
    #[must_use]
    pub fn signs(&self) -> Signs {
        Signs {
            beacon: self.beacon.score(),
            domains: if self.subject == Subject::Rotation { self.parts.count() } else { 1 },
            novel_addresses: self.download.octets(),
            raw_packets: self.tool.raw(),
            tool_signature: self.tool.signature(),
        }
    }

    /// Tells whether the reasons of a judgement of `score` are to be noted, `records` being seen.
    #[must_use]
    pub fn notes(&self, score: i32, records: u32) -> bool {
        self.open.as_ref().is_none_or(|open| open.notes(score, records))
    }

    /// Keeps the dearest names; among equals the earlier ones.
    fn keep(&mut self, transaction: &Transaction, bits: Bits, most: usize) {
        if self.samples.len() >= most {
            let cheapest = self.samples.iter().enumerate().rev().min_by_key(|(_, s)| s.bits);
            match cheapest {
                Some((index, sample)) if sample.bits < bits => {
                    self.samples.remove(index);
                }
                _ => return,
            }
        }
        self.samples.push(Sample {
            time: transaction.time,
            qname: transaction.qname.clone(),
            qtype: transaction.qtype,
            bits,
            answer_bytes: transaction.answer_bytes,
        });
    }

    /// Returns the expert that priced most of the novel names.
    #[must_use]
    pub fn encoding(&self) -> Option<Expert> {
        self.experts.iter().max_by_key(|(_, n)| **n).map(|(expert, _)| *expert)
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u32>, kind: K) {
    if counts.len() < MAX_KINDS || counts.contains_key(&kind) {
        let n = counts.entry(kind).or_insert(0);
        *n = n.saturating_add(1);
    }
}
