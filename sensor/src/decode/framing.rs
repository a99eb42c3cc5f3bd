//! Messages in the octets of a stream (RFC 1035 section 4.2.2): cut out, and told from their
//! beginning.

use crate::decode::heard::LENGTH_FIELD;
use crate::decode::message::HEADER;
use crate::decode::wire::u16_at;

/// Octets by which the beginning of a message is told: length, id, flags, number of questions.
pub(super) const JUDGED: usize = 8;

/// Hands every whole message at the head of `data` to `found`; returns what is left.
pub(super) fn frames<'a>(data: &'a [u8], mut found: impl FnMut(&'a [u8])) -> &'a [u8] {
    let mut rest = data;
    while let Some(length) = u16_at(rest, 0) {
        let end = LENGTH_FIELD + usize::from(length);
        let Some(message) = rest.get(LENGTH_FIELD..end) else { break };
        found(message);
        rest = rest.get(end..).unwrap_or_default();
    }
    rest
}

/// Tells whether a stream that broke off behind `data` may have begun with a message.
pub(super) fn may_begin_message(data: &[u8]) -> bool {
    data.len() < JUDGED || begins_message(data)
}

/// Tells whether `data`, from the middle of a stream, looks like the start of a message.
pub(super) fn begins_message(data: &[u8]) -> bool {
    let (Some(length), Some(flags), Some(questions)) =
        (u16_at(data, 0), u16_at(data, 4), u16_at(data, 6))
    else {
        return false;
    };
    // A known opcode, the reserved bit clear, and no more questions than anybody sends.
    usize::from(length) >= HEADER
        && matches!((flags >> 11) & 0xf, 0 | 2 | 4 | 5 | 6)
        && flags & 0x0040 == 0
        && questions <= 1
}
