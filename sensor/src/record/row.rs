//! The JSON form of a transaction.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::json::RecordError;
use super::{Mismatch, Status, Transaction, Transport, VERSION};
use crate::decode::message::Flags;
use crate::decode::path::{Path, Tunnel};
use crate::decode::rdata::{
    Answer, AnswerText, Edns, rcode_name, rcode_number, type_name, type_number,
};
use crate::defect::Defects;
use crate::feature::{NameFeatures, Rates};
use crate::name::Name;
use crate::time::Timestamp;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row<'a> {
    version: u16,
    kind: Cow<'a, str>,
    time: Cow<'a, str>,
    time_micros: Timestamp,
    status: Status,
    transport: Transport,
    client: IpAddr,
    client_port: u16,
    server: IpAddr,
    server_port: u16,
    vlan: Option<u16>,
    inner_vlan: Option<u16>,
    tunnels: Vec<Tunnel>,
    id: u16,
    opcode: u8,
    query_flags: u16,
    qname: String,
    domain: String,
    qtype: String,
    qclass: u16,
    name: NameFeatures,
    query_bytes: u32,
    edns: Option<Edns>,
    retries: u16,
    rates: Rates,
    mismatch: Option<Mismatch>,
    rtt_micros: Option<u64>,
    answer: Option<AnswerRow<'a>>,
    defects: Defects,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerRow<'a> {
    bytes: u32,
    flags: u16,
    rcode: String,
    n_answers: u16,
    n_authority: u16,
    n_additional: u16,
    types: Vec<String>,
    rdata_bytes: u32,
    text_bytes: u32,
    name_bytes: u32,
    opaque_bytes: u32,
    n_addresses: u16,
    /// Left out where it is 0, as in nearly every record.
    #[serde(default, skip_serializing_if = "is_zero")]
    n_loopback: u16,
    n_private: u16,
    /// Left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    addresses: Option<u32>,
    ttl_min_seconds: Option<u32>,
    ttl_max_seconds: Option<u32>,
    fingerprint: u32,
    records: Cow<'a, [AnswerText]>,
}

pub(super) fn row_of(from: &Transaction) -> Row<'_> {
    Row {
        version: VERSION,
        kind: Cow::Borrowed("transaction"),
        time: Cow::Owned(from.time.to_string()),
        time_micros: from.time,
        status: from.status,
        transport: from.transport,
        client: from.client,
        client_port: from.client_port,
        server: from.server,
        server_port: from.server_port,
        vlan: from.path.vlan(),
        inner_vlan: from.path.inner_vlan(),
        tunnels: from.path.tunnels().collect(),
        id: from.id,
        opcode: from.flags.opcode(),
        query_flags: from.flags.0,
        qname: from.qname.to_string(),
        domain: from.domain_text(),
        qtype: type_name(from.qtype),
        qclass: from.qclass,
        name: from.name,
        query_bytes: from.query_bytes,
        edns: from.edns,
        retries: from.retries,
        rates: from.rates,
        mismatch: from.mismatch,
        rtt_micros: from.rtt_micros,
        answer: from.has_answer().then(|| answer_row_of(from)),
        defects: from.defects,
    }
}

fn answer_row_of(from: &Transaction) -> AnswerRow<'_> {
    let answer = &from.answer;
    AnswerRow {
        bytes: from.answer_bytes,
        flags: from.answer_flags.0,
        rcode: rcode_name(answer.rcode),
        n_answers: answer.n_answers,
        n_authority: answer.n_authority,
        n_additional: answer.n_additional,
        types: answer.types().iter().map(|kind| type_name(*kind)).collect(),
        rdata_bytes: answer.rdata_bytes,
        text_bytes: answer.text_bytes,
        name_bytes: answer.name_bytes,
        opaque_bytes: answer.opaque_bytes,
        n_addresses: answer.n_addresses,
        n_loopback: answer.n_loopback,
        n_private: answer.n_private,
        addresses: Some(answer.addresses).filter(|addresses| *addresses != 0),
        ttl_min_seconds: answer.ttls.map(|ttls| ttls.0),
        ttl_max_seconds: answer.ttls.map(|ttls| ttls.1),
        fingerprint: answer.fingerprint,
        records: Cow::Borrowed(&from.answer_texts),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u16) -> bool {
    *n == 0
}

pub(super) fn transaction_of(row: Row<'_>) -> Result<Transaction, RecordError> {
    let name = |field, text: &str| {
        Name::parse(text).map_err(|_| RecordError::Value { field, value: text.to_owned() })
    };
    let qname = name("qname", &row.qname)?;
    let domain = name("domain", &row.domain)?;
    let domain_at = qname.wire().len().saturating_sub(domain.wire().len());
    let is_its_end =
        qname.suffix_at(domain_at).is_some_and(|end| end.eq_ignore_ascii_case(domain.wire()));
    if !is_its_end {
        return Err(RecordError::Value { field: "domain", value: row.domain });
    }
    let qtype = type_number(&row.qtype)
        .ok_or_else(|| RecordError::Value { field: "qtype", value: row.qtype.clone() })?;
    let domain_at = u8::try_from(domain_at);
    let mut transaction = Transaction {
        time: row.time_micros,
        status: row.status,
        transport: row.transport,
        client: row.client,
        server: row.server,
        client_port: row.client_port,
        server_port: row.server_port,
        path: Path::new(row.vlan, row.inner_vlan, &row.tunnels),
        id: row.id,
        flags: Flags(row.query_flags),
        qname,
        domain_at: domain_at.unwrap_or(u8::MAX),
        qtype,
        qclass: row.qclass,
        name: row.name,
        query_bytes: row.query_bytes,
        edns: row.edns,
        retries: row.retries,
        rates: row.rates,
        mismatch: row.mismatch,
        rtt_micros: row.rtt_micros,
        defects: row.defects,
        ..Transaction::default()
    };
    if let Some(answer) = row.answer {
        read_answer(answer, &mut transaction)?;
    }
    Ok(transaction)
}

fn read_answer(row: AnswerRow<'_>, into: &mut Transaction) -> Result<(), RecordError> {
    let rcode = rcode_number(&row.rcode)
        .ok_or_else(|| RecordError::Value { field: "rcode", value: row.rcode.clone() })?;
    let mut types = Vec::new();
    for kind in &row.types {
        types.push(
            type_number(kind)
                .ok_or_else(|| RecordError::Value { field: "types", value: kind.clone() })?,
        );
    }
    into.answer_bytes = row.bytes;
    into.answer_flags = Flags(row.flags);
    into.answer_texts = row.records.into_owned();
    into.answer = Answer {
        rcode,
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
        addresses: row.addresses.unwrap_or_default(),
        ttls: row.ttl_min_seconds.zip(row.ttl_max_seconds),
        fingerprint: row.fingerprint,
        ..Answer::default()
    };
    into.answer.set_types(&types);
    Ok(())
}
