//! What each part of the analytics costs, a name or a record at a time.

#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use geophone_analytics::config::Config;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::price::Pricer;
use geophone_analytics::rule::Rules;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

fn transaction(text: &str) -> Transaction {
    let qname = Name::parse(text).unwrap();
    let (domain_at, name) = NameReader::default().read(&qname);
    let status = Status::Answered;
    Transaction { qname, domain_at, name, status, qtype: 1, ..Transaction::default() }
}

fn parts(criterion: &mut Criterion) {
    criterion.bench_function("train the price", |bench| bench.iter(Pricer::new));
    let pricer = Pricer::new();
    for text in ["www.example.com", "mzxw6ytboi4tqnzrgm3dknbsgq2tmnzy.t.example.com"] {
        let name = Name::parse(text).unwrap();
        let at = name.wire().len() - 12;
        criterion.bench_function(&format!("price of {text}"), |bench| {
            bench.iter(|| pricer.price(black_box(&name), at));
        });
    }
    let mut analytics = Analytics::new(Config::default(), Rules::builtin().unwrap());
    let mut known = transaction("www.example.com");
    criterion.bench_function("a record with a known name", |bench| {
        bench.iter(|| {
            known.time = Timestamp(known.time.micros() + 1000);
            analytics.record(&Record::Transaction(&known), &mut |_| {});
        });
    });
    let mut n = 0_u64;
    let mut novel = transaction("www.example.com");
    criterion.bench_function("a record with a novel name and domain", |bench| {
        bench.iter(|| {
            n += 1;
            novel.qname = Name::parse(&format!("www.d{n}.com")).unwrap();
            novel.time = Timestamp(novel.time.micros() + 1000);
            analytics.record(&Record::Transaction(&novel), &mut |_| {});
        });
    });
}

criterion_group!(benches, parts);
criterion_main!(benches);
