//! All watches together.

use std::net::{IpAddr, Ipv4Addr};

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::about::{About, Notice, parent_at};
use super::amplification::Amplification;
use super::c2_beacon::C2Beacon;
use super::cache_poisoning::CachePoisoning;
use super::cases::{Case, Cases, CasesImage};
use super::dga::Dga;
use super::dns_rebinding::DnsRebinding;
use super::encrypted_dns::EncryptedDns;
use super::habit::HostHabits;
use super::malformed_dns::MalformedDns;
use super::name_leak::NameLeak;
use super::non_dns::NonDns;
use super::nxdomain_flood::NxdomainFlood;
use super::open_resolver::OpenResolver;
use super::query_flood::QueryFlood;
use super::reverse_sweep::ReverseSweep;
use super::rogue_resolver::RogueResolver;
use super::seen::Seen;
use super::tcp_exhaustion::TcpExhaustion;
use super::version_probe::VersionProbe;
use super::watch::{Moment, Watch};
use super::zone_transfer::ZoneTransfer;
use crate::alert::{Part, Subject, Suspect};
use crate::config::CASES_BYTES;
use crate::detect::Values;
use crate::rule::{Detector, Rules};
use crate::state::OtherSizes;

/// What came of a record in its case.
pub(crate) struct Look {
    /// The features, where it is to be weighed.
    pub(crate) values: Values,
    /// When the case began.
    pub(crate) first: Timestamp,
    /// Records of the case.
    pub(crate) records: u32,
    /// Distinct names, where it is to be weighed.
    pub(crate) unique: u32,
    /// What takes part.
    pub(crate) part: Option<Part>,
    /// What tells its campaign from others of the same network, where it is to be weighed.
    pub(crate) cause: u64,
    /// Whether it is to be weighed.
    pub(crate) weigh: bool,
}

macro_rules! watches {
    ($($index:literal $field:ident: $watch:ty,)*) => {
        /// Every watch with its cases. The order is that of [`Notice`]s between processes of one
        /// version.
        pub(crate) struct Abuses {
            $($field: Cases<<$watch as Watch>::Figures>,)*
            /// Where the rules have each watch's detector.
            numbers: Vec<Option<usize>>,
        }

        /// An image of all cases.
        #[derive(Serialize, Deserialize)]
        pub(crate) struct AbuseImage {
            $($field: CasesImage<<$watch as Watch>::Figures>,)*
        }

        /// Octets that a case of each watch takes, all watches together.
        const CASE_BYTES: usize =
            0 $(+ size_of::<Case<<$watch as Watch>::Figures>>() + ENTRY_BYTES + <$watch>::HEAP)*;

        impl Abuses {
            /// Makes room for `cases` cases of each watch.
            pub(crate) fn new(cases: u32, seed: u64, rules: &Rules) -> Self {
                let mut abuses = Self { $($field: Cases::new(cases, seed),)* numbers: Vec::new() };
                abuses.use_rules(rules);
                abuses
            }

            /// Looks up where `rules` have the detectors; a watch without a rule is off.
            pub(crate) fn use_rules(&mut self, rules: &Rules) {
                self.numbers = vec![$(rules.number_of(<$watch>::RULE),)*];
            }

            /// Notes into `notices` to whose cases a record belongs.
            pub(crate) fn notice(&self, seen: &Seen<'_>, rules: &Rules, notices: &mut Vec<Notice>) {
                $(
                    if let Some(number) = self.number($index)
                        && let Some(about) = <$watch>::about(seen)
                        && !is_excepted(rules.detector(number), seen)
                    {
                        notices.push(Notice { watch: $index, about, roles: seen.roles });
                    }
                )*
            }

            /// Tells whether whoever reads a record owns the cases of the watch.
            pub(crate) const fn is_local(watch: u8) -> bool {
                match watch {
                    $($index => <$watch>::LOCAL,)*
                    _ => true,
                }
            }

            /// Takes a record into the case `key`; `None` where there is nothing to look at.
            /// `suspected` tells whether the case is near alarm.
            pub(crate) fn take(
                &mut self,
                notice: &Notice,
                key: u64,
                seen: &Seen<'_>,
                detector: &Detector,
                suspected: bool,
            ) -> Option<Look> {
                let moment = Moment { at: seen.at, window: detector.window };
                match notice.watch {
                    $($index => look::<$watch>(&mut self.$field, key, seen, moment, suspected),)*
                    _ => None,
                }
            }

            /// Returns the campaign that a case is told with, if it is.
            pub(crate) fn campaign(&self, watch: u8, key: u64) -> Option<u64> {
                match watch {
                    $($index => self.$field.find(key)?.campaign,)*
                    _ => None,
                }
            }

            /// Has a case told with a campaign from here on.
            pub(crate) fn join(&mut self, watch: u8, key: u64, campaign: u64) {
                match watch {
                    $($index => self.$field.join(key, campaign),)*
                    _ => {}
                }
            }

            /// Returns what happens in one clause.
            pub(crate) fn headline(
                &self,
                watch: u8,
                key: u64,
                suspect: &Suspect,
                at: Timestamp,
                detector: &Detector,
            ) -> String {
                let moment = Moment { at, window: detector.window };
                match watch {
                    $($index => self.$field.find(key).map_or_else(String::new, |case| {
                        <$watch>::headline(&case.figures, suspect, moment)
                    }),)*
                    _ => String::new(),
                }
            }

            /// Cases that gave way to others.
            pub(crate) fn evicted(&self) -> u64 {
                0 $(+ self.$field.evicted())*
            }

            /// Returns an image.
            pub(crate) fn image(&self) -> AbuseImage {
                AbuseImage { $($field: self.$field.image(),)* }
            }

            /// Puts an image where nothing is known.
            pub(crate) fn put(&mut self, image: AbuseImage) -> Result<(), OtherSizes> {
                $(self.$field.put(image.$field)?;)*
                Ok(())
            }
        }

        /// The watches' rules, in their order.
        const RULES: &[&str] = &[$(<$watch>::RULE,)*];
    };
}

watches! {
    0 version_probe: VersionProbe,
    1 zone_transfer: ZoneTransfer,
    2 amplification: Amplification,
    3 dga: Dga,
    4 encrypted_dns: EncryptedDns,
    5 malformed_dns: MalformedDns,
    6 name_leak: NameLeak,
    7 non_dns: NonDns,
    8 nxdomain_flood: NxdomainFlood,
    9 open_resolver: OpenResolver,
    10 query_flood: QueryFlood,
    11 reverse_sweep: ReverseSweep,
    12 tcp_exhaustion: TcpExhaustion,
    13 cache_poisoning: CachePoisoning,
    14 dns_rebinding: DnsRebinding,
    15 rogue_resolver: RogueResolver,
    16 c2_beacon: C2Beacon,
}

const _: () = assert!(CASE_BYTES as u64 <= CASES_BYTES, "raise config::CASES_BYTES");

/// Octets a case takes in its table beside itself: key, hash, links, and its place in the index.
const ENTRY_BYTES: usize = 40;

impl Abuses {
    /// Returns what hosts are used to, as octets.
    pub(crate) fn save_habits(&self) -> Vec<u8> {
        // An image always has a form.
        postcard::to_stdvec(&self.query_flood.image()).unwrap_or_default()
    }

    /// Takes up what [`save_habits`](Self::save_habits) returned, where no habit is known; tells
    /// whether it could be read.
    pub(crate) fn recall_habits(&mut self, octets: &[u8]) -> bool {
        let image = postcard::from_bytes(octets);
        image.map(|image| self.query_flood.recall(image)).is_ok()
    }

    /// Returns what every host is used to.
    pub(crate) fn habits(&self) -> impl Iterator<Item = HostHabits> {
        self.query_flood.all().filter_map(HostHabits::of)
    }

    /// Returns the id of the watch's rule.
    pub(crate) fn rule(watch: u8) -> &'static str {
        RULES.get(usize::from(watch)).copied().unwrap_or_default()
    }

    /// Returns where the rules have the watch's detector.
    pub(crate) fn number(&self, watch: u8) -> Option<usize> {
        self.numbers.get(usize::from(watch)).copied().flatten()
    }
}

impl Notice {
    fn domain_of(&self, asked: &Transaction) -> String {
        match self.about {
            About::Parent => asked.qname.text_from(parent_at(asked)).to_ascii_lowercase(),
            _ => asked.domain_text(),
        }
    }

    /// Begins to suspect what the case is about.
    pub(crate) fn suspect(&self, seen: &Seen<'_>) -> Suspect {
        let (client, server) = Seen::hosts_of(&seen.record);
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let transaction = seen.transaction();
        Suspect {
            subject: match self.about {
                About::Client(_) | About::Neighbour(_) => Subject::Client,
                About::Network(..) | About::Server(_) => Subject::Server,
                About::Zone | About::Parent => Subject::Zone,
                About::Pair(_) => Subject::Domain,
            },
            client: client.unwrap_or(nobody),
            server: server.unwrap_or(nobody),
            domain: transaction.map(|asked| self.domain_of(asked)).unwrap_or_default(),
            suffix_known: transaction.is_some_and(|asked| asked.name.suffix_known),
            first: seen.at,
            last: seen.at,
            ..Suspect::default()
        }
    }
}

fn look<W: Watch>(
    cases: &mut Cases<W::Figures>,
    key: u64,
    seen: &Seen<'_>,
    moment: Moment,
    suspected: bool,
) -> Option<Look> {
    let case = cases.at(key, seen.at, W::MEMORY)?;
    let weigh = W::take(&mut case.figures, seen, moment);
    (weigh || suspected).then(|| Look {
        // Estimates cost; a flood asks for a note of every packet and for a weight of few.
        values: if weigh { W::values(&case.figures, moment) } else { Values::default() },
        unique: if weigh { W::unique(&case.figures) } else { 0 },
        first: case.first,
        records: case.records,
        part: W::takes_part(&case.figures, seen).then(|| W::part(seen)).flatten(),
        cause: if weigh { W::cause(&case.figures, seen) } else { 0 },
        weigh,
    })
}

fn is_excepted(detector: Option<&Detector>, seen: &Seen<'_>) -> bool {
    let Some(detector) = detector.filter(|detector| !detector.except.is_empty()) else {
        return false;
    };
    let (client, server) = Seen::hosts_of(&seen.record);
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let (client, server) = (client.unwrap_or(nobody), server.unwrap_or(nobody));
    let asked = seen.transaction().filter(|_| detector.except.iter().any(|e| e.names_a_domain()));
    let qname = asked.map(|asked| asked.qname.text_from(0)).unwrap_or_default();
    detector.except.iter().any(|except| except.covers(seen.at, client, server, &qname))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::WATCHED;

    #[test]
    fn every_watch_has_its_features_and_its_rule() {
        let mut named: Vec<_> = WATCHED.iter().map(|(rule, _)| *rule).collect();
        let mut watches = RULES.to_vec();
        named.sort_unstable();
        watches.sort_unstable();
        assert_eq!(named, watches);
        let rules = Rules::builtin().unwrap();
        let ids: Vec<_> = rules.watches.iter().map(|detector| detector.id.as_str()).collect();
        assert_eq!(ids, watches);
    }
}
