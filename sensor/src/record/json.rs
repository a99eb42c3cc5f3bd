//! Records as JSON, one document a line.

use serde::{Deserialize, Serialize};

use super::not_dns::NotDnsRow;
use super::row::{Row, row_of, transaction_of};
use super::tick::TickRow;
use super::{NotDns, Record, Tick, Transaction, VERSION};

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not JSON, or not of the record's form.
    #[error("not a record: {0}")]
    Form(#[from] serde_json::Error),
    /// Not octets of the record's form.
    #[error("not a record: {0}")]
    Octets(#[from] postcard::Error),
    /// A field whose text means nothing.
    #[error("field `{field}` of a record cannot be \"{value}\"")]
    Value {
        /// The field.
        field: &'static str,
        /// Its text.
        value: String,
    },
    /// Another version of the contract.
    #[error("record of version {0}, this program reads version {VERSION}")]
    Version(u16),
}

/// A record that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedRecord {
    /// A payload that is not DNS.
    NotDns(NotDns),
    /// One second of one host, or of all.
    Tick(Tick),
    /// One exchange.
    Transaction(Box<Transaction>),
}

impl OwnedRecord {
    /// Returns the exchange, if it is one.
    #[must_use]
    pub fn into_transaction(self) -> Option<Transaction> {
        match self {
            Self::Transaction(transaction) => Some(*transaction),
            _ => None,
        }
    }

    /// Returns the record as the pipeline hands it on.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        match self {
            Self::NotDns(not_dns) => Record::NotDns(not_dns),
            Self::Tick(tick) => Record::Tick(tick),
            Self::Transaction(transaction) => Record::Transaction(transaction),
        }
    }
}

/// Appends `record` to `line` as JSON, without a line end.
///
/// # Errors
/// None that a record can cause; serde's signature has it.
pub fn to_json(record: &Record<'_>, line: &mut Vec<u8>) -> Result<(), RecordError> {
    fn write(line: &mut Vec<u8>, row: &impl Serialize) -> Result<(), RecordError> {
        Ok(serde_json::to_writer(line, row)?)
    }
    match record {
        Record::NotDns(not_dns) => write(line, &NotDnsRow::from(*not_dns)),
        Record::Tick(tick) => write(line, &TickRow::from(*tick)),
        Record::Transaction(transaction) => write(line, &row_of(transaction)),
    }
}

/// Reads one line back.
///
/// # Errors
/// A line that is not JSON, not of this version, or has a field that is unknown or means nothing.
pub fn from_json(line: &[u8]) -> Result<OwnedRecord, RecordError> {
    #[derive(Deserialize)]
    struct Head {
        version: u16,
        kind: String,
    }
    let Head { version, kind } = serde_json::from_slice(line)?;
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    match kind.as_str() {
        "not_dns" => {
            Ok(OwnedRecord::NotDns(serde_json::from_slice::<NotDnsRow<'_>>(line)?.try_into()?))
        }
        "tick" => Ok(OwnedRecord::Tick(serde_json::from_slice::<TickRow<'_>>(line)?.into())),
        "transaction" => {
            let row: Row<'_> = serde_json::from_slice(line)?;
            Ok(OwnedRecord::Transaction(Box::new(transaction_of(row)?)))
        }
        _ => Err(RecordError::Value { field: "kind", value: kind }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::decode::foreign::Protocol;
    use crate::decode::path::{Path, Tunnel, TunnelKind};
    use crate::name::Name;
    use crate::record::{Mismatch, Role, SensorFigures, Status, TickFigures, Transport};
    use crate::time::Timestamp;

    fn answered() -> Transaction {
        let mut transaction = Transaction {
            status: Status::Answered,
            qname: Name::parse("a\\.b.c\\000.example.com").unwrap(),
            domain_at: 7,
            qtype: 65399,
            rtt_micros: Some(12),
            path: Path::new(Some(4), None, &[Tunnel { kind: TunnelKind::Vxlan, id: Some(9) }]),
            ..Transaction::default()
        };
        transaction.answer.add(16, 3, b"\x02hi");
        transaction.answer.add(10, 9, b"raw");
        transaction.answer.add(1, 9, &[127, 0, 0, 2]);
        transaction.answer.rcode = 3;
        transaction
    }

    #[test]
    fn a_record_survives_its_line() {
        let host = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let not_dns = NotDns {
            time: Timestamp(5),
            transport: Transport::Udp,
            client: host,
            server: host,
            client_port: 4000,
            server_port: 53,
            from_client: true,
            path: Path::new(None, None, &[Tunnel { kind: TunnelKind::Erspan, id: None }]),
            protocol: Protocol::IodineRaw,
            bytes: 4,
            head: vec![0x10, 0xd1, 0x9e, 0x21],
        };
        let figures = TickFigures { queries: 3, tcp_syn: 1, ..TickFigures::default() };
        let sensor =
            Some(SensorFigures { frames: 9, dropped_kernel: 2, ..SensorFigures::default() });
        let orphan = Transaction {
            status: Status::Unsolicited,
            mismatch: Some(Mismatch::Id),
            ..Transaction::default()
        };
        for record in [
            OwnedRecord::Transaction(Box::new(answered())),
            OwnedRecord::Transaction(Box::new(orphan)),
            OwnedRecord::NotDns(not_dns),
            OwnedRecord::Tick(Tick { figures, sensor, ..Tick::default() }),
            OwnedRecord::Tick(Tick { role: Role::Server, address: Some(host), ..Tick::default() }),
        ] {
            let mut line = Vec::new();
            to_json(&record.as_record(), &mut line).unwrap();
            assert_eq!(from_json(&line).unwrap(), record, "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn other_versions_and_unknown_fields_are_refused_by_name() {
        let mut line = Vec::new();
        to_json(&Record::Transaction(&answered()), &mut line).unwrap();
        let text = String::from_utf8(line).unwrap();
        let refused =
            |from, to| from_json(text.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert!(refused("\"version\":3", "\"version\":2").contains("version 2"));
        assert!(refused("\"vlan\"", "\"vlam\"").contains("vlam"));
        assert!(refused("TYPE65399", "FOO").contains("`qtype`"));
        // The domain is the end of the name, label by label (found by fuzzing).
        assert!(
            refused("\"domain\":\"example.com\"", "\"domain\":\"ple.com\"").contains("`domain`")
        );
        assert!(
            refused("\"domain\":\"example.com\"", "\"domain\":\"other.com\"").contains("`domain`")
        );
        assert!(refused("\"transaction\"", "\"message\"").contains("`kind`"));
    }
}
