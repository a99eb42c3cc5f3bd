//! IP fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5), bounded in every way.
//!
//! Where fragments overlap, the octets that come first in the datagram's order of offsets win, so
//! the result does not depend on the order of arrival. Time is capture time.

use std::net::IpAddr;
use std::time::Duration;

use etherparse::{Ipv6ExtensionSlice, LaxIpSlice};

use crate::capture::Frame;
use crate::counter::Counters;
use crate::decode::segment::ip_packet;
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
    vlan: Option<u16>,
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
}

/// A datagram whose fragments have all come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// When the last of its fragments to arrive was captured.
    pub time: Timestamp,
    /// The outermost VLAN id of that fragment.
    pub vlan: Option<u16>,
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// What it carries, as IP numbers it.
    pub protocol: u8,
    /// What was fragmented.
    pub payload: Vec<u8>,
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
    /// Reads the fragment in `frame`; `None` where there is none or its place makes no sense.
    #[must_use]
    pub fn read(frame: &Frame<'a>) -> Option<Self> {
        let (packet, vlan) = ip_packet(frame).ok()?;
        let (ip, _) = LaxIpSlice::from_slice(packet).ok()?;
        let (source, destination) = (ip.source_addr(), ip.destination_addr());
        let carried = ip.payload();
        let (id, units, more) = match &ip {
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
        let key = Key { source, destination, id, protocol: carried.ip_number.0 };
        let (offset, data) = (usize::from(units) * 8, carried.payload);
        // A fragment that is cut by the capture cannot complete anything.
        let sound = !carried.incomplete && !data.is_empty() && offset + data.len() <= MAX_DATAGRAM;
        sound.then_some(Self { time: frame.time, vlan, key, offset, more, data })
    }
}

impl Fragments {
    /// Makes an empty table.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self { table: LimitedMap::new(limits.datagrams, limits.seed), limits, kept: 0 }
    }

    /// Takes a fragment; returns the datagram that it completes.
    pub fn push(&mut self, part: &Fragment<'_>, counters: &mut Counters) -> Option<Datagram> {
        self.expire(part.time, counters);
        let slot = self.slot_of(part, counters)?;
        let waiting = self.table.value_mut(slot)?;
        let same =
            |(at, data): &(usize, Vec<u8>)| *at == part.offset && data.len() == part.data.len();
        if waiting.parts.iter().any(same) {
            counters.fragment_duplicate += 1;
            return None;
        }
        if waiting.parts.len() >= self.limits.parts {
            counters.fragment_dropped += 1;
            return None;
        }
        if !part.more {
            waiting.length = Some(part.offset + part.data.len());
        }
        waiting.parts.push((part.offset, part.data.to_vec()));
        self.kept += count(part.data.len());
        counters.fragment_pending += 1;
        if let Some(payload) = waiting.whole() {
            counters.fragment_assembled += self.release(slot, counters);
            counters.datagram_whole += 1;
            let Key { source, destination, protocol, .. } = part.key;
            let (time, vlan) = (part.time, part.vlan);
            return Some(Datagram { time, vlan, source, destination, protocol, payload });
        }
        while self.kept > self.limits.kept_bytes {
            let oldest = self.table.oldest()?;
            counters.fragment_dropped += self.release(oldest, counters);
        }
        None
    }

    /// Gives up everything that waits.
    pub fn finish(&mut self, counters: &mut Counters) {
        while let Some(oldest) = self.table.oldest() {
            counters.fragment_dropped += self.release(oldest, counters);
        }
    }

    fn expire(&mut self, now: Timestamp, counters: &mut Counters) {
        while let Some(oldest) = self.table.oldest() {
            let waits = self.table.value(oldest).map(|waiting| now.since(waiting.first));
            if waits.is_none_or(|waits| waits < self.limits.timeout) {
                return;
            }
            counters.fragment_dropped += self.release(oldest, counters);
        }
    }

    fn slot_of(&mut self, part: &Fragment<'_>, counters: &mut Counters) -> Option<Slot> {
        if let Some(slot) = self.table.find(&part.key) {
            return Some(slot);
        }
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            counters.fragment_dropped += self.release(oldest, counters);
        }
        let (slot, waiting) = self.table.claim(part.key)?;
        *waiting = Waiting { first: part.time, ..Waiting::default() };
        Some(slot)
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
    /// Returns the payload if no octet is missing.
    fn whole(&mut self) -> Option<Vec<u8>> {
        let length = self.length?;
        self.parts.sort_by_key(|(offset, _)| *offset);
        let mut payload = Vec::with_capacity(length);
        for (offset, data) in &self.parts {
            let known = payload.len().checked_sub(*offset)?;
            payload.extend_from_slice(data.get(known..).unwrap_or_default());
        }
        payload.truncate(length);
        (payload.len() == length).then_some(payload)
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
        let key = Key { source: ip, destination: ip, id, protocol: 17 };
        let time = Timestamp(seconds * 1_000_000);
        Fragment { time, vlan: None, key, offset, more, data }
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
                let whole = fragments.push(
                    &part(7, 0, index * size * 8, index + 1 < n, chunk), &mut counters);
                prop_assert!(balanced(&counters, taken));
                if let Some(whole) = whole {
                    found = Some(whole.payload);
                    break;
                }
            }
            prop_assert_eq!(found, Some(data));
        }
    }

    #[test]
    fn a_datagram_that_waits_too_long_or_too_much_is_given_up_and_counted() {
        let mut fragments = Fragments::new(LIMITS);
        let mut counters = Counters::default();
        assert!(fragments.push(&part(1, 0, 0, true, &[1; 16]), &mut counters).is_none());
        assert!(fragments.push(&part(1, 31, 16, false, &[2; 8]), &mut counters).is_none());
        assert_eq!((counters.fragment_dropped, counters.fragment_pending), (1, 1));
        for id in 2..9 {
            fragments.push(&part(id, 31, 8, true, &[0; 2000]), &mut counters);
        }
        assert!(fragments.kept <= LIMITS.kept_bytes && balanced(&counters, 9));
        fragments.finish(&mut counters);
        assert_eq!((counters.fragment_pending, fragments.kept), (0, 0));
    }
}
