//! Records as octets: what is read is written and read again as the same.

use geophone_sensor::record::{Wire, from_wire, to_wire};

/// Reads the octets behind the first, which says what they are.
pub fn run(data: &[u8]) {
    let Some((letter, body)) = data.split_first() else { return };
    let Some(kind) = Wire::of(*letter) else { return };
    let Ok(record) = from_wire(kind, body) else { return };
    let mut again = Vec::new();
    let written = to_wire(&record.as_record(), &mut again).expect("a record that was read");
    assert_eq!(written, kind);
    assert_eq!(from_wire(kind, &again).expect("a record that was written"), record);
}
