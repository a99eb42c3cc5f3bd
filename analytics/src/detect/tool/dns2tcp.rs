//! dns2tcp: TCP over DNS, TXT or KEY.
//!
//! Source: the packet header in `common/includes/dns.h` and `requests.h` of dns2tcp 0.5.2 (Debian),
//! and its recorded traffic in `datasets/captures`. A name is base 64 of a header of seven octets –
//! session, acknowledgement, sequence (two each), type – and data. Requests that open a session end
//! in a label `=auth`, `=connect` or `=resource`.

use serde::{Deserialize, Serialize};

use super::question::{Question, base64, number};

/// What the next sequence number may be away from the last.
const MOST_STEPS: i16 = 64;

/// What is remembered of one client's dns2tcp.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Dns2tcp {
    session: Option<u16>,
    sequence: u16,
}

impl Dns2tcp {
    /// Takes one name; tells whether dns2tcp would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        let opens = |label: &&[u8]| {
            [&b"=auth"[..], b"=connect", b"=resource"]
                .iter()
                .any(|tag| label.eq_ignore_ascii_case(tag))
        };
        if question.labels().iter().skip(1).any(opens) {
            return true;
        }
        let Some(head) = question.first().get(..10).and_then(|head| number(head, 6, base64)) else {
            return false;
        };
        // 60 bits; the header has 56.
        let [_, session, session2, _, _, sequence, sequence2, kind] = (head >> 4).to_be_bytes();
        let session = u16::from_be_bytes([session, session2]);
        let sequence = u16::from_be_bytes([sequence, sequence2]);
        let steps = i16::from_be_bytes(sequence.wrapping_sub(self.sequence).to_be_bytes());
        self.sequence = sequence;
        let same = self.session.replace(session) == Some(session);
        same && kind.is_power_of_two() && (-MOST_STEPS..=MOST_STEPS).contains(&steps)
    }
}
