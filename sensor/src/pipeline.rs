//! The sensor as one thing: frames in, records out, everything counted.
//!
//! Owns every table of the sensor and no thread. The caller drives it, so the same frames give the
//! same records whatever feeds them.

use crate::capture::Frame;
use crate::config::SensorConfig;
use crate::counter::Counters;
use crate::decode::fragment::{Datagram, Fragment, Fragments};
use crate::decode::message::{Kind, Message};
use crate::decode::segment::{Found, Passed, Segment, found_in, found_in_datagram};
use crate::decode::stream::Framed;
use crate::decode::streams::Streams;
use crate::defect::Defect;
use crate::record::{Record, Transport};
use crate::transaction::{Sighting, Transactions};

/// Frames in, records out.
pub struct Pipeline {
    ports: Vec<u16>,
    counters: Counters,
    fragments: Fragments,
    streams: Streams,
    messages: Messages,
}

/// The stage behind both transports.
struct Messages {
    message: Message,
    transactions: Transactions,
}

/// How much a record tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Figures only: what detectors need.
    #[default]
    Figures,
    /// Up to eight answers in words as well: what a reader wants.
    AnswersInWords,
}

impl Pipeline {
    /// Makes a pipeline with empty tables.
    #[must_use]
    pub fn new(config: &SensorConfig, detail: Detail) -> Self {
        let answer_texts = if detail == Detail::AnswersInWords { 8 } else { 0 };
        Self {
            ports: config.ports.clone(),
            counters: Counters::default(),
            fragments: Fragments::new(config.fragment_limits()),
            streams: Streams::new(config.stream_limits()),
            messages: Messages {
                message: Message::default(),
                transactions: Transactions::new(config.pairing_limits(answer_texts)),
            },
        }
    }

    /// Takes one frame and hands every record it completes to `sink`.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut impl FnMut(Record<'_>)) {
        self.counters.frame_read += 1;
        match found_in(frame, &self.ports) {
            Found::Segment(segment) => {
                match segment.tcp {
                    Some(_) => self.counters.frame_tcp += 1,
                    None => self.counters.frame_udp += 1,
                }
                self.segment(&segment, sink);
            }
            Found::Fragment(fragment) => self.fragment(&fragment, sink),
            Found::Passed(passed) => {
                self.counters.fragment_dropped += u64::from(passed == Passed::Fragment);
                *passed_counter(&mut self.counters, passed) += 1;
            }
        }
    }

    fn fragment(&mut self, fragment: &Fragment<'_>, sink: &mut impl FnMut(Record<'_>)) {
        self.counters.frame_fragment += 1;
        let mut done = Vec::new();
        self.fragments.push(fragment, &mut self.counters, &mut done);
        self.datagrams(done, sink);
    }

    /// Reads what datagrams carry; the fragments of a tunnelled datagram among it may complete
    /// others, each inside one tunnel more, so this ends.
    fn datagrams(&mut self, mut batch: Vec<Datagram>, sink: &mut impl FnMut(Record<'_>)) {
        while !batch.is_empty() {
            let mut inner = Vec::new();
            for datagram in &batch {
                self.datagram(datagram, &mut inner, sink);
            }
            batch = inner;
        }
    }

    fn datagram(
        &mut self,
        datagram: &Datagram,
        inner: &mut Vec<Datagram>,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let messages = self.counters.message_total;
        match found_in_datagram(datagram, &self.ports) {
            Found::Segment(segment) => {
                match segment.tcp {
                    Some(_) => self.counters.datagram_tcp += 1,
                    None => self.counters.datagram_udp += 1,
                }
                self.segment(&segment, sink);
            }
            Found::Fragment(fragment) => {
                self.counters.datagram_fragment += 1;
                self.fragments.push(&fragment, &mut self.counters, inner);
            }
            Found::Passed(Passed::Fragment) => {
                self.counters.datagram_fragment += 1;
                self.counters.fragment_dropped += 1;
            }
            Found::Passed(_) => self.counters.datagram_passed += 1,
        }
        if datagram.cut {
            self.counters.message_total_head += self.counters.message_total - messages;
        }
    }

    fn segment(&mut self, segment: &Segment<'_>, sink: &mut impl FnMut(Record<'_>)) {
        let Self { counters, streams, messages, .. } = self;
        let Some(facts) = segment.tcp else {
            let seen = Sighting {
                time: segment.time,
                flow: segment.flow,
                path: segment.path,
                transport: Transport::Udp,
            };
            messages.take(&seen, segment.payload, segment.cut, counters, sink);
            return;
        };
        streams.push(segment, facts, counters, &mut |counters, framed| {
            messages.take_framed(&framed, counters, sink);
        });
    }

    /// Ends the input: hands on everything that still waits.
    pub fn finish(&mut self, sink: &mut impl FnMut(Record<'_>)) {
        let mut done = Vec::new();
        self.fragments.finish(&mut self.counters, &mut done);
        self.datagrams(done, sink);
        let Self { counters, streams, messages, .. } = self;
        streams.finish(counters, &mut |counters, framed| {
            messages.take_framed(&framed, counters, sink);
        });
        messages.transactions.finish(counters, sink);
    }

    /// Returns what became of everything so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Messages {
    fn take_framed(
        &mut self,
        framed: &Framed<'_>,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let seen = Sighting {
            time: framed.time,
            flow: framed.flow,
            path: framed.path,
            transport: Transport::Tcp,
        };
        self.take(&seen, framed.payload, false, counters, sink);
    }

    fn take(
        &mut self,
        seen: &Sighting,
        data: &[u8],
        cut: bool,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let kind = self.message.read(data);
        if cut {
            self.message.defects.add(Defect::CutByCapture);
        }
        let (short, total) = match seen.transport {
            Transport::Udp => (&mut counters.datagram_short, &mut counters.message_total_udp),
            Transport::Tcp => (&mut counters.tcp_short, &mut counters.message_total_tcp),
        };
        if kind == Kind::Short {
            *short += 1;
            return;
        }
        *total += 1;
        counters.message_total += 1;
        counters.message_defective += u64::from(!self.message.defects.is_empty());
        match kind {
            Kind::NotDns | Kind::Short => counters.message_not_dns += 1,
            Kind::Query => {
                counters.message_queries += 1;
                self.transactions.query(seen, &self.message, counters, sink);
            }
            Kind::Response => {
                counters.message_responses += 1;
                self.transactions.response(seen, &self.message, data, counters, sink);
            }
        }
    }
}

fn passed_counter(counters: &mut Counters, passed: Passed) -> &mut u64 {
    match passed {
        Passed::Cut => &mut counters.frame_cut,
        Passed::Fragment => &mut counters.frame_fragment,
        Passed::LinkType => &mut counters.frame_link_type,
        Passed::Llmnr => &mut counters.frame_llmnr,
        Passed::Mdns => &mut counters.frame_mdns,
        Passed::Netbios => &mut counters.frame_netbios,
        Passed::TooDeep => &mut counters.frame_too_deep,
        Passed::Malformed => &mut counters.frame_malformed,
        Passed::NotIp => &mut counters.frame_not_ip,
        Passed::OtherPort => &mut counters.frame_other_port,
        Passed::OtherTransport => &mut counters.frame_other_transport,
    }
}
