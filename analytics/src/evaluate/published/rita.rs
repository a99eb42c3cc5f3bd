//! RITA v5, C2 over DNS: unique subdomains of a domain in a day.
//!
//! Source: `activecm/rita`, `default_config.hjson` (thresholds 100, 500, 800, 1000; modifiers of
//! ±0.15 for prevalence at most 2 % or at least 50 % and for first seen within 7 or before 30 days),
//! `analysis/analysis.go` (linear between 0.2, 0.4, 0.6 and 0.8), `importer/dns.go` (names of one
//! label are left out). A domain is listed from 100 subdomains on, with 0.2 and the modifiers, so
//! 0.2 is the operating point.
//!
//! Left out: the 0.15 for domains to whose addresses nobody connected, since a DNS sensor sees no
//! connections; it ranks what is listed anyway. Kept running over 24 hours instead of computed at
//! import. Below 100 subdomains RITA gives nothing; here 0.002 a subdomain, to have an order.
//!
//! Known to miss: 99 names of any length a day, for ever.

use std::time::Duration;

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::table::{Recent, Table, Told, hash, is_scored, name_hash, number};
use super::{Published, PublishedScore};

const DAY: Duration = Duration::from_secs(86_400);
/// Domains kept; with 1,000 names of some 50 octets each at most 400 MB, by far less in practice.
const DOMAINS: u32 = 8_192;
/// Names kept for a domain: more do not raise the score.
const NAMES: u32 = 1_000;
/// Clients kept for a domain.
const DOMAIN_CLIENTS: u32 = 1_024;
/// Clients kept in all.
const CLIENTS: u32 = 65_536;

/// Scores in millionths, so that sums are exact.
const LISTED: i64 = 200_000;
const MODIFIER: i64 = 150_000;
/// (subdomains, score) between which the score is linear.
const KNOTS: [(i64, i64); 4] = [(100, LISTED), (500, 400_000), (800, 600_000), (1_000, 800_000)];

/// RITA's C2-over-DNS score.
pub struct Rita {
    domains: Table<u64, Domain>,
    clients: Recent,
    told: Told,
}

struct Domain {
    first: Timestamp,
    names: Recent,
    clients: Recent,
}

impl Default for Rita {
    fn default() -> Self {
        Self {
            domains: Table::new(DOMAINS),
            clients: Recent::new(CLIENTS, DAY),
            told: Told::default(),
        }
    }
}

impl Published for Rita {
    fn name(&self) -> &'static str {
        "rita"
    }

    fn threshold(&self) -> f64 {
        millionths(LISTED)
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if !is_scored(transaction) || transaction.domain_at == 0 || transaction.name.n_labels < 2 {
            return;
        }
        let (time, client) = (transaction.time, hash(&transaction.client));
        let all_clients = self.clients.add(client, time);
        let domain = transaction.domain_text();
        let new = || Domain {
            first: time,
            names: Recent::new(NAMES, DAY),
            clients: Recent::new(DOMAIN_CLIENTS, DAY),
        };
        let Some(kept) = self.domains.at(&hash(&domain), new) else { return };
        let clients = kept.clients.add(client, time);
        let names = kept.names.add(name_hash(transaction), time);
        let mut score = of_subdomains(i64::try_from(names).unwrap_or(i64::MAX));
        if score >= LISTED {
            score += of_prevalence(number(clients) / number(all_clients.max(1)));
            score += of_age(time.since(kept.first));
        }
        let score = millionths(score);
        self.told.tell(PublishedScore { client: None, domain, time, score }, tell);
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

fn of_subdomains(n: i64) -> i64 {
    let mut below = (0, 0);
    for knot in KNOTS {
        if n < knot.0 {
            return below.1 + (n - below.0) * (knot.1 - below.1) / (knot.0 - below.0);
        }
        below = knot;
    }
    below.1
}

fn of_prevalence(share: f64) -> i64 {
    if share <= 0.02 {
        MODIFIER
    } else if share >= 0.5 {
        -MODIFIER
    } else {
        0
    }
}

fn of_age(age: Duration) -> i64 {
    if age <= 7 * DAY {
        MODIFIER
    } else if age >= 30 * DAY {
        -MODIFIER
    } else {
        0
    }
}

fn millionths(score: i64) -> f64 {
    f64::from(i32::try_from(score).unwrap_or(i32::MAX)) / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::table::made::{alarms, ask, best};
    use super::*;

    fn names(n: i64, gap: i64) -> Vec<Transaction> {
        (0..n).map(|n| ask(n * gap, 1, &format!("n{n}.example.com"), 1)).collect()
    }

    #[test]
    fn it_fires_at_100_subdomains_a_day_and_is_silent_below() {
        assert!(!alarms(&mut Rita::default(), &names(99, 60)));
        assert!(alarms(&mut Rita::default(), &names(100, 60)));
        let score = |n| *best(&mut Rita::default(), &names(n, 1)).get("example.com").unwrap();
        // One client of one: prevalent (-0.15) and new (+0.15).
        assert!((score(300) - 0.3).abs() < 1e-9, "{}", score(300));
        assert!((score(2_000) - 0.8).abs() < 1e-9, "{}", score(2_000));
    }

    #[test]
    fn a_rare_domain_is_raised() {
        let mut asked: Vec<_> = (0..200).map(|n| ask(0, n, "www.other.com", 1)).collect();
        asked.extend(names(100, 1));
        let score = *best(&mut Rita::default(), &asked).get("example.com").unwrap();
        assert!((score - 0.5).abs() < 1e-9, "{score}");
    }

    #[test]
    fn fifteen_minutes_between_names_are_never_seen() {
        assert!(!alarms(&mut Rita::default(), &names(10_000, 900)), "96 names a day for months");
    }
}
