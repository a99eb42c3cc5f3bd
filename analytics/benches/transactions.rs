//! What the analytics add to the pipe for a transaction, in four kinds of traffic.
//!
//! `cargo bench --bench transactions` times them. With `--count KIND N` it runs N transactions of a
//! kind and ends, so that callgrind can count the instructions of `one_record` alone:
//! `valgrind --tool=callgrind --toggle-collect='*one_record*' BENCH --count ordinary 20000`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may fail loudly")]
#![expect(clippy::print_stdout, reason = "a bench says what it did")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::Criterion;
use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

/// Clients of the ordinary network.
const CLIENTS: u64 = 200;
/// Domains they ask.
const DOMAINS: u64 = 1_000;
/// Transactions that come again and again.
const POOL: u64 = 4_096;
/// One of so many is for a name that nobody asked before.
const NOVEL: u64 = 20;
/// Keys that a flood leaves behind in tables of the default size.
const FLOOD: u64 = 1_500_000;
/// Keys of the small table that callgrind fills.
const SMALL: u32 = 4_096;

const HOSTS: [&str; 8] = ["www", "mail", "api", "cdn", "static", "login", "images", "ns1"];
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Names that were asked before, one of 20 novel.
    Ordinary,
    /// Names nobody asked before, under known domains.
    Novel,
    /// One client that moves data through names of one domain and answers of type NULL.
    Tunnel,
    /// Random clients, random domains.
    Flood,
}

/// Hands out transactions without making them anew: it is not to be measured.
struct Traffic {
    kind: Kind,
    pool: Vec<Transaction>,
    novel: Transaction,
    domains: Vec<Name>,
    label: Vec<u8>,
    random: u64,
    n: u64,
    time: i64,
}

fn transaction(text: &str) -> Transaction {
    let qname = Name::parse(text).unwrap();
    let (domain_at, name) = NameReader::default().read(&qname);
    let status = Status::Answered;
    let mut transaction = Transaction {
        qname,
        domain_at,
        name,
        status,
        qtype: 1,
        qclass: 1,
        ..Transaction::default()
    };
    (transaction.query_bytes, transaction.answer_bytes) = (50, 90);
    let answer = &mut transaction.answer;
    (answer.n_answers, answer.n_addresses, answer.rdata_bytes) = (2, 2, 8);
    answer.ttls = Some((60, 300));
    transaction
}

/// Finalizer of splitmix64 (Steele, Lea, Flood 2014).
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap()
}

fn address(n: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | (low(n) & 0x00ff_ffff)))
}

fn digits(label: &mut Vec<u8>, mut n: u64, length: usize) {
    label.clear();
    for _ in 0..length {
        label.push(BASE32[usize::try_from(n & 31).unwrap()]);
        n >>= 5;
    }
}

impl Traffic {
    fn new(kind: Kind) -> Self {
        let mut traffic = Self {
            kind,
            pool: Vec::new(),
            novel: transaction("img0abcd.example.com"),
            domains: (0..DOMAINS)
                .map(|n| Name::parse(&format!("domain{n}.com")).unwrap())
                .collect(),
            label: Vec::new(),
            random: 1,
            n: 0,
            time: 1_700_000_000_000_000,
        };
        if kind == Kind::Ordinary {
            for n in 0..POOL {
                let random = mix(n + 1);
                // Few domains take most of the queries.
                let domain = (random % DOMAINS) * ((random >> 20) % DOMAINS) / DOMAINS;
                let host = HOSTS[usize::try_from((random >> 40) % 8).unwrap()];
                let mut asked = transaction(&format!("{host}.domain{domain}.com"));
                asked.client = address((random >> 50) % CLIENTS);
                asked.answer.addresses = low(mix(domain));
                traffic.pool.push(asked);
            }
        }
        if kind == Kind::Tunnel {
            traffic.novel = transaction("aaaa.t.example.com");
            traffic.novel.qtype = 10;
            let answer = &mut traffic.novel.answer;
            (answer.n_addresses, answer.opaque_bytes, answer.rdata_bytes) = (0, 200, 200);
        }
        traffic
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random)
    }

    fn next(&mut self) -> &Transaction {
        self.n += 1;
        self.time += if self.kind == Kind::Tunnel { 20_000 } else { 500 };
        match self.kind {
            Kind::Ordinary if !self.n.is_multiple_of(NOVEL) => {
                let at = usize::try_from(self.n % POOL).unwrap();
                let known = &mut self.pool[at];
                known.time = Timestamp(self.time);
                return known;
            }
            Kind::Ordinary | Kind::Novel => {
                let random = self.random();
                digits(&mut self.label, random, 8);
                let at = usize::try_from(self.n % DOMAINS).unwrap();
                self.novel.qname.clear();
                self.novel.qname.push(&self.label);
                self.domains[at].labels().for_each(|label| {
                    self.novel.qname.push(label);
                });
                self.novel.domain_at = 9;
                self.novel.client = address((random >> 40) % CLIENTS);
                self.novel.answer.addresses = low(random >> 8);
            }
            Kind::Tunnel => {
                self.novel.qname.clear();
                for _ in 0..8 {
                    let random = self.random();
                    digits(&mut self.label, random, 12);
                    self.novel.qname.push(&self.label);
                }
                for label in [&b"t"[..], b"example", b"com"] {
                    self.novel.qname.push(label);
                }
                self.novel.domain_at = 8 * 13 + 2;
                self.novel.answer.fingerprint = low(self.random >> 16);
            }
            Kind::Flood => {
                let random = self.random();
                digits(&mut self.label, random, 10);
                self.novel.qname.clear();
                self.novel.qname.push(b"www");
                self.novel.qname.push(&self.label);
                self.novel.qname.push(b"com");
                self.novel.domain_at = 4;
                self.novel.client = address(random >> 32);
                self.novel.answer.addresses = low(random >> 8);
            }
        }
        self.novel.time = Timestamp(self.time);
        &self.novel
    }
}

#[inline(never)]
fn one_record(analytics: &mut Analytics, transaction: &Transaction) {
    analytics.record(&Record::Transaction(black_box(transaction)), &mut |_| {});
}

fn feed(analytics: &mut Analytics, traffic: &mut Traffic, n: u64) {
    for _ in 0..n {
        let transaction = traffic.next();
        one_record(analytics, transaction);
    }
}

#[inline(never)]
fn warm(analytics: &mut Analytics, traffic: &mut Traffic, n: u64) {
    for _ in 0..n {
        let transaction = traffic.next();
        analytics.record(&Record::Transaction(transaction), &mut |_| {});
    }
}

fn analytics(config: Config) -> Analytics {
    Analytics::new(config, Rules::builtin().unwrap())
}

const KINDS: [(&str, Kind, u64); 5] = [
    ("ordinary", Kind::Ordinary, 5 * POOL),
    ("novel", Kind::Novel, 5 * POOL),
    ("tunnel", Kind::Tunnel, 1_000),
    ("flood-empty", Kind::Flood, 0),
    ("flood-full", Kind::Flood, FLOOD),
];

fn time_all(criterion: &mut Criterion) {
    for (name, kind, before) in KINDS {
        criterion.bench_function(&format!("transaction: {name}"), |bench| {
            let mut analytics = analytics(Config::default());
            let mut traffic = Traffic::new(kind);
            warm(&mut analytics, &mut traffic, before);
            bench.iter(|| one_record(&mut analytics, traffic.next()));
        });
    }
    for (name, kind, _) in KINDS.into_iter().take(4) {
        criterion.bench_function(&format!("making of: {name}"), |bench| {
            let mut traffic = Traffic::new(kind);
            bench.iter(|| {
                black_box(traffic.next());
            });
        });
    }
}

fn count(name: &str, n: u64) {
    let (_, kind, before) = KINDS.into_iter().find(|(other, ..)| *other == name).unwrap();
    let mut config = Config::default();
    let mut before = before;
    if before == FLOOD {
        config.state.keys = SMALL;
        before = 4 * u64::from(SMALL);
    }
    let mut analytics = analytics(config);
    let mut traffic = Traffic::new(kind);
    warm(&mut analytics, &mut traffic, before);
    feed(&mut analytics, &mut traffic, n);
    println!("{name}: {n} transactions counted");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, n, ..] = arguments.as_slice()
        && flag == "--count"
    {
        return count(name, n.parse().unwrap());
    }
    let mut criterion = Criterion::default().configure_from_args();
    time_all(&mut criterion);
    criterion.final_summary();
}
