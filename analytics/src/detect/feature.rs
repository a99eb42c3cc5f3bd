//! The features that scorecards weigh, each a number computed from a key's figures.

use geophone_sensor::record::Transaction;
use serde::{Deserialize, Serialize};

use crate::state::KeyState;

/// A feature of one (client, domain), or of what a watch follows (see [`WATCHED`](super::WATCHED)).
/// The name in rules and alerts is the snake_case form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Distinct registered domains that most answers lead to the same addresses.
    AlikeDomains,
    /// Octets answered per octet asked.
    AmplificationRatio,
    /// Distinct things said in answers within two windows, beyond the first; all addresses are one.
    AnswerChanges,
    /// Octets of text, names and opaque data per answer.
    AnswerPayload,
    /// Octets of the largest answer to ANY over UDP for clients outside, in the window.
    AnyOctets,
    /// How regularly new names come, 0 to 1 (`detect::beacon`).
    Beacon,
    /// Share of queries for types with large answers (ANY, TXT, DNSKEY, RRSIG), 0 to 1.
    BigTypeShare,
    /// Price of novel names per octet of their subdomains, in bits.
    BitsPerChar,
    /// Distinct short host names of one zone that do not exist, in the window.
    BruteNames,
    /// Share of queries for types that carry names or text (CNAME, MX, SRV, TXT, …), 0 to 1.
    CarrierShare,
    /// Clients that take part.
    Clients,
    /// Share of the busiest client, 0 to 1.
    ClientShare,
    /// Queries with answers that contradict each other, in the window.
    Conflicts,
    /// Share of the densest block of 256 addresses that was asked for, 0 to 1.
    Coverage,
    /// Messages with something wrong, in the window.
    Defective,
    /// Distinct things that were wrong with messages.
    DefectKinds,
    /// Evidence that names are generated, in decibans, summed over names that do not exist.
    DgaEvidence,
    /// Queries for the domain in the last 60 seconds, from all clients.
    DomainRate,
    /// Registered domains that take part: more than one where a client rotates over several.
    Domains,
    /// Share of new names whose first label looks drawn, 0 to 1.
    DrawnShare,
    /// Failed answers a second as a multiple of what is usual for the host.
    FailureRise,
    /// Times that a name turned between public and private addresses, in the window.
    Flips,
    /// TCP connections that did not open, in the window.
    HalfOpen,
    /// TCP connections opened within half a minute and not ended.
    Held,
    /// Fragments of UDP without the head of their datagram, in the window; 0 where more have one.
    HeadlessFragments,
    /// Distinct names asked for that tell what a server is (version.bind and its like).
    IdentityNames,
    /// Share of questions that came while the last answer was still to be kept, 0 to 1.
    Impatience,
    /// Distinct internal names asked of servers outside.
    InternalNames,
    /// Mean Shannon entropy of novel subdomains, in bits per octet.
    LabelEntropy,
    /// How full the fullest bucket of the leak contract is; above 1 it overflows.
    LeakFill,
    /// Minutes from the first to the last.
    Minutes,
    /// Answers to a waiting query but with another id or question, in the window.
    Mismatches,
    /// Mean length of novel subdomains, in octets.
    NameLength,
    /// Distinct names.
    Names,
    /// Clients of a server of this site that began to answer lately, in the window.
    NewServerClients,
    /// Octets of payloads that are not DNS.
    NotDnsBytes,
    /// Payloads that are not DNS, in the window.
    NotDnsPayloads,
    /// Octets of addresses in sets not answered before, since it is suspected.
    NovelAddresses,
    /// Octets of addresses and names (but for PTR) in answers not seen before, in the window.
    NovelAnswers,
    /// Novel names in the window.
    NovelNames,
    /// Octets of text and opaque data in answers not seen before, in the window.
    NovelText,
    /// Distinct registered domains that do not exist and that the client never asked, in the window.
    NxDomains,
    /// Of these, where they are of one kind.
    NxKin,
    /// Share of answers that no such name exists, 0 to 1.
    NxdomainShare,
    /// Distinct names that do not exist or get no answer, in the window.
    NxNames,
    /// That number over what is usual; 1 where nothing is known to be usual.
    NxRise,
    /// Share of queries for types that carry anything (NULL, KEY, private, unassigned), 0 to 1.
    OpaqueShare,
    /// Distinct ports that take part.
    Ports,
    /// Answers that point a public name to a private address, in the window.
    PrivateAnswers,
    /// Queries in the window.
    Queries,
    /// Queries a second.
    QueryRate,
    /// Queries a second over what is usual; 1 where nothing is known to be usual.
    RateRise,
    /// Datagrams of a tunnel that speaks no DNS on the DNS port.
    RawPackets,
    /// Names of others resolved for clients outside, in the window.
    Recursions,
    /// 1 where the zone is a registered domain, 0 where it is a public suffix.
    RegisteredZone,
    /// Domains that exist and look like those that do not.
    Rendezvous,
    /// Servers that take part.
    Servers,
    /// Share of answers that may be kept for five seconds at most, 0 to 1.
    ShortLived,
    /// Distinct names of one zone asked for meanwhile.
    Siblings,
    /// Distinct addresses whose names were asked for, in the window.
    SweptAddresses,
    /// TCP connections asked for a second.
    SynRate,
    /// Share of queries for text, 0 to 1.
    TextShare,
    /// Octets of text and opaque data per answer with data not seen before.
    TextSize,
    /// Share of names that the recogniser of a known tool expects, 0 to 1; 0 where none does.
    ToolSignature,
    /// Octets that left in zone transfers, in the window.
    TransferBytes,
    /// Zone transfers asked for, in the window.
    Transfers,
    /// 1 where the protocol is one that carries others (VPN, SSH, TLS, QUIC), 0 otherwise.
    TunnelProtocol,
    /// 1 where payloads went both ways, 0 otherwise.
    TwoWay,
    /// Answers nobody asked for, in the window.
    UnaskedAnswers,
    /// Share of answers that no such name exists under a suffix nobody registers, 0 to 1: nobody
    /// is there to receive.
    Undelegated,
    /// Questions past the resolvers that are meant to be asked, in the window.
    Undesignated,
    /// Share of queries whose name is novel, 0 to 1.
    UniqueRatio,
}

impl Feature {
    /// Every feature of a (client, domain), in the order of its name.
    pub const OF_KEYS: [Self; 23] = [
        Self::AnswerPayload,
        Self::Beacon,
        Self::BitsPerChar,
        Self::CarrierShare,
        Self::Domains,
        Self::DomainRate,
        Self::LabelEntropy,
        Self::LeakFill,
        Self::NameLength,
        Self::NovelAddresses,
        Self::NovelAnswers,
        Self::NovelNames,
        Self::NovelText,
        Self::NxdomainShare,
        Self::OpaqueShare,
        Self::Queries,
        Self::RawPackets,
        Self::ShortLived,
        Self::TextSize,
        Self::TextShare,
        Self::ToolSignature,
        Self::Undelegated,
        Self::UniqueRatio,
    ];
}

impl Feature {
    /// Returns the name that rules and alerts use.
    #[must_use]
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// The values of all features at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    state: &'a KeyState,
    leak_fill: f64,
    domain_rate: u32,
    suffix_known: bool,
    signs: Signs,
}

/// Figures that are kept of suspects alone; all 0 for a key that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Signs {
    /// How regularly new names come, 0 to 1.
    pub beacon: f64,
    /// Registered domains that take part.
    pub domains: u32,
    /// Octets of addresses in sets not answered before.
    pub novel_addresses: u32,
    /// Datagrams of a tunnel that speaks no DNS.
    pub raw_packets: u32,
    /// Share of names that a known tool's recogniser expects, 0 to 1.
    pub tool_signature: f64,
}

impl<'a> Features<'a> {
    /// Takes the figures of `state` after `transaction`.
    #[must_use]
    pub const fn new(state: &'a KeyState, leak_fill: f64, transaction: &Transaction) -> Self {
        let (domain_rate, suffix_known) =
            (transaction.rates.queries_60s, transaction.name.suffix_known);
        let signs = Signs {
            beacon: 0.0,
            domains: 1,
            novel_addresses: 0,
            raw_packets: 0,
            tool_signature: 0.0,
        };
        Self { state, leak_fill, domain_rate, suffix_known, signs }
    }

    /// Adds the figures of the suspect.
    #[must_use]
    pub const fn with(self, signs: Signs) -> Self {
        Self { signs, ..self }
    }

    /// Returns the value of `feature`.
    #[must_use]
    pub fn value(&self, feature: Feature) -> f64 {
        let state = &self.state.figures;
        match feature {
            Feature::AnswerPayload => ratio(state.payload_bytes, state.answers),
            Feature::Beacon => self.signs.beacon,
            Feature::BitsPerChar => ratio(state.bits, state.octets),
            Feature::CarrierShare => ratio(state.carrier_queries, state.queries),
            Feature::Domains => f64::from(self.signs.domains.max(1)),
            Feature::DomainRate => f64::from(self.domain_rate),
            Feature::LabelEntropy => ratio(state.entropy_millibits, state.novel) / 1000.0,
            Feature::LeakFill => self.leak_fill,
            Feature::NameLength => ratio(state.octets, state.novel),
            Feature::NovelAddresses => f64::from(self.signs.novel_addresses),
            Feature::NovelAnswers => f64::from(state.novel_answer_bytes),
            Feature::NovelNames => f64::from(state.novel),
            Feature::NovelText => f64::from(state.novel_text_bytes),
            Feature::NxdomainShare => ratio(state.nxdomain, state.answers),
            Feature::OpaqueShare => ratio(state.opaque_queries, state.queries),
            Feature::Queries => f64::from(state.queries),
            Feature::RawPackets => f64::from(self.signs.raw_packets),
            Feature::ShortLived => ratio(state.short_lived, state.answers),
            Feature::TextSize => ratio(state.novel_text_bytes, state.novel_texts),
            Feature::TextShare => ratio(state.text_queries, state.queries),
            Feature::ToolSignature => self.signs.tool_signature,
            Feature::Undelegated if self.suffix_known => 0.0,
            Feature::Undelegated => ratio(state.nxdomain, state.answers),
            Feature::UniqueRatio => ratio(state.novel, state.queries),
            // Rules for keys are refused with the features of watches.
            _ => 0.0,
        }
    }

    /// Returns the value of every feature, so that a score can be computed again by other rules.
    ///
    /// Single precision: seven digits are more than an alert shows.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
    pub fn all(&self) -> Vec<(Feature, f32)> {
        Feature::OF_KEYS.iter().map(|feature| (*feature, self.value(*feature) as f32)).collect()
    }
}

/// `part` of `whole`, 0 where there is no whole.
fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::detect::WATCHED;

    #[test]
    fn every_feature_is_of_keys_or_watched() {
        let error = serde_json::from_str::<Feature>("\"no such feature\"").unwrap_err().to_string();
        let watched = WATCHED.iter().flat_map(|(_, features)| features.iter());
        let known: BTreeSet<_> = Feature::OF_KEYS.iter().chain(watched).collect();
        // serde lists every name it knows in backticks, behind the wrong one.
        assert_eq!(error.matches('`').count() / 2 - 1, known.len(), "{error}");
    }
}
