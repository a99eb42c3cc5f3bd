//! What comes down in addresses: programs staged in A and AAAA records.
//!
//! An address carries 4 octets (A) or 16 (AAAA) of anything. A server that hands out data answers
//! every new name with addresses it never gave before; one that serves hosts gives a few sets again
//! and again. So octets are counted for sets of addresses that were not seen, in answers to new
//! names alone. Sets are told apart by the fingerprint of an answer's addresses, in a bitmap that
//! can only make the count too low.

use geophone_sensor::record::{Status, Transaction};
use serde::{Deserialize, Serialize};

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// Words of the bitmap: 512 sets at most.
const WORDS: usize = 8;

/// The address sets one (client, domain) got, in 72 octets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DownloadTracker {
    seen: [u64; WORDS],
    octets: u32,
}

impl DownloadTracker {
    /// Takes the transaction of a new name.
    pub fn add(&mut self, transaction: &Transaction) {
        let answer = &transaction.answer;
        let each = match transaction.qtype {
            TYPE_A => 4,
            TYPE_AAAA => 16,
            _ => return,
        };
        if transaction.status != Status::Answered || answer.n_addresses == 0 {
            return;
        }
        // The upper bits of a product mix all of the fingerprint's.
        let [high, low, ..] = answer.addresses.wrapping_mul(0x9e37_79b1).to_be_bytes();
        let at = usize::from(u16::from_be_bytes([high, low]) >> 7);
        let bit = 1_u64 << (at % 64);
        let Some(word) = self.seen.get_mut(at / 64) else { return };
        if *word & bit == 0 {
            *word |= bit;
            self.octets = self.octets.saturating_add(u32::from(answer.n_addresses) * each);
        }
    }

    /// Returns the octets of addresses in sets not seen before.
    #[must_use]
    pub const fn octets(&self) -> u32 {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(qtype: u16, sets: impl IntoIterator<Item = u32>) -> u32 {
        let mut tracker = DownloadTracker::default();
        for fingerprint in sets {
            let status = Status::Answered;
            let mut transaction = Transaction { qtype, status, ..Transaction::default() };
            (transaction.answer.n_addresses, transaction.answer.addresses) = (4, fingerprint);
            tracker.add(&transaction);
        }
        tracker.octets()
    }

    #[test]
    fn sets_count_once_and_by_the_size_of_their_addresses() {
        assert_eq!(octets(TYPE_A, [7, 7, 7, 8]), 32);
        assert_eq!(octets(TYPE_AAAA, [7, 7, 7, 8]), 128);
        assert_eq!(octets(16, [7, 8]), 0);
    }

    #[test]
    fn many_sets_are_counted_too_low_never_too_high() {
        let spread = octets(TYPE_AAAA, (0..300_u32).map(|n| n.wrapping_mul(0x85eb_ca6b)));
        assert!((120 * 64..=300 * 64).contains(&spread), "{spread}");
    }
}
