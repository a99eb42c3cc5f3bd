//! The offline bound: how far gzip can press the distinct names of a client, domain and day.
//!
//! Source: Paxson et al., "Practical comprehensive bounds on surreptitious communication over DNS",
//! USENIX Security 2013: what a receiver could learn from names is at most what a lossless
//! compressor leaves of them, and 4 kB a day and client is worth an analyst's look. Here the channel
//! of name content alone, which is what tunnels use; their other channels (which known name, query
//! type, timing), their cheaper bounds in front and their list of inspected domains are left out.
//!
//! A day is one by the clock (UTC). Everything is known when the day or the input ends: this is
//! an oracle for the price that `price` computes as queries come, and no detector to deploy.
//!
//! Known to miss: under 4 kB a day, for ever. Known to raise: short lists, which gzip presses badly.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::IpAddr;

use flate2::Compression;
use flate2::write::GzEncoder;
use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::table::{Table, Told, is_scored, name_hash, number};
use super::{Published, PublishedScore};

/// Octets a day that are worth a look.
const THRESHOLD: f64 = 4_000.0;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// (client, domain) pairs kept; the longest untouched is scored and forgotten.
const PAIRS: u32 = 65_536;
/// Octets of names kept for a pair: beyond them a list is scored as it stands.
const PAIR_OCTETS: usize = 1 << 20;
/// Octets of names kept in all.
const ALL_OCTETS: usize = 256 << 20;

/// Returns the size of a list of names, one a line, under gzip at its best.
///
/// With gzip's header and trailer of 18 octets; without any name it is nought.
#[must_use]
pub fn gzip_bytes<'a>(names: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut list = Vec::new();
    for name in names {
        list.extend_from_slice(name.as_bytes());
        list.push(b'\n');
    }
    pressed(&list)
}

fn pressed(list: &[u8]) -> u64 {
    if list.is_empty() {
        return 0;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(list);
    encoder.finish().map_or(0, |out| u64::try_from(out.len()).unwrap_or(u64::MAX))
}

/// The bound as a detector.
pub struct GzipBound {
    day: i64,
    pairs: Table<(IpAddr, String), Names>,
    octets: usize,
    told: Told,
}

/// The distinct names of a pair in the order they came.
struct Names {
    last: Timestamp,
    known: BTreeSet<u64>,
    list: Vec<u8>,
}

impl Default for GzipBound {
    fn default() -> Self {
        Self { day: i64::MIN, pairs: Table::new(PAIRS), octets: 0, told: Told::default() }
    }
}

impl Published for GzipBound {
    fn name(&self) -> &'static str {
        "gzip-bound"
    }

    fn threshold(&self) -> f64 {
        THRESHOLD
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if !is_scored(transaction) || transaction.domain_at == 0 {
            return;
        }
        let day = transaction.time.micros().div_euclid(DAY);
        if day != self.day {
            self.finish(tell);
            self.day = day;
        }
        let key = (transaction.client, transaction.domain_text());
        while self.octets >= ALL_OCTETS || self.pairs.is_full() && !self.pairs.has(&key) {
            if !self.score_oldest(tell) {
                break;
            }
        }
        let new = || Names { last: transaction.time, known: BTreeSet::new(), list: Vec::new() };
        let Some(names) = self.pairs.at(&key, new) else { return };
        names.last = transaction.time;
        if names.list.len() < PAIR_OCTETS && names.known.insert(name_hash(transaction)) {
            let end = usize::from(transaction.domain_at);
            let before = names.list.len();
            for label in transaction.qname.labels_from(0).scan(0, |at, label| {
                let begins = *at;
                *at += 1 + label.len();
                (begins < end).then_some(label)
            }) {
                if names.list.len() > before {
                    names.list.push(b'.');
                }
                names.list.extend(label.iter().map(u8::to_ascii_lowercase));
            }
            names.list.push(b'\n');
            self.octets += names.list.len() - before;
        }
    }

    fn finish(&mut self, tell: &mut dyn FnMut(PublishedScore)) {
        while self.score_oldest(tell) {}
    }
}

impl GzipBound {
    /// Scores and forgets the pair longest untouched; tells whether there was one.
    fn score_oldest(&mut self, tell: &mut dyn FnMut(PublishedScore)) -> bool {
        let Some(((client, domain), names)) = self.pairs.take_oldest() else { return false };
        self.octets = self.octets.saturating_sub(names.list.len());
        let score = number(usize::try_from(pressed(&names.list)).unwrap_or(usize::MAX));
        let score = PublishedScore { client: Some(client), domain, time: names.last, score };
        self.told.tell(score, tell);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::Random;
    use super::super::table::made::{alarms, ask, best};
    use super::*;

    /// Names of 32 hexadecimal digits: 16 octets each, at best.
    fn hex(n: i64, gap: i64) -> Vec<Transaction> {
        let mut random = Random(1);
        let mut name = || format!("{:016x}{:016x}.example.com", random.next(), random.next());
        (0..n).map(|n| ask(n * gap, 1, &name(), 1)).collect()
    }

    #[test]
    fn it_fires_at_four_kilobytes_a_day_and_is_silent_below() {
        assert!(alarms(&mut GzipBound::default(), &hex(250, 1)));
        assert!(!alarms(&mut GzipBound::default(), &hex(150, 1)));
        let repeated: Vec<_> = hex(20, 1).iter().cycle().take(5_000).cloned().collect();
        assert!(!alarms(&mut GzipBound::default(), &repeated), "distinct names count");
    }

    #[test]
    fn a_hundred_names_a_day_are_never_seen() {
        assert!(!alarms(&mut GzipBound::default(), &hex(3_000, 864)), "48 kB in a month");
    }

    #[test]
    fn gzip_never_presses_random_names_below_what_they_carry() {
        let names: Vec<String> = hex(400, 1).iter().map(|asked| asked.qname.to_string()).collect();
        let bytes = gzip_bytes(names.iter().map(String::as_str));
        assert!((400 * 16..400 * 22).contains(&bytes), "{bytes}");
        assert_eq!(gzip_bytes([]), 0);
    }

    #[test]
    fn the_score_is_what_the_list_alone_gives() {
        let asked = [ask(0, 1, "b.a.example.com", 1), ask(1, 1, "c.example.com", 1)];
        let score = *best(&mut GzipBound::default(), &asked).get("example.com").unwrap();
        assert!(
            (score - 18.0 - f64::from(u32::try_from(gzip_bytes(["b.a", "c"]) - 18).unwrap())).abs()
                < 1e-9
        );
    }
}
