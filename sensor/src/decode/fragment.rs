//! IP fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5), bounded in every way.
//!
//! Where fragments overlap and agree, the result does not depend on the order of arrival. Where they
//! contradict each other, receivers differ: some drop what they have (RFC 5722 section 4, Linux for
//! IPv4 too), some keep what came first. So the head of what came so far is read for itself, and
//! the fragment that contradicts it begins anew: what either kind of receiver reads is read here.
//! Time is capture time.

use std::net::IpAddr;
use std::time::Duration;

use etherparse::{Ipv6ExtensionSlice, Ipv6ExtensionsSlice, Ipv6FragmentHeaderSlice, LaxIpSlice};

use crate::counter::Counters;
use crate::decode::head::Head;
use crate::decode::path::Path;
use crate::limited::{LimitedMap, Slot};
use crate::time::Timestamp;

/// The largest payload of an IP datagram.
const MAX_DATAGRAM: usize = 65_535;

/// Octets that a fragment costs beside its own: its place in the list and the allocator's share.
const OVERHEAD: u64 = 64;

/// The number of UDP, by which IP tells what it carries.
const UDP: u8 = 17;

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
    /// What it carries, as its own header numbers it.
    protocol: u8,
    offset: usize,
    more: bool,
    data: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// Of IPv4. Fragments of one IPv6 datagram may differ in it (RFC 8200 section 4.5).
    protocol: Option<u8>,
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
    /// What the fragment at its beginning says that it carries.
    protocol: u8,
    /// Whether that fragment came.
    headed: bool,
    parts: Vec<(usize, Vec<u8>)>,
}

impl<'a> Fragment<'a> {
    /// Returns the receiver.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        self.key.destination
    }

    /// Reads the fragment in `packet`, taken apart as `ip`, met at `time` on `path`; `None` where
    /// its place in the datagram makes no sense.
    ///
    /// What stands behind the header that tells of fragments is cut anywhere, so nothing is read
    /// out of it, though etherparse takes it for headers where it is numbered like some.
    #[must_use]
    pub fn read(
        packet: &'a [u8],
        ip: &LaxIpSlice<'a>,
        time: Timestamp,
        path: Path,
    ) -> Option<Self> {
        let (source, destination) = (ip.source_addr(), ip.destination_addr());
        let carried = ip.payload();
        let (id, units, more, protocol, from, headers) = match ip {
            LaxIpSlice::Ipv4(ip) => {
                let header = ip.header();
                let from = header.slice().len();
                let taken = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
                let id = u32::from(header.identification());
                let (units, more) = (header.fragments_offset().value(), header.more_fragments());
                (id, units, more, header.protocol().0, from, from + taken)
            }
            LaxIpSlice::Ipv6(ip) => {
                let base = ip.header().slice().len();
                let headers = base + ip.extensions().slice().len();
                let (header, from) = fragment_header(ip.extensions(), base)?;
                let (units, more) = (header.fragment_offset().value(), header.more_fragments());
                (header.identification(), units, more, header.next_header().0, from, headers)
            }
        };
        let four = source.is_ipv4();
        let key = Key { source, destination, id, protocol: four.then_some(protocol), path };
        let data = packet.get(from..headers + carried.payload.len())?;
        let offset = usize::from(units) * 8;
        // A fragment that is cut by the capture leaves a hole behind it, so it ends nothing.
        let more = more || carried.incomplete;
        let sound = !data.is_empty() && offset + data.len() <= MAX_DATAGRAM;
        sound.then_some(Self { time, key, protocol, offset, more, data })
    }
}

/// Finds the header that tells of fragments, and where what it stands before begins.
fn fragment_header<'a>(
    extensions: &Ipv6ExtensionsSlice<'a>,
    base: usize,
) -> Option<(Ipv6FragmentHeaderSlice<'a>, usize)> {
    let mut at = base;
    for header in extensions.clone() {
        at += match &header {
            Ipv6ExtensionSlice::HopByHop(raw)
            | Ipv6ExtensionSlice::Routing(raw)
            | Ipv6ExtensionSlice::DestinationOptions(raw) => raw.slice().len(),
            Ipv6ExtensionSlice::Authentication(header) => header.slice().len(),
            Ipv6ExtensionSlice::Fragment(header) => header.slice().len(),
        };
        match header {
            Ipv6ExtensionSlice::Fragment(header) if header.is_fragmenting_payload() => {
                return Some((header, at));
            }
            _ => {}
        }
    }
    None
}

impl Fragments {
    /// Makes an empty table.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self { table: LimitedMap::new(limits.datagrams, limits.seed), limits, kept: 0 }
    }

    /// Takes a fragment; hands the datagram that it completes to `done`, and the heads of those
    /// given up to make room or because their time is up. Returns what it says about the head of its
    /// datagram, if it says anything and the datagram is UDP.
    pub fn push(
        &mut self,
        part: &Fragment<'_>,
        counters: &mut Counters,
        done: &mut Vec<Datagram>,
    ) -> Option<Head> {
        self.expire(part.time, counters, done);
        let known = self.table.find(&part.key);
        let headed = known.and_then(|slot| self.table.value(slot)).map(|waiting| waiting.headed);
        let head = Head::of(part.offset, headed).filter(|_| part.protocol == UDP);
        self.join(part, known, counters, done);
        head
    }

    fn join(
        &mut self,
        part: &Fragment<'_>,
        known: Option<Slot>,
        counters: &mut Counters,
        done: &mut Vec<Datagram>,
    ) {
        if let Some(slot) = known
            && self.table.value(slot).is_some_and(|waiting| waiting.contradicts(part))
        {
            counters.fragment_conflicts += 1;
            self.give_up(slot, counters, done);
        }
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
        waiting.take(part);
        self.kept += cost(part.data);
        counters.fragment_pending += 1;
        if let Some(payload) = waiting.whole() {
            let protocol = waiting.protocol;
            let Key { source, destination, path, .. } = part.key;
            let (time, cut) = (part.time, false);
            counters.fragment_assembled += self.release(slot, counters);
            counters.datagram_whole += 1;
            done.push(Datagram { time, path, source, destination, protocol, payload, cut });
            return;
        }
        while self.kept > self.limits.kept_bytes {
            let Some(oldest) = self.table.oldest() else { return };
            self.give_up(oldest, counters, done);
        }
    }

    /// Gives up what came at a time that the clock, set back to `now`, has still before it: it
    /// would wait until then.
    pub fn set_back(&mut self, now: Timestamp, counters: &mut Counters, done: &mut Vec<Datagram>) {
        let ahead = self.table.slots().filter(|slot| {
            let first = self.table.value(*slot).map(|waiting| waiting.first);
            first.is_some_and(|first| first.since(now) >= self.limits.timeout)
        });
        for slot in ahead.collect::<Vec<_>>() {
            self.give_up(slot, counters, done);
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
            let Key { source, destination, path, .. } = key;
            let (time, protocol, cut) = (waiting.first, waiting.protocol, true);
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
        self.kept -= parts.iter().map(|(_, data)| cost(data)).sum::<u64>();
        counters.fragment_pending -= count(parts.len());
        count(parts.len())
    }
}

impl Waiting {
    fn take(&mut self, part: &Fragment<'_>) {
        if !part.more {
            self.length = Some(part.offset + part.data.len());
        }
        if part.offset == 0 {
            self.protocol = part.protocol;
            self.headed = true;
        }
        self.parts.push((part.offset, part.data.to_vec()));
    }

    /// Tells whether `part` has other octets at the same place, or another end.
    fn contradicts(&self, part: &Fragment<'_>) -> bool {
        let end = part.offset + part.data.len();
        let beyond = match self.length {
            Some(length) if part.more => end > length,
            Some(length) => end != length,
            None if part.more => false,
            None => self.parts.iter().any(|(at, data)| at + data.len() > end),
        };
        beyond || self.parts.iter().any(|(at, data)| !agree((*at, data), (part.offset, part.data)))
    }

    /// Returns the datagram once nothing of it is missing.
    fn whole(&mut self) -> Option<Vec<u8>> {
        let length = self.length?;
        let there: usize = self.parts.iter().map(|(_, data)| data.len()).sum();
        if there < length {
            return None;
        }
        Some(self.head()).filter(|payload| payload.len() == length)
    }

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

/// Tells whether two pieces have the same octets where they overlap.
fn agree(one: (usize, &[u8]), other: (usize, &[u8])) -> bool {
    let (first, second) = if one.0 <= other.0 { (one, other) } else { (other, one) };
    let Some(behind) = first.1.get(second.0 - first.0..) else { return true };
    behind.iter().zip(second.1).all(|(a, b)| a == b)
}

fn cost(data: &[u8]) -> u64 {
    count(data.len()) + OVERHEAD
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
        kept_bytes: 8192,
        timeout: Duration::from_secs(30),
        seed: 1,
    };

    fn part(id: u32, seconds: i64, offset: usize, more: bool, data: &[u8]) -> Fragment<'_> {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let path = Path::default();
        let key = Key { source: ip, destination: ip, id, protocol: Some(17), path };
        let time = Timestamp(seconds * 1_000_000);
        Fragment { time, key, protocol: 17, offset, more, data }
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
    fn heads_are_told_apart_from_what_lies_in_wait_for_them() {
        let (mut fragments, mut done) = (Fragments::new(LIMITS), Vec::new());
        let mut counters = Counters::default();
        let mut tell = |part: &Fragment<'_>| fragments.push(part, &mut counters, &mut done);
        assert_eq!(tell(&part(1, 0, 8, false, b"the end")), Some(Head::Missing));
        assert_eq!(tell(&part(1, 0, 16, false, b"another")), None, "in the place of the first");
        assert_eq!(tell(&part(1, 0, 0, true, b"its head")), Some(Head::Late));
        assert_eq!(tell(&part(2, 0, 0, true, b"the head")), Some(Head::First));
        assert_eq!(tell(&part(2, 0, 8, false, b"its end.")), None);
        let tcp = Fragment { protocol: 6, ..part(3, 0, 8, true, b"no ports") };
        assert_eq!(tell(&tcp), None);
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
