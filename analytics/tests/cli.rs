//! The real binary: what it finds, what it says of bad input, how it exits.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

#[cfg(test)]
#[path = "../../sensor/tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use geophone_sensor::time::Timestamp;
use serde_json::Value;

fn geophone() -> Command {
    Command::cargo_bin("geophone").unwrap()
}

/// A client that moves 16 octets a name, as hexadecimal, to `evil.example` and gets short answers.
fn exfiltration() -> Vec<(Timestamp, Vec<u8>)> {
    let mut frames = Vec::new();
    for n in 0..200_u16 {
        let mut state = u64::from(n) + 1;
        let data: String = (0..32)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from_digit(u32::try_from(state >> 60).unwrap(), 16).unwrap()
            })
            .collect();
        let query = support::query(n, &[data.as_bytes(), b"evil", b"com"], 1);
        let time = Timestamp(1_700_000_000_000_000 + i64::from(n) * 500_000);
        let answer = support::answer(&query, 1, &[192, 0, 2, 1]);
        frames.push((time, support::udp([10, 0, 0, 9], 2000 + n, &query, false)));
        frames.push((
            Timestamp(time.micros() + 900),
            support::udp([10, 0, 0, 9], 2000 + n, &answer, true),
        ));
    }
    frames
}

/// A client that fetches a program: names in order, each with 200 octets of text never seen before.
fn download() -> Vec<(Timestamp, Vec<u8>)> {
    let mut frames = Vec::new();
    for n in 0..80_u16 {
        let label = format!("part{n}");
        let query = support::query(n, &[label.as_bytes(), b"stage", b"com"], 16);
        let mut text = vec![200];
        let mut state = u32::from(n) + 1;
        text.extend((0..200).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + u8::try_from((state >> 16) % 26).unwrap()
        }));
        let time = Timestamp(1_700_000_000_000_000 + i64::from(n) * 1_000_000);
        let answer = support::answer(&query, 16, &text);
        frames.push((time, support::udp([10, 0, 0, 7], 3000 + n, &query, false)));
        frames.push((
            Timestamp(time.micros() + 900),
            support::udp([10, 0, 0, 7], 3000 + n, &answer, true),
        ));
    }
    frames
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn capture(&self) -> PathBuf {
        self.file("bad.pcap", support::pcap(1, &exfiltration()))
    }
}

fn alerts(stdout: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs `geophone replay` on one path and returns the exit code and the only line it says.
fn refusal(path: &Path) -> (i32, String) {
    let output = geophone().arg("replay").arg(path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let about_it = said.lines().filter(|line| !line.contains(" frames, ")).count();
    assert_eq!(about_it, 1, "one line says it: {said}");
    (output.status.code().unwrap(), said.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn an_exfiltration_opens_and_closes_one_alert_that_adds_up() {
    let folder = Folder::new();
    let stats = folder.path("stats.json");
    let run = geophone()
        .args(["replay", "--format", "ecs", "--stats"])
        .args([&stats, &folder.capture()])
        .assert()
        .success();
    let alerts = alerts(&run.get_output().stdout);
    let actions: Vec<_> = alerts.iter().map(|a| a["event"]["action"].as_str().unwrap()).collect();
    assert_eq!((actions[0], actions[actions.len() - 1]), ("open", "close"));
    let last = alerts.last().unwrap();
    assert_eq!(last["rule"]["id"], "dns-exfiltration");
    assert_eq!(last["source"]["ip"], "10.0.0.9");
    assert_eq!(last["dns"]["question"]["registered_domain"], "evil.com");
    // 200 names of 32 hexadecimal digits carry 3200 bytes: the price is above, but not twice.
    let leak = last["geophone"]["leak_bytes"].as_u64().unwrap();
    assert!((3200..6400).contains(&leak), "{leak}");
    for alert in &alerts {
        let evidence = alert["geophone"]["evidence"].as_array().unwrap();
        let sum: i64 = evidence.iter().map(|line| line["points"].as_i64().unwrap()).sum();
        assert_eq!(alert["geophone"]["score"].as_i64(), Some(sum));
        assert_eq!(alert["event"]["id"], alerts[0]["event"]["id"]);
        assert_eq!(alert["event"]["kind"], "alert");
    }
    let stats: Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
    assert_eq!(stats["balanced"], true);
    assert_eq!(stats["counters"]["alert.opened"], 1);
    assert_eq!(stats["counters"]["query.answered"], 200);
}

#[test]
fn names_under_no_registered_suffix_are_charged_to_the_server() {
    let folder = Folder::new();
    // The same data, but its labels stand where suffix and domain would: there is no domain.
    let direct: Vec<_> = exfiltration()
        .into_iter()
        .map(|(time, mut frame)| {
            let at = frame.windows(9).position(|w| w == b"\x04evil\x03com").unwrap();
            frame.copy_within(at - 12..at - 8, at + 1);
            frame.copy_within(at - 6..at - 3, at + 6);
            (time, frame)
        })
        .collect();
    let capture = folder.file("direct.pcap", support::pcap(1, &direct));
    let run = geophone().args(["replay", "--format", "ecs"]).arg(&capture).assert().success();
    let alerts = alerts(&run.get_output().stdout);
    assert_eq!(alerts[0]["source"]["ip"], "10.0.0.9");
    assert_eq!(alerts[0]["destination"]["ip"], "10.0.0.53");
    assert!(alerts[0]["dns"]["question"]["registered_domain"].is_null());
    let reason = alerts[0]["event"]["reason"].as_str().unwrap();
    assert!(reason.contains("no registered suffix"), "{reason}");
}

#[test]
fn a_program_fetched_in_text_answers_is_txt_abuse() {
    let folder = Folder::new();
    let capture = folder.file("stage.pcap", support::pcap(1, &download()));
    let run = geophone().args(["replay", "--format", "ecs"]).arg(&capture).assert().success();
    let alerts = alerts(&run.get_output().stdout);
    assert_eq!(alerts[0]["rule"]["id"], "txt-abuse");
    assert_eq!(alerts[0]["dns"]["question"]["registered_domain"], "stage.com");
    // The same text again and again, when it is wanted and not by a clock, is a setting.
    let when = |n: i64| {
        let later = (n * n * 7 + 600 * (n / 3)) * 1_000_000;
        let moved = move |(time, frame)| (Timestamp(Timestamp::micros(time) + later), frame);
        download().into_iter().take(2).map(moved)
    };
    let again: Vec<_> = (0..80).flat_map(when).collect();
    let capture = folder.file("setting.pcap", support::pcap(1, &again));
    let run = geophone().args(["replay", "--format", "ecs"]).arg(&capture).assert().success();
    let told = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert_eq!(told, "");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = Folder::new();
    let capture = folder.capture();
    let run =
        || geophone().args(["replay", "--format", "ecs"]).arg(&capture).output().unwrap().stdout;
    assert_eq!(run(), run());
}

#[test]
fn the_table_shows_reasons_and_sum() {
    let folder = Folder::new();
    let run =
        geophone().args(["replay", "--format", "table"]).arg(folder.capture()).assert().success();
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    for part in ["dns-exfiltration", "evil.com", "leak_fill", "sum", "silence"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn fail_on_turns_a_severe_alert_into_exit_3() {
    let folder = Folder::new();
    let capture = folder.capture();
    geophone().args(["replay", "--fail-on", "high"]).arg(&capture).assert().code(3);
    let quiet = folder.file("quiet.pcap", support::pcap(1, &exfiltration()[..2]));
    geophone().args(["replay", "--fail-on", "low"]).arg(&quiet).assert().code(0);
}

#[test]
fn an_allowance_raises_the_budget_and_is_counted() {
    let folder = Folder::new();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    for name in ["leak-contract.toml", "dns-exfiltration.toml"] {
        folder.file(&format!("rules/{name}"), fs::read(rules.join(name)).unwrap());
    }
    folder.file(
        "rules/allow/site.toml",
        "version = 1\n[[allow]]\ndomain = \"evil.com\"\nreason = \"our own test\"\n",
    );
    let stats = folder.path("stats.json");
    let run = geophone()
        .args(["replay", "--format", "ecs", "--rules"])
        .arg(folder.path("rules"))
        .arg("--stats")
        .args([&stats, &folder.capture()])
        .assert()
        .success();
    assert!(run.get_output().stdout.is_empty());
    let stats: Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
    assert_eq!(stats["counters"]["analytics.names_allowed"], 200);
}

#[test]
fn what_if_tells_which_alerts_new_rules_would_take_away_or_bring() {
    let folder = Folder::new();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    for name in ["leak-contract.toml", "dns-exfiltration.toml", "dns-tunnel.toml"] {
        folder.file(&format!("rules/{name}"), fs::read(rules.join(name)).unwrap());
    }
    let capture = folder.capture();
    let what_if = |more: &[&str]| {
        let mut command = geophone();
        command.args(["rules", "what-if"]).arg(&capture).arg("--rules").arg(folder.path("rules"));
        command.args(more).assert().success().get_output().clone()
    };
    let same = what_if(&[]);
    assert!(same.stdout.is_empty());
    let said = String::from_utf8_lossy(&same.stderr).into_owned();
    assert!(said.contains("0 alerts come, 0 go, 0 change, 1 stay"), "{said}");

    folder.file(
        "rules/allow/site.toml",
        "version = 1\n[[allow]]\ndomain = \"evil.com\"\nreason = \"our own test\"\n",
    );
    let changes = alerts(&what_if(&[]).stdout);
    assert_eq!(changes.len(), 1);
    assert_eq!((&changes[0]["change"], &changes[0]["domain"]), (&"go".into(), &"evil.com".into()));
    assert!(changes[0]["old"]["score"].is_i64() && changes[0]["new"].is_null());

    let old = folder.path("rules").display().to_string();
    assert!(what_if(&["--old", &old]).stdout.is_empty());
    let table = String::from_utf8(what_if(&["--format", "table"]).stdout).unwrap();
    assert!(table.starts_with("change") && table.contains("go      10.0.0.9"), "{table}");
    geophone()
        .args(["rules", "what-if", "nowhere.pcap", "--rules"])
        .arg(folder.path("rules"))
        .assert()
        .code(1);
    geophone().args(["rules", "what-if"]).arg(&capture).assert().code(2);
}

#[test]
fn bad_inputs_are_named_with_their_cure() {
    let folder = Folder::new();
    let frames = support::pcap(1, &exfiltration()[..4]);
    let empty_folder = folder.path("empty");
    fs::create_dir(&empty_folder).unwrap();
    for (path, told) in [
        (folder.path("nowhere.pcap"), "cannot open capture"),
        (empty_folder, "no capture files"),
        (folder.file("zero.pcap", ""), "is empty"),
        (folder.file("short.pcap", &frames[..10]), "header is cut short"),
        (folder.file("notes.pcap", "these are notes, not packets\n"), "must be pcap or pcapng"),
        (folder.file("usb.pcap", support::pcap(220, &[])), "link type 220"),
        (folder.file("cut.pcap", &frames[..frames.len() - 3]), "cannot be read after frame 3"),
    ] {
        let (code, said) = refusal(&path);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(told), "{told} is missing in: {said}");
        assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
    }
}

#[test]
fn a_broken_rules_directory_is_refused_with_file_line_and_cure() {
    let folder = Folder::new();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    folder.file("rules/leak-contract.toml", fs::read(rules.join("leak-contract.toml")).unwrap());
    let tunnel = fs::read_to_string(rules.join("dns-tunnel.toml")).unwrap();
    folder.file("rules/dns-tunnel.toml", tunnel.replace("threshold =", "treshold ="));
    let dir = folder.path("rules");
    for arguments in [vec!["rules", "check"], vec!["replay", "x.pcap", "--rules"]] {
        let output = geophone().args(arguments).arg(&dir).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said.contains("dns-tunnel.toml:") && said.contains("did you mean `threshold`"),
            "{said}"
        );
    }
    geophone().args(["rules", "check"]).arg(&rules).assert().success();
}

#[test]
fn wrong_usage_is_exit_2() {
    geophone().arg("replay").assert().code(2);
    geophone().args(["replay", "x.pcap", "--format", "morse"]).assert().code(2);
}

#[test]
fn a_full_disk_is_told_and_a_closed_pipe_is_no_failure() {
    let folder = Folder::new();
    let capture = folder.capture();
    let full = geophone().args(["replay", "--alerts", "/dev/full"]).arg(&capture).output().unwrap();
    let said = String::from_utf8(full.stderr).unwrap();
    assert_eq!(full.status.code(), Some(1));
    assert!(said.contains("/dev/full") && said.contains("No space left"), "{said}");

    let program = assert_cmd::cargo::cargo_bin("geophone");
    let mut child = Process::new(program)
        .args(["replay", "--format", "ecs"])
        .arg(&capture)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_effective_configuration_reads_back() {
    let folder = Folder::new();
    let output = geophone().arg("config").output().unwrap();
    let path = folder.file("geophone.toml", output.stdout);
    geophone().args(["config", "--config"]).arg(&path).assert().success();
    let wrong = folder.file("wrong.toml", "[state]\nkyes = 3\n");
    let output = geophone().args(["config", "--config"]).arg(&wrong).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("wrong.toml:2") && said.contains("did you mean `keys`?"), "{said}");
}
