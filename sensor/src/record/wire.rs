//! Records as octets, for Kafka: the same contract as the JSON form, at a tenth of its size.
//!
//! Serde's data model in postcard's format: fields in order without names, numbers as varints. It
//! does not describe itself, so a message carries [`WIRE_VERSION`] outside, and a reader refuses
//! others. Any change of a field, its type or its place, or a new variant that is not the last of
//! its enum, needs a new version; a test holds the octets of this one.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    Mismatch, NotDns, OwnedRecord, Record, RecordError, Role, SensorFigures, Status, Tick,
    TickFigures, Transaction, Transport,
};
use crate::decode::foreign::Protocol;
use crate::decode::message::Flags;
use crate::decode::path::{Path, Tunnel};
use crate::decode::rdata::{Answer, AnswerText, Edns};
use crate::defect::Defects;
use crate::feature::{NameFeatures, Rates};
use crate::name::Name;
use crate::time::Timestamp;

/// The version of this form.
pub const WIRE_VERSION: u16 = 3;

/// What a body is; the letter stands in the message's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// [`NotDns`].
    NotDns,
    /// [`Tick`].
    Tick,
    /// [`Transaction`].
    Transaction,
}

impl Wire {
    /// Returns what `letter` stands for.
    #[must_use]
    pub fn of(letter: u8) -> Option<Self> {
        [Self::NotDns, Self::Tick, Self::Transaction]
            .into_iter()
            .find(|kind| kind.letter() == letter)
    }

    /// Returns the letter.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::NotDns => b'n',
            Self::Tick => b't',
            Self::Transaction => b'r',
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WirePath {
    vlan: Option<u16>,
    inner_vlan: Option<u16>,
    tunnels: Vec<Tunnel>,
}

#[derive(Serialize, Deserialize)]
struct WireTransaction<'a> {
    time: i64,
    status: Status,
    transport: Transport,
    client: IpAddr,
    server: IpAddr,
    client_port: u16,
    server_port: u16,
    path: WirePath,
    id: u16,
    flags: u16,
    qname: &'a [u8],
    domain_at: u8,
    qtype: u16,
    qclass: u16,
    name: NameFeatures,
    query_bytes: u32,
    edns: Option<Edns>,
    retries: u16,
    rates: Rates,
    mismatch: Option<Mismatch>,
    rtt_micros: Option<u64>,
    defects: u32,
    #[serde(borrow)]
    answer: Option<WireAnswer<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireAnswer<'a> {
    bytes: u32,
    flags: u16,
    rcode: u16,
    n_answers: u16,
    n_authority: u16,
    n_additional: u16,
    types: Vec<u16>,
    rdata_bytes: u32,
    text_bytes: u32,
    name_bytes: u32,
    opaque_bytes: u32,
    n_addresses: u16,
    n_loopback: u16,
    n_private: u16,
    addresses: u32,
    ttls: Option<(u32, u32)>,
    fingerprint: u32,
    texts: Cow<'a, [AnswerText]>,
}

#[derive(Serialize, Deserialize)]
struct WireNotDns<'a> {
    time: i64,
    transport: Transport,
    client: IpAddr,
    server: IpAddr,
    client_port: u16,
    server_port: u16,
    from_client: bool,
    path: WirePath,
    protocol: Protocol,
    bytes: u64,
    head: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct WireTick {
    time: i64,
    role: Role,
    address: Option<IpAddr>,
    figures: Vec<u32>,
    sensor: Option<SensorFigures>,
}

/// Appends `record` to `out`; returns what it is.
///
/// # Errors
/// None that a record can cause; serde's signature has it.
pub fn to_wire(record: &Record<'_>, out: &mut Vec<u8>) -> Result<Wire, RecordError> {
    fn write(row: &impl Serialize, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let octets = std::mem::take(out);
        *out = postcard::to_extend(row, octets)?;
        Ok(())
    }
    match record {
        Record::NotDns(not_dns) => write(&wire_not_dns(not_dns), out).map(|()| Wire::NotDns),
        Record::Tick(tick) => write(&wire_tick(tick), out).map(|()| Wire::Tick),
        Record::Transaction(transaction) => {
            write(&wire_transaction(transaction), out).map(|()| Wire::Transaction)
        }
    }
}

/// Reads a body back.
///
/// # Errors
/// Octets that are not of this form, or a field that means nothing.
pub fn from_wire(kind: Wire, body: &[u8]) -> Result<OwnedRecord, RecordError> {
    fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, RecordError> {
        let (row, rest) = postcard::take_from_bytes(body)?;
        if rest.is_empty() { Ok(row) } else { Err(wrong("octets", "more than a record")) }
    }
    match kind {
        Wire::NotDns => Ok(OwnedRecord::NotDns(not_dns_of(&read(body)?))),
        Wire::Tick => Ok(OwnedRecord::Tick(tick_of(&read(body)?)?)),
        Wire::Transaction => {
            Ok(OwnedRecord::Transaction(Box::new(transaction_of(read::<WireTransaction<'_>>(
                body,
            )?)?)))
        }
    }
}

fn wire_path(path: &Path) -> WirePath {
    let tunnels = if path.is_tunnelled() { path.tunnels().collect() } else { Vec::new() };
    WirePath { vlan: path.vlan(), inner_vlan: path.inner_vlan(), tunnels }
}

fn path_of(path: &WirePath) -> Path {
    Path::new(path.vlan, path.inner_vlan, &path.tunnels)
}

fn wire_transaction(from: &Transaction) -> WireTransaction<'_> {
    WireTransaction {
        time: from.time.micros(),
        status: from.status,
        transport: from.transport,
        client: from.client,
        server: from.server,
        client_port: from.client_port,
        server_port: from.server_port,
        path: wire_path(&from.path),
        id: from.id,
        flags: from.flags.0,
        qname: from.qname.wire(),
        domain_at: from.domain_at,
        qtype: from.qtype,
        qclass: from.qclass,
        name: from.name,
        query_bytes: from.query_bytes,
        edns: from.edns,
        retries: from.retries,
        rates: from.rates,
        mismatch: from.mismatch,
        rtt_micros: from.rtt_micros,
        defects: from.defects.bits(),
        answer: from.has_answer().then(|| wire_answer(from)),
    }
}

fn wire_answer(from: &Transaction) -> WireAnswer<'_> {
    let answer = &from.answer;
    WireAnswer {
        bytes: from.answer_bytes,
        flags: from.answer_flags.0,
        rcode: answer.rcode,
        n_answers: answer.n_answers,
        n_authority: answer.n_authority,
        n_additional: answer.n_additional,
        types: answer.types().to_vec(),
        rdata_bytes: answer.rdata_bytes,
        text_bytes: answer.text_bytes,
        name_bytes: answer.name_bytes,
        opaque_bytes: answer.opaque_bytes,
        n_addresses: answer.n_addresses,
        n_loopback: answer.n_loopback,
        n_private: answer.n_private,
        addresses: answer.addresses,
        ttls: answer.ttls,
        fingerprint: answer.fingerprint,
        texts: Cow::Borrowed(&from.answer_texts),
    }
}

fn transaction_of(row: WireTransaction<'_>) -> Result<Transaction, RecordError> {
    let qname = Name::from_wire(row.qname).ok_or_else(|| wrong("qname", "no name"))?;
    if qname.suffix_at(row.domain_at.into()).is_none() {
        return Err(wrong("domain_at", &row.domain_at.to_string()));
    }
    let defects = Defects::from_bits(row.defects)
        .ok_or_else(|| wrong("defects", &row.defects.to_string()))?;
    let mut transaction = Transaction {
        time: Timestamp(row.time),
        status: row.status,
        transport: row.transport,
        client: row.client,
        server: row.server,
        client_port: row.client_port,
        server_port: row.server_port,
        path: path_of(&row.path),
        id: row.id,
        flags: Flags(row.flags),
        qname,
        domain_at: row.domain_at,
        qtype: row.qtype,
        qclass: row.qclass,
        name: row.name,
        query_bytes: row.query_bytes,
        edns: row.edns,
        retries: row.retries,
        rates: row.rates,
        mismatch: row.mismatch,
        rtt_micros: row.rtt_micros,
        defects,
        ..Transaction::default()
    };
    if transaction.has_answer() != row.answer.is_some() {
        return Err(wrong("answer", "there and not there"));
    }
    if let Some(answer) = row.answer {
        read_answer(answer, &mut transaction);
    }
    Ok(transaction)
}

fn read_answer(row: WireAnswer<'_>, into: &mut Transaction) {
    into.answer_bytes = row.bytes;
    into.answer_flags = Flags(row.flags);
    into.answer_texts = row.texts.into_owned();
    into.answer = Answer {
        rcode: row.rcode,
        n_answers: row.n_answers,
        n_authority: row.n_authority,
        n_additional: row.n_additional,
        rdata_bytes: row.rdata_bytes,
        text_bytes: row.text_bytes,
        name_bytes: row.name_bytes,
        opaque_bytes: row.opaque_bytes,
        n_addresses: row.n_addresses,
        n_loopback: row.n_loopback,
        n_private: row.n_private,
        addresses: row.addresses,
        ttls: row.ttls,
        fingerprint: row.fingerprint,
        ..Answer::default()
    };
    into.answer.set_types(&row.types);
}

fn wire_not_dns(from: &NotDns) -> WireNotDns<'_> {
    WireNotDns {
        time: from.time.micros(),
        transport: from.transport,
        client: from.client,
        server: from.server,
        client_port: from.client_port,
        server_port: from.server_port,
        from_client: from.from_client,
        path: wire_path(&from.path),
        protocol: from.protocol,
        bytes: from.bytes,
        head: &from.head,
    }
}

fn not_dns_of(row: &WireNotDns<'_>) -> NotDns {
    NotDns {
        time: Timestamp(row.time),
        transport: row.transport,
        client: row.client,
        server: row.server,
        client_port: row.client_port,
        server_port: row.server_port,
        from_client: row.from_client,
        path: path_of(&row.path),
        protocol: row.protocol,
        bytes: row.bytes,
        head: row.head.to_vec(),
    }
}

fn wire_tick(from: &Tick) -> WireTick {
    WireTick {
        time: from.time.micros(),
        role: from.role,
        address: from.address,
        figures: from.figures.in_order(),
        sensor: from.sensor,
    }
}

fn tick_of(row: &WireTick) -> Result<Tick, RecordError> {
    let figures = TickFigures::from_order(&row.figures);
    Ok(Tick {
        time: Timestamp(row.time),
        role: row.role,
        address: row.address,
        figures: figures.ok_or_else(|| wrong("figures", &row.figures.len().to_string()))?,
        sensor: row.sensor,
    })
}

fn wrong(field: &'static str, value: &str) -> RecordError {
    RecordError::Value { field, value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::capture::{CaptureSet, FrameSource as _};
    use crate::config::SensorConfig;
    use crate::pipeline::{Detail, Pipeline};
    use crate::record::to_json;

    fn json(record: &Record<'_>) -> String {
        let mut line = Vec::new();
        to_json(record, &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    /// Every record of a recorded capture.
    fn each(capture: &str, mut take: impl FnMut(&Record<'_>)) {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures");
        let mut source = CaptureSet::new(&[root.join(capture)]);
        let mut pipeline = Pipeline::new(&SensorConfig::default(), Detail::AnswersInWords);
        while let Some(frame) = source.next_frame().unwrap() {
            pipeline.frame(&frame, &mut |record| take(&record));
        }
        pipeline.finish(&mut |record| take(&record));
    }

    #[test]
    fn a_record_is_the_same_behind_both_forms() {
        let mut kinds = [0; 3];
        for capture in ["iodine-raw.pcap.gz", "dnscat2-direct.pcap.gz", "ordinary-bind.pcap"] {
            each(capture, |record| {
                let mut body = Vec::new();
                let kind = to_wire(record, &mut body).unwrap();
                kinds[usize::from(kind == Wire::Tick) + 2 * usize::from(kind == Wire::NotDns)] += 1;
                let again = from_wire(kind, &body).unwrap();
                assert_eq!(json(&again.as_record()), json(record));
                let cut = &body[..body.len() - 1];
                assert!(from_wire(kind, cut).is_err(), "{}", json(record));
                body.push(0);
                assert!(from_wire(kind, &body).is_err(), "{}", json(record));
            });
        }
        assert!(kinds.iter().all(|n| *n > 0), "{kinds:?}");
    }

    #[test]
    fn a_body_with_a_wrong_octet_is_refused_or_another_record_and_never_a_panic() {
        let (mut n, mut refused) = (0, 0);
        each("iodine-raw.pcap.gz", |record| {
            n += 1;
            if n % 16 != 0 {
                return;
            }
            let mut body = Vec::new();
            let kind = to_wire(record, &mut body).unwrap();
            for at in 0..body.len() {
                for wrong in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut other = body.clone();
                    other[at] = wrong;
                    let Ok(read) = from_wire(kind, &other) else {
                        refused += 1;
                        continue;
                    };
                    let mut again = Vec::new();
                    to_wire(&read.as_record(), &mut again).unwrap();
                    assert_eq!(from_wire(kind, &again).unwrap(), read);
                }
            }
        });
        assert!(n > 16 && refused > 100, "{n} {refused}");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let mut transaction = Transaction {
            qname: Name::parse("a.example.com").unwrap(),
            domain_at: 2,
            ..Transaction::default()
        };
        let refused = |transaction: &Transaction| {
            let mut body = Vec::new();
            let kind = to_wire(&Record::Transaction(transaction), &mut body).unwrap();
            from_wire(kind, &body).unwrap_err().to_string()
        };
        // Within a label.
        transaction.domain_at = 3;
        assert!(refused(&transaction).contains("`domain_at`"));
        assert!(
            from_wire(Wire::Tick, &[0, 1, 0, 2, 7, 7, 0])
                .unwrap_err()
                .to_string()
                .contains("`figures`")
        );
    }

    /// The octets of this version: whoever changes them gives the form a new version, and rewrites the
    /// file with `UPDATE_GOLDEN=1`.
    #[test]
    fn the_octets_of_this_version_stay() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(format!("wire-{WIRE_VERSION}.txt"));
        let mut found = String::new();
        let mut seen = Vec::new();
        for capture in ["iodine-raw.pcap.gz", "dnscat2-direct.pcap.gz"] {
            each(capture, |record| {
                let mut body = Vec::new();
                let kind = to_wire(record, &mut body).unwrap();
                if seen.iter().filter(|other| **other == kind).count() < 3 {
                    seen.push(kind);
                    let digits: String = body.iter().map(|octet| format!("{octet:02x}")).collect();
                    found += &format!("{} {digits}\n", char::from(kind.letter()));
                }
            });
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &found).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), found, "{}", path.display());
    }
}
