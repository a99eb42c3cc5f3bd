//! Sliver's DNS channel, where it encodes in base 32.
//!
//! Source: BishopFox/sliver, `implant/sliver/encoders` (its own alphabet, without i, l, o and s) and
//! `protobuf/dnspb`: a name is one message of protocol buffers whose first field is the type (tag
//! 0x08, values 1 to 9) and whose second is the session and message (tag 0x10). Base 58, which it
//! uses where resolvers keep the case, has no fixed beginning and is not recognised.

use super::question::{Question, number};

const ALPHABET: &[u8; 32] = b"ab1c2d3e4f5g6h7j8k9m0npqrtuvwxyz";

/// Tells whether Sliver would send this name; nothing has to be remembered.
pub(super) fn fits(question: &Question<'_>) -> bool {
    let label = question.first();
    if label.len() < 8 || !super::question::all(label, digit) {
        return false;
    }
    let head = label.get(..5).and_then(|head| number(head, 5, digit));
    head.is_some_and(|bits| {
        let [.., tag, kind, second] = (bits >> 1).to_be_bytes();
        tag == 0x08 && (1..=9).contains(&kind) && second == 0x10
    })
}

fn digit(byte: u8) -> Option<u8> {
    let at = ALPHABET.iter().position(|letter| *letter == byte.to_ascii_lowercase())?;
    u8::try_from(at).ok()
}
