//! Promise 1, end to end through the analytics: whatever encoder is generated, an interval that
//! leaks more than the contract allows raises an alert.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;
use proptest::prelude::*;

/// An encoder: the symbols it writes and how it lays them out in names.
#[derive(Clone, Debug)]
struct Encoder {
    symbols: Vec<String>,
    per_label: usize,
    labels: usize,
    gap_micros: i64,
}

static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let list = include_str!("../../datasets/names/labels.txt");
    let words = list.lines().filter(|line| !line.starts_with('#') && line.len() < 10);
    words.take(2048).map(str::to_owned).collect()
});

fn alphabet(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

fn encoders() -> impl Strategy<Value = Encoder> {
    let letters = prop_oneof![
        Just(alphabet("0123456789abcdef")),
        Just(alphabet("0123456789")),
        Just(alphabet("abcdefghijklmnopqrstuvwxyz234567")),
        Just(alphabet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")),
        Just(alphabet("etaoinshrdlu")),
        Just(alphabet("aeiouy")),
    ];
    let gaps = prop_oneof![Just(1_000_i64), Just(1_000_000), Just(30_000_000), Just(600_000_000)];
    let spelt = (letters, 1_usize..40, 1_usize..4, gaps.clone()).prop_map(
        |(symbols, per_label, labels, gap_micros)| Encoder {
            symbols,
            per_label,
            labels,
            gap_micros,
        },
    );
    let worded = (1_usize..6, gaps).prop_map(|(labels, gap_micros)| Encoder {
        symbols: WORDS.clone(),
        per_label: 1,
        labels,
        gap_micros,
    });
    prop_oneof![spelt, worded]
}

/// The most that the three buckets let through in `seconds`.
fn allowed(seconds: f64) -> f64 {
    [(512.0, 4.0), (768.0, 0.1), (1024.0, 512.0 / 86_400.0)]
        .iter()
        .map(|(burst, rate)| burst + rate * seconds)
        .fold(f64::INFINITY, f64::min)
}

fn transaction(name: Name, time: Timestamp, reader: &NameReader) -> Transaction {
    let (domain_at, features) = reader.read(&name);
    Transaction {
        time,
        status: Status::Answered,
        client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)),
        qtype: 1,
        qname: name,
        domain_at,
        name: features,
        ..Transaction::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_encoder_leaks_more_than_the_contract_without_an_alert(
        encoder in encoders(), seed in any::<u64>(),
    ) {
        let mut config = Config::default();
        (config.state.keys, config.state.seen_names) = (64, 40_000);
        let mut analytics = Analytics::new(config, Rules::builtin().unwrap());
        let reader = NameReader::default();
        let n_symbols = u32::try_from(encoder.symbols.len()).unwrap();
        let bits_per_symbol = f64::from(n_symbols).log2();
        let mut state = seed | 1;
        let (mut opened, mut leaked, mut time, mut last) = (false, 0.0, 0_i64, String::new());
        // A hundred times the contract: whatever is generated gets there or is caught.
        while !opened && leaked < 100.0 * 1024.0 {
            let mut name = Name::default();
            for _ in 0..encoder.labels {
                let mut label = String::new();
                for _ in 0..encoder.per_label {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let pick = usize::try_from((state >> 33) % u64::from(n_symbols)).unwrap();
                    label += &encoder.symbols[pick];
                }
                name.push(label.as_bytes());
            }
            name.push(b"evil");
            name.push(b"com");
            let text = name.to_string().to_ascii_lowercase();
            // A repeated name tells nothing new; short names repeat, and then carry less.
            let novel = text != last;
            last = text;
            let record = transaction(name, Timestamp(time), &reader);
            analytics.record(&Record::Transaction(&record), &mut |_| opened = true);
            if novel {
                let symbols = u32::try_from(encoder.labels * encoder.per_label).unwrap();
                leaked += bits_per_symbol * f64::from(symbols) / 8.0;
            }
            time += encoder.gap_micros;
            #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
            let seconds = time as f64 / 1e6;
            let names = f64::from(analytics.counters().names_novel.min(1 << 31) as u32);
            // Only names that are novel can be counted as leaked in full.
            let novel_bytes = names * bits_per_symbol
                * f64::from(u32::try_from(encoder.labels * encoder.per_label).unwrap()) / 8.0;
            if !opened {
                // 4 bytes of luck: a price below the content by n bits has a chance of 2^-n.
                prop_assert!(novel_bytes <= allowed(seconds) + 4.0,
                    "{novel_bytes} bytes in {seconds} s without an alert: {encoder:?}");
            }
            if analytics.counters().records > 30_000 { break; }
        }
    }
}
