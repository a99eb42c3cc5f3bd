//! TCP connections on their way to being open: where streams begin, and what never opened.
//!
//! A table of its own, small entries and many: a flood of SYNs must not push out streams that
//! carry messages. Time is capture time.

use std::time::Duration;

use crate::decode::segment::{Flow, TcpFacts};
use crate::limited::{LimitedMap, Slot};
use crate::time::Timestamp;

/// The bounds of following handshakes.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// Connections remembered at once.
    pub connections: u32,
    /// How long a connection may take to open.
    pub timeout: Duration,
    /// Seed of the table's hash.
    pub seed: u64,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpEvent {
    /// A client asked for it.
    Syn,
    /// The client answered the server's answer.
    Established,
    /// It did not open in time, or had to give way to others.
    HalfOpen,
    /// One side refused it or tore it down.
    Reset,
    /// The client has no more to say.
    Closed,
}

/// Connections on their way.
pub(super) struct Handshakes {
    table: LimitedMap<Flow, Handshake>,
    timeout: Duration,
}

#[derive(Clone, Copy, Default)]
struct Handshake {
    time: Timestamp,
    /// The client's first octet behind its SYN, where that was seen.
    client: Option<u32>,
    /// The server's, once it answered.
    server: Option<u32>,
    established: bool,
}

impl Handshakes {
    pub(super) fn new(limits: HandshakeLimits) -> Self {
        let table = LimitedMap::new(limits.connections, limits.seed);
        Self { table, timeout: limits.timeout }
    }

    /// Takes a segment and hands on what it changes; the flow of an event is the client's.
    pub(super) fn push(
        &mut self,
        time: Timestamp,
        flow: Flow,
        facts: TcpFacts,
        told: &mut impl FnMut(TcpEvent, Flow),
    ) {
        self.expire(time, told);
        let next = facts.sequence.wrapping_add(1);
        if facts.syn && !facts.ack {
            self.begin(time, flow, next, told);
            return;
        }
        let from_client = self.table.find(&flow);
        let client = if from_client.is_some() { flow } else { flow.reversed() };
        let slot = from_client.or_else(|| self.table.find(&client));
        if facts.rst {
            if let Some(slot) = slot {
                self.table.release(slot);
            }
            told(TcpEvent::Reset, client);
            return;
        }
        let Some(handshake) = slot.and_then(|slot| self.table.value_mut(slot)) else {
            // Of a tap that shows one direction only: the stream begins here all the same.
            if facts.syn {
                let server = Some(next);
                self.claim(
                    flow.reversed(),
                    Handshake { time, server, ..Handshake::default() },
                    told,
                );
            }
            return;
        };
        if facts.syn {
            handshake.server = Some(next);
        } else if from_client.is_some() && !handshake.established {
            handshake.established = true;
            told(TcpEvent::Established, client);
        }
    }

    fn begin(
        &mut self,
        time: Timestamp,
        flow: Flow,
        client: u32,
        told: &mut impl FnMut(TcpEvent, Flow),
    ) {
        if let Some(slot) = self.table.find(&flow) {
            let same = self.table.value(slot).is_some_and(|known| known.client == Some(client));
            if same {
                return;
            }
            self.give_up(slot, told);
        }
        let client = Some(client);
        self.claim(flow, Handshake { time, client, ..Handshake::default() }, told);
        told(TcpEvent::Syn, flow);
    }

    fn claim(&mut self, flow: Flow, handshake: Handshake, told: &mut impl FnMut(TcpEvent, Flow)) {
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            self.give_up(oldest, told);
        }
        if let Some((_, claimed)) = self.table.claim(flow) {
            *claimed = handshake;
        }
    }

    /// Returns the sequence number of the first octet of `flow`, where its SYN was seen lately.
    pub(super) fn start_of(&self, flow: Flow) -> Option<u32> {
        let known = |flow| self.table.find(&flow).and_then(|slot| self.table.value(slot));
        match known(flow) {
            Some(handshake) => handshake.client,
            None => known(flow.reversed()).and_then(|handshake| handshake.server),
        }
    }

    /// Gives up what began at a time that the clock, set back to `now`, has still before it.
    pub(super) fn set_back(&mut self, now: Timestamp, told: &mut impl FnMut(TcpEvent, Flow)) {
        let ahead = self.table.slots().filter(|slot| {
            let began = self.table.value(*slot).map(|waiting| waiting.time);
            began.is_some_and(|began| began.since(now) >= self.timeout)
        });
        for slot in ahead.collect::<Vec<_>>() {
            self.give_up(slot, told);
        }
    }

    fn expire(&mut self, now: Timestamp, told: &mut impl FnMut(TcpEvent, Flow)) {
        while let Some(oldest) = self.table.oldest() {
            let waits = self.table.value(oldest).map(|waiting| now.since(waiting.time));
            if waits.is_none_or(|waits| waits < self.timeout) {
                return;
            }
            self.give_up(oldest, told);
        }
    }

    fn give_up(&mut self, slot: Slot, told: &mut impl FnMut(TcpEvent, Flow)) {
        let asked = |handshake: &Handshake| handshake.client.is_some() && !handshake.established;
        let half_open = self.table.value(slot).is_some_and(asked);
        if let Some(&flow) = self.table.key(slot).filter(|_| half_open) {
            told(TcpEvent::HalfOpen, flow);
        }
        self.table.release(slot);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    struct Bench {
        handshakes: Handshakes,
        told: Vec<(TcpEvent, u16)>,
    }

    fn flow(port: u16) -> Flow {
        let (client, server) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 53));
        let (source, destination) = (IpAddr::V4(client), IpAddr::V4(server));
        Flow { source, destination, source_port: port, destination_port: 53 }
    }

    const SYN: TcpFacts = TcpFacts { sequence: 99, syn: true, ack: false, fin: false, rst: false };

    impl Bench {
        fn new() -> Self {
            let timeout = Duration::from_secs(10);
            let limits = HandshakeLimits { connections: 2, timeout, seed: 1 };
            Self { handshakes: Handshakes::new(limits), told: Vec::new() }
        }

        fn push(&mut self, seconds: i64, flow: Flow, facts: TcpFacts) {
            let told = &mut self.told;
            let time = Timestamp(seconds * 1_000_000);
            self.handshakes.push(time, flow, facts, &mut |event, flow| {
                told.push((event, flow.source_port));
            });
        }
    }

    #[test]
    fn a_connection_that_opens_is_told_once_and_knows_where_both_streams_begin() {
        let mut bench = Bench::new();
        bench.push(0, flow(1), SYN);
        bench.push(0, flow(1), SYN);
        let answer = TcpFacts { sequence: 7, ack: true, ..SYN };
        bench.push(0, flow(1).reversed(), answer);
        let ack = TcpFacts { sequence: 100, syn: false, ack: true, ..SYN };
        bench.push(0, flow(1), ack);
        bench.push(1, flow(1), ack);
        assert_eq!(bench.told, [(TcpEvent::Syn, 1), (TcpEvent::Established, 1)]);
        assert_eq!(bench.handshakes.start_of(flow(1)), Some(100));
        assert_eq!(bench.handshakes.start_of(flow(1).reversed()), Some(8));
        bench.push(11, flow(2), SYN);
        assert_eq!(bench.told.len(), 3, "an open connection is forgotten without a word");
    }

    #[test]
    fn the_servers_answer_alone_tells_where_its_stream_begins() {
        let mut bench = Bench::new();
        bench.push(0, flow(1).reversed(), TcpFacts { sequence: 7, ack: true, ..SYN });
        assert_eq!(bench.handshakes.start_of(flow(1).reversed()), Some(8));
        assert_eq!(bench.handshakes.start_of(flow(1)), None);
        bench.push(20, flow(2), SYN);
        assert_eq!(bench.told, [(TcpEvent::Syn, 2)], "nobody was seen to ask for it");
    }

    #[test]
    fn connections_that_time_out_are_crowded_out_or_refused_are_told() {
        let mut bench = Bench::new();
        for port in 1..4 {
            bench.push(0, flow(port), SYN);
        }
        bench.push(10, flow(4), SYN);
        let reset = TcpFacts { sequence: 0, syn: false, rst: true, ..SYN };
        bench.push(10, flow(4).reversed(), reset);
        let half = |port| (TcpEvent::HalfOpen, port);
        let told: Vec<_> =
            bench.told.iter().copied().filter(|(event, _)| *event != TcpEvent::Syn).collect();
        assert_eq!(told, [half(1), half(2), half(3), (TcpEvent::Reset, 4)]);
    }
}
