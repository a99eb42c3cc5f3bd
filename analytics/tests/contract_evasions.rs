//! Promise 1 against who has read the source: ways around the buckets that were open once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_sensor::defect::Defect;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

struct Bench {
    analytics: Analytics,
    reader: NameReader,
    transaction: Transaction,
    state: u64,
    opened: Vec<String>,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        (config.state.keys, config.state.seen_names) = (1_024, 400_000);
        change(&mut config);
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
        let status = Status::Answered;
        let transaction = Transaction { status, client, qclass: 1, ..Transaction::default() };
        Self {
            analytics: Analytics::new(config, Rules::builtin().unwrap()),
            reader: NameReader::default(),
            transaction,
            state: 7,
            opened: Vec::new(),
        }
    }

    fn draw(&mut self, n: u64) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.state >> 33) % n).unwrap()
    }

    /// Octets drawn from base 32: five bits each.
    fn data(&mut self, octets: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        (0..octets).map(|_| char::from(ALPHABET[self.draw(32)])).collect()
    }

    fn ask(&mut self, name: &str, qtype: u16, seconds: i64) {
        self.ask_at(name, qtype, seconds * 1_000_000);
    }

    fn ask_at(&mut self, name: &str, qtype: u16, micros: i64) {
        self.transaction.qname = Name::parse(name).unwrap();
        self.transaction.qtype = qtype;
        self.transaction.time = Timestamp(1_700_000_000_000_000 + micros);
        let (at, figures) = self.reader.read(&self.transaction.qname);
        (self.transaction.domain_at, self.transaction.name) = (at, figures);
        let opened = &mut self.opened;
        self.analytics.record(&Record::Transaction(&self.transaction), &mut |alert| {
            opened.push(format!("{} {}", alert.subject.name(), alert.detector.id));
        });
    }
}

const TXT: u16 = 16;

/// A class that holds under any domain halves the price; a rotation must not make it free.
#[test]
fn selectors_of_mail_keys_over_many_domains_are_a_rotation() {
    let mut bench = Bench::new(|_| {});
    let mut leaked = 0;
    for n in 0..400 {
        if !bench.opened.is_empty() {
            break;
        }
        let data = bench.data(30);
        bench.ask(&format!("{data}._domainkey.selects{}.com", n % 20), TXT, n);
        leaked += 30 * 5 / 8;
    }
    // Twice the contract of a client, and what every domain has free.
    assert!(!bench.opened.is_empty() && leaked <= 2 * (2_048 + 20 * 24), "{leaked} bytes");
}

/// What is excused is a word of the codebook like any other.
#[test]
fn a_codebook_of_excused_names_costs_its_bits() {
    let mut bench = Bench::new(|_| {});
    let book: Vec<String> = (0..64).map(|n| format!("k{n}._domainkey.codebook.com")).collect();
    for (n, name) in (0..).zip(&book) {
        bench.ask(name, TXT, n);
    }
    let mut told = 0;
    for n in 0..12_000 {
        if !bench.opened.is_empty() {
            break;
        }
        let pick = bench.draw(64);
        let name = book[pick].clone();
        // So regularly that times tell nothing.
        bench.ask_at(&name, TXT, 100_000_000 + 10_000 * n);
        told += 6;
    }
    assert!(!bench.opened.is_empty() && told / 8 < 4_096, "{} bytes", told / 8);
}

/// The key that is worth least gives way, and who comes takes over what it owed: a flood of
/// other keys does not empty the buckets of repeats.
#[test]
fn a_flood_of_keys_does_not_empty_the_bucket_of_repeats() {
    let mut bench = Bench::new(|config| config.state.figures = 64);
    let words: Vec<String> = (0..32).map(|n| format!("w{n}.codebook.com")).collect();
    for (n, word) in (0..).zip(&words) {
        bench.ask(word, 1, n);
    }
    let mut told = 0;
    for n in 0..12_000_i64 {
        if bench.opened.iter().any(|alert| alert.starts_with("domain")) {
            break;
        }
        let pick = bench.draw(32);
        let word = words[pick].clone();
        bench.ask(&word, 1, 100 + n);
        told += 5;
        if n % 8 == 0 {
            for other in 0..64 {
                bench.ask(&format!("f{other}-{}.org", n % 512), 1, 100 + n);
            }
        }
    }
    assert!(!bench.opened.is_empty() && told / 8 < 4_096, "{} bytes", told / 8);
}

/// Who puts data where the domain would stand may have as many servers as it likes.
#[test]
fn undelegated_names_at_a_new_server_each_are_one_channel() {
    let mut bench = Bench::new(|_| {});
    let mut leaked = 0;
    for n in 0..400_u16 {
        if !bench.opened.is_empty() {
            break;
        }
        bench.transaction.server = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n));
        let (data, domain) = (bench.data(30), bench.data(50));
        bench.ask(&format!("{data}.{domain}.zzz"), 1, n.into());
        leaked += 80 * 5 / 8;
    }
    assert!(!bench.opened.is_empty() && leaked <= 2_048 + 50, "{leaked} bytes");
}

/// Only the first question is read; what stands behind it is priced by its octets.
#[test]
fn data_in_further_questions_is_priced() {
    let mut bench = Bench::new(|_| {});
    bench.transaction.defects.add(Defect::MultipleQuestions);
    bench.transaction.query_bytes = 12 + 21 + 104;
    let mut leaked = 0;
    for n in 0..1_000 {
        if !bench.opened.is_empty() {
            break;
        }
        bench.ask("www.questions.com", 1, n);
        leaked += 100;
    }
    assert!(!bench.opened.is_empty() && leaked <= 1_500, "{leaked} bytes");
}

/// What repeats told before a restart still counts behind it.
#[test]
fn a_restart_does_not_empty_the_bucket_of_repeats() {
    let mut bench = Bench::new(|_| {});
    let words: Vec<String> = (0..32).map(|n| format!("w{n}.codebook.com")).collect();
    for (n, word) in (0..).zip(&words) {
        bench.ask(word, 1, n);
    }
    let mut told = 0;
    for n in 0..12_000_i64 {
        if !bench.opened.is_empty() {
            break;
        }
        if n % 1_000 == 999 {
            let mut saved = Vec::new();
            bench.analytics.save(&mut saved).unwrap();
            bench.analytics = bench.analytics.blank();
            bench.analytics.load(&mut saved.as_slice()).unwrap();
        }
        let pick = bench.draw(32);
        bench.ask(&words[pick], 1, 100 + n);
        told += 5;
    }
    assert!(!bench.opened.is_empty() && told / 8 < 4_096, "{} bytes", told / 8);
}
