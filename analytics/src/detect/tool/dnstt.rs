//! dnstt: a stream over TXT, base 32, with a client id of eight octets before everything.
//!
//! Source: the protocol description of dnstt (David Fifield, bamsoftware.com) and the constants of
//! its client: after the id comes padding whose length is 0xe0 and the number of octets (three in a
//! query with data, eight in a poll), then packets behind their length.

use serde::{Deserialize, Serialize};

use super::question::{Question, base32, number};

const TYPE_TXT: u16 = 16;

/// What is remembered of one client's dnstt.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Dnstt {
    /// The first 60 bits of the client id.
    client: u64,
}

impl Dnstt {
    /// Takes one name; tells whether dnstt would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        let label = question.first();
        let (Some(client), Some(behind)) = (
            label.get(..12).and_then(|id| number(id, 5, base32)),
            label.get(12..15).and_then(|part| number(part, 5, base32)),
        ) else {
            return false;
        };
        let same = std::mem::replace(&mut self.client, client) == client;
        // The id has 64 bits: the four lowest stand before the padding's octet.
        let padding = (behind >> 3) & 0xff;
        same && padding >= 0xe0 && question.transaction.qtype == TYPE_TXT
    }
}
