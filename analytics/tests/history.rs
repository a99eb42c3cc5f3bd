//! The real binary on feature files, datasets and baselines.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

#[cfg(test)]
#[path = "../../sensor/tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
#[cfg(feature = "history")]
use geophone_sensor::time::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

/// Names a client asks for in a day.
#[cfg(feature = "history")]
const NAMES: u64 = 330;

/// Runs the program in `folder`.
fn geophone(folder: &Path, words: &[&str]) -> Output {
    Command::cargo_bin("geophone").unwrap().current_dir(folder).args(words).output().unwrap()
}

fn done(folder: &Path, words: &[&str]) -> String {
    let output = geophone(folder, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what the program says when it could not, in words.
fn refused(folder: &Path, words: &[&str]) -> String {
    let output = geophone(folder, words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recorded(name: &str) -> String {
    support::recorded().join(name).to_str().unwrap().to_owned()
}

/// Clients that each ask for new names of `domain` all day: six hexadecimal digits a name.
#[cfg(feature = "history")]
fn busy(clients: &[u8], domain: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    for n in 0..NAMES {
        for client in clients {
            let mix = (n + u64::from(*client) * 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let label = format!("{:06x}", mix >> 40);
            let port = u16::try_from(2000 + n).unwrap();
            let query = support::query(port, &[label.as_bytes(), domain, b"com"], 1);
            // An address of its own: where all names have the same, a class of wildcard hosting holds.
            let [a, b, ..] = mix.to_be_bytes();
            let answer = support::answer(&query, 1, &[198, 18, a, b]);
            let second = i64::try_from(n * 200 + u64::from(*client)).unwrap();
            let time = Timestamp(1_700_006_400_000_000 + second * 1_000_000);
            let later = Timestamp(time.micros() + 900);
            frames.push((time, support::udp([10, 0, 0, *client], port, &query, false)));
            frames.push((later, support::udp([10, 0, 0, *client], port, &answer, true)));
        }
    }
    frames.sort();
    support::pcap(1, &frames)
}

/// A manifest of its own for one capture of the tree.
fn dataset(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let tree = support::recorded().join("../manifest.toml");
    let text = fs::read_to_string(tree).unwrap();
    let entry = text.split("[[capture]]").find(|entry| entry.contains(name)).unwrap();
    fs::write(folder.path().join("manifest.toml"), format!("version = 1\n[[capture]]{entry}"))
        .unwrap();
    fs::create_dir(folder.path().join("captures")).unwrap();
    let capture = folder.path().join("captures").join(name);
    fs::copy(support::recorded().join(name), &capture).unwrap();
    (folder, capture)
}

#[test]
fn a_dataset_with_a_flipped_byte_is_named() {
    let (folder, capture) = dataset("iodine-txt.pcap");
    let said = done(folder.path(), &["dataset", "verify", "manifest.toml"]);
    assert!(said.contains("1 captures: all as the manifest says"), "{said}");
    let mut octets = fs::read(&capture).unwrap();
    octets[50_000] ^= 0x10;
    fs::write(&capture, &octets).unwrap();
    let said = refused(folder.path(), &["dataset", "verify", "manifest.toml"]);
    assert!(said.contains("captures/iodine-txt.pcap: sha256 is"), "{said}");
}

#[test]
fn a_baseline_that_may_not_be_used_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let entry = "version = 1\n[[baseline]]\ndomain = \"evil.com\"\nclients = 30\ndays = 9\n\
                 p999_bytes_per_day = 90000\nshared_bytes_per_day = 90000\nbudget = 200.0\n\
                 learned_from = \"2023-11-15/2023-11-15\"\nexpires = \"2030-01-01\"\n";
    fs::write(folder.path().join("b.toml"), entry).unwrap();
    let capture = recorded("iodine-txt.pcap");
    let said = refused(folder.path(), &["replay", &capture, "--baseline", "b.toml"]);
    assert!(
        said.contains("b.toml") && said.contains("evil.com") && said.contains("1 to 8"),
        "{said}"
    );
    fs::write(folder.path().join("c.toml"), "baseline = \"b.toml\"\n").unwrap();
    let said = refused(folder.path(), &["replay", &capture, "--config", "c.toml"]);
    assert!(said.contains("1 to 8"), "{said}");
}

/// A poisoned baseline at its cap: the tunnels of the tree are found all the same.
#[test]
fn a_baseline_at_its_cap_hides_no_tunnel() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "version = 1\n".to_owned();
    for domain in ["courier-lab.org", "tunnel-lab.net"] {
        text += &format!(
            "[[baseline]]\ndomain = \"{domain}\"\nclients = 3\ndays = 9\np999_bytes_per_day = 9\n\
             shared_bytes_per_day = 9\nbudget = 8\nlearned_from = \"\"\nexpires = \"2030-01-01\"\n"
        );
    }
    fs::write(folder.path().join("b.toml"), text).unwrap();
    for name in ["demo-iodine", "dns2tcp-key", "dns2tcp-txt", "iodine-a", "iodine-null"] {
        let capture = recorded(&format!("{name}.pcap"));
        let words = ["replay", &capture, "--baseline", "b.toml", "--format", "ecs"];
        let alerts = json_lines(&done(folder.path(), &words));
        assert!(alerts.iter().any(|alert| alert["rule"]["id"] == "dns-tunnel"), "{name}");
    }
}

#[cfg(not(feature = "history"))]
#[test]
fn a_program_without_parquet_says_how_to_get_one_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let capture = recorded("iodine-txt.pcap");
    for words in [
        &["replay", &capture, "--features", "f.parquet"][..],
        &["history", "domains", "f.parquet"],
        &["baseline", "learn", "f.parquet", "--out", "b.toml"],
        &["dataset", "build", "m.toml", "--out", "d"],
    ] {
        let said = refused(folder.path(), words);
        assert!(said.contains("the feature `history`"), "{words:?}: {said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[cfg(feature = "history")]
mod with_parquet {
    use super::*;

    fn features(folder: &Path, capture: &Path, name: &str) {
        let capture = capture.to_str().unwrap();
        done(folder, &["replay", capture, "--features", name, "--alerts", "alerts.ndjson"]);
    }

    #[test]
    fn history_adds_up_to_what_the_records_say() {
        let folder = tempfile::tempdir().unwrap();
        let capture = support::recorded().join("iodine-txt.pcap");
        features(folder.path(), &capture, "f.parquet");
        features(folder.path(), &capture, "f.ndjson");
        let records = json_lines(&fs::read_to_string(folder.path().join("f.ndjson")).unwrap());
        let rows = json_lines(&done(folder.path(), &["history", "domains", "f.parquet"]));
        let asked = |record: &&Value| {
            let status = record["status"].as_str().unwrap();
            matches!(status, "answered" | "unanswered") && record["domain"] == "tunnel-lab.net"
        };
        let tunnel = rows.iter().find(|row| row["domain"] == "tunnel-lab.net").unwrap();
        assert_eq!(
            tunnel["queries"].as_u64(),
            u64::try_from(records.iter().filter(asked).count()).ok()
        );
        let bytes = |key: &str, of: &dyn Fn(&Value) -> Option<u64>| {
            let own = records.iter().filter(|record| record["domain"] == "tunnel-lab.net");
            assert_eq!(tunnel[key].as_u64(), Some(own.filter_map(of).sum::<u64>()));
        };
        bytes("up_bytes", &|record| record["query_bytes"].as_u64());
        bytes("down_bytes", &|record| record["answer"]["bytes"].as_u64());
        assert_eq!(tunnel["first"], records.iter().find(asked).unwrap()["time"]);
        let words = ["history", "domain", "tunnel-lab.net", "f.parquet", "--format", "table"];
        let table = done(folder.path(), &words);
        assert!(table.contains("192.168.77.11") && table.contains("TXT"), "{table}");
        let first = tunnel["first"].as_str().unwrap();
        let words = ["history", "domain", "tunnel-lab.net", "f.parquet", "--until", first];
        assert_eq!(done(folder.path(), &words), "", "nobody asked before the first query");
    }

    #[test]
    fn a_dataset_becomes_the_same_labelled_files_every_time() {
        let (folder, capture) = dataset("dns2tcp-key.pcap");
        for out in ["one", "two"] {
            done(folder.path(), &["dataset", "build", "manifest.toml", "--out", out]);
        }
        let read = |out: &str| fs::read(folder.path().join(out).join("dns2tcp-key.parquet"));
        assert!(read("one").unwrap() == read("two").unwrap());
        let words = ["history", "clients", "one/dns2tcp-key.parquet", "--top", "0"];
        assert!(json_lines(&done(folder.path(), &words)).len() >= 2);
        let mut octets = fs::read(&capture).unwrap();
        octets[50_000] ^= 0x10;
        fs::write(&capture, &octets).unwrap();
        let said = refused(folder.path(), &["dataset", "build", "manifest.toml", "--out", "three"]);
        assert!(said.contains("sha256 is") && !folder.path().join("three").exists(), "{said}");
    }

    #[test]
    fn what_is_ordinary_for_three_clients_raises_no_alert_once_it_is_learned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let opened = |clients: &[u8], domain: &[u8], baseline: Option<&str>| {
            fs::write(path.join("c.pcap"), busy(clients, domain)).unwrap();
            let mut words = vec!["replay", "c.pcap", "--features", "f.parquet", "--format", "ecs"];
            words.extend(baseline.iter().flat_map(|file| ["--baseline", file]));
            let alerts = json_lines(&done(path, &words));
            alerts.iter().filter(|alert| alert["event"]["action"] == "open").count()
        };
        assert!(opened(&[1, 2, 3, 4], b"busy", None) > 0, "it is more than the contract passes");
        done(path, &["baseline", "learn", "f.parquet", "--out", "b.toml"]);
        let text = fs::read_to_string(path.join("b.toml")).unwrap();
        assert!(text.contains("domain = \"busy.com\"\nclients = 4\n"), "{text}");
        assert_eq!(opened(&[1, 2, 3, 4], b"busy", Some("b.toml")), 0);
        assert!(
            opened(&[1, 2, 3, 4], b"other", Some("b.toml")) > 0,
            "another domain has no budget"
        );
        // Of two clients nothing is learned.
        assert!(opened(&[1, 2], b"busy", None) > 0);
        done(path, &["baseline", "learn", "f.parquet", "--out", "two.toml"]);
        assert!(!fs::read_to_string(path.join("two.toml")).unwrap().contains("[[baseline]]"));
        let said = done(path, &["baseline", "diff", "b.toml", "two.toml"]);
        assert!(said.contains("dropped  busy.com") && said.contains("1 dropped"), "{said}");
        let said = done(path, &["baseline", "diff", "two.toml", "b.toml"]);
        assert!(said.contains("added    busy.com"), "{said}");
    }
}
