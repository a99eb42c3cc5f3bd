//! Records as lines of JSON, read and written.

use geophone_sensor::record::{OwnedRecord, Record, from_json, from_wire, to_json, to_wire};

/// Runs one input: what is read as a record is the same record when written and read again.
pub fn run(data: &[u8]) {
    let Ok(read) = from_json(data) else { return };
    assert_eq!(again(&read.as_record()), read);
}

/// Fails unless `record` is the same after a line of JSON.
pub fn survives(record: &Record<'_>) {
    let read = again(record);
    match (record, &read) {
        (Record::NotDns(given), OwnedRecord::NotDns(read)) => assert_eq!(read, *given),
        (Record::Tick(given), OwnedRecord::Tick(read)) => assert_eq!(read, *given),
        (Record::Transaction(given), OwnedRecord::Transaction(read)) => assert_eq!(**read, **given),
        _ => panic!("{read:?} is of another kind than {record:?}"),
    }
    assert_eq!(as_octets(record), read, "JSON and octets tell different records");
}

fn as_octets(record: &Record<'_>) -> OwnedRecord {
    let mut body = Vec::new();
    match to_wire(record, &mut body).and_then(|kind| from_wire(kind, &body)) {
        Ok(again) => again,
        Err(error) => panic!("{error}: {body:02x?}"),
    }
}

fn again(record: &Record<'_>) -> OwnedRecord {
    let mut line = Vec::new();
    if let Err(error) = to_json(record, &mut line) {
        panic!("a record cannot be written: {error}");
    }
    match from_json(&line) {
        Ok(again) => again,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&line)),
    }
}
