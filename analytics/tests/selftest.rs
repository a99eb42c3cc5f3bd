//! `geophone selftest` through the real binary: it passes, and it can fail.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn geophone() -> Command {
    Command::cargo_bin("geophone").unwrap()
}

/// A copy of the default rules, without allowances, in which `from` of one file is `to`.
fn rules(folder: &Path, file: &str, from: &str, to: &str) -> PathBuf {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).unwrap();
    for entry in fs::read_dir(&original).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            fs::copy(&path, rules.join(path.file_name().unwrap())).unwrap();
        }
    }
    let text = fs::read_to_string(rules.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(rules.join(file), text.replacen(from, to, 1)).unwrap();
    rules
}

/// The verdicts by scenario.
fn verdict<'a>(report: &'a Value, name: &str) -> &'a str {
    let scenarios = report["scenarios"].as_array().unwrap();
    let scenario = scenarios.iter().find(|scenario| scenario["name"] == name).unwrap();
    scenario["verdict"].as_str().unwrap()
}

#[test]
fn the_rules_compiled_in_pass() {
    let run = geophone().arg("selftest").assert().code(0);
    let table = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(table.contains("\nPASS: "), "{table}");
    for name in ["iodine", "dnscat2", "slow-exfiltration", "rotating-domains", "cdn", "dnsbl"] {
        assert!(table.contains(name), "{name} is missing in\n{table}");
    }
    let run = geophone().args(["selftest", "--format", "json"]).assert().code(0);
    let report: Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    assert_eq!(report["passed"], true);
    for scenario in report["scenarios"].as_array().unwrap() {
        assert_eq!(scenario["points_add_up"], true, "{scenario}");
        assert_eq!(scenario["counters_balance"], true, "{scenario}");
    }
}

#[test]
fn a_threshold_out_of_reach_and_rules_without_allowances_fail() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "txt-abuse.toml", "threshold = 30", "threshold = 100000");
    let run =
        geophone().args(["selftest", "--format", "json", "--rules"]).arg(&rules).assert().code(1);
    let report: Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    assert_eq!(report["passed"], false);
    assert_eq!(verdict(&report, "txt-download"), "fail");
    assert_eq!(verdict(&report, "av-reputation"), "fail");
    // The leak contract raises it, whatever the scores.
    assert_eq!(verdict(&report, "iodine"), "pass");
}

#[test]
fn a_leak_contract_that_allows_too_much_fails() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path(), "dns-exfiltration.toml", "threshold = 32", "threshold = 9999");
    for file in ["leak-contract.toml", "dns-tunnel.toml"] {
        let text = fs::read_to_string(rules.join(file)).unwrap();
        let text = text.replace("burst_bytes = ", "burst_bytes = 9999");
        fs::write(rules.join(file), text.replace("threshold = 26", "threshold = 9999")).unwrap();
    }
    let run = geophone().args(["selftest", "--rules"]).arg(&rules).assert().code(1);
    let table = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(table.contains("it went through unseen") && table.contains("\nFAIL: "), "{table}");
}

#[test]
fn rules_that_cannot_be_read_are_refused() {
    let run = geophone().args(["selftest", "--rules", "nowhere"]).assert().code(1);
    let told = String::from_utf8(run.get_output().stderr.clone()).unwrap();
    assert!(told.contains("cannot read rules directory \"nowhere\""), "{told}");
}
