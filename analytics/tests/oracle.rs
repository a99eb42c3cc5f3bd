//! The price against an independent judge: gzip over the same names, offline.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use geophone_analytics::evaluate::published::gzip_bytes;
use geophone_analytics::price::Pricer;
use geophone_sensor::capture::{CaptureSet, FrameSource};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::{Record, Status, Transaction};
use serde::Deserialize;

/// Lists that gzip presses below this say more about gzip's header than about the names.
const LEAST_GZIP: u64 = 100;

#[derive(Deserialize)]
struct Manifest {
    capture: Vec<Capture>,
}

#[derive(Deserialize)]
struct Capture {
    file: String,
    payload_bytes: Option<f64>,
    #[serde(default)]
    truth: Vec<Truth>,
}

impl Capture {
    fn writes_words(&self) -> bool {
        ["captures/words", "captures/markov"].iter().any(|start| self.file.starts_with(start))
    }
}

#[derive(Deserialize)]
struct Truth {
    client: IpAddr,
    domain: String,
}

/// The distinct names a client asked of a domain, and their price.
#[derive(Default)]
struct Asked {
    known: BTreeSet<String>,
    list: Vec<String>,
    price_bytes: f64,
}

impl Asked {
    fn add(&mut self, transaction: &Transaction, pricer: &Pricer) {
        let end = usize::from(transaction.domain_at);
        let name = transaction.qname.text_until(end).to_ascii_lowercase();
        if self.known.insert(name.clone()) {
            self.list.push(name);
            self.price_bytes += pricer.price(&transaction.qname, end).bits.as_bytes();
        }
    }

    /// Returns the price in units of what gzip leaves, `None` of a list too short to tell.
    fn ratio(&self) -> Option<f64> {
        let gzip = gzip_bytes(self.list.iter().map(String::as_str));
        (gzip >= LEAST_GZIP).then(|| self.price_bytes / f64::from(u32::try_from(gzip).unwrap()))
    }
}

fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets")
}

fn asked(file: &str, pricer: &Pricer) -> BTreeMap<(IpAddr, String), Asked> {
    let mut all: BTreeMap<_, Asked> = BTreeMap::new();
    let mut add = |record: Record<'_>| {
        if let Record::Transaction(transaction) = record
            && transaction.status != Status::Continued
            && transaction.domain_at > 0
        {
            let key = (transaction.client, transaction.domain_text());
            all.entry(key).or_default().add(transaction, pricer);
        }
    };
    let mut sensor = Pipeline::new(&SensorConfig::default(), Detail::Figures);
    let mut source = CaptureSet::new(&[datasets().join(file)]);
    while let Some(frame) = source.next_frame().unwrap() {
        sensor.frame(&frame, &mut add);
    }
    sensor.finish(&mut add);
    all
}

#[test]
fn the_price_of_a_tunnel_is_at_least_nine_tenths_of_what_gzip_leaves() {
    let text = std::fs::read_to_string(datasets().join("manifest.toml")).unwrap();
    let (pricer, mut tunnels) = (Pricer::new(), 0);
    for capture in toml::from_str::<Manifest>(&text).unwrap().capture {
        let all = asked(&capture.file, &pricer);
        for ((client, domain), asked) in &all {
            let Some(ratio) = asked.ratio() else { continue };
            let truth = capture.truth.iter().any(|t| t.client == *client && t.domain == *domain);
            tunnels += usize::from(truth);
            let names = asked.list.len();
            println!("{} {client} {domain}: {ratio:.2} over {names} names", capture.file);
            // Words and text like that of the dictionary cost our code less than gzip; what they
            // truly carry is known, and is the judge there.
            let carried = capture.payload_bytes.filter(|_| capture.writes_words());
            let enough = carried.map_or(ratio >= 0.9, |payload| asked.price_bytes >= payload);
            assert!(enough || !truth, "{}: {domain} {ratio}", capture.file);
        }
    }
    assert!(tunnels >= 9, "{tunnels} tunnels compared");
}
