//! Records as lines of JSON, read and written.

use geophone_sensor::record::{Record, from_json, to_json};

/// Runs one input: what is read as a record is the same record when written and read again.
pub fn run(data: &[u8]) {
    let Ok(read) = from_json(data) else { return };
    survives(&Record::Transaction(&read));
}

/// Fails unless `record` is the same after a line of JSON.
pub fn survives(record: &Record<'_>) {
    let Record::Transaction(transaction) = record else { return };
    let mut line = Vec::new();
    if let Err(error) = to_json(record, &mut line) {
        panic!("a record cannot be written: {error}");
    }
    match from_json(&line) {
        Ok(again) => assert_eq!(again, **transaction),
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&line)),
    }
}
