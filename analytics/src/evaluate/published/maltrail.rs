//! Maltrail's heuristics about names: exhaustion, long labels, names that do not exist.
//!
//! Source: `stamparm/maltrail`, `core/settings.py` and the sensor (`old/sensor.py` of the
//! repository's later years): 1,000 distinct subdomains of a domain in a window of 60 s that begins
//! with its first query; a first label over 24 characters without a hyphen; of names of two labels
//! that do not exist, an entropy over 3.5 or more than 9 consonants; more than 20 answers an hour
//! that a name of one domain does not exist. The domain is the last two labels, three where the one
//! before the last has at most three characters. The score is in units of the limit.
//!
//! Left out: the lists of known domains (the trails) and of allowed ones, which are feeds. Kept:
//! what the heuristics themselves exempt, such as any name with a label that ends in "bl", names of
//! other characters than letters, digits, dot, hyphen and underscore, and local suffixes.
//!
//! Known to miss: short labels or a hyphen in them; data in raw octets; anything with a "bl" label.

use std::collections::BTreeSet;

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::table::{Table, Told, above, hash, is_scored, number, scored};
use super::{Published, PublishedScore};

/// `DNS_EXHAUSTION_THRESHOLD`; the alarm comes with the first query beyond.
const SUBDOMAINS: usize = 1_000;
/// Microseconds of a window.
const WINDOW: u64 = 60_000_000;
/// `SUSPICIOUS_DOMAIN_LENGTH_THRESHOLD`.
const LABEL: f64 = 24.0;
/// `SUSPICIOUS_DOMAIN_CONSONANT_THRESHOLD`.
const CONSONANTS: f64 = 9.0;
/// `SUSPICIOUS_DOMAIN_ENTROPY_THRESHOLD`, bits.
const ENTROPY: f64 = 3.5;
/// `NO_SUCH_NAME_PER_HOUR_THRESHOLD`.
const NO_SUCH_NAMES: f64 = 20.0;
const HOUR: i64 = 3_600_000_000;
/// The response code for a name that does not exist (RFC 1035 section 4.1.1).
const NXDOMAIN: u16 = 3;

/// `IGNORE_DNS_QUERY_SUFFIXES`.
const IGNORED_SUFFIXES: [&str; 14] = [
    "alienvault",
    "arpa",
    "corp",
    "guest",
    "home",
    "int",
    "intra",
    "intran",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "url",
    "workgroup",
];
/// `LOCAL_SUBDOMAIN_LOOKUPS`: a domain asked for one of these is not exhausted.
const LOCAL_LOOKUPS: [&str; 3] = ["_ldap._tcp", "autodiscover", "wpad"];

/// Domains kept; a thousand hashes each at most, 100 MB in all.
const DOMAINS: u32 = 8_192;

/// The heuristics of Maltrail's sensor.
pub struct Maltrail {
    domains: Table<u64, Domain>,
    told: Told,
}

struct Domain {
    began: Timestamp,
    subdomains: BTreeSet<u64>,
    is_local: bool,
    hour: i64,
    no_such_names: usize,
}

impl Default for Maltrail {
    fn default() -> Self {
        Self { domains: Table::new(DOMAINS), told: Told::default() }
    }
}

impl Published for Maltrail {
    fn name(&self) -> &'static str {
        "maltrail"
    }

    fn threshold(&self) -> f64 {
        1.0
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if !is_scored(transaction) {
            return;
        }
        let name = transaction.qname.to_string().to_ascii_lowercase();
        let labels: Vec<&str> = name.split('.').collect();
        if !is_looked_at(&name, &labels) {
            return;
        }
        let missing = transaction.has_answer() && transaction.answer.rcode == NXDOMAIN;
        let mut score = long_label(&name, &labels);
        if let [first, _] = labels.as_slice()
            && missing
        {
            score = score.max(unpronounceable(first));
        }
        score = score.max(self.counted(transaction, &labels, missing));
        self.told.tell(scored(transaction, score), tell);
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

impl Maltrail {
    /// Counts distinct subdomains and names that do not exist.
    fn counted(&mut self, transaction: &Transaction, labels: &[&str], missing: bool) -> f64 {
        let Some(at) = domain_at(labels) else { return 0.0 };
        let (Some(subdomain), Some(domain)) = (labels.get(..at), labels.get(at..)) else {
            return 0.0;
        };
        let (time, hour) = (transaction.time, transaction.time.micros().div_euclid(HOUR));
        let new = || Domain {
            began: time,
            subdomains: BTreeSet::new(),
            is_local: false,
            hour,
            no_such_names: 0,
        };
        let Some(kept) = self.domains.at(&hash(domain), new) else { return 0.0 };
        if kept.hour != hour {
            (kept.hour, kept.no_such_names) = (hour, 0);
        }
        kept.no_such_names += usize::from(missing);
        let no_such_names = above(number(kept.no_such_names), NO_SUCH_NAMES);
        let dashed = labels.first().is_some_and(|label| is_dashed_address(label));
        let exhaustion = if dashed { 0.0 } else { kept.exhaustion(subdomain, time) };
        let blocklist = labels.iter().any(|label| label.ends_with("bl"));
        if blocklist || kept.is_local { no_such_names } else { exhaustion.max(no_such_names) }
    }
}

impl Domain {
    fn exhaustion(&mut self, subdomain: &[&str], time: Timestamp) -> f64 {
        if time.micros_since(self.began) > WINDOW {
            self.began = time;
            self.subdomains.clear();
            self.is_local = false;
            return 0.0;
        }
        let full = self.subdomains.len() >= SUBDOMAINS;
        if !full {
            self.subdomains.insert(hash(subdomain));
            self.is_local |= LOCAL_LOOKUPS.contains(&subdomain.join(".").as_str());
        }
        above(number(self.subdomains.len() + usize::from(full)), number(SUBDOMAINS))
    }
}

fn is_looked_at(name: &str, labels: &[&str]) -> bool {
    labels.len() > 1
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && labels.last().is_some_and(|last| !IGNORED_SUFFIXES.contains(last))
}

/// Returns the label where the domain begins; `None` where there is no subdomain.
fn domain_at(labels: &[&str]) -> Option<usize> {
    let n = labels.len();
    let second = labels.get(n.checked_sub(2)?)?;
    let domain = if n > 3 && second.len() <= 3 { 3 } else { 2 };
    n.checked_sub(domain).filter(|at| *at > 0)
}

fn long_label(name: &str, labels: &[&str]) -> f64 {
    match labels.first() {
        Some(first) if !first.contains('-') && !name.contains("blogspot") => {
            above(number(first.len()), LABEL)
        }
        _ => 0.0,
    }
}

fn unpronounceable(label: &str) -> f64 {
    if label.contains('-') {
        return 0.0;
    }
    let consonants = label.bytes().filter(|byte| b"bcdfghjklmnpqrstvwxyz".contains(byte)).count();
    above(entropy(label.as_bytes()), ENTROPY).max(above(number(consonants), CONSONANTS))
}

/// Returns Shannon's entropy in bits an octet.
pub(super) fn entropy(octets: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for octet in octets {
        if let Some(count) = counts.get_mut(usize::from(*octet)) {
            *count += 1;
        }
    }
    let n = number(octets.len());
    let bits = |count: &u32| f64::from(*count) / n * (n / f64::from(*count)).log2();
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

fn is_dashed_address(label: &str) -> bool {
    let parts: Vec<_> = label.split('-').collect();
    parts.len() == 4
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::table::made::{alarms, ask, best};
    use super::*;

    fn burst(n: i64, name: impl Fn(i64) -> String) -> Vec<Transaction> {
        (0..n).map(|n| ask(n / 20, 1, &name(n), 1)).collect()
    }

    #[test]
    fn it_fires_beyond_a_thousand_subdomains_a_minute_and_is_silent_below() {
        let name = |n| format!("n{n}.example.com");
        assert!(!alarms(&mut Maltrail::default(), &burst(1_000, name)));
        assert!(alarms(&mut Maltrail::default(), &burst(1_001, name)));
        let dashed = |n| format!("10-0-{}-{}.example.com", n / 256, n % 256);
        assert!(!alarms(&mut Maltrail::default(), &burst(1_100, dashed)));
        let mut slower = burst(1_001, name);
        slower.iter_mut().for_each(|asked| asked.time = Timestamp(asked.time.micros() * 2));
        assert!(!alarms(&mut Maltrail::default(), &slower));
    }

    #[test]
    fn a_label_of_25_characters_fires_unless_it_has_a_hyphen() {
        let one = |label: String| vec![ask(0, 1, &format!("{label}.example.com"), 1)];
        assert!(alarms(&mut Maltrail::default(), &one("a".repeat(25))));
        assert!(!alarms(&mut Maltrail::default(), &one("a".repeat(24))));
        assert!(!alarms(&mut Maltrail::default(), &one(format!("{}-{}", "a".repeat(30), "b"))));
    }

    #[test]
    fn a_label_that_ends_in_bl_hides_any_number_of_names() {
        let hidden = |n| format!("n{n}.bl.example.com");
        assert!(!alarms(&mut Maltrail::default(), &burst(1_100, hidden)));
    }

    #[test]
    fn random_names_that_do_not_exist_fire_and_so_do_many() {
        let missing = |name: &str| {
            let mut asked = ask(0, 1, name, 1);
            asked.answer.rcode = NXDOMAIN;
            asked
        };
        let raised = |asked: &[Transaction]| {
            best(&mut Maltrail::default(), asked).values().any(|score| *score >= 1.0)
        };
        assert!(raised(&[missing("bcdfghjklm.com")]), "ten consonants");
        assert!(!raised(&[missing("example.com"), ask(0, 1, "bcdfghjklm.com", 1)]));
        let twenty = vec![missing("a.example.com"); 20];
        assert!(!raised(&twenty));
        assert!(raised(&[twenty, vec![missing("a.example.com")]].concat()));
    }
}
