//! Promise 1 beyond one (client, domain): a channel that is spread over domains or over clients,
//! and one that asks no novel name at all.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly"
)]

use std::net::{IpAddr, Ipv4Addr};

use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;
use proptest::prelude::*;

/// Names that a codebook picks from, cheap to have asked once.
const WORDS: [&str; 32] = [
    "www", "mail", "api", "static", "cdn", "img", "ftp", "blog", "shop", "dev", "app", "news", "m",
    "ns1", "ns2", "smtp", "pop", "imap", "web", "test", "admin", "support", "docs", "media",
    "files", "login", "secure", "store", "forum", "help", "download", "status",
];

struct Bench {
    analytics: Analytics,
    reader: NameReader,
    transaction: Transaction,
    state: u64,
    opened: Vec<String>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let mut config = Config::default();
        (config.state.keys, config.state.seen_names) = (1_024, 200_000);
        let transaction = Transaction { status: Status::Answered, ..Transaction::default() };
        Self {
            analytics: Analytics::new(config, Rules::builtin().unwrap()),
            reader: NameReader::default(),
            transaction,
            state: seed | 1,
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

    fn ask(&mut self, client: usize, name: &str, qtype: u16, micros: i64) {
        let last = u8::try_from(client).unwrap();
        self.transaction.client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        self.transaction.qname = Name::parse(name).unwrap();
        self.transaction.qtype = qtype;
        self.transaction.time = Timestamp(1 + micros);
        let (at, figures) = self.reader.read(&self.transaction.qname);
        (self.transaction.domain_at, self.transaction.name) = (at, figures);
        let opened = &mut self.opened;
        self.analytics.record(&Record::Transaction(&self.transaction), &mut |alert| {
            opened.push(format!("{} {}", alert.subject.name(), alert.detector.id));
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_rotation_over_domains_leaks_no_more_than_the_contract_of_its_client(
        seed in any::<u64>(), domains in 2_usize..16, octets in 8_usize..40,
        gap_seconds in prop::sample::select(vec![1_i64, 59, 600]),
    ) {
        let mut bench = Bench::new(seed);
        let (mut micros, mut leaked) = (0, 0.0);
        while bench.opened.is_empty() && leaked < 20_000.0 {
            let domain = bench.draw(domains.try_into().unwrap());
            let data = bench.data(octets);
            bench.ask(9, &format!("{data}.rotates{domain}.com"), 1, micros);
            leaked += f64::from(u32::try_from(octets).unwrap()) * 5.0 / 8.0;
            let free = 24.0 * f64::from(u32::try_from(domains).unwrap());
            let allowed = 2048.0 + seconds(micros) * 1024.0 / 86_400.0 + free;
            prop_assert!(!bench.opened.is_empty() || leaked <= allowed + 4.0,
                "{leaked} bytes over {domains} domains in {} s", seconds(micros));
            micros += gap_seconds * 1_000_000;
        }
        // What is slower than the contract's rate may go on for ever.
        prop_assert!(!bench.opened.is_empty() || gap_seconds >= 300);
    }

    #[test]
    fn a_channel_split_over_clients_leaks_no_more_than_the_contract_of_its_domain(
        seed in any::<u64>(), clients in 2_usize..60, octets in 8_usize..30,
        gap_seconds in prop::sample::select(vec![1_i64, 30, 300]),
    ) {
        let mut bench = Bench::new(seed);
        let (mut micros, mut leaked) = (0, 0.0);
        // The second client makes it a channel of several.
        bench.ask(250, "www.split.com", 1, 0);
        bench.ask(251, "www.split.com", 1, 0);
        while bench.opened.is_empty() && leaked < 60_000.0 {
            let client = bench.draw(clients.try_into().unwrap());
            let data = bench.data(octets);
            bench.ask(client, &format!("{data}.split.com"), 1, micros);
            leaked += f64::from(u32::try_from(octets).unwrap()) * 5.0 / 8.0;
            let allowed = 8192.0 + seconds(micros) * 4096.0 / 86_400.0;
            prop_assert!(!bench.opened.is_empty() || leaked <= allowed + 4.0,
                "{leaked} bytes over {clients} clients in {} s", seconds(micros));
            micros += gap_seconds * 1_000_000;
        }
        // What is slower than the contract's rate may go on for ever.
        prop_assert!(!bench.opened.is_empty() || gap_seconds >= 300);
    }

    #[test]
    fn repeats_types_and_times_tell_a_rare_domain_no_more_than_their_contract(
        seed in any::<u64>(), log_names in 1_u32..6, log_types in 0_u32..3, log_gaps in 0_u32..6,
    ) {
        let mut bench = Bench::new(seed);
        let (mut micros, mut told) = (0, 0.0);
        for word in WORDS {
            bench.ask(9, &format!("{word}.codebook.com"), 1, micros);
        }
        for _ in 0..60_000 {
            if !bench.opened.is_empty() { break; }
            let word = WORDS[bench.draw(1 << log_names)];
            let qtype = [1, 28, 16, 65][bench.draw(1 << log_types)];
            micros += 1_000_000 + 20_000 * i64::try_from(bench.draw(1 << log_gaps)).unwrap();
            bench.ask(9, &format!("{word}.codebook.com"), qtype, micros);
            told += f64::from(log_names + log_types + log_gaps) / 8.0;
            let allowed = 4096.0 + seconds(micros) * 4096.0 / 86_400.0;
            prop_assert!(!bench.opened.is_empty() || told <= allowed + 8.0,
                "{told} bytes in {} s without an alert", seconds(micros));
        }
        prop_assert!(!bench.opened.is_empty(), "{told} bytes told");
    }
}
