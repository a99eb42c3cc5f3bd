//! The rules that are about something else than a (client, domain), and what they may look at.

use super::feature::Feature;

/// The features that a watch computes, by the `rule.id` of its rule; every other rule is about a
/// (client, domain).
pub const WATCHED: &[(&str, &[Feature])] = &[
    (
        "c2-beacon",
        &[
            Feature::Beacon,
            Feature::Queries,
            Feature::Minutes,
            Feature::Names,
            Feature::CarrierShare,
            Feature::AnswerChanges,
            Feature::Impatience,
        ],
    ),
    (
        "rogue-resolver",
        &[
            Feature::Undesignated,
            Feature::Servers,
            Feature::AlikeDomains,
            Feature::NewServerClients,
        ],
    ),
    ("dns-rebinding", &[Feature::PrivateAnswers, Feature::Flips]),
    (
        "cache-poisoning",
        &[
            Feature::Conflicts,
            Feature::HeadlessFragments,
            Feature::Mismatches,
            Feature::UnaskedAnswers,
            Feature::Siblings,
            Feature::Ports,
        ],
    ),
    (
        "amplification",
        &[
            Feature::Queries,
            Feature::AmplificationRatio,
            Feature::AnyOctets,
            Feature::BigTypeShare,
            Feature::UnaskedAnswers,
            Feature::Servers,
            Feature::UniqueRatio,
        ],
    ),
    (
        "dga",
        &[
            Feature::DgaEvidence,
            Feature::NxDomains,
            Feature::NxKin,
            Feature::NxdomainShare,
            Feature::Rendezvous,
        ],
    ),
    ("encrypted-dns", &[Feature::Queries, Feature::Clients]),
    ("malformed-dns", &[Feature::Defective, Feature::DefectKinds]),
    ("name-leak", &[Feature::Queries, Feature::InternalNames]),
    (
        "non-dns",
        &[Feature::NotDnsPayloads, Feature::NotDnsBytes, Feature::TwoWay, Feature::TunnelProtocol],
    ),
    (
        "nxdomain-flood",
        &[
            Feature::NxNames,
            Feature::NxRise,
            Feature::RegisteredZone,
            Feature::DrawnShare,
            Feature::UniqueRatio,
            Feature::Clients,
            Feature::ClientShare,
        ],
    ),
    ("open-resolver", &[Feature::Recursions, Feature::Clients, Feature::Domains]),
    ("query-flood", &[Feature::QueryRate, Feature::RateRise, Feature::FailureRise]),
    ("reverse-sweep", &[Feature::SweptAddresses, Feature::Coverage, Feature::BruteNames]),
    ("tcp-exhaustion", &[Feature::SynRate, Feature::HalfOpen, Feature::Held, Feature::RateRise]),
    ("version-probe", &[Feature::Queries, Feature::IdentityNames, Feature::Servers]),
    ("zone-transfer", &[Feature::Transfers, Feature::TransferBytes, Feature::Domains]),
];

/// Returns what the rule `id` may look at, if a watch computes it.
#[must_use]
pub fn watched_by(id: &str) -> Option<&'static [Feature]> {
    WATCHED.iter().find(|(rule, _)| *rule == id).map(|(_, features)| *features)
}

/// The values of a watch's features at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<(Feature, f64)>);

impl Values {
    /// Adds a feature.
    #[must_use]
    pub fn with(mut self, feature: Feature, value: impl Into<f64>) -> Self {
        self.0.push((feature, value.into()));
        self
    }

    /// Returns the value of `feature`, 0 where it has none.
    #[must_use]
    pub fn value(&self, feature: Feature) -> f64 {
        self.0.iter().find(|(known, _)| *known == feature).map_or(0.0, |(_, value)| *value)
    }

    /// Returns every value; seven digits are more than an alert shows.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
    pub fn all(&self) -> Vec<(Feature, f32)> {
        self.0.iter().map(|(feature, value)| (*feature, *value as f32)).collect()
    }
}
