//! Six behaviour features of a domain over six hours, and an isolation forest.
//!
//! Source: Nadler, Aminov, Shabtai, "Detection of malicious and low throughput data exfiltration
//! over the DNS protocol", Computers & Security 80 (2019): entropy of the subdomains' characters,
//! share of types other than A and AAAA, share of unique queries, number of unique queries, mean
//! query length, and length of the longest meaningful word over that of the subdomain, in windows of
//! 6 × 60 minutes that move by an hour; an isolation forest fitted on benign traffic, at one false
//! alarm in 50,000.
//!
//! Unique queries are estimated from 256 hashes an hour. With fewer than 50,000 benign windows the
//! threshold lies above all of them; since a forest cannot tell how far beyond its samples a row
//! lies, one odd benign window may then put it above every tunnel too. Compare scores at a budget.
//!
//! Known to miss: nothing in principle within six hours but what looks ordinary in all six; and it
//! knows an hour late at best.

use std::collections::VecDeque;
use std::sync::Arc;

use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;

use super::bottom::Bottom;
use super::forest::{Forest, Rows};
use super::meaningful::Words;
use super::table::{Table, Told, is_scored, name_hash, number};
use super::{Published, PublishedScore};

/// Microseconds by which the window moves.
const STEP: i64 = 3_600_000_000;
/// Steps of a window.
const STEPS: usize = 6;
/// Of a million benign windows so many may alarm: one in 50,000.
const PER_MILLION: usize = 20;
/// Benign windows that are kept.
const MOST_WINDOWS: usize = 65_536;
/// Domains kept, 40 KB each at most.
const DOMAINS: u32 = 4_096;

/// Entropy, other types, unique ratio, unique queries, length, meaningful part.
type Row = [f64; 6];

/// Collects benign windows.
pub struct NadlerTraining {
    windows: Windows,
    rows: Rows<6>,
}

impl Default for NadlerTraining {
    fn default() -> Self {
        Self { windows: Windows::new(Arc::new(Words::new())), rows: Rows::new(MOST_WINDOWS) }
    }
}

impl NadlerTraining {
    /// Takes one benign transaction.
    pub fn transaction(&mut self, transaction: &Transaction) {
        let Self { windows, rows } = self;
        windows.add(transaction, &mut |_, _, row| rows.add(*row));
    }

    /// Scores what is open: what follows is of another capture.
    pub fn capture_ends(&mut self) {
        let Self { windows, rows } = self;
        windows.end(&mut |_, _, row| rows.add(*row));
    }

    /// Fits the forest and sets its threshold.
    #[must_use]
    pub fn finish(mut self) -> Nadler {
        self.capture_ends();
        let forest = Arc::new(self.rows.forest());
        let threshold = self.rows.threshold(&forest, PER_MILLION);
        Nadler { windows: self.windows, forest, threshold, told: Told::default() }
    }
}

/// The fitted detector.
pub struct Nadler {
    windows: Windows,
    forest: Arc<Forest<6>>,
    threshold: f64,
    told: Told,
}

impl Nadler {
    /// Makes a detector of the same forest with empty tables.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            windows: Windows::new(Arc::clone(&self.windows.words)),
            forest: Arc::clone(&self.forest),
            threshold: self.threshold,
            told: Told::default(),
        }
    }
}

impl Published for Nadler {
    fn name(&self) -> &'static str {
        "nadler-6"
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        let Self { windows, forest, told, .. } = self;
        windows.add(transaction, &mut |domain, time, row| {
            told.tell(judged(domain, time, forest.score(row)), tell);
        });
    }

    fn finish(&mut self, tell: &mut dyn FnMut(PublishedScore)) {
        let Self { windows, forest, told, .. } = self;
        windows.end(&mut |domain, time, row| {
            told.tell(judged(domain, time, forest.score(row)), tell);
        });
    }
}

fn judged(domain: &str, time: Timestamp, score: f64) -> PublishedScore {
    PublishedScore { client: None, domain: domain.to_owned(), time, score }
}

/// Hears of a domain's window when it ends.
type Hear<'a> = &'a mut dyn FnMut(&str, Timestamp, &Row);

/// The open windows of all domains.
struct Windows {
    hour: Option<i64>,
    last: Timestamp,
    domains: Table<String, VecDeque<Pane>>,
    words: Arc<Words>,
}

/// What a domain was asked in one hour.
struct Pane {
    hour: i64,
    queries: u32,
    other_types: u32,
    length: u32,
    meaningful: f64,
    names: Bottom,
    octets: Vec<u32>,
}

impl Windows {
    fn new(words: Arc<Words>) -> Self {
        Self { hour: None, last: Timestamp::default(), domains: Table::new(DOMAINS), words }
    }

    fn add(&mut self, transaction: &Transaction, hear: Hear<'_>) {
        if !is_scored(transaction) {
            return;
        }
        let hour = transaction.time.micros().div_euclid(STEP);
        match self.hour {
            // A frame that comes late belongs to the hour that runs.
            Some(now) if (now - 1..=now).contains(&hour) => {}
            Some(now) if hour < now => self.end(hear),
            Some(now) => self.turn(now, hour, hear),
            None => {}
        }
        let hour = self.hour.map_or(hour, |now| now.max(hour));
        self.hour = Some(hour);
        self.last = transaction.time;
        let share = self.meaningful_share(transaction);
        let Some(panes) = self.domains.at(&transaction.domain_text(), VecDeque::new) else {
            return;
        };
        if panes.back().is_none_or(|pane| pane.hour != hour) {
            panes.push_back(Pane::new(hour));
        }
        while panes.front().is_some_and(|pane| is_over(pane, hour)) {
            panes.pop_front();
        }
        if let Some(pane) = panes.back_mut() {
            pane.add(transaction, share);
        }
    }

    /// Ends the hours from `now` up to `next`.
    fn turn(&mut self, now: i64, next: i64, hear: Hear<'_>) {
        let steps = i64::try_from(STEPS).unwrap_or(i64::MAX);
        for hour in now..next.min(now.saturating_add(steps)) {
            self.ended(hour, Timestamp((hour + 1).saturating_mul(STEP)), hear);
        }
    }

    /// Ends everything.
    fn end(&mut self, hear: Hear<'_>) {
        if let Some(hour) = self.hour.take() {
            self.ended(hour, self.last, hear);
        }
        while self.domains.take_oldest().is_some() {}
    }

    fn ended(&mut self, hour: i64, time: Timestamp, hear: Hear<'_>) {
        while self.domains.oldest().is_some_and(|panes| panes.iter().all(|p| is_over(p, hour))) {
            self.domains.take_oldest();
        }
        for (domain, panes) in self.domains.entries() {
            let open = panes.iter().filter(|pane| !is_over(pane, hour));
            if let Some(row) = row_of(open) {
                hear(domain, time, &row);
            }
        }
    }

    /// Returns the longest meaningful word as a share of the subdomain.
    fn meaningful_share(&self, transaction: &Transaction) -> f64 {
        let subdomain = subdomain_octets(transaction);
        if subdomain.is_empty() {
            return 1.0;
        }
        number(self.words.longest_in(&subdomain)) / number(subdomain.len())
    }
}

fn is_over(pane: &Pane, hour: i64) -> bool {
    usize::try_from(hour.saturating_sub(pane.hour)).is_ok_and(|age| age >= STEPS)
}

impl Pane {
    fn new(hour: i64) -> Self {
        Self {
            hour,
            queries: 0,
            other_types: 0,
            length: 0,
            meaningful: 0.0,
            names: Bottom::default(),
            octets: vec![0; 256],
        }
    }

    fn add(&mut self, transaction: &Transaction, meaningful_share: f64) {
        self.queries = self.queries.saturating_add(1);
        let other = u32::from(!matches!(transaction.qtype, 1 | 28));
        self.other_types = self.other_types.saturating_add(other);
        self.length = self.length.saturating_add(u32::from(transaction.name.length));
        self.meaningful += meaningful_share;
        self.names.add(name_hash(transaction));
        for octet in subdomain_octets(transaction) {
            if let Some(count) = self.octets.get_mut(usize::from(octet)) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// Returns the subdomain's octets in lower case, without length octets.
fn subdomain_octets(transaction: &Transaction) -> Vec<u8> {
    let labels = usize::from(transaction.name.n_subdomain_labels);
    transaction.qname.labels().take(labels).flatten().map(u8::to_ascii_lowercase).collect()
}

/// Returns the features of a window, `None` of an empty one.
fn row_of<'a>(panes: impl Iterator<Item = &'a Pane>) -> Option<Row> {
    let (mut queries, mut other, mut length, mut meaningful) = (0.0, 0.0, 0.0, 0.0);
    let mut names = Bottom::default();
    let mut octets = [0.0; 256];
    for pane in panes {
        queries += f64::from(pane.queries);
        other += f64::from(pane.other_types);
        length += f64::from(pane.length);
        meaningful += pane.meaningful;
        names.merge(&pane.names);
        for (sum, count) in octets.iter_mut().zip(&pane.octets) {
            *sum += f64::from(*count);
        }
    }
    let all: f64 = octets.iter().sum();
    let bits = |count: &f64| count / all * (all / count).log2();
    let entropy: f64 = octets.iter().filter(|count| **count > 0.0).map(bits).sum();
    let unique = names.distinct().min(queries);
    (queries > 0.0).then(|| {
        [entropy, other / queries, unique / queries, unique, length / queries, meaningful / queries]
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::super::table::Random;
    use super::super::table::made::{ask, best};
    use super::*;

    /// Domains that are asked often and others once or twice, a few host names each, over a day.
    fn ordinary() -> Vec<Transaction> {
        let hosts = ["www", "mail", "images", "static", "login", "api"];
        let mut random = Random(5);
        let mut query = |n: i64| {
            let most = if n % 2 == 0 { 40 } else { 4_000 };
            let (host, domain) = (hosts[random.below(6)], random.below(most));
            let qtype = [1, 1, 1, 28, 28, 65][random.below(6)];
            ask(n * 14, 1, &format!("{host}.d{domain}.net"), qtype)
        };
        (0..6_000).map(&mut query).collect()
    }

    static FITTED: LazyLock<Nadler> = LazyLock::new(|| {
        let mut training = NadlerTraining::default();
        ordinary().iter().for_each(|asked| training.transaction(asked));
        training.finish()
    });

    fn encoded(n: i64, gap: i64) -> Vec<Transaction> {
        let mut random = Random(9);
        let mut name = || format!("{:016x}{:016x}.example.com", random.next(), random.next());
        (0..n).map(|n| ask(n * gap, 1, &name(), 16)).collect()
    }

    #[test]
    fn encoded_names_stand_out_and_what_was_learnt_raises_nothing() {
        let tunnel = *best(&mut FITTED.fresh(), &encoded(400, 30)).get("example.com").unwrap();
        let mut nadler = FITTED.fresh();
        let threshold = nadler.threshold();
        let ordinary = best(&mut nadler, &ordinary());
        assert!(ordinary.len() > 1_000 && ordinary.values().all(|score| *score < threshold));
        let above = ordinary.values().filter(|score| **score >= tunnel).count();
        assert!(above * 200 < ordinary.len(), "{above} of {} are odder", ordinary.len());
    }

    #[test]
    fn nothing_is_known_before_the_hour_is_over() {
        let (mut nadler, mut early) = (FITTED.fresh(), 0);
        for asked in encoded(100, 30) {
            nadler.transaction(&asked, &mut |_| early += 1);
        }
        assert_eq!(early, 0, "50 minutes of tunnel and not a word");
        nadler.transaction(&ask(3_601, 1, "www.d1.net", 1), &mut |_| early += 1);
        assert_eq!(early, 1);
    }

    #[test]
    fn an_hour_of_silence_or_a_clock_set_back_ends_windows() {
        let mut nadler = FITTED.fresh();
        let times = [0, 10 * 3_600, 20 * 3_600, 60];
        let asked: Vec<_> = times.iter().map(|at| ask(*at, 1, "a.example.com", 1)).collect();
        assert_eq!(best(&mut nadler, &asked).len(), 1);
        assert!(nadler.windows.hour.is_none() && nadler.windows.domains.oldest().is_none());
    }
}
