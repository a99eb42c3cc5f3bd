//! `geophone explain` through the real binary: the sum, the rules of today, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn geophone() -> Command {
    Command::cargo_bin("geophone").unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder with the alerts of the demo capture, and the id of the only one.
struct Folder {
    folder: tempfile::TempDir,
    id: String,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let alerts = folder.path().join("alerts.ndjson");
        geophone()
            .args(["replay", "--format", "ecs", "--alerts"])
            .arg(&alerts)
            .arg(root().join("datasets/captures/demo-iodine.pcap"))
            .assert()
            .success();
        let text = fs::read_to_string(&alerts).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        Self { folder, id: first.pointer("/event/id").unwrap().as_str().unwrap().to_owned() }
    }

    /// The first `n` digits of the id.
    fn prefix(&self, n: usize) -> &str {
        self.id.split_at(n).0
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn alerts(&self) -> PathBuf {
        self.path("alerts.ndjson")
    }

    /// The latest document of the alert.
    fn last(&self) -> Value {
        let text = fs::read_to_string(self.alerts()).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    /// A copy of the default rules in which `from` of one file is `to`.
    fn rules(&self, file: &str, from: &str, to: &str) -> PathBuf {
        let rules = self.path("rules");
        fs::create_dir_all(rules.join("allow")).unwrap();
        for part in ["", "allow"] {
            for entry in fs::read_dir(root().join("rules").join(part)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    fs::copy(&path, rules.join(part).join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        let text = fs::read_to_string(rules.join(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(rules.join(file), text.replacen(from, to, 1)).unwrap();
        rules
    }

    fn explain(&self, arguments: &[&str]) -> Command {
        let mut command = geophone();
        command.arg("explain").args(arguments).arg("--alerts").arg(self.alerts());
        command
    }
}

fn text(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&text(command.args(["--format", "json"]))).unwrap()
}

fn refusal(command: &mut Command) -> String {
    String::from_utf8(command.assert().code(1).get_output().stderr.clone()).unwrap()
}

#[test]
fn the_demo_alert_is_explained_as_the_golden_page_has_it() {
    let folder = Folder::new();
    let found = text(&mut folder.explain(&[folder.prefix(8)]));
    assert!(!found.contains('\u{1b}'), "no terminal, no colours");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/explain-demo-iodine.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} differs; look at the change, then UPDATE_GOLDEN=1 cargo test\n{found}",
        path.display()
    );
}

#[test]
fn the_points_computed_again_are_those_stored() {
    let folder = Folder::new();
    let explained = json(&mut folder.explain(&[folder.prefix(6)]));
    let stored = folder.last();
    assert_eq!(explained["id"], folder.id.as_str());
    assert_eq!(explained["score"]["score"], stored["geophone"]["score"]);
    let lines = explained["score"]["lines"].as_array().unwrap();
    for points in ["stored", "now"] {
        let sum: i64 = lines.iter().map(|line| line[points].as_i64().unwrap()).sum();
        assert_eq!(stored["geophone"]["score"].as_i64(), Some(sum), "{points}");
    }
    assert_eq!(explained["score"]["now"]["differs"], false);
    assert_eq!(explained["who"]["domain"], "tunnel-lab.net");
    assert_eq!(
        explained["samples"].as_array().unwrap().len(),
        stored["geophone"]["samples"].as_array().unwrap().len()
    );
}

#[test]
fn an_alert_is_found_by_last_by_a_pipe_and_where_it_is_the_only_one() {
    let folder = Folder::new();
    let by_id = text(&mut folder.explain(&[&folder.id]));
    assert_eq!(text(&mut folder.explain(&["last"])), by_id);
    assert_eq!(text(&mut folder.explain(&[])), by_id);
    let alerts = fs::read(folder.alerts()).unwrap();
    for arguments in [vec![], vec!["-"], vec!["last"], vec![folder.prefix(5)]] {
        let mut piped = geophone();
        piped.arg("explain").args(arguments).write_stdin(alerts.clone());
        assert_eq!(text(&mut piped), by_id);
    }
}

#[test]
fn other_rules_show_what_they_would_say_now() {
    let folder = Folder::new();
    let score = folder.last()["geophone"]["score"].as_i64().unwrap();
    let rules = folder.rules(
        "dns-tunnel.toml",
        "knots = [[0.02, 0], [0.3, 10], [0.8, 14]]",
        "knots = [[0.02, 0], [0.3, 10], [0.8, 20]]",
    );
    let mut command = folder.explain(&["last", "--rules", rules.to_str().unwrap()]);
    let explained = json(&mut command);
    assert_eq!(explained["score"]["now"]["score"].as_i64(), Some(score + 6));
    assert_eq!(explained["score"]["now"]["differs"], true);
    let page = text(&mut folder.explain(&["last", "--rules", rules.to_str().unwrap()]));
    assert!(page.contains("say something else"), "{page}");
    assert!(page.contains(&format!("{} of 26 needed now", score + 6)), "{page}");
    assert!(page.contains("allow/site.toml"), "the file to silence it stands in that directory");

    // A term that gave nothing then gives something now, because every value was stored.
    let rules = folder.rules(
        "dns-tunnel.toml",
        "knots = [[0.5, 0], [0.95, -12]]",
        "knots = [[0.0, -5], [0.95, -12]]",
    );
    let mut command = folder.explain(&["last", "--rules", rules.to_str().unwrap()]);
    assert_eq!(json(&mut command)["score"]["now"]["score"].as_i64(), Some(score - 5));
}

#[test]
fn a_rule_out_of_reach_leaves_the_leak_contract_and_a_rule_that_is_gone_is_told() {
    let folder = Folder::new();
    let rules = folder.rules("dns-tunnel.toml", "threshold = 26", "threshold = 900");
    let page = text(&mut folder.explain(&["--rules", rules.to_str().unwrap()]));
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains("below the threshold, but the overflow alone raises it"), "{page}");
    fs::remove_file(rules.join("dns-tunnel.toml")).unwrap();
    let page = text(&mut folder.explain(&["--rules", rules.to_str().unwrap()]));
    assert!(page.contains("have no rule dns-tunnel"), "{page}");
}

#[test]
fn documents_without_the_values_of_all_features_are_explained_as_far_as_they_go() {
    let folder = Folder::new();
    let mut old = folder.last();
    old["geophone"].as_object_mut().unwrap().remove("features");
    old["geophone"]["a_field_of_tomorrow"] = serde_json::json!({"x": [1, 2]});
    let mut command = geophone();
    command.arg("explain").write_stdin(old.to_string());
    let page = text(&mut command);
    assert!(page.contains("give the same points"), "{page}");
    assert!(page.contains("stored only the values that gave points"), "{page}");
}

#[test]
fn an_alert_about_datagrams_that_are_no_dns_is_explained() {
    let mut replay = geophone();
    replay
        .args(["replay", "--format", "ecs"])
        .arg(root().join("datasets/captures/iodine-raw.pcap.gz"));
    let alerts = replay.assert().success().get_output().stdout.clone();
    let raw = |line: &&str| line.contains(r#""protocol":"iodine""#);
    let raw = String::from_utf8(alerts).unwrap().lines().rfind(raw).unwrap().to_owned();
    let mut piped = geophone();
    piped.arg("explain").write_stdin(raw);
    let page = text(&mut piped);
    assert!(page.contains("iodine"), "{page}");
}

#[test]
fn what_cannot_be_explained_is_refused_with_the_nearest_alerts() {
    let folder = Folder::new();
    let told = refusal(&mut folder.explain(&["ffff"]));
    assert!(told.contains("has no alert \"ffff\"; the nearest:"), "{told}");
    assert!(told.contains(&folder.id) && told.contains("tunnel-lab.net"), "{told}");

    let mut other = folder.last();
    other["event"]["id"] = format!("{}0", folder.prefix(6)).into();
    let mut both = fs::read_to_string(folder.alerts()).unwrap();
    both += &other.to_string();
    fs::write(folder.alerts(), both).unwrap();
    let told = refusal(&mut folder.explain(&[folder.prefix(6)]));
    assert!(told.contains("more than one alert whose id begins with"), "{told}");
    let told = refusal(&mut folder.explain(&[]));
    assert!(told.contains("no id was given"), "{told}");

    fs::write(folder.alerts(), "\nCRITICAL  dns-tunnel  192.0.2.1\n").unwrap();
    let told = refusal(&mut folder.explain(&["last"]));
    assert!(told.contains("alerts.ndjson\":2: not an alert in JSON"), "{told}");
    fs::write(folder.alerts(), "").unwrap();
    let told = refusal(&mut folder.explain(&["last"]));
    assert!(told.contains("holds no alert"), "{told}");
    let told = refusal(geophone().args(["explain", "last", "--alerts", "nowhere.ndjson"]));
    assert!(told.contains("cannot open \"nowhere.ndjson\""), "{told}");
}
