//! Which rule's alerts block what.
//!
//! | `rule.id` | what is blocked |
//! |---|---|
//! | `dns-tunnel`, `dns-exfiltration`, `txt-abuse`, `c2-beacon`, `dga`, `dns-rebinding` | the domains; the server where there is no domain |
//! | `non-dns`, `rogue-resolver` | the server |
//! | `encrypted-dns` | the server, where it was connected to and no name looked up: who is asked for a name is one's own resolver |
//! | `zone-transfer`, `reverse-sweep`, `version-probe` | the client |
//! | `amplification`, `query-flood`, `tcp-exhaustion`, `nxdomain-flood`, `cache-poisoning`, `malformed-dns` | nothing: the sender may be forged, and whoever forges it would choose what is blocked |
//! | `name-leak`, `open-resolver` | nothing: the names and the server are one's own |
//! | a rule of one's own | what `geophone.subject` says: domains, server or client |

/// What an alert blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// The registered domain and those of `geophone.domains`; without any, the server.
    Domains,
    /// `destination.ip`.
    Server,
    /// The same, where the alert names no domain.
    Connected,
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
            ("non-dns" | "rogue-resolver", _) => Self::Server,
            ("encrypted-dns", _) => Self::Connected,
            ("zone-transfer" | "reverse-sweep" | "version-probe", _) => Self::Clients,
            (
                "amplification" | "query-flood" | "tcp-exhaustion" | "nxdomain-flood"
                | "cache-poisoning" | "malformed-dns" | "name-leak" | "open-resolver",
                _,
            ) => Self::Nothing,
            (_, "server") => Self::Server,
            (_, "client") => Self::Clients,
            _ => Self::Domains,
        }
    }
}
