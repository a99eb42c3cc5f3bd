//! Which rule's alerts block what.
//!
//! | `rule.id` | what is blocked |
//! |---|---|
//! | `dns-tunnel`, `dns-exfiltration`, `txt-abuse`, `c2-beacon`, `dga`, `dns-rebinding` | the domains; the server where there is no domain |
//! | `non-dns`, `rogue-resolver`, `encrypted-dns` | the server |
//! | `amplification`, `query-flood`, `tcp-exhaustion`, `zone-transfer`, `reverse-sweep`, `version-probe` | the client |
//! | `nxdomain-flood` | the client where the alert is about one: a flooded domain is the victim |
//! | `cache-poisoning`, `malformed-dns` | nothing: the sender may be forged |
//! | `name-leak`, `open-resolver` | nothing: the names and the server are one's own |
//! | a rule of one's own | what `geophone.subject` says: domains, server or client |

/// What an alert blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// The registered domain and those of `geophone.domains`; without any, the server.
    Domains,
    /// `destination.ip`.
    Server,
    /// `source.ip`, and those of `geophone.clients`.
    Clients,
    /// Nothing.
    Nothing,
}

impl Blocked {
    /// Returns what an alert of `rule` about `subject` blocks.
    pub(super) fn by(rule: &str, subject: &str) -> Self {
        match (rule, subject) {
            (
                "dns-tunnel" | "dns-exfiltration" | "txt-abuse" | "c2-beacon" | "dga"
                | "dns-rebinding",
                _,
            ) => Self::Domains,
            ("non-dns" | "rogue-resolver" | "encrypted-dns", _) => Self::Server,
            (
                "amplification" | "query-flood" | "tcp-exhaustion" | "zone-transfer"
                | "reverse-sweep" | "version-probe",
                _,
            )
            | ("nxdomain-flood", "client") => Self::Clients,
            (
                "cache-poisoning" | "malformed-dns" | "name-leak" | "open-resolver"
                | "nxdomain-flood",
                _,
            ) => Self::Nothing,
            (_, "server") => Self::Server,
            (_, "client") => Self::Clients,
            _ => Self::Domains,
        }
    }
}
