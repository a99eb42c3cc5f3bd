//! `amplification`: small questions with large answers, in another's name.
//!
//! Whoever forges the victim's address as the sender has our server send the answers to it: then the
//! "client" is the victim, and asks few names, of types with large answers, again and again, and
//! never comes over TCP for what did not fit. Victims of one network are one case, as who floods a link
//! forges all its addresses, and all networks at one of our servers are one campaign. Seen from the victim's side the answers were asked for
//! by nobody, as far as `unpaired` says. Thresholds from Krämer et al. 2015 (`AmpPot`: 100 questions of one source) and
//! Kambourakis et al. 2007 (answers without questions).

use geophone_sensor::record::{Status, Transport, hash_of};
use serde::{Deserialize, Serialize};

use super::about::{About, host_hash, network_of};
use super::distinct::Lately;
use super::largest::Largest;
use super::recent::Recent;
use super::seen::{Roles, Seen};
use super::unpaired::Unpaired;
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};

/// ANY, TXT, DNSKEY, RRSIG: types whose answers are large.
const BIG_TYPES: [u16; 4] = [255, 16, 48, 46];
/// A question is of interest when its answer is this many times as large; real answers to such
/// questions stay below.
const RATIO: u32 = 5;
/// An answer of this many octets is of interest whatever was asked: the classic limit of UDP.
const LARGE: u32 = 512;

/// A question of another type counts as one for a large answer where its answer is this many times as
/// large, what a reflector is worth using for, and where each address asks so often within the window as
/// no cache does: the resolvers of a farm ask a few times; and each name so often: a busy resolver asks
/// for many that are signed.
const WORTH: u32 = 10;
const OFTEN: f64 = 20.0;
const OFTEN_EACH: f64 = 100.0;

/// ANY: no use but this and diagnosis (RFC 8482), and who diagnoses asks it over TCP, as `dig` and
/// `host` do.
const ANY: u16 = 255;

/// Questions that each address of a network may ask within the window for nothing, where several do.
const FEW_EACH: f64 = 1.5;

/// Answers nobody asked for that count before their second is over.
const UNSURE: f64 = 100.0;

/// Octets of a mean answer from which reflected ones are told whatever they are about, and how many of
/// others one counts for. Where the mirror shows answers alone, all are to nothing: of what resolvers
/// get, they are smaller and about many names.
const AMPLE: f64 = 1000.0;
const AMPLE_COUNTS: f64 = 8.0;
/// The servers that such answers count as, where they come from fewer.
const FEW_SERVERS: u32 = 5;
/// The share of distinct names up to which the answers are about the same, whatever their size.
const ALIKE: f64 = 0.1;

/// Questions of one host inside for text of at most two names, in the window, from which it is not the
/// one that asks: nobody reads the same that often.
const MANY: f64 = 100.0;
const TEXT: u16 = 16;

/// The watch.
pub(super) struct Amplification;

/// What is kept of a client, who is the victim, or of a network outside.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    asked: Recent,
    big: Recent,
    worth: Recent,
    up: Recent,
    down: Recent,
    any: Largest,
    unasked: Recent,
    unpaired: Unpaired,
    names: Lately,
    servers: Lately,
    victims: Lately,
    taken: u32,
    /// Whether the last question was one for text that left the site.
    leaves: bool,
}

impl Watch for Amplification {
    const RULE: &'static str = "amplification";
    const HEAP: usize = 3 * Lately::HEAP;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        if let Some(client) = Unpaired::client_of(seen) {
            return Some(About::Client(client));
        }
        let asked = seen.transaction().filter(|asked| asked.transport == Transport::Udp)?;
        // Mail servers ask for text all day.
        if asked.has_query() && (is_its_own(seen) || seen.roles.has(Roles::CLIENT_MAIL)) {
            return None;
        }
        let inside = seen.roles.has(Roles::CLIENT_INSIDE);
        let big = BIG_TYPES.contains(&asked.qtype);
        let of_interest = match asked.status {
            Status::Answered => {
                big && asked.answer_bytes >= asked.query_bytes.saturating_mul(RATIO)
                    || asked.answer_bytes >= LARGE
            }
            Status::Unanswered => big,
            Status::Unsolicited => asked.mismatch.is_none(),
            Status::Continued => false,
        };
        // A host of this site is named; so is who gets what it did not ask for, by its seconds.
        let alone = inside || asked.status == Status::Unsolicited;
        let client = asked.client;
        of_interest.then(|| match alone {
            true => About::Client(client),
            false => About::Network(network_of(client), asked.server),
        })
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        if let Some(tick) = seen.tick() {
            return figures.unpaired.second(tick, moment);
        }
        let Some(asked) = seen.transaction() else { return false };
        let Moment { at, window } = moment;
        figures.taken = figures.taken.wrapping_add(1);
        figures.down.add(at, asked.answer_bytes.into(), window);
        let new_server = figures.servers.add(host_hash(asked.server), moment);
        figures.names.add(hash_of(asked.qname.folded().from(0), 0), moment);
        if asked.status == Status::Unsolicited {
            figures.unasked.add(at, 1, window);
            figures.unpaired.answer(moment);
            return new_server || figures.taken < 64 || figures.taken.is_multiple_of(16);
        }
        let repeats = u64::from(asked.retries) + 1;
        figures.leaves = seen.roles.has(Roles::CLIENT_INSIDE)
            && !seen.roles.has(Roles::SERVER_INSIDE)
            && asked.qtype == TEXT;
        figures.asked.add(at, repeats, window);
        figures.up.add(at, asked.query_bytes.into(), window);
        if BIG_TYPES.contains(&asked.qtype) {
            figures.big.add(at, repeats, window);
        } else if asked.answer_bytes >= asked.query_bytes.saturating_mul(WORTH)
            && !seen.roles.has(Roles::CLIENT_INSIDE)
        {
            // Hosts of this site may have a use for such answers.
            figures.worth.add(at, repeats, window);
        }
        if asked.qtype == ANY && !seen.roles.has(Roles::CLIENT_INSIDE) {
            figures.any.add(asked.answer_bytes, moment);
        }
        let new_victim = figures.victims.add(host_hash(asked.client), moment);
        new_victim || figures.taken < 32 || figures.taken.is_multiple_of(16)
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        // Many of one network that ask about once each are resolvers, not victims.
        let victims = figures.victims.count();
        let once = if victims > 1 { FEW_EACH * f64::from(victims) } else { 0.0 };
        let asked = sum(&figures.asked);
        let names = f64::from(figures.names.count());
        let often = asked >= OFTEN * f64::from(victims) && asked >= OFTEN_EACH * names;
        let own = figures.leaves && (asked < MANY || figures.names.count() > 2);
        let asked = if own { 0.0 } else { asked };
        let big = sum(&figures.big) + if often { sum(&figures.worth) } else { 0.0 };
        let unasked = sum(&figures.unasked);
        let all = (asked + unasked).max(1.0);
        let octets = sum(&figures.down) / all;
        let ample = octets >= AMPLE;
        let unasked = match ample || names / all <= ALIKE {
            // Where most were asked for, the capture lost the other questions.
            true if ample && unasked > asked => unasked * AMPLE_COUNTS,
            true => unasked,
            false => 0.0,
        };
        // Few reflectors are enough where they send as much as they can.
        let few = if ample { FEW_SERVERS } else { 0 };
        let unasked = figures.unpaired.of(unasked, UNSURE, moment.at);
        Values::default()
            .with(Feature::Queries, (asked - once).max(0.0))
            .with(Feature::AmplificationRatio, sum(&figures.down) / sum(&figures.up).max(1.0))
            .with(Feature::AnyOctets, figures.any.within(moment))
            .with(Feature::BigTypeShare, big / asked.max(1.0))
            .with(Feature::UnaskedAnswers, unasked)
            .with(Feature::Servers, figures.servers.count().max(few))
            .with(Feature::UniqueRatio, (names / asked.max(1.0)).min(1.0))
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        let (asked, unasked) = (sum(&figures.asked), sum(&figures.unasked));
        let seconds = moment.window.as_secs();
        if unasked > asked {
            return format!(
                "{} got {unasked:.0} answers nobody asked for from {} servers within {seconds} s \
                 (the last was {}): somebody forges its address",
                suspect.client,
                figures.servers.count(),
                suspect.server,
            );
        }
        let victims = match figures.victims.count() {
            0 | 1 => suspect.client.to_string(),
            more => format!("{} and {} more of its network", suspect.client, more - 1),
        };
        format!(
            "{asked:.0} questions in the name of {victims} made {} send {:.0} octets for {:.0} \
             asked within {seconds} s, {} names: the sender may be forged",
            suspect.server,
            sum(&figures.down),
            sum(&figures.up),
            figures.names.count(),
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.names.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        let asked = seen.transaction()?;
        Some(match Self::about(seen) {
            Some(About::Network(..)) => Part::Client(asked.client),
            _ => Part::Domain(asked.domain_text()),
        })
    }
}

/// What a host inside was seen to ask of a server outside, it asked itself: who forges its address sits
/// elsewhere. Except for what nobody asks so: ANY, or the same text all the time.
fn is_its_own(seen: &Seen<'_>) -> bool {
    let leaves = seen.roles.has(Roles::CLIENT_INSIDE) && !seen.roles.has(Roles::SERVER_INSIDE);
    leaves && seen.transaction().is_some_and(|asked| !matches!(asked.qtype, ANY | TEXT))
}
