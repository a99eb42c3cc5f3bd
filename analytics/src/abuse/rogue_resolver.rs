//! `rogue-resolver`: clients that ask other resolvers than they are meant to.
//!
//! Malware changes the resolver (DNSChanger), users evade filters, a host inside poses as one. Where
//! the configuration names the site's resolvers, whoever asks others for recursion is told, and more
//! so where unlike domains lead to one place. Where it does not, a client that asks many resolvers
//! outside is (ntopng and Splunk begin to wonder at five), and a host inside that begins to resolve
//! for others after a day in which nobody asked it.

use std::time::Duration;

use geophone_sensor::record::{Status, Transaction, hash_of};
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash};
use super::distinct::{Distinct, Lately};
use super::operator::operator_of;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Subject, Suspect};
use crate::detect::{Feature, Values};

/// What is asked of a zone itself (RFC 1035 section 3.2.2, RFC 4034 section 2).
const NS: u16 = 2;
const SOA: u16 = 6;
const DNSKEY: u16 = 48;

/// The watch.
pub(super) struct RogueResolver;

/// What is kept of a client, or of a server of this site.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    queries: Recent,
    /// Servers of the client, or clients of the server.
    others: Lately,
    names: Lately,
    alike: Alike,
    kind: Kind,
    taken: u32,
}

/// What a case is told for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// The client asks many resolvers.
    #[default]
    Many,
    /// The client asks others than the configuration names.
    Undesignated,
    /// Nothing: the server answers for as long as the sensor watches.
    Old,
    /// The server began to answer lately.
    New,
}

/// The addresses that most domains are led to (Boyer and Moore 1981), and how many those are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Alike {
    addresses: u32,
    domains: Distinct,
    others: u32,
}

impl Alike {
    fn add(&mut self, asked: &Transaction) {
        let answer = &asked.answer;
        // Filters lead to nowhere, and to hosts inside.
        if answer.addresses == 0 || answer.n_private > 0 {
            return;
        }
        if answer.addresses != self.addresses {
            self.others += 1;
            if self.others <= self.domains.count() {
                return;
            }
            self.domains.clear();
            (self.addresses, self.others) = (answer.addresses, 0);
        }
        let domain = asked.qname.folded();
        self.domains.add(hash_of(domain.from(asked.domain_at.into()), 0));
    }
}

impl Watch for RogueResolver {
    const RULE: &'static str = "rogue-resolver";
    /// A server that nobody asked over a weekend is no new one.
    const MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);
    const HEAP: usize = 2 * Lately::HEAP + Distinct::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let Seen { roles, .. } = seen;
        if !roles.has(Roles::CLIENT_INSIDE)
            || roles.has(Roles::CLIENT_RESOLVER)
            || roles.has(Roles::SERVER_AUTHORITATIVE)
        {
            return None;
        }
        let asked = seen.transaction().filter(|asked| asked.has_query())?;
        if !asked.flags.recursion_desired() {
            return None;
        }
        // Who looks whether a server has a zone, and which version of it, sets RD, too.
        let flags = asked.answer_flags;
        let speaks_for_itself = flags.authoritative() && !flags.recursion_available();
        let of_zone = matches!(asked.qtype, NS | SOA | DNSKEY);
        if roles.has(Roles::SERVER_INSIDE) && speaks_for_itself && of_zone {
            return None;
        }
        if roles.has(Roles::RESOLVERS_NAMED) {
            let undesignated = !roles.has(Roles::SERVER_RESOLVER);
            return undesignated.then_some(About::Neighbour(asked.client));
        }
        if !asked.answer_flags.recursion_available() {
            return None;
        }
        // Without names to go by, once for each domain or each client is enough to count.
        if roles.has(Roles::SERVER_INSIDE) {
            let new = roles.has(Roles::PAIR_NEW) && asked.status == Status::Answered;
            return new.then_some(About::Server(asked.server));
        }
        let new = roles.has(Roles::DOMAIN_NEW) && !roles.has(Roles::SERVER_RESOLVER);
        new.then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        let of_server = matches!(Self::about(seen), Some(About::Server(_)));
        figures.kind = match figures.kind {
            _ if seen.roles.has(Roles::RESOLVERS_NAMED) => Kind::Undesignated,
            _ if !of_server => Kind::Many,
            known if figures.taken > 0 => known,
            _ if seen.roles.has(Roles::DAY_OLD) => Kind::New,
            _ => Kind::Old,
        };
        figures.taken = figures.taken.saturating_add(1);
        if figures.kind == Kind::Old {
            return false;
        }
        figures.queries.add(moment.at, 1, moment.window);
        figures.names.add(hash_of(asked.qname.folded().from(0), 0), moment);
        figures.alike.add(asked);
        let other = if of_server { host_hash(asked.client) } else { operator_of(asked.server) };
        figures.others.add(other, moment) || figures.taken.is_power_of_two()
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let queries = figures.queries.sum(moment.at, moment.window);
        let others = figures.others.count();
        let when = |kind, n: f64| if figures.kind == kind { n } else { 0.0 };
        let new = figures.kind == Kind::New;
        Values::default()
            .with(Feature::Undesignated, when(Kind::Undesignated, queries))
            .with(Feature::Servers, if new { 1 } else { others })
            .with(Feature::NewServerClients, if new { others } else { 0 })
            .with(Feature::AlikeDomains, figures.alike.domains.count())
    }

    /// Whom they ask: a wrong setting leads all to one.
    fn cause(_figures: &Figures, seen: &Seen<'_>) -> u64 {
        seen.transaction().map_or(0, |asked| operator_of(asked.server))
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let (others, minutes) = (figures.others.count(), moment.window.as_secs() / 60);
        let queries = figures.queries.sum(moment.at, moment.window);
        if suspect.subject == Subject::Server {
            return format!(
                "{} resolves for others, and was not asked before: {others} clients began to within \
                 {minutes} min (the last was {})",
                suspect.server, suspect.client,
            );
        }
        let meant = match figures.kind {
            Kind::Undesignated => " that it is not meant to ask",
            _ => " outside",
        };
        let alike = match figures.alike.domains.count() {
            0..=3 => String::new(),
            n => format!("; {n} domains lead to the same addresses"),
        };
        format!(
            "{} asked {others} resolvers{meant} (the last was {}), {queries:.0} questions within \
             {minutes} min{alike}",
            suspect.client, suspect.server,
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        let asked = seen.transaction()?;
        Some(match Self::about(seen) {
            Some(About::Server(_)) => Part::Client(asked.client),
            _ => Part::Server(asked.server),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_for_most_domains_is_found() {
        let mut alike = Alike::default();
        let mut ask = |domain: u32, addresses: u32| {
            let mut asked = Transaction::default();
            asked.qname.push(format!("site{domain}").as_bytes());
            asked.answer.addresses = addresses;
            alike.add(&asked);
            alike.domains.count()
        };
        assert_eq!([ask(1, 11), ask(2, 22), ask(3, 33)], [1, 1, 1]);
        let led: Vec<u32> = (4..14).map(|domain| ask(domain, 7)).collect();
        assert_eq!(led.last(), Some(&9), "the first only outvotes another");
        assert_eq!([ask(9, 7), ask(20, 0)], [9, 9], "known, and without addresses");
    }
}
