//! The sensor as one thing: frames in, records out, everything counted.
//!
//! Owns every table of the sensor and no thread. The caller drives it, so the same frames give the
//! same records whatever feeds them.

mod messages;

use std::net::IpAddr;
use std::time::Duration;

use self::messages::Messages;
use crate::capture::{Frame, LinkType, Losses};
use crate::config::{HTTPS, SensorConfig};
use crate::counter::Counters;
use crate::decode::foreign::Protocol;
use crate::decode::fragment::{Datagram, Fragment, Fragments};
use crate::decode::segment::{
    Flow, Found, Passed, Segment, each_in_netlink, found_in, found_in_datagram,
};
use crate::decode::streams::Streams;
use crate::record::{Record, Transport};
use crate::time::Timestamp;
use crate::transaction::Sighting;

/// A frame so much earlier than the one before it is not out of order: the clock was set back, or
/// a stamp was wrong, or another capture follows.
const SET_BACK: Duration = Duration::from_secs(10);

/// A packet with a long header, of version 1 and the type that begins a connection (RFC 9000 section
/// 17.2.2), or of version 2 (RFC 9369 section 3.2).
fn is_quic_initial(payload: &[u8]) -> bool {
    match payload {
        [first, 0, 0, 0, 1, ..] => first & 0xf0 == 0xc0,
        [first, 0x6b, 0x33, 0x43, 0xcf, ..] => first & 0xf0 == 0xd0,
        _ => false,
    }
}

/// A file may say that any number of frames was lost; two of these can be added up.
const MOST_LOST: u64 = 1 << 62;

/// Frames in, records out.
pub struct Pipeline {
    /// Watched ports, those of encrypted DNS among them.
    ports: Vec<u16>,
    /// Ports of encrypted DNS that are not watched for DNS, that of HTTPS among them.
    encrypted: Vec<u16>,
    /// Resolvers that answer over HTTPS.
    hosts: Vec<IpAddr>,
    counters: Counters,
    fragments: Fragments,
    streams: Streams,
    messages: Messages,
    /// When the last frame was captured.
    last: Timestamp,
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
        let mut ports = config.all_ports();
        let hosts = config.https_hosts().to_vec();
        ports.extend((!hosts.is_empty()).then_some(HTTPS));
        Self {
            encrypted: ports.iter().skip(config.ports.len()).copied().collect(),
            ports,
            hosts,
            counters: Counters::default(),
            fragments: Fragments::new(config.fragment_limits()),
            streams: Streams::new(config.stream_limits()),
            messages: Messages::new(config, detail),
            last: Timestamp(i64::MIN),
        }
    }

    /// Takes one frame and hands every record it completes to `sink`.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut impl FnMut(Record<'_>)) {
        self.counters.frame_offered += 1;
        self.counters.frame_read += 1;
        if self.last.since(frame.time) >= SET_BACK {
            self.set_back(frame.time, sink);
        }
        self.last = frame.time;
        self.messages.ticks.frame(frame.time, &mut self.counters, sink);
        if frame.link == LinkType::Netlink {
            return self.netlink(frame, sink);
        }
        let found = found_in(frame, &self.ports);
        self.found(&found, sink);
    }

    #[inline]
    fn found(&mut self, found: &Found<'_>, sink: &mut impl FnMut(Record<'_>)) {
        match found {
            Found::Segment(segment) if self.is_encrypted(segment) => {
                self.counters.frame_other_port += 1;
                self.encrypted(segment, sink);
            }
            Found::Segment(segment) => {
                match segment.tcp {
                    Some(_) => self.counters.frame_tcp += 1,
                    None => self.counters.frame_udp += 1,
                }
                self.segment(segment, sink);
            }
            Found::Fragment(fragment) => self.fragment(fragment, sink),
            Found::Passed(passed) => {
                self.counters.fragment_dropped += u64::from(*passed == Passed::Fragment);
                *passed_counter(&mut self.counters, *passed) += 1;
            }
        }
    }

    /// Takes the packets of a netlink frame one by one; each counts as a frame.
    #[cold]
    fn netlink(&mut self, frame: &Frame<'_>, sink: &mut impl FnMut(Record<'_>)) {
        let (ports, mut more) = (self.ports.clone(), 0);
        each_in_netlink(frame, &ports, |found| {
            self.counters.frame_offered += more;
            self.counters.frame_read += more;
            more = 1;
            self.found(found, sink);
        });
    }

    /// Gives up what waits until a time that is far ahead again.
    #[cold]
    fn set_back(&mut self, now: Timestamp, sink: &mut impl FnMut(Record<'_>)) {
        let mut done = Vec::new();
        self.fragments.set_back(now, &mut self.counters, &mut done);
        self.datagrams(done, sink);
        let Self { counters, streams, messages, .. } = self;
        streams.set_back(now, counters, &mut |counters, heard| {
            messages.hear(heard, counters, sink);
        });
        messages.set_back(now, counters, sink);
    }

    /// Takes what the source lost so far, since its beginning.
    pub fn lost(&mut self, losses: Losses) {
        let Losses { kernel, interface } = losses;
        let losses = Losses { kernel: kernel.min(MOST_LOST), interface: interface.min(MOST_LOST) };
        let Counters { frame_dropped_kernel: kernel, frame_dropped_interface: interface, .. } =
            &mut self.counters;
        let before = *kernel + *interface;
        *kernel = losses.kernel.max(*kernel);
        *interface = losses.interface.max(*interface);
        let now = *kernel + *interface;
        self.counters.frame_offered += now - before;
        self.messages.ticks.lost(losses);
    }

    fn fragment(&mut self, fragment: &Fragment<'_>, sink: &mut impl FnMut(Record<'_>)) {
        self.counters.frame_fragment += 1;
        let mut done = Vec::new();
        self.put_together(fragment, &mut done);
        self.datagrams(done, sink);
    }

    fn put_together(&mut self, fragment: &Fragment<'_>, done: &mut Vec<Datagram>) {
        if let Some(head) = self.fragments.push(fragment, &mut self.counters, done) {
            self.messages.ticks.fragment(fragment.destination(), head);
        }
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
            Found::Segment(segment) if self.is_encrypted(&segment) => {
                self.counters.datagram_passed += 1;
                self.encrypted(&segment, sink);
            }
            Found::Segment(segment) => {
                match segment.tcp {
                    Some(_) => self.counters.datagram_tcp += 1,
                    None => self.counters.datagram_udp += 1,
                }
                self.segment(&segment, sink);
            }
            Found::Fragment(fragment) => {
                self.counters.datagram_fragment += 1;
                self.put_together(&fragment, inner);
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

    #[inline]
    fn is_encrypted(&self, segment: &Segment<'_>) -> bool {
        let Flow { source_port, destination_port, .. } = segment.flow;
        let among =
            |ports: &[u16]| ports.contains(&source_port) || ports.contains(&destination_port);
        // From a watched port to one of these is a question like others.
        among(&self.encrypted) && !self.messages.is_watched(source_port, destination_port)
    }

    /// Tells of a connection that a client begins; whatever comes on it cannot be read.
    fn encrypted(&mut self, segment: &Segment<'_>, sink: &mut impl FnMut(Record<'_>)) {
        let Segment { time, flow, path, payload, tcp, .. } = *segment;
        if !self.encrypted.contains(&flow.destination_port) {
            return;
        }
        let https = flow.destination_port == HTTPS && !self.hosts.is_empty();
        if https && !self.hosts.contains(&flow.destination) {
            return;
        }
        let (transport, protocol) = match tcp {
            Some(facts) if facts.syn && !facts.ack => (Transport::Tcp, Protocol::DnsOverTls),
            None if is_quic_initial(payload) => (Transport::Udp, Protocol::DnsOverQuic),
            _ => return,
        };
        let protocol = if https { Protocol::DnsOverHttps } else { protocol };
        let seen = Sighting { time, flow, path, transport };
        self.messages.encrypted(&seen, protocol, &mut self.counters, sink);
    }

    fn segment(&mut self, segment: &Segment<'_>, sink: &mut impl FnMut(Record<'_>)) {
        let Self { counters, streams, messages, .. } = self;
        let Segment { time, flow, path, payload, cut, missing, tcp } = *segment;
        counters.segment_tunnelled += u64::from(path.is_tunnelled());
        let Some(facts) = tcp else {
            let seen = Sighting { time, flow, path, transport: Transport::Udp };
            messages.take(&seen, payload, cut.then_some(missing), counters, sink);
            return;
        };
        streams.push(segment, facts, counters, &mut |counters, heard| {
            messages.hear(heard, counters, sink);
        });
    }

    /// Ends the input: hands on everything that still waits.
    pub fn finish(&mut self, sink: &mut impl FnMut(Record<'_>)) {
        // What is given up may hold fragments of what was tunnelled in it, one tunnel deeper each.
        while !self.fragments.is_empty() {
            let mut done = Vec::new();
            self.fragments.finish(&mut self.counters, &mut done);
            self.datagrams(done, sink);
        }
        let Self { counters, streams, messages, .. } = self;
        streams.finish(counters, &mut |counters, heard| {
            messages.hear(heard, counters, sink);
        });
        messages.finish(counters, sink);
    }

    /// Returns what became of everything so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

fn passed_counter(counters: &mut Counters, passed: Passed) -> &mut u64 {
    match passed {
        Passed::Cut => &mut counters.frame_cut,
        Passed::Fragment => &mut counters.frame_fragment,
        Passed::LinkType => &mut counters.frame_link_type,
        Passed::Llmnr => &mut counters.frame_llmnr,
        Passed::Malformed => &mut counters.frame_malformed,
        Passed::Mdns => &mut counters.frame_mdns,
        Passed::Netbios => &mut counters.frame_netbios,
        Passed::NotIp => &mut counters.frame_not_ip,
        Passed::OtherPort => &mut counters.frame_other_port,
        Passed::OtherTransport => &mut counters.frame_other_transport,
        Passed::TooDeep => &mut counters.frame_too_deep,
    }
}
