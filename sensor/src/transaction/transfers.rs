//! Zone transfers under way: their answers come in many messages (RFC 5936 section 2.2).

use super::Key;
use crate::limited::LimitedMap;
use crate::name::Name;
use crate::record::{Transaction, Transport};

/// Transfers followed at once; one more makes the longest idle forgotten.
const TRANSFERS: u32 = 256;

/// The answered transfer queries whose answer may go on.
pub(super) struct Transfers {
    table: LimitedMap<Key, Transfer>,
}

/// What the later messages need not repeat.
#[derive(Default)]
pub(super) struct Transfer {
    pub(super) qname: Name,
    pub(super) qtype: u16,
    pub(super) qclass: u16,
}

impl Transfers {
    pub(super) fn new(seed: u64) -> Self {
        Self { table: LimitedMap::new(TRANSFERS, seed) }
    }

    /// Remembers a transaction whose first answer came, if it is a transfer over TCP.
    pub(super) fn begin(&mut self, key: Key, transaction: &Transaction) {
        // IXFR (RFC 1995) and AXFR (RFC 5936).
        if key.transport != Transport::Tcp || !matches!(transaction.qtype, 251 | 252) {
            return;
        }
        if let Some(slot) = self.table.find(&key) {
            self.table.release(slot);
        }
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            self.table.release(oldest);
        }
        if let Some((_, transfer)) = self.table.claim(key) {
            transfer.qname.copy_from(&transaction.qname);
            transfer.qtype = transaction.qtype;
            transfer.qclass = transaction.qclass;
        }
    }

    /// Returns the transfer that an answer goes on with.
    pub(super) fn find(&mut self, key: &Key) -> Option<&Transfer> {
        if key.transport != Transport::Tcp {
            return None;
        }
        let slot = self.table.find(key)?;
        self.table.touch(slot);
        self.table.value(slot)
    }
}
