//! Promise 5: attackers choose the keys, the memory is still the one promised.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::rule::Rules;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

/// The most memory this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_flood_of_keys_stays_within_the_promise_and_erases_no_evidence() {
    let mut config = Config::default();
    config.state.keys = 65_536;
    config.state.suspects = 1_024;
    config.state.seen_names = 1_048_576;
    let promised = config.clone().check().unwrap().memory_need() / (1024 * 1024);
    let before = peak_mib();
    let mut analytics = Analytics::new(config, Rules::builtin().unwrap());
    let reader = NameReader::default();
    let mut transaction =
        Transaction { status: Status::Answered, qtype: 1, ..Transaction::default() };
    let mut alerts = Vec::new();
    let mut feed = |analytics: &mut Analytics, client: u32, text: &str, n: i64| {
        transaction.client = IpAddr::V4(Ipv4Addr::from(client));
        transaction.qname = Name::parse(text).unwrap();
        (transaction.domain_at, transaction.name) = reader.read(&transaction.qname);
        transaction.time = Timestamp(n * 1_000);
        analytics.record(&Record::Transaction(&transaction), &mut |alert| {
            alerts.push((alert.client, alert.domain.clone(), alert.leak_error_bytes));
        });
    };
    // One slow leak of 24 bytes a time, drowned in new (client, domain) pairs.
    for n in 0..600_000_u32 {
        feed(&mut analytics, n, &format!("d{n}.com"), i64::from(n));
        if n % 10_000 == 0 {
            let data: String = (0..48)
                .map(|i| {
                    char::from(b'a' + u8::try_from((n / 7 + i * i * 31 + i * n) % 26).unwrap())
                })
                .collect();
            feed(&mut analytics, 7, &format!("{data}.leak.com"), i64::from(n));
        }
    }
    let counters = analytics.counters();
    assert!(counters.keys_evicted > 400_000, "{counters:?}");
    let found = alerts.iter().find(|(_, domain, _)| domain == "leak.com");
    assert!(found.is_some(), "the leak was forgotten: {alerts:?}");
    let grown = peak_mib() - before;
    assert!(grown <= promised, "grew by {grown} MiB, promised {promised}");
}
