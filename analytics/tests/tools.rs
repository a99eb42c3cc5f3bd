//! Tools are named on the recorded captures, and what comes down in addresses is seen.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use geophone_analytics::alert::{Action, Alert, Style, to_ecs, to_table};
use geophone_analytics::config::Config;
use geophone_analytics::detect::Feature;
use geophone_analytics::pipeline::Analytics;
use geophone_analytics::replay::{Listener, Replay};
use geophone_analytics::rule::Rules;
use geophone_sensor::capture::{CaptureError, CaptureSet, Frame};
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::pipeline::Detail;
use geophone_sensor::record::{Record, Status, Transaction};
use geophone_sensor::time::Timestamp;

/// What the last telling about each domain says.
#[derive(Default)]
struct Last {
    by_domain: BTreeMap<String, (Option<String>, Option<String>, i32, String)>,
}

impl Listener for Last {
    fn frame(&mut self, _: &Frame<'_>) {}

    fn record(&mut self, _: &Record<'_>) {}

    fn alert(&mut self, alert: &Alert<'_>) {
        let ecs = to_ecs(alert);
        let text = |field| ecs.pointer(field).and_then(|text| text.as_str()).map(str::to_owned);
        let signature = alert.evidence.iter().find(|e| e.feature == Feature::ToolSignature);
        let points = signature.map_or(0, |evidence| evidence.points);
        let table = to_table(alert, Style::Plain);
        let said = (text("/geophone/tool"), text("/geophone/tool_detail"), points, table);
        self.by_domain.insert(alert.domain.clone(), said);
    }

    fn trouble(&mut self, error: CaptureError) {
        assert_eq!(error.to_string(), "", "a recorded capture reads to its end");
    }

    fn has_enough(&self) -> bool {
        false
    }
}

fn replay(file: &str) -> Last {
    let captures: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures").join(file);
    let mut replay = Replay::new(Config::default(), Rules::builtin().unwrap(), Detail::Figures);
    let mut last = Last::default();
    replay.run(&mut CaptureSet::new(&[captures]), &mut last);
    last
}

#[test]
fn every_recorded_tool_is_named_with_its_types_and_encodings() {
    for (file, tool, mode) in [
        ("demo-iodine.pcap", "iodine", "NULL, base128 up, raw down"),
        ("dns2tcp-key.pcap", "dns2tcp", "KEY"),
        ("dns2tcp-txt.pcap", "dns2tcp", "TXT"),
        ("iodine-a.pcap", "iodine", "A, base128 up, base128 down"),
        ("iodine-cname.pcap", "iodine", "CNAME, base128 up, base128 down"),
        ("iodine-idle.pcap", "iodine", "NULL, base128 up, raw down"),
        ("iodine-mx.pcap", "iodine", "MX, base128 up, base128 down"),
        ("iodine-null.pcap", "iodine", "NULL, base128 up, raw down"),
        ("iodine-srv.pcap", "iodine", "SRV, base128 up, base128 down"),
        ("iodine-txt.pcap", "iodine", "TXT, base128 up, raw down"),
    ] {
        let last = replay(file);
        assert_eq!(last.by_domain.len(), 1, "{file}");
        let (named, detail, points, table) = last.by_domain.values().next().unwrap();
        assert_eq!(named.as_deref(), Some(tool), "{file}");
        let detail = detail.as_deref().unwrap();
        assert!(detail.starts_with(&format!("{tool} ({mode}) by ")), "{file}: {detail}");
        assert!(*points >= 10, "{file}: {points} points of the signature");
        assert!(table.contains(&format!("  tool    {detail}\n")), "{file}: {table}");
    }
}

/// A program staged in AAAA records: every piece asked once, four new addresses an answer.
#[test]
fn a_download_in_addresses_is_evidence_and_a_few_sets_again_and_again_are_none() {
    for (sets, evidence) in [(u32::MAX, true), (7, false)] {
        let mut analytics = Analytics::new(Config::default(), Rules::builtin().unwrap());
        let reader = NameReader::default();
        let mut told = Vec::new();
        let mut listen = |alert: &Alert<'_>| {
            let novel = alert.evidence.iter().find(|e| e.feature == Feature::NovelAddresses);
            told.push((alert.action, novel.map_or(0, |evidence| evidence.points)));
        };
        for n in 0..400_u32 {
            let qname =
                Name::parse(&format!("{:05}piece.example.com", n * 7_919 % 99_991)).unwrap();
            let (domain_at, name) = reader.read(&qname);
            let mut transaction = Transaction {
                time: Timestamp(i64::from(n) * 50_000),
                status: Status::Answered,
                client: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)),
                qname,
                domain_at,
                name,
                qtype: 28,
                ..Transaction::default()
            };
            transaction.answer.n_addresses = 4;
            transaction.answer.addresses = 1 + (n % sets).wrapping_mul(0x85eb_ca6b);
            analytics.record(&Record::Transaction(&transaction), &mut listen);
        }
        analytics.finish(&mut listen);
        assert!(told.iter().any(|(action, _)| *action == Action::Open), "{sets} sets");
        assert_eq!(told.iter().any(|(_, points)| *points >= 5), evidence, "{told:?}");
    }
}
