//! TUNS: IP packets over CNAME alone.
//!
//! Source: Nussbaum, Neyron, Richard, "On Robust Covert Channels Inside DNS", IFIP SEC 2009, and its
//! traffic. A poll is `r` and a serial number that grows; data is `d` and an IP packet in base 32,
//! so that what follows the `d` decodes to the version and header length of IP.

use serde::{Deserialize, Serialize};

use super::question::{Question, base32, decimal, number};

const TYPE_CNAME: u16 = 5;
/// Polls that may be missing between two.
const MOST_STEPS: u32 = 16;

/// What is remembered of one client's TUNS.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tuns {
    serial: u32,
}

impl Tuns {
    /// Takes one name; tells whether TUNS would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        if question.transaction.qtype != TYPE_CNAME {
            return false;
        }
        match question.first() {
            [b'r' | b'R', rest @ ..] => decimal(rest).is_some_and(|serial| {
                let steps = serial.wrapping_sub(self.serial);
                self.serial = serial;
                (1..=MOST_STEPS).contains(&steps)
            }),
            [b'd' | b'D', rest @ ..] if rest.len() >= 32 => {
                // IPv4 with a header of at least 20 octets, or IPv6.
                let version = rest.get(..2).and_then(|head| number(head, 5, base32));
                version.is_some_and(|bits| matches!(bits >> 2, 0x45..=0x4f | 0x60..=0x6f))
            }
            _ => false,
        }
    }
}
