//! What a feature means, in a few words.

/// Features by their names, in the order of these.
const MEANINGS: &[(&str, &str)] = &[
    ("amplification_ratio", "octets answered for an octet asked"),
    ("answer_changes", "different things said in answers lately"),
    ("answer_payload", "octets of text, names and opaque data an answer"),
    ("beacon", "how regular the gaps are, 1 for a clock"),
    ("big_type_share", "share of questions for types with large answers"),
    ("bits_per_char", "bits a character of the new names is worth"),
    ("brute_names", "host names tried that do not exist"),
    ("carrier_share", "share of queries for types that carry names or text"),
    ("client_share", "share of the busiest client"),
    ("clients", "distinct clients"),
    ("conflicts", "answers that contradict an earlier one"),
    ("coverage", "share of one block of addresses that was asked for"),
    ("defect_kinds", "different defects"),
    ("defective", "malformed messages in the window"),
    ("dga_evidence", "evidence that the domains are generated, in decibans"),
    ("domain_rate", "queries for the domain within a minute, from all clients"),
    ("domains", "distinct domains"),
    ("flips", "turns from public to private addresses"),
    ("half_open", "connections that did not open"),
    ("identity_names", "names that tell what a server runs"),
    ("impatience", "share of questions asked while the answer was still good"),
    ("internal_names", "internal names asked outside"),
    ("label_entropy", "entropy of the new names, bits a character"),
    ("leak_fill", "how full the fullest bucket of the leak contract is"),
    ("minutes", "minutes it goes on"),
    ("mismatches", "answers with a wrong id, name or type"),
    ("name_length", "octets of a new name before the domain"),
    ("names", "distinct names"),
    ("not_dns_bytes", "octets that are not DNS"),
    ("not_dns_payloads", "payloads that are not DNS"),
    ("novel_names", "names not asked before"),
    ("novel_text", "octets of text and opaque data not answered before"),
    ("nx_domains", "new domains that do not exist"),
    ("nx_names", "names of the zone that do not exist"),
    ("nx_rise", "how far that is above what is usual"),
    ("nxdomain_share", "share of answers that no such name exists"),
    ("opaque_share", "share of queries for types that carry anything"),
    ("ports", "ports that got such answers"),
    ("private_answers", "answers that point inside"),
    ("queries", "queries in the window"),
    ("query_rate", "questions a second"),
    ("rate_rise", "how far that is above what is usual"),
    ("recursions", "recursive answers to clients outside"),
    ("registered_zone", "whether the zone is a registered domain"),
    ("rendezvous", "domains that exist and look like those that do not"),
    ("resolvers", "names of resolvers for encrypted DNS"),
    ("servers", "distinct servers"),
    ("siblings", "names of guessed answers"),
    ("swept_addresses", "addresses whose names were asked"),
    ("syn_rate", "connections asked for a second"),
    ("text_share", "share of queries for text"),
    ("text_size", "octets of new text an answer"),
    ("transfer_bytes", "octets of zone transfers"),
    ("transfers", "zone transfers asked for"),
    ("tunnel_protocol", "whether it is a protocol that carries others"),
    ("two_way", "whether it went both ways"),
    ("unasked_answers", "answers nobody asked for"),
    ("undelegated", "share of names under no suffix anybody registers that do not exist"),
    ("undesignated", "questions past the named resolvers"),
    ("unique_ratio", "share of queries whose name is new"),
];

/// Returns what the feature of this name means; empty where it is not known, or says so itself.
pub(super) fn meaning(feature: &str) -> &'static str {
    let place = MEANINGS.binary_search_by_key(&feature, |(name, _)| name);
    place.ok().and_then(|place| MEANINGS.get(place)).map_or("", |(_, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::WATCHED;

    #[test]
    fn every_feature_of_a_watch_has_its_words() {
        assert!(MEANINGS.is_sorted(), "they are searched");
        for (rule, features) in WATCHED {
            for feature in *features {
                assert_ne!(meaning(&feature.name()), "", "{rule} {}", feature.name());
            }
        }
        assert_eq!(meaning("a feature of tomorrow"), "");
    }
}
