//! Files in numbered pieces: DNSExfiltrator, and scripts that put the number behind hexadecimal data.
//!
//! Sources: Arno0x/DNSExfiltrator, `readme.md` and `dnsexfiltrator.py`: TXT asked of
//! `init.<base32>.<base32|base64>`, then of `<n>.<data>[.<data>…]` with n counting up from 0.
//! `Invoke-DNSExfil.ps1` (powershell-kungfu) and its like: A asked of `<hex>[.<hex>…].<n>`.

use serde::{Deserialize, Serialize};

use super::question::{Question, all, base32, base64, decimal, hex};

const TYPE_TXT: u16 = 16;
/// Octets a piece has at least; the last may be shorter and counts as none.
const LEAST_DATA: usize = 4;

/// What is remembered of one client's pieces.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Chunks {
    next: u32,
}

impl Chunks {
    /// Takes one name; tells whether DNSExfiltrator would send it next.
    pub(super) fn leading(&mut self, question: &Question<'_>) -> bool {
        if question.transaction.qtype != TYPE_TXT {
            return false;
        }
        match question.labels() {
            [init, data, codec, ..] if init.eq_ignore_ascii_case(b"init") => {
                self.next = 0;
                let known =
                    codec.eq_ignore_ascii_case(b"base64") || codec.eq_ignore_ascii_case(b"base32");
                known && all(data, base32)
            }
            [n, data, ..] => {
                let counts = decimal(n).is_some_and(|n| self.counts(n));
                counts && data.len() >= LEAST_DATA && all(data, base64)
            }
            _ => false,
        }
    }

    /// Takes one name; tells whether it is hexadecimal data with the next number behind it.
    pub(super) fn trailing(&mut self, question: &Question<'_>) -> bool {
        let labels = question.labels();
        let data = labels.iter().take_while(|label| label.len() > LEAST_DATA && all(label, hex));
        let number = labels.get(data.count().max(1)).and_then(|label| decimal(label));
        number.is_some_and(|n| self.counts(n)) && all(question.first(), hex)
    }

    /// Tells whether `n` is the next number, or the first of another file.
    fn counts(&mut self, n: u32) -> bool {
        let next = std::mem::replace(&mut self.next, n.saturating_add(1));
        n == next || n == 0
    }
}
