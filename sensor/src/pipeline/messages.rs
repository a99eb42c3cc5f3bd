//! The stage behind both transports: payloads become messages, messages transactions and ticks.

use crate::config::SensorConfig;
use crate::counter::Counters;
use crate::decode::foreign::{self, Protocol};
use crate::decode::handshake::TcpEvent;
use crate::decode::heard::Heard;
use crate::decode::message::{Kind, Message};
use crate::decode::rdata::Payload;
use crate::decode::segment::Flow;
use crate::defect::Defect;
use crate::pipeline::Detail;
use crate::record::{HEAD, NotDns, Record, TickFigures, Transport};
use crate::tick::Ticks;
use crate::time::Timestamp;
use crate::transaction::{Outcome, Sighting, Transactions};

const TYPE_TXT: u16 = 16;
const TYPE_ANY: u16 = 255;

/// Messages in, records out.
pub(super) struct Messages {
    ports: Vec<u16>,
    message: Message,
    transactions: Transactions,
    pub(super) ticks: Ticks,
}

/// A payload that is not DNS.
struct Odd<'a> {
    protocol: Protocol,
    octets: u64,
    head: &'a [u8],
}

impl Messages {
    pub(super) fn new(config: &SensorConfig, detail: Detail) -> Self {
        let answer_texts = if detail == Detail::AnswersInWords { 8 } else { 0 };
        Self {
            ports: config.ports.clone(),
            message: Message::default(),
            transactions: Transactions::new(config.pairing_limits(answer_texts)),
            ticks: Ticks::new(config.tick_limits()),
        }
    }

    /// Takes what is heard on TCP.
    pub(super) fn hear(
        &mut self,
        heard: Heard<'_>,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        match heard {
            Heard::Message(framed) => {
                let (time, flow, path) = (framed.time, framed.flow, framed.path);
                let seen = Sighting { time, flow, path, transport: Transport::Tcp };
                self.take(&seen, framed.payload, None, counters, sink);
            }
            Heard::Foreign(found) => {
                let (time, flow, path) = (found.time, found.flow, found.path);
                let seen = Sighting { time, flow, path, transport: Transport::Tcp };
                let odd = Odd { protocol: found.protocol, octets: found.octets, head: found.head };
                counters.tcp_foreign_told += 1;
                self.not_dns(&seen, &odd, counters, sink);
            }
            Heard::Connection(event, flow) => self.connection(event, flow, counters),
        }
    }

    /// Takes a payload; `cut` tells that the capture does not have all of it, and how many octets are
    /// known to be missing.
    pub(super) fn take(
        &mut self,
        seen: &Sighting,
        data: &[u8],
        cut: Option<u32>,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let (empty, total) = match seen.transport {
            Transport::Udp => (&mut counters.datagram_empty, &mut counters.message_total_udp),
            Transport::Tcp => (&mut counters.tcp_empty, &mut counters.message_total_tcp),
        };
        if data.is_empty() {
            *empty += 1;
            return;
        }
        *total += 1;
        counters.message_total += 1;
        let mut kind = self.message.read(data);
        if let Some(missing) = cut {
            self.message.defects.add(Defect::CutByCapture);
            self.message.bytes = self.message.bytes.saturating_add(missing);
        }
        // Other protocols that can be mistaken for DNS leave traces.
        let defective = !self.message.defects.is_empty();
        if defective && kind != Kind::Short && foreign::datagram(data).is_some() {
            kind = Kind::NotDns;
        }
        counters.message_defective += u64::from(defective);
        match kind {
            Kind::Query => self.query(seen, counters, sink),
            Kind::Response => self.response(seen, data, counters, sink),
            Kind::NotDns | Kind::Short => {
                counters.message_not_dns += u64::from(kind == Kind::NotDns);
                counters.message_short += u64::from(kind == Kind::Short);
                let octets = u64::try_from(data.len()).unwrap_or(u64::MAX);
                let odd = Odd { protocol: foreign::describe(data), octets, head: data };
                self.not_dns(seen, &odd, counters, sink);
            }
        }
    }

    fn query(
        &mut self,
        seen: &Sighting,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        counters.message_queries += 1;
        let message = &self.message;
        let outcome = self.transactions.query(seen, message, counters, sink);
        let mut figures = TickFigures {
            queries: 1,
            query_bytes: message.bytes,
            retries: u32::from(outcome == Outcome::Retried),
            defective: u32::from(!message.defects.is_empty()),
            ..TickFigures::default()
        };
        match message.qtype {
            TYPE_ANY => figures.any = 1,
            TYPE_TXT => figures.txt = 1,
            // DS, RRSIG, NSEC, DNSKEY, NSEC3 (RFC 4034, RFC 5155).
            43 | 46..=48 | 50 => figures.dnssec = 1,
            // IXFR (RFC 1995) and AXFR (RFC 5936).
            251 | 252 => figures.transfer = 1,
            other => figures.opaque = u32::from(Payload::of(other) == Payload::Opaque),
        }
        self.ticks.count(seen.flow.source, seen.flow.destination, &figures);
    }

    fn response(
        &mut self,
        seen: &Sighting,
        data: &[u8],
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        counters.message_responses += 1;
        let message = &self.message;
        let outcome = self.transactions.response(seen, message, data, counters, sink);
        let mut figures = TickFigures {
            responses: 1,
            response_bytes: message.bytes,
            unsolicited: u32::from(outcome != Outcome::Paired),
            mismatched: u32::from(matches!(outcome, Outcome::Mismatched(_))),
            truncated: u32::from(message.flags.truncated()),
            defective: u32::from(!message.defects.is_empty()),
            ..TickFigures::default()
        };
        match message.answer.rcode {
            0 => figures.noerror = 1,
            2 => figures.servfail = 1,
            3 => figures.nxdomain = 1,
            5 => figures.refused = 1,
            _ => figures.other_rcode = 1,
        }
        self.ticks.count(seen.flow.destination, seen.flow.source, &figures);
    }

    fn not_dns(
        &mut self,
        seen: &Sighting,
        odd: &Odd<'_>,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let (flow, from_client) = self.turned(seen.flow);
        let record = NotDns {
            time: seen.time,
            transport: seen.transport,
            client: flow.source,
            server: flow.destination,
            client_port: flow.source_port,
            server_port: flow.destination_port,
            from_client,
            path: seen.path,
            protocol: odd.protocol,
            bytes: odd.octets,
            head: odd.head.iter().take(HEAD).copied().collect(),
        };
        counters.record_not_dns += 1;
        counters.record_total += 1;
        sink(Record::NotDns(&record));
        let figures = TickFigures { not_dns: 1, ..TickFigures::default() };
        self.ticks.count(flow.source, flow.destination, &figures);
    }

    /// Tells of the beginning of an encrypted connection.
    pub(super) fn encrypted(
        &mut self,
        seen: &Sighting,
        protocol: Protocol,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let flow = seen.flow;
        let record = NotDns {
            time: seen.time,
            transport: seen.transport,
            client: flow.source,
            server: flow.destination,
            client_port: flow.source_port,
            server_port: flow.destination_port,
            from_client: true,
            path: seen.path,
            protocol,
            bytes: 0,
            head: Vec::new(),
        };
        counters.record_encrypted += 1;
        counters.record_not_dns += 1;
        counters.record_total += 1;
        sink(Record::NotDns(&record));
    }

    /// Tells whether one of the ports is watched for DNS.
    pub(super) fn is_watched(&self, source: u16, destination: u16) -> bool {
        self.ports.contains(&source) || self.ports.contains(&destination)
    }

    fn connection(&mut self, event: TcpEvent, flow: Flow, counters: &mut Counters) {
        let (flow, by_client) = self.turned(flow);
        let mut figures = TickFigures::default();
        let (counter, figure) = match event {
            TcpEvent::Syn => (&mut counters.tcp_syn, &mut figures.tcp_syn),
            TcpEvent::Established => (&mut counters.tcp_established, &mut figures.tcp_established),
            TcpEvent::HalfOpen => (&mut counters.tcp_half_open, &mut figures.tcp_half_open),
            TcpEvent::Reset => (&mut counters.tcp_reset, &mut figures.tcp_reset),
            TcpEvent::Closed if !by_client => return,
            TcpEvent::Closed => (&mut counters.tcp_closed, &mut figures.tcp_closed),
        };
        (*counter, *figure) = (*counter + 1, 1);
        self.ticks.count(flow.source, flow.destination, &figures);
    }

    /// Turns a flow so that the watched port is the destination's; tells whether it was.
    fn turned(&self, flow: Flow) -> (Flow, bool) {
        if self.ports.contains(&flow.destination_port) {
            (flow, true)
        } else {
            (flow.reversed(), false)
        }
    }

    /// Takes note that the clock was set back to `now`.
    pub(super) fn set_back(
        &mut self,
        now: Timestamp,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        self.transactions.set_back(now, counters, sink);
    }

    /// Hands on everything that still waits.
    pub(super) fn finish(&mut self, counters: &mut Counters, sink: &mut impl FnMut(Record<'_>)) {
        self.transactions.finish(counters, sink);
        self.ticks.flush(counters, sink);
    }
}
