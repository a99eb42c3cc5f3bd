//! What features measure, in words.

/// By the name of the feature.
const MEANINGS: &[(&str, &str)] = &[
    ("alike_domains", "distinct registered domains that most answers lead to the same addresses"),
    ("amplification_ratio", "octets answered per octet asked"),
    ("answer_changes", "distinct answers beyond the first"),
    ("answer_payload", "octets of text, names and opaque data an answer"),
    (
        "any_octets",
        "octets of the largest answer to ANY over UDP for clients outside, in the window",
    ),
    ("beacon", "how regularly new names come, 0 to 1 (detect::beacon)"),
    (
        "big_type_share",
        "share of queries for types with large answers (ANY, TXT, DNSKEY, RRSIG), or whose answers \
         are ten times as large and that one address outside asks twenty times in the window, 0 to \
         1",
    ),
    ("bits_per_char", "bits a character of the new names is worth"),
    ("brute_names", "distinct short host names of one zone that do not exist, in the window"),
    ("carrier_share", "share of queries for types that carry names or text"),
    ("client_share", "share of the busiest client, 0 to 1"),
    ("clients", "clients that take part"),
    (
        "conflicts",
        "queries with answers that contradict each other, in the window; a second answer 0.7 s or \
         more after the question counts a quarter, and only where such answers are a fair share \
         of all: the capture may have lost a repetition",
    ),
    ("coverage", "share of the densest block of 256 addresses that was asked for, 0 to 1"),
    ("defect_kinds", "distinct things that were wrong with messages"),
    ("defective", "messages with something wrong, in the window"),
    (
        "dga_evidence",
        "evidence that names are generated, in decibans, summed over names that do not exist",
    ),
    ("domain_rate", "queries for the domain within a minute, from all clients"),
    (
        "domains",
        "registered domains that take part: more than one where a client rotates over several",
    ),
    ("drawn_share", "share of new names whose first label looks drawn"),
    ("failure_rise", "failed answers a second as a multiple of what is usual for the host"),
    ("flips", "times that a name turned between public and private addresses, in the window"),
    ("half_open", "TCP connections that did not open, in the window"),
    ("held", "TCP connections opened within half a minute and not ended"),
    (
        "headless_fragments",
        "fragments of UDP without the head of their datagram, in the window; 0 where more have one",
    ),
    (
        "identity_names",
        "distinct names asked for that tell what a server is (version.bind and its like)",
    ),
    (
        "impatience",
        "share of questions that came while the last answer was still to be kept, 0 to 1",
    ),
    ("internal_names", "distinct internal names asked of servers outside"),
    ("label_entropy", "entropy of the new names, bits a character"),
    ("leak_fill", "how full the fullest bucket of the leak contract is"),
    ("minutes", "minutes from the first to the last"),
    ("mismatches", "answers to a waiting query but with another id or question, in the window"),
    ("name_length", "octets of a new name before the domain"),
    ("names", "distinct names"),
    (
        "new_server_clients",
        "clients of a server of this site that began to answer lately, in the window",
    ),
    ("not_dns_bytes", "octets of payloads that are not DNS"),
    ("not_dns_payloads", "payloads that are not DNS, in the window"),
    ("novel_addresses", "octets of addresses in sets not answered before, since it is suspected"),
    (
        "novel_answers",
        "octets of addresses and names (but for PTR) in answers not seen before, in the window",
    ),
    ("novel_names", "names not asked before"),
    ("novel_text", "octets of text and opaque data not answered before"),
    ("nx_domains", "distinct registered domains that do not exist, in the window"),
    (
        "nx_kin",
        "the same where they are of one kind by length and suffix, as those of a family are; 0 \
         otherwise",
    ),
    ("nx_names", "distinct names that do not exist or get no answer, in the window"),
    ("nx_rise", "that number over what is usual; 1 where nothing is known to be usual"),
    ("nxdomain_share", "share of answers that no such name exists"),
    ("opaque_share", "share of queries for types that carry anything"),
    ("ports", "distinct ports that take part"),
    ("private_answers", "answers that point a public name to a private address, in the window"),
    ("queries", "queries in the window"),
    ("query_rate", "queries a second"),
    ("rate_rise", "queries a second over what is usual; 1 where nothing is known to be usual"),
    ("raw_packets", "datagrams of a tunnel that speaks no DNS on the DNS port"),
    ("recursions", "names of others resolved for clients outside, in the window"),
    ("registered_zone", "1 where the zone is a registered domain, 0 where it is a public suffix"),
    ("rendezvous", "generated names that did resolve"),
    ("servers", "servers that take part"),
    ("short_lived", "share of answers that may be kept for five seconds at most, 0 to 1"),
    ("siblings", "distinct names of one zone asked for meanwhile"),
    ("swept_addresses", "distinct addresses whose names were asked for, in the window"),
    ("syn_rate", "TCP connections asked for a second"),
    ("text_share", "share of queries for text"),
    ("text_size", "octets of new text an answer"),
    (
        "tool_signature",
        "share of names that the recogniser of a known tool expects, 0 to 1; 0 where none does",
    ),
    ("transfer_bytes", "octets that left in zone transfers, in the window"),
    ("transfers", "zone transfers asked for, in the window"),
    (
        "tunnel_protocol",
        "1 where the protocol is one that carries others (VPN, SSH, TLS, QUIC), 0 otherwise",
    ),
    ("two_way", "1 where payloads went both ways, 0 otherwise"),
    ("unasked_answers", "answers nobody asked for, in the window"),
    ("undelegated", "share of names under no suffix anybody registers that do not exist"),
    ("undesignated", "questions past the resolvers that are meant to be asked, in the window"),
    ("unique_ratio", "share of queries whose name is new"),
];

/// Returns what a feature measures; empty where this version does not know it.
pub(super) fn meaning(feature: &str) -> &'static str {
    MEANINGS.iter().find(|(name, _)| *name == feature).map_or("", |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Feature, WATCHED};

    #[test]
    fn every_feature_has_its_words_here_and_its_line_in_the_rules_readme() {
        let readme = include_str!("../../../rules/README.md");
        let watched = WATCHED.iter().flat_map(|(_, features)| features.iter());
        for feature in Feature::OF_KEYS.iter().chain(watched) {
            let name = feature.name();
            assert!(!meaning(&name).is_empty(), "{name}");
            assert!(readme.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
