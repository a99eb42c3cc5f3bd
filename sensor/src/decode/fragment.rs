//! IP fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5), bounded in every way.
//!
//! Where fragments overlap, the octets that come first in the datagram's order of offsets win, so
//! the result does not depend on the order of arrival. Time is capture time.

use std::net::IpAddr;
use std::time::Duration;

use etherparse::{Ipv6ExtensionSlice, LaxIpSlice};

use crate::counter::Counters;
use crate::decode::path::Path;
use crate::limited::{LimitedMap, Slot};
use crate::time::Timestamp;

/// The largest payload of an IP datagram.
const MAX_DATAGRAM: usize = 65_535;

/// The bounds of putting fragments together.
#[derive(Clone, Copy, Debug)]
pub struct FragmentLimits {
    /// Datagrams that may wait for fragments at once.
    pub datagrams: u32,
    /// Fragments of one datagram.
    pub parts: usize,
    /// Octets kept of all datagrams together.
    pub kept_bytes: u64,
    /// How long a datagram waits for its last fragment.
    pub timeout: Duration,
    /// Seed of the table's hash.
    pub seed: u64,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    time: Timestamp,
    key: Key,
    offset: usize,
    more: bool,
    data: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    protocol: u8,
    /// Networks behind different tunnels may use the same addresses.
    path: Path,
}

/// A datagram put together, or the head of one whose rest did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// When its last fragment was captured; for a head, when the first of them was.
    pub time: Timestamp,
    /// The VLAN tags and tunnels around its fragments.
    pub path: Path,
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// What it carries, as IP numbers it.
    pub protocol: u8,
    /// What was fragmented, as far as it came.
    pub payload: Vec<u8>,
    /// Whether the rest is missing.
    pub cut: bool,
}

/// Datagrams waiting for their fragments.
pub struct Fragments {
    table: LimitedMap<Key, Waiting>,
    limits: FragmentLimits,
    kept: u64,
}

#[derive(Default)]
struct Waiting {
    first: Timestamp,
    length: Option<usize>,
    parts: Vec<(usize, Vec<u8>)>,
}

impl<'a> Fragment<'a> {
    /// Reads the fragment in `ip`, met at `time` on `path`; `None` where its place in the datagram
    /// makes no sense.
    #[must_use]
    pub fn read(ip: &LaxIpSlice<'a>, time: Timestamp, path: Path) -> Option<Self> {
        let (source, destination) = (ip.source_addr(), ip.destination_addr());
        let carried = ip.payload();
        let (id, units, more) = match ip {
            LaxIpSlice::Ipv4(ip) => {
                let header = ip.header();
                let units = header.fragments_offset().value();
                (u32::from(header.identification()), units, header.more_fragments())
            }
            LaxIpSlice::Ipv6(ip) => {
                let header =
                    ip.extensions().clone().into_iter().find_map(|header| match header {
                        Ipv6ExtensionSlice::Fragment(header) => Some(header),
                        _ => None,
                    })?;
                let units = header.fragment_offset().value();
                (header.identification(), units, header.more_fragments())
            }
        };
        let protocol = carried.ip_number.0;
        let key = Key { source, destination, id, protocol, path };
        let (offset, data) = (usize::from(units) * 8, carried.payload);
        // A fragment that is cut by the capture leaves a hole behind it, so it ends nothing.
        let more = more || carried.incomplete;
        let sound = !data.is_empty() && offset + data.len() <= MAX_DATAGRAM;
        sound.then_some(Self { time, key, offset, more, data })
    }
}

impl Fragments {
    /// Makes an empty table.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self { table: LimitedMap::new(limits.datagrams, limits.seed), limits, kept: 0 }
    }

    /// Takes a fragment; hands the datagram that it completes to `done`, and the heads of those
    /// given up to make room or because their time is up.
    pub fn push(&mut self, part: &Fragment<'_>, counters: &mut Counters, done: &mut Vec<Datagram>) {
        self.expire(part.time, counters, done);
        let Some(slot) = self.slot_of(part, counters, done) else { return };
        let Some(waiting) = self.table.value_mut(slot) else { return };
        let same =
            |(at, data): &(usize, Vec<u8>)| *at == part.offset && data.len() == part.data.len();
        if waiting.parts.iter().any(same) {
            counters.fragment_duplicate += 1;
            return;
        }
        if waiting.parts.len() >= self.limits.parts {
            counters.fragment_dropped += 1;
            return;
        }
        if !part.more {
            waiting.length = Some(part.offset + part.data.len());
        }
        waiting.parts.push((part.offset, part.data.to_vec()));
        self.kept += count(part.data.len());
        counters.fragment_pending += 1;
        let head = waiting.head();
        if waiting.length == Some(head.len()) {
            let Key { source, destination, protocol, path, .. } = part.key;
            let (time, cut) = (part.time, false);
            counters.fragment_assembled += self.release(slot, counters);
            counters.datagram_whole += 1;
            done.push(Datagram { time, path, source, destination, protocol, payload: head, cut });
            return;
        }
        while self.kept > self.limits.kept_bytes {
            let Some(oldest) = self.table.oldest() else { return };
            self.give_up(oldest, counters, done);
        }
    }

    /// Tells whether no datagram waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.oldest().is_none()
    }

    /// Gives up everything that waits.
    pub fn finish(&mut self, counters: &mut Counters, done: &mut Vec<Datagram>) {
        while let Some(oldest) = self.table.oldest() {
            self.give_up(oldest, counters, done);
        }
    }

    fn expire(&mut self, now: Timestamp, counters: &mut Counters, done: &mut Vec<Datagram>) {
        while let Some(oldest) = self.table.oldest() {
            let waits = self.table.value(oldest).map(|waiting| now.since(waiting.first));
            if waits.is_none_or(|waits| waits < self.limits.timeout) {
                return;
            }
            self.give_up(oldest, counters, done);
        }
    }

    fn slot_of(
        &mut self,
        part: &Fragment<'_>,
        counters: &mut Counters,
        done: &mut Vec<Datagram>,
    ) -> Option<Slot> {
        if let Some(slot) = self.table.find(&part.key) {
            return Some(slot);
        }
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            self.give_up(oldest, counters, done);
        }
        let (slot, waiting) = self.table.claim(part.key)?;
        *waiting = Waiting { first: part.time, ..Waiting::default() };
        Some(slot)
    }

    /// Frees a slot; what came from its beginning on may still hold a question.
    fn give_up(&mut self, slot: Slot, counters: &mut Counters, done: &mut Vec<Datagram>) {
        let key = self.table.key(slot).copied();
        if let (Some(waiting), Some(key)) = (self.table.value_mut(slot), key) {
            let payload = waiting.head();
            let Key { source, destination, protocol, path, .. } = key;
            let (time, cut) = (waiting.first, true);
            if !payload.is_empty() {
                counters.datagram_cut += 1;
                done.push(Datagram { time, path, source, destination, protocol, payload, cut });
            }
        }
        counters.fragment_dropped += self.release(slot, counters);
    }

    /// Frees a slot and returns how many fragments it held.
    fn release(&mut self, slot: Slot, counters: &mut Counters) -> u64 {
        let parts = self.table.value_mut(slot).map(|waiting| std::mem::take(&mut waiting.parts));
        self.table.release(slot);
        let parts = parts.unwrap_or_default();
        self.kept -= parts.iter().map(|(_, data)| count(data.len())).sum::<u64>();
        counters.fragment_pending -= count(parts.len());
        count(parts.len())
    }
}

impl Waiting {
    /// Returns the octets from the beginning to the first that is missing.
    fn head(&mut self) -> Vec<u8> {
        self.parts.sort_by_key(|(offset, _)| *offset);
        let mut payload = Vec::new();
        for (offset, data) in &self.parts {
            let Some(known) = payload.len().checked_sub(*offset) else { break };
            payload.extend_from_slice(data.get(known..).unwrap_or_default());
        }
        payload.truncate(self.length.unwrap_or(usize::MAX));
        payload
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: FragmentLimits = FragmentLimits {
        datagrams: 2,
        parts: 64,
        kept_bytes: 4096,
        timeout: Duration::from_secs(30),
        seed: 1,
    };

    fn part(id: u32, seconds: i64, offset: usize, more: bool, data: &[u8]) -> Fragment<'_> {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let path = Path::default();
        let key = Key { source: ip, destination: ip, id, protocol: 17, path };
        let time = Timestamp(seconds * 1_000_000);
        Fragment { time, key, offset, more, data }
    }

    fn balanced(counters: &Counters, taken: u64) -> bool {
        taken
            == counters.fragment_assembled
                + counters.fragment_duplicate
                + counters.fragment_dropped
                + counters.fragment_pending
    }

    proptest! {
        #[test]
        fn any_order_and_repetition_gives_the_datagram(
            data in prop::collection::vec(any::<u8>(), 1..600),
            size in 1_usize..8,
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let chunks: Vec<_> = data.chunks(size * 8).enumerate().collect();
            let n = chunks.len();
            prop_assume!(n <= 60);
            let mut turns: Vec<usize> = order.iter().map(|index| index.index(n)).collect();
            turns.extend(0..n);
            let mut fragments = Fragments::new(LIMITS);
            let (mut counters, mut taken, mut found) = (Counters::default(), 0, None);
            for turn in turns {
                let (index, chunk) = chunks[turn];
                taken += 1;
                let mut done = Vec::new();
                fragments.push(
                    &part(7, 0, index * size * 8, index + 1 < n, chunk), &mut counters, &mut done);
                prop_assert!(balanced(&counters, taken));
                if let Some(whole) = done.pop() {
                    prop_assert!(!whole.cut);
                    found = Some(whole.payload);
                    break;
                }
            }
            prop_assert_eq!(found, Some(data));
        }
    }

    #[test]
    fn a_datagram_that_waits_too_long_or_too_much_is_given_up_and_counted() {
        let (mut fragments, mut done) = (Fragments::new(LIMITS), Vec::new());
        let mut counters = Counters::default();
        fragments.push(&part(1, 0, 0, true, &[1; 16]), &mut counters, &mut done);
        assert!(done.is_empty());
        fragments.push(&part(1, 31, 16, false, &[2; 8]), &mut counters, &mut done);
        assert_eq!((counters.fragment_dropped, counters.fragment_pending), (1, 1));
        let head = done.pop().unwrap();
        assert!(head.cut && head.payload == [1; 16], "what came is not lost");
        for id in 2..9 {
            fragments.push(&part(id, 31, 8, true, &[0; 2000]), &mut counters, &mut done);
        }
        assert!(fragments.kept <= LIMITS.kept_bytes && balanced(&counters, 9));
        fragments.finish(&mut counters, &mut done);
        assert_eq!((counters.fragment_pending, fragments.kept, done.len()), (0, 0, 0));
    }
}
