//! The saved state of a node as messages of a compacted topic: pieces, and a head that fits them
//! together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::{decode, encode};

/// Octets of a piece: well below what brokers take.
const PIECE: usize = 512 << 10;
/// FNV-1a, 64 bits, taken octet by octet.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The form of what nodes remember; another one is not read.
const FORM: u16 = 2;

/// By whom and under what something was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of the program.
    pub program: String,
    /// The group of workers: the offsets are those of its messages.
    pub group: String,
    /// A hash of the seed by which keys are hashed: with another one nothing would be found.
    pub seed_check: u64,
    /// What the worker judged by ([`Analytics::terms`](crate::pipeline::Analytics::terms)).
    pub terms: u64,
}

/// What stands in the head beside what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// By whom and under what it was saved.
    pub origin: Origin,
    /// The offset of the first message that the node still needs.
    pub next: i64,
    /// The offset of the first facts that it does not know.
    pub facts: i64,
    /// Messages beside the head.
    pub pieces: u32,
    /// Octets of all of them.
    pub octets: u64,
}

/// What a node remembered at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The offset of the first message that it still needs.
    pub next: i64,
    /// The offset of the first facts that it does not know.
    pub facts: i64,
    /// The node as octets.
    pub node: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    form: u16,
    origin: Origin,
    next: i64,
    facts: i64,
    pieces: u32,
    octets: u64,
    sum: u64,
}

fn sum(octets: &[u8]) -> u64 {
    octets.iter().fold(OFFSET, |sum, octet| (sum ^ u64::from(*octet)).wrapping_mul(PRIME))
}

/// Returns the messages of `saved` under the name of its node: keys and values.
#[must_use]
pub fn to_messages(name: &str, saved: &Saved, origin: &Origin) -> Vec<(String, Vec<u8>)> {
    let pieces = saved.node.chunks(PIECE).enumerate();
    let mut all: Vec<_> =
        pieces.map(|(n, piece)| (format!("{name}/{n}"), piece.to_vec())).collect();
    let head = Head {
        form: FORM,
        origin: origin.clone(),
        next: saved.next,
        facts: saved.facts,
        pieces: u32::try_from(all.len()).unwrap_or(u32::MAX),
        octets: u64::try_from(saved.node.len()).unwrap_or(u64::MAX),
        sum: sum(&saved.node),
    };
    all.push((name.to_owned(), encode(&head)));
    all
}

/// Reads a head; `None` for what is none, or of another form.
#[must_use]
pub fn outline(head: &[u8]) -> Option<Outline> {
    let head: Head = decode(head).ok().filter(|head: &Head| head.form == FORM)?;
    let Head { origin, next, facts, pieces, octets, .. } = head;
    Some(Outline { origin, next, facts, pieces, octets })
}

/// Puts messages together; later ones replace earlier ones of the same key.
#[derive(Debug, Default)]
pub struct Reader {
    latest: BTreeMap<String, Vec<u8>>,
}

impl Reader {
    /// Takes a message, if it is of the node called `name`.
    pub fn take(&mut self, name: &str, key: &[u8], value: Vec<u8>) {
        let Ok(key) = std::str::from_utf8(key) else { return };
        let own =
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if own {
            self.latest.insert(key.to_owned(), value);
        }
    }

    /// Returns what was saved last; `None` where nothing was.
    ///
    /// # Errors
    /// Pieces that are not those of the head: all are written in one transaction, so somebody else
    /// wrote here.
    pub fn finish(mut self, name: &str) -> Result<Option<(Saved, Origin)>, &'static str> {
        let Some(head) = self.latest.remove(name) else { return Ok(None) };
        let Ok(Head { form: FORM, origin, next, facts, pieces, octets, sum: expected }) =
            decode(&head)
        else {
            return Err("the head of the saved state is damaged or of another version");
        };
        let mut node = Vec::new();
        for n in 0..pieces {
            let piece = self.latest.remove(&format!("{name}/{n}"));
            node.extend(piece.ok_or("a piece of the saved state is missing")?);
        }
        if u64::try_from(node.len()) != Ok(octets) || sum(&node) != expected {
            return Err("the pieces of the saved state do not fit");
        }
        Ok(Some((Saved { next, facts, node }, origin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(octets: usize, byte: u8) -> Saved {
        Saved { next: 5, facts: 9, node: vec![byte; octets] }
    }

    fn origin(terms: u64) -> Origin {
        Origin { program: "1.2.3".to_owned(), group: "g".to_owned(), seed_check: 4, terms }
    }

    fn messages(name: &str, saved: &Saved) -> Vec<(String, Vec<u8>)> {
        to_messages(name, saved, &origin(u64::from(saved.node.first().copied().unwrap_or(0))))
    }

    fn read(
        name: &str,
        messages: &[(String, Vec<u8>)],
    ) -> Result<Option<(Saved, Origin)>, &'static str> {
        let mut reader = Reader::default();
        for (key, value) in messages {
            reader.take(name, key.as_bytes(), value.clone());
        }
        reader.finish(name)
    }

    #[test]
    fn the_last_state_comes_back_whatever_stands_before_it_or_beside() {
        let (old, new) = (saved(3 * PIECE, 1), saved(PIECE + 7, 2));
        let others = messages("records/11", &saved(10, 3));
        let all = [messages("records/1", &old), others, messages("records/1", &new)].concat();
        assert_eq!(read("records/1", &all), Ok(Some((new, origin(2)))));
        assert_eq!(read("records/2", &all), Ok(None));
        assert_eq!(
            read("records/1", &messages("records/1", &saved(0, 0))),
            Ok(Some((saved(0, 0), origin(0))))
        );
    }

    #[test]
    fn pieces_that_do_not_fit_are_refused() {
        let all = messages("records/1", &saved(2 * PIECE, 1));
        assert!(read("records/1", &all[1..]).is_err());
        let mut other = all.clone();
        other[0].1[0] ^= 1;
        assert!(read("records/1", &other).is_err());
        let head = Head { form: FORM + 1, ..decode(&all[2].1).unwrap() };
        let other = [&all[..2], &[("records/1".to_owned(), encode(&head))]].concat();
        assert!(read("records/1", &other).is_err(), "another form");
        assert_eq!((outline(&all[2].1).unwrap().pieces, outline(&other[2].1)), (2, None));
    }
}
