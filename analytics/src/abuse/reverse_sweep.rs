//! `reverse-sweep`: the names of all addresses, or all likely names of a zone, one after the other.
//!
//! Whoever maps a network asks for the name of every address of a range (RFC 1035 section 3.5), or
//! tries a list of host names. Mail servers and log readers ask for many addresses too, but for
//! those that came by: they are scattered. What counts is how much of one block was asked for.

use geophone_sensor::record::{Transaction, hash_of};
use serde::{Deserialize, Serialize};

use super::about::About;
use super::distinct::Lately;
use super::seen::{Roles, Seen};
use super::watch::{Moment, Watch};
use crate::alert::{Part, Suspect};
use crate::detect::{Feature, Values};
use crate::price::drawn_bits;

/// Blocks of addresses and zones that are followed at once; the emptiest gives way.
const BLOCKS: usize = 8;
/// PTR (RFC 1035 section 3.3.12).
const PTR: u16 = 12;
/// Host names that are tried are short words.
const LONGEST: usize = 12;
/// From so many bits on a label looks drawn, not written: ten random letters and digits have 36 and
/// more, 19 times in 20; two words put together 21 at most.
const DRAWN: f64 = 24.0;

/// The watch.
pub(super) struct ReverseSweep;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    addresses: Lately,
    blocks: Vec<Block>,
    zones: Vec<Tried>,
    taken: u32,
}

/// A /24 of IPv4, or 256 neighbours of IPv6, and which of its addresses were asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Block {
    name: u64,
    /// The window at hand, by its number since the epoch.
    window: i64,
    seen: [u64; 4],
    before: [u64; 4],
}

/// A zone and how many words were tried as names of it that do not exist.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tried {
    zone: u64,
    words: Lately,
}

impl Watch for ReverseSweep {
    const RULE: &'static str = "reverse-sweep";
    const HEAP: usize = Lately::HEAP + BLOCKS * 96 + BLOCKS / 2 * (Lately::HEAP + 64);

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let asked = seen.transaction().filter(|asked| asked.has_query())?;
        // A mail server asks who connects to it, a whole block of senders in a day.
        let looks_up = asked.qtype == PTR && !seen.roles.has(Roles::CLIENT_MAIL);
        // Who asks without recursion looks for others.
        let resolves = seen.roles.has(Roles::CLIENT_RESOLVER) && !asked.flags.recursion_desired();
        let of_interest = !resolves && (looks_up || is_tried(asked));
        of_interest.then_some(About::Neighbour(asked.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(asked) = seen.transaction() else { return false };
        figures.taken = figures.taken.wrapping_add(1);
        if asked.qtype != PTR {
            return figures.tried(asked, moment) && figures.taken.is_multiple_of(8);
        }
        let Some((block, last)) = address_of(asked) else { return false };
        figures.addresses.add(hash_of(asked.qname.folded().from(0), 0), moment);
        figures.asked(block, last, moment) && figures.taken.is_multiple_of(8)
    }

    fn values(figures: &Figures, _moment: Moment) -> Values {
        let tried = figures.zones.iter().map(|tried| tried.words.count()).max().unwrap_or(0);
        Values::default()
            .with(Feature::SweptAddresses, figures.addresses.count())
            .with(Feature::Coverage, figures.coverage())
            .with(Feature::BruteNames, tried)
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        let tried = figures.zones.iter().map(|tried| tried.words.count()).max().unwrap_or(0);
        if f64::from(tried) > figures.coverage() * 256.0 {
            return format!(
                "{} tried {tried} host names of one zone that do not exist, {} the last",
                suspect.client, suspect.domain
            );
        }
        format!(
            "{} asked {} for the names of {} addresses, {:.0} % of one block of 256",
            suspect.client,
            suspect.server,
            figures.addresses.count(),
            figures.coverage() * 100.0,
        )
    }

    fn unique(figures: &Figures) -> u32 {
        figures.addresses.count()
    }

    fn part(seen: &Seen<'_>) -> Option<Part> {
        seen.transaction().map(|asked| Part::Domain(asked.domain_text()))
    }
}

impl Figures {
    fn asked(&mut self, name: u64, last: u8, moment: Moment) -> bool {
        let place = match self.blocks.iter().position(|block| block.name == name) {
            Some(place) => place,
            None if self.blocks.len() < BLOCKS => {
                self.blocks.push(Block { name, ..Block::default() });
                self.blocks.len() - 1
            }
            None => {
                let emptiest = (0..).zip(&self.blocks).min_by_key(|(_, block)| block.count());
                let place = emptiest.map_or(0, |(place, _)| place);
                if let Some(block) = self.blocks.get_mut(place) {
                    *block = Block { name, ..Block::default() };
                }
                place
            }
        };
        let Some(block) = self.blocks.get_mut(place) else { return false };
        block.turn(moment.number());
        let (word, bit) = (usize::from(last / 64), 1_u64 << (last % 64));
        let Some(word) = block.seen.get_mut(word) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn coverage(&self) -> f64 {
        f64::from(self.blocks.iter().map(Block::count).max().unwrap_or(0)) / 256.0
    }

    fn tried(&mut self, asked: &Transaction, moment: Moment) -> bool {
        let name = asked.qname.folded();
        let first = first_of(name.from(0));
        let zone = hash_of(name.from(1 + first.len()), 0);
        let word = hash_of(word_of(first), 0);
        if let Some(tried) = self.zones.iter_mut().find(|tried| tried.zone == zone) {
            return tried.words.add(word, moment);
        }
        if self.zones.len() >= BLOCKS / 2 {
            let fewest = (0..).zip(&self.zones).min_by_key(|(_, tried)| tried.words.count());
            let place = fewest.map_or(0, |(place, _)| place);
            self.zones.swap_remove(place);
        }
        let mut words = Lately::default();
        words.add(word, moment);
        self.zones.push(Tried { zone, words });
        true
    }
}

impl Block {
    fn count(&self) -> u32 {
        self.seen.iter().zip(self.before).map(|(now, before)| (now | before).count_ones()).sum()
    }

    /// Begins a window, if it is another; time that runs backwards adds to the one at hand.
    fn turn(&mut self, window: i64) {
        let passed = window.saturating_sub(self.window);
        if passed > 0 {
            self.before = if passed == 1 { self.seen } else { [0; 4] };
            (self.seen, self.window) = ([0; 4], window);
        }
    }
}

/// The first label of a name in its wire form.
fn first_of(wire: &[u8]) -> &[u8] {
    let length = wire.first().copied().map_or(0, usize::from);
    wire.get(1..=length).unwrap_or_default()
}

/// A label without the number at its end: a program that numbers its servers asks for
/// many of them where nothing resolves, and tries one word.
fn word_of(label: &[u8]) -> &[u8] {
    let end = label.iter().rposition(|octet| !octet.is_ascii_digit() && *octet != b'-');
    end.and_then(|end| label.get(..=end)).unwrap_or_default()
}

/// A short host name right below a registered domain or a zone below that, which does not exist.
fn is_tried(asked: &Transaction) -> bool {
    asked.answer.rcode == 3
        && asked.has_answer()
        && matches!(asked.name.n_subdomain_labels, 1 | 2)
        // What looks drawn is on nobody's list.
        && asked
            .qname
            .labels()
            .next()
            .is_some_and(|label| label.len() <= LONGEST && drawn_bits(label) < DRAWN)
}

/// The block that an address stands in, and its place there.
fn address_of(asked: &Transaction) -> Option<(u64, u8)> {
    let name = asked.qname.folded();
    let wire = name.from(0);
    let first = asked.qname.labels().next()?;
    let text = std::str::from_utf8(first).ok()?;
    if wire.windows(8).any(|octets| octets == b"\x07in-addr") {
        let last = text.parse().ok()?;
        return Some((hash_of(name.from(1 + first.len()), 0), last));
    }
    if wire.windows(4).any(|octets| octets == b"\x03ip6") {
        let second = asked.qname.labels().nth(1)?;
        let high = std::str::from_utf8(second).ok()?;
        let (low, high) = (u8::from_str_radix(text, 16).ok()?, u8::from_str_radix(high, 16).ok()?);
        if low > 15 || high > 15 {
            return None;
        }
        return Some((hash_of(name.from(2 + first.len() + second.len()), 0), high * 16 + low));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_servers_are_one_word() {
        for (label, word) in [
            ("client34", "client"),
            ("www-2", "www"),
            ("mail", "mail"),
            ("3com", "3com"),
            ("7", ""),
        ] {
            assert_eq!(word_of(label.as_bytes()), word.as_bytes());
        }
        assert_eq!(first_of(b"\x04mail\x02ex"), b"mail");
        assert_eq!(first_of(b"\x09mail"), b"");
    }
}
