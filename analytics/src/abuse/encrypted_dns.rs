//! `encrypted-dns`: resolvers whose answers nobody here sees, and who looks for them.
//!
//! DNS over TLS (RFC 7858), HTTPS (RFC 8484) or QUIC (RFC 9250) is no attack; it is where this sensor
//! is blind. Told are look-ups of the names of public resolvers, and connections to port 853 outside, or for
//! HTTPS to the addresses of such resolvers (`sensor.encrypted_hosts`);
//! not what systems ask their own resolver about itself (`_dns.resolver.arpa`, RFC 9462).
//! One alert a resolver: where a browser's maker turns it on, every client of the site is one day's news.

use std::iter;
use std::sync::LazyLock;
use std::time::Duration;

use geophone_sensor::decode::foreign::Protocol;
use geophone_sensor::record::{NotDns, Transaction};
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::distinct::Lately;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// Names of public resolvers that answer over encrypted channels, as their operators publish them;
/// each with all below it.
const RESOLVERS: [&str; 29] = [
    "cloudflare-dns.com",
    "doh.familyshield.opendns.com",
    "doh.umbrella.com",
    "freedns.controld.com",
    "private.canadianshield.cira.ca",
    "unfiltered.adguard-dns.com",
    "wikimedia-dns.org",
    "dns.adguard-dns.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.controld.com",
    "dns.google",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sb",
    "dns.switch.ch",
    "dns0.eu",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns9.quad9.net",
    "doh.cleanbrowsing.org",
    "doh.dns.sb",
    "doh.libredns.gr",
    "doh.mullvad.net",
    "doh.opendns.com",
    "doh.pub",
    "dns.mullvad.net",
    "doh.xfinity.com",
    "one.one.one.one",
];

/// The watch.
pub(super) struct EncryptedDns;

/// What is kept of a resolver, by its name or its address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    queries: Recent,
    clients: Lately,
    /// Connections to the ports of encrypted DNS, and what the last one was.
    connections: u32,
    protocol: Protocol,
}

impl Watch for EncryptedDns {
    const RULE: &'static str = "encrypted-dns";
    const MEMORY: Duration = Duration::from_secs(24 * 3600);
    const HEAP: usize = Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        if let Some(opened) = opened(seen) {
            // To a server of the site, or from a resolver to its forwarder, is as it should be.
            let meant =
                seen.roles.has(Roles::SERVER_INSIDE) || seen.roles.has(Roles::CLIENT_RESOLVER);
            return (!meant).then_some(About::Server(opened.server));
        }
        let asked = seen.transaction().filter(|asked| asked.has_query())?;
        // A name that the site's resolver denies opens no gap.
        let answer = &asked.answer;
        let nowhere = answer.n_addresses > 0 && answer.n_private == answer.n_addresses;
        let denied = asked.has_answer() && (answer.rcode != 0 || nowhere);
        (!denied && is_resolver(asked)).then_some(About::Zone)
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        figures.queries.add(moment.at, 1, moment.window);
        if let Some(opened) = opened(seen) {
            figures.connections = figures.connections.saturating_add(1);
            figures.protocol = opened.protocol;
        }
        let (client, _) = Seen::hosts_of(&seen.record);
        client.is_some_and(|client| figures.clients.add(host_hash(client), moment))
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        Values::default()
            .with(Feature::Queries, figures.queries.sum(moment.at, moment.window))
            .with(Feature::Clients, figures.clients.count())
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        let clients = match figures.clients.count() {
            0 | 1 => suspect.client.to_string(),
            more => format!("{} and {} more clients", suspect.client, more - 1),
        };
        if figures.connections > 0 {
            let over = match figures.protocol {
                Protocol::DnsOverHttps => "HTTPS",
                Protocol::DnsOverQuic => "QUIC",
                _ => "TLS",
            };
            return format!(
                "{clients} opened {} connections for DNS over {over} to {}: what is asked there is \
                 not seen here",
                figures.connections, suspect.server,
            );
        }
        format!(
            "{clients} looked up {}, a resolver that answers over encrypted channels: what is asked \
             there is not seen here",
            suspect.domain,
        )
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        Seen::hosts_of(&seen.record).0.map(Part::Client)
    }
}

/// A connection for encrypted DNS that begins.
fn opened<'a>(seen: &Seen<'a>) -> Option<&'a NotDns> {
    let encrypted = [Protocol::DnsOverHttps, Protocol::DnsOverTls, Protocol::DnsOverQuic];
    seen.payload().filter(|payload| encrypted.contains(&payload.protocol))
}

/// The wire forms of [`RESOLVERS`].
static FORMS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| RESOLVERS.iter().map(|name| wire_of(name)).collect());

/// Asked of every query: most names lack the length octet where that of the first label would be.
fn is_resolver(asked: &Transaction) -> bool {
    let wire = asked.qname.wire();
    FORMS.iter().any(|known| {
        let Some(at) = wire.len().checked_sub(known.len()) else { return false };
        let Some(end) = wire.get(at..) else { return false };
        end.first() == known.first() && end.eq_ignore_ascii_case(known) && starts_label(asked, at)
    })
}

fn starts_label(asked: &Transaction, at: usize) -> bool {
    let mut start = 0;
    asked.qname.labels().any(|label| {
        let here = start == at;
        start += 1 + label.len();
        here
    })
}

/// Returns `name` in wire form without its root.
fn wire_of(name: &str) -> Vec<u8> {
    let length = |label: &str| u8::try_from(label.len()).unwrap_or_default();
    name.split('.').flat_map(|label| iter::once(length(label)).chain(label.bytes())).collect()
}

#[cfg(test)]
mod tests {
    use geophone_sensor::name::Name;

    use super::*;

    #[test]
    fn names_match_at_dots_and_in_any_case() {
        let is = |name: &str| {
            let qname = Name::parse(name).unwrap();
            is_resolver(&Transaction { qname, ..Transaction::default() })
        };
        for known in ["dns.google", "DNS.Google", "mozilla.cloudflare-dns.com"] {
            assert!(is(known), "{known}");
        }
        for other in ["notdns.google", "dns.google.example", "google", "xdoh.pub", ""] {
            assert!(!is(other), "{other}");
        }
    }
}
