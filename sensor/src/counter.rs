//! Named counters, and the sums that must balance: promise 4.
//!
//! Every frame, segment, message and record ends in exactly one of the counters that its line of
//! [`Counters::imbalance`] adds up. Plain integers: one pipeline, one owner.

use std::collections::BTreeMap;

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident => $name:literal,)*) => {
        /// What became of everything that was read.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters { $($(#[$doc])* pub $field: u64,)* }

        impl Counters {
            /// Returns every counter by its published name.
            #[must_use]
            pub fn named(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$(($name, self.$field),)*])
            }
        }
    };
}

counters! {
    /// Frames that the source had: taken and dropped.
    frame_offered => "frame.offered",
    /// Frames that the kernel dropped before the sensor could take them.
    frame_dropped_kernel => "frame.dropped_kernel",
    /// Frames that the interface or its driver dropped.
    frame_dropped_interface => "frame.dropped_interface",
    /// Frames taken from the source.
    frame_read => "frame.read",
    /// Frames with a UDP datagram on a watched port.
    frame_udp => "frame.udp",
    /// Frames with a TCP segment on a watched port.
    frame_tcp => "frame.tcp",
    /// Frames with UDP or TCP on other ports.
    frame_other_port => "frame.other_port",
    /// Frames with IP that carries neither UDP nor TCP.
    frame_other_transport => "frame.other_transport",
    /// Frames without IP (ARP, LLDP, unknown ether types).
    frame_not_ip => "frame.not_ip",
    /// Frames with an IP fragment.
    frame_fragment => "frame.fragment",
    /// Frames cut by the snap length before the transport header ended.
    frame_cut => "frame.cut",
    /// Frames of a link type that is not read.
    frame_link_type => "frame.link_type",
    /// Frames with more headers or tunnels inside one another than are followed.
    frame_too_deep => "frame.too_deep",
    /// Frames of multicast DNS.
    frame_mdns => "frame.mdns",
    /// Frames of link-local multicast name resolution.
    frame_llmnr => "frame.llmnr",
    /// Frames of the NetBIOS name service.
    frame_netbios => "frame.netbios",
    /// Frames whose link, IP or transport header contradicts itself.
    frame_malformed => "frame.malformed",
    /// Segments, of frames and datagrams, that came through a tunnel.
    segment_tunnelled => "segment.tunnelled",
    /// Fragments that became part of a datagram.
    fragment_assembled => "fragment.assembled",
    /// Fragments that came twice.
    fragment_duplicate => "fragment.duplicate",
    /// Fragments given up: the others did not come in time, bounds were reached, or cut.
    fragment_dropped => "fragment.dropped",
    /// Fragments that contradicted what was there of their datagram, which began anew with them.
    fragment_conflicts => "fragment.conflicts",
    /// Fragments waiting for others.
    fragment_pending => "fragment.pending",
    /// Datagrams put together.
    datagram_whole => "datagram.whole",
    /// Heads of datagrams whose rest did not come.
    datagram_cut => "datagram.cut",
    /// Of whole datagrams and heads, UDP on a watched port.
    datagram_udp => "datagram.udp",
    /// Of these, TCP on a watched port.
    datagram_tcp => "datagram.tcp",
    /// Of these, fragments of another datagram, in a tunnel.
    datagram_fragment => "datagram.fragment",
    /// Of these, others.
    datagram_passed => "datagram.passed",
    /// Datagrams on a watched port without any payload.
    datagram_empty => "datagram.empty",
    /// Messages found: every payload on a watched port that is not empty.
    message_total => "message.total",
    /// Messages found in UDP.
    message_total_udp => "message.total_udp",
    /// Messages found in TCP.
    message_total_tcp => "message.total_tcp",
    /// Messages, of those above, in heads of datagrams whose other fragments did not come.
    message_total_head => "message.total_head",
    /// Queries.
    message_queries => "message.queries",
    /// Responses.
    message_responses => "message.responses",
    /// Payloads that have the length of a header but are not DNS.
    message_not_dns => "message.not_dns",
    /// Payloads with fewer than the 12 octets of a DNS header.
    message_short => "message.short",
    /// Messages, of those above, with at least one defect.
    message_defective => "message.defective",
    /// Queries that got their answer.
    query_answered => "query.answered",
    /// Queries nobody answered within the timeout, or before the input ended.
    query_unanswered => "query.unanswered",
    /// Repetitions of a query still waiting.
    query_retried => "query.retried",
    /// Queries still waiting.
    query_pending => "query.pending",
    /// Responses to a waiting query.
    response_paired => "response.paired",
    /// Responses, of the unsolicited, to a waiting query by ports but not by id or question.
    response_mismatched => "response.mismatched",
    /// Further messages of an answer that goes on: a zone transfer.
    response_continued => "response.continued",
    /// Responses nobody was seen to ask for.
    response_unsolicited => "response.unsolicited",
    /// Queries given up before their timeout because the table was full (part of unanswered).
    query_evicted => "query.evicted",
    /// Octets of TCP payload on watched ports.
    tcp_octets => "tcp.octets",
    /// Octets of TCP payload that became messages, with their length fields.
    tcp_octets_message => "tcp.octets_message",
    /// Octets of TCP payload seen before.
    tcp_octets_duplicate => "tcp.octets_duplicate",
    /// Octets of TCP payload skipped: no message boundary known, or bounds reached.
    tcp_octets_skipped => "tcp.octets_skipped",
    /// Octets of TCP payload of other protocols than DNS.
    tcp_octets_foreign => "tcp.octets_foreign",
    /// Messages in TCP of no octets; their length fields count as message.
    tcp_empty => "tcp.empty",
    /// Records about TCP streams of other protocols.
    tcp_foreign_told => "tcp.foreign_told",
    /// Connections asked for.
    tcp_syn => "tcp.syn",
    /// Connections opened.
    tcp_established => "tcp.established",
    /// Connections that did not open in time.
    tcp_half_open => "tcp.half_open",
    /// Connections closed by the client.
    tcp_closed => "tcp.closed",
    /// Connections refused or torn down.
    tcp_reset => "tcp.reset",
    /// Octets of TCP payload still waiting for the rest of their message.
    tcp_octets_pending => "tcp.octets_pending",
    /// TCP streams given up because the table was full.
    tcp_streams_evicted => "tcp.streams_evicted",
    /// Holes in TCP streams.
    tcp_gaps => "tcp.gaps",
    /// Records handed on.
    record_total => "record.total",
    /// Records of exchanges.
    record_transactions => "record.transactions",
    /// Records of connections for encrypted DNS that began (of the records that are not DNS).
    record_encrypted => "record.encrypted",
    /// Records of payloads that are not DNS.
    record_not_dns => "record.not_dns",
    /// Records of seconds.
    record_ticks => "record.ticks",
}

impl Counters {
    /// Names the first sum that does not add up, or `None` when all is accounted for.
    #[must_use]
    pub fn imbalance(&self) -> Option<String> {
        let sums = self.frame_sums().into_iter().chain(self.message_sums());
        let mut wrong = sums.filter(|(_, whole, parts)| whole != parts);
        wrong
            .next()
            .map(|(name, whole, parts)| format!("{name} is {whole}, its parts add up to {parts}"))
    }

    /// What becomes of frames, fragments and TCP payload: name, whole, sum of the parts.
    fn frame_sums(&self) -> [(&'static str, u64, u64); 5] {
        let frames = self.frame_udp
            + self.frame_tcp
            + self.frame_other_port
            + self.frame_other_transport
            + self.frame_not_ip
            + self.frame_fragment
            + self.frame_cut
            + self.frame_link_type
            + self.frame_too_deep
            + self.frame_mdns
            + self.frame_llmnr
            + self.frame_netbios
            + self.frame_malformed;
        let fragments = self.fragment_assembled
            + self.fragment_duplicate
            + self.fragment_dropped
            + self.fragment_pending;
        let datagrams =
            self.datagram_udp + self.datagram_tcp + self.datagram_fragment + self.datagram_passed;
        let octets = self.tcp_octets_message
            + self.tcp_octets_duplicate
            + self.tcp_octets_skipped
            + self.tcp_octets_foreign
            + self.tcp_octets_pending;
        let offered = self.frame_read + self.frame_dropped_kernel + self.frame_dropped_interface;
        [
            ("frame.offered", self.frame_offered, offered),
            ("frame.read", self.frame_read, frames),
            ("frame.fragment", self.frame_fragment + self.datagram_fragment, fragments),
            ("datagram.whole and cut", self.datagram_whole + self.datagram_cut, datagrams),
            ("tcp.octets", self.tcp_octets, octets),
        ]
    }

    /// What becomes of messages: name, whole, sum of the parts.
    fn message_sums(&self) -> [(&'static str, u64, u64); 8] {
        let datagrams = self.frame_udp + self.datagram_udp;
        let messages = self.message_total_udp + self.message_total_tcp;
        let kinds = self.message_queries
            + self.message_responses
            + self.message_not_dns
            + self.message_short;
        let queries =
            self.query_answered + self.query_unanswered + self.query_retried + self.query_pending;
        let responses = self.query_answered + self.response_continued + self.response_unsolicited;
        let not_dns = self.message_not_dns
            + self.message_short
            + self.tcp_foreign_told
            + self.record_encrypted;
        let records = self.record_transactions + self.record_not_dns + self.record_ticks;
        [
            ("frame.udp", datagrams, self.datagram_empty + self.message_total_udp),
            ("message.total", messages, kinds),
            ("message.total of transports", self.message_total, messages),
            ("message.queries", self.message_queries, queries),
            ("message.responses", self.message_responses, responses),
            ("record.transactions", self.record_transactions, responses + self.query_unanswered),
            ("record.not_dns", self.record_not_dns, not_dns),
            ("record.total", self.record_total, records),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_ends_nowhere_is_told() {
        let mut counters = Counters::default();
        assert_eq!(counters.imbalance(), None);
        counters.frame_read += 1;
        counters.frame_offered += 1;
        assert_eq!(counters.imbalance().unwrap(), "frame.read is 1, its parts add up to 0");
        counters.frame_not_ip += 1;
        assert_eq!(counters.imbalance(), None);
    }
}
