//! dnscat2, under a domain or with its tag straight to a server.
//!
//! Source: `doc/protocol.md` in iagox86/dnscat2. All is hexadecimal: two octets of a packet id, one
//! of the type (SYN 0, MSG 1, FIN 2; ENC 3 where the session is encrypted), two of the session.
//! The session stays the same, the packet id does not.

use serde::{Deserialize, Serialize};

use super::question::{Question, hex, number};

/// The tag where no domain is used.
const TAG: &[u8] = b"dnscat";
/// Sessions remembered: a client has one of commands and one for each shell or download.
const SESSIONS: usize = 4;

/// What is remembered of one client's dnscat2.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Dnscat {
    sessions: [Option<u16>; SESSIONS],
    next: u8,
    direct: bool,
    encrypted: bool,
}

impl Dnscat {
    /// Takes one name; tells whether dnscat2 would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        let labels = question.labels();
        let tagged = labels.first().is_some_and(|label| label.eq_ignore_ascii_case(TAG));
        let Some(label) = labels.get(usize::from(tagged)) else { return false };
        let Some(head) = label.get(..10).and_then(|head| number(head, 4, hex)) else {
            return false;
        };
        if !label.iter().all(u8::is_ascii_hexdigit) || label.len() % 2 != 0 {
            return false;
        }
        let [_, _, _, _, _, kind, high, low] = head.to_be_bytes();
        let session = u16::from_be_bytes([high, low]);
        if kind > 3 {
            return false;
        }
        let known = self.sessions.contains(&Some(session));
        if !known && let Some(cell) = self.sessions.get_mut(usize::from(self.next)) {
            *cell = Some(session);
            self.next = (self.next + 1) % 4;
        }
        let fits = known || tagged;
        self.direct |= tagged;
        self.encrypted |= fits && kind == 3;
        fits
    }

    /// Returns how it is used in words.
    pub(super) const fn mode(&self) -> &'static str {
        match (self.direct, self.encrypted) {
            (true, true) => "direct, encrypted",
            (true, false) => "direct",
            (false, true) => "under a domain, encrypted",
            (false, false) => "under a domain",
        }
    }
}
