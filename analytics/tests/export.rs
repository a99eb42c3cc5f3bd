//! `geophone export` through the real binary: what is in a list, what is not, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail loudly")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

const FORMATS: [&str; 8] = ["bind", "dnsmasq", "hosts", "nft", "pihole", "rpz", "stix", "unbound"];

/// A document as `geophone` writes it, with what export reads.
fn document(id: &str, rule: &str, changes: &[(&str, Value)]) -> Value {
    let mut document = json!({
        "@timestamp": "2026-03-01T00:10:00.500000Z",
        "event": {
            "id": id,
            "kind": "alert",
            "action": "open",
            "start": "2026-03-01T00:00:00.000000Z",
            "end": "2026-03-01T00:10:00.000000Z",
            "reason": "10.0.0.9 asked 300 distinct names",
        },
        "rule": { "id": rule },
        "source": { "ip": "10.0.0.9" },
        "destination": { "ip": "198.51.100.53" },
        "dns": { "question": { "registered_domain": null } },
        "threat": { "technique": { "id": ["T1071.004"] } },
        "geophone": {
            "severity": "high",
            "confidence": "high",
            "subject": "domain",
            "domains": [],
            "clients": [],
            "closed_because": null,
        },
    });
    for (pointer, value) in changes {
        *document.pointer_mut(pointer).unwrap() = value.clone();
    }
    document
}

const DOMAIN: &str = "/dns/question/registered_domain";
const SEVERITY: &str = "/geophone/severity";
const ACTION: &str = "/event/action";
const BECAUSE: &str = "/geophone/closed_because";

/// One alert of every kind, and some that no list may hold.
fn alerts() -> Vec<Value> {
    let part = |domain: &str| json!({ "domain": domain, "leak_bytes": 100 });
    let client = |ip: &str| json!({ "client": ip, "leak_bytes": 100 });
    vec![
        document("a1", "dns-tunnel", &[(DOMAIN, json!("evil-tunnel.com"))]),
        document(
            "a2",
            "dns-exfiltration",
            &[
                (DOMAIN, json!("first-part.net")),
                ("/geophone/subject", json!("rotation")),
                ("/geophone/domains", json!([part("first-part.net"), part("second-part.co.uk")])),
            ],
        ),
        document(
            "a3",
            "c2-beacon",
            &[
                (DOMAIN, json!("evil-tunnel.com")),
                (SEVERITY, json!("critical")),
                ("/event/reason", json!("it says \"hello\" \\ ; { } # \n0.0.0.0 good.com")),
                ("/event/end", json!("2026-03-02T00:00:00.000000Z")),
                ("/@timestamp", json!("2026-03-02T00:00:00.000000Z")),
                ("/geophone/clients", json!([client("10.0.0.9"), client("10.0.0.10")])),
            ],
        ),
        document(
            "a4",
            "dns-tunnel",
            &[("/geophone/subject", json!("server")), (SEVERITY, json!("medium"))],
        ),
        document(
            "a5",
            "zone-transfer",
            &[
                ("/source/ip", json!("2001:db8:0:1::9")),
                ("/geophone/subject", json!("client")),
                ("/geophone/domains", json!([part("our-own.org")])),
            ],
        ),
        document("a6", "rogue-resolver", &[("/destination/ip", json!("2001:db8::53"))]),
        document("a7", "cache-poisoning", &[(DOMAIN, json!("a-bank.com"))]),
        document("b1", "dns-tunnel", &[(DOMAIN, json!("tunnel.lab"))]),
        document("b2", "dns-tunnel", &[(DOMAIN, json!("co.uk"))]),
        document("b3", "dns-tunnel", &[(DOMAIN, json!("ev\\034il.com\"; };"))]),
        document("b4", "dns-tunnel", &[("/destination/ip", json!("192.168.1.1"))]),
        document("b5", "dns-tunnel", &[("/destination/ip", json!("not one"))]),
        document("c1", "dga", &[(DOMAIN, json!("windowsupdate.com"))]),
        document("c2", "reverse-sweep", &[("/geophone/subject", json!("client"))]),
        document(
            "b6",
            "dns-tunnel",
            &[
                (DOMAIN, json!("quiet-now.com")),
                (ACTION, json!("close")),
                (BECAUSE, json!("idle: nothing new for the time in alert.close_after_seconds")),
            ],
        ),
        document(
            "b7",
            "txt-abuse",
            &[
                (DOMAIN, json!("capture-ended.com")),
                (ACTION, json!("close")),
                (BECAUSE, json!("the input ended")),
                (SEVERITY, json!("low")),
                ("/geophone/confidence", json!("low")),
            ],
        ),
    ]
}

/// A folder with a file of alerts.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(alerts: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = alerts.iter().map(|alert| format!("{alert}\n")).collect();
        fs::write(folder.path().join("alerts.ndjson"), lines).unwrap();
        Self(folder)
    }

    fn export(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("geophone").unwrap();
        command.current_dir(self.0.path()).arg("export").args(arguments).arg("alerts.ndjson");
        command
    }

    /// The list, and what was said of it.
    fn list(&self, arguments: &[&str]) -> (String, String) {
        let output = self.export(arguments).assert().success().get_output().clone();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// The domains of a list for Pi-hole, the shortest there is.
    fn domains(&self, arguments: &[&str]) -> Vec<String> {
        let (list, _) = self.list(&[&["--format", "pihole"], arguments].concat());
        let domains = list.lines().filter_map(|line| line.strip_prefix("||")?.strip_suffix('^'));
        domains.map(str::to_owned).collect()
    }
}

#[test]
fn every_format_is_as_its_golden_file_has_it() {
    let folder = Folder::with(&alerts());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/export");
    for format in FORMATS {
        let (found, _) = folder.list(&["--format", format, "--clients"]);
        assert_eq!(found, folder.list(&["--clients", "--format", format]).0, "the same twice");
        let path = golden.join(format!("block.{format}"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(&golden).unwrap();
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{} differs; look at the change, then UPDATE_GOLDEN=1 cargo test\n{found}",
            path.display()
        );
    }
}

#[test]
fn what_is_left_out_is_counted_and_named() {
    let (_, told) = Folder::with(&alerts()).list(&["--format", "unbound"]);
    for line in [
        "geophone: 4 entries (unbound) from 16 alerts\n",
        "left out: 1 alert closed because nothing new came (--include-closed): b6\n",
        "left out: 1 alert of rules that name nobody to block: a7\n",
        "left out: 1 alert naming neither a domain nor an address to block: b5\n",
        "left out: 1 name no host name, so it cannot be written safely: ev/034il.com'; };\n",
        "left out: 1 name a public suffix: others live below it: co.uk\n",
        "left out: 1 name under a suffix that nobody registers (--allow-undelegated): tunnel.lab\n",
        "left out: 1 name that half the world uses (--allow-popular): windowsupdate.com\n",
        "left out: 1 server of your own (--allow-private): server 192.168.1.1\n",
        "left out: 1 client at a private address, cut off only when asked to (--clients): \
         client 10.0.0.9\n",
        "left out: 3 addresses of no use in this format (nft and stix take it): client \
         2001:db8:0:1::9, server 198.51.100.53, server 2001:db8::53\n",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    assert_eq!(told.lines().count(), 11, "{told}");
}

#[test]
fn flags_choose_what_is_taken() {
    let folder = Folder::with(&alerts());
    let [capture, evil, first, second, quiet, lab] = [
        "capture-ended.com",
        "evil-tunnel.com",
        "first-part.net",
        "second-part.co.uk",
        "quiet-now.com",
        "tunnel.lab",
    ];
    for (arguments, expected) in [
        ("", vec![capture, evil, first, second]),
        ("--include-closed", vec![capture, evil, first, quiet, second]),
        ("--allow-undelegated", vec![capture, evil, first, second, lab]),
        ("--allow-popular", vec![capture, evil, first, second, "windowsupdate.com"]),
        ("--min-severity medium", vec![evil, first, second]),
        ("--min-severity critical", vec![evil]),
        ("--min-confidence medium", vec![evil, first, second]),
        ("--rule txt-abuse", vec![capture]),
        ("--rule txt-abuse --rule c2-beacon", vec![capture, evil]),
        ("--since 2026-03-02", vec![evil]),
        ("--since 2026-03-02T00:00:00.000001Z", vec![]),
        ("--now 2026-03-08T00:09:59Z", vec![capture, evil, first, second]),
        ("--now 2026-03-08T00:10:00Z", vec![evil]),
        ("--now 2026-03-08 --expires 6d", vec![]),
        ("--keep evil-tunnel.com --keep co.uk", vec![capture, first]),
        ("--keep www.first-part.net --keep 10.0.0.0/8", vec![capture, evil, second]),
    ] {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        assert_eq!(folder.domains(&arguments), expected, "{arguments:?}");
    }
}

#[test]
fn what_the_configuration_says_is_ones_own_is_in_no_list() {
    let folder = Folder::with(&alerts());
    let config = folder.0.path().join("geophone.toml");
    let network = "[network]\nzones = [\"evil-tunnel.com\"]\ninternal = [\"198.51.100.0/24\"]\n";
    fs::write(&config, network).unwrap();
    let config = config.to_str().unwrap();
    let (rpz, told) = folder.list(&["--format", "rpz", "--config", config]);
    assert!(!rpz.contains("\nevil-tunnel.com") && rpz.contains("\nfirst-part.net"), "{rpz}");
    assert!(told.contains("named by --keep or [network]: evil-tunnel.com"), "{told}");
    let (nft, _) = folder.list(&["--format", "nft", "--config", config]);
    assert!(!nft.contains("\t198.51.100.53") && nft.contains("\t2001:db8::53"), "{nft}");
}

#[test]
fn addresses_are_blocked_where_a_format_can_and_clients_where_it_is_asked() {
    let folder = Folder::with(&alerts());
    let (nft, _) = folder.list(&["--format", "nft"]);
    for (address, is_in) in [
        ("198.51.100.53 timeout 604800s", true),
        ("2001:db8::53 timeout", true),
        ("2001:db8:0:1::9 timeout", true),
        ("10.0.0.9 timeout", false),
        ("192.168.1.1 timeout", false),
    ] {
        assert_eq!(nft.contains(&format!("\t{address}")), is_in, "{address}");
    }
    let (nft, _) = folder.list(&["--format", "nft", "--clients", "--allow-private"]);
    for address in ["10.0.0.9", "10.0.0.10", "192.168.1.1"] {
        assert!(nft.contains(&format!("\t{address} timeout")), "{address}");
    }
    // What is left of seven days at the time given, for the alert that ended on the first of March.
    let (nft, _) = folder.list(&["--format", "nft", "--now", "2026-03-07T00:10:00.5Z"]);
    assert!(nft.contains("\t198.51.100.53 timeout 86400s"), "{nft}");

    let (rpz, told) = folder.list(&["--format", "rpz"]);
    assert!(!rpz.contains("\n128.") && told.contains("cut off only when asked to"), "{told}");
    let (rpz, _) = folder.list(&["--format", "rpz", "--clients", "--keep", "10.0.0.10"]);
    assert!(rpz.contains("\n128.9.zz.1.0.db8.2001.rpz-client-ip CNAME .\n"), "{rpz}");
    assert!(rpz.contains("\n32.9.0.0.10.rpz-client-ip CNAME .\n"), "{rpz}");
    assert!(!rpz.contains("\n32.10.0.0.10.rpz-client-ip"), "{rpz}");
    // Who asks only what is never to be blocked is left alone.
    let folder = Folder::with(&alerts()[..1]);
    for (keep, is_cut) in [("evil-tunnel.com", false), ("10.0.0.10", true)] {
        let (rpz, _) = folder.list(&["--format", "rpz", "--clients", "--keep", keep]);
        assert_eq!(rpz.contains("\n32.9.0.0.10.rpz-client-ip"), is_cut, "{keep}");
    }
}

#[test]
fn a_bundle_has_what_stix_requires() {
    let folder = Folder::with(&alerts());
    let bundle = |arguments: &[&str]| {
        let (text, _) = folder.list(&[&["--format", "stix"], arguments].concat());
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let is_id = |id: &str, kind: &str| {
        let uuid = id.strip_prefix(kind).unwrap().strip_prefix("--").unwrap();
        let parts: Vec<_> = uuid.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        let hexadecimal = |octet: u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
        lengths == [8, 4, 4, 4, 12]
            && parts.iter().all(|part| part.bytes().all(hexadecimal))
            && parts[2].starts_with('5')
            && parts[3].starts_with(['8', '9', 'a', 'b'])
    };
    let found = bundle(&[]);
    assert_eq!(found["type"], "bundle");
    assert!(is_id(found["id"].as_str().unwrap(), "bundle"));
    let objects = found["objects"].as_array().unwrap();
    let mut ids = vec![found["id"].as_str().unwrap().split_once("--").unwrap().1];
    for object in objects {
        let kind = object["type"].as_str().unwrap();
        let id = object["id"].as_str().unwrap();
        assert!(is_id(id, kind), "{id}");
        ids.push(id.split_once("--").unwrap().1);
        assert_eq!(object["spec_version"], "2.1");
        for key in ["created", "modified"] {
            let time = object[key].as_str().unwrap();
            assert!(time.len() == 24 && time.ends_with('Z'), "{key} in milliseconds: {time}");
        }
        assert!(object["created"].as_str().unwrap() <= object["modified"].as_str().unwrap());
        let required: &[&str] = match kind {
            "identity" => &["name"],
            "indicator" => &["pattern", "pattern_type", "valid_from", "valid_until"],
            _ => {
                assert_eq!(kind, "report");
                &["name", "published", "object_refs"]
            }
        };
        for key in required {
            assert!(!object[key].is_null(), "{kind} needs {key}");
        }
        if kind == "indicator" {
            assert!(
                object["valid_until"].as_str().unwrap() > object["valid_from"].as_str().unwrap()
            );
        }
    }
    let n_ids = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n_ids, "no UUID is there twice, whatever its type");
    let patterns: Vec<_> = objects.iter().filter_map(|it| it["pattern"].as_str()).collect();
    assert_eq!(patterns.len(), 7);
    for pattern in [
        "[domain-name:value = 'evil-tunnel.com' OR domain-name:value LIKE '%.evil-tunnel.com']",
        "[ipv4-addr:value = '198.51.100.53']",
        "[ipv6-addr:value = '2001:db8::53']",
    ] {
        assert!(patterns.contains(&pattern), "{pattern}");
    }

    let empty = bundle(&["--rule", "none"]);
    assert_eq!(empty["objects"].as_array().unwrap().len(), 1, "no report without entries");
}

#[test]
fn an_alert_that_goes_on_is_a_later_version_of_the_same_indicator() {
    let indicator = |alert: Value| {
        let (text, _) = Folder::with(&[alert]).list(&["--format", "stix"]);
        let bundle: Value = serde_json::from_str(&text).unwrap();
        let objects = bundle["objects"].as_array().unwrap().clone();
        objects.into_iter().find(|object| object["type"] == "indicator").unwrap()
    };
    let first = alerts().remove(0);
    let mut later = first.clone();
    later["@timestamp"] = json!("2026-03-01T09:00:00Z");
    later["event"]["end"] = json!("2026-03-01T09:00:00Z");
    let (first, later) = (indicator(first), indicator(later));
    assert_eq!((&first["id"], &first["created"]), (&later["id"], &later["created"]));
    for key in ["modified", "valid_until"] {
        assert!(first[key].as_str().unwrap() < later[key].as_str().unwrap(), "{key}");
    }
}

#[test]
fn a_replay_becomes_a_list_through_a_pipe_and_a_file() {
    let capture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/captures/demo-iodine.pcap");
    let mut replay = Command::cargo_bin("geophone").unwrap();
    let alerts = replay.args(["replay", "--format", "ecs"]).arg(capture).assert().success();
    let alerts = alerts.get_output().stdout.clone();
    let folder = tempfile::tempdir().unwrap();
    let mut export = Command::cargo_bin("geophone").unwrap();
    export.current_dir(folder.path()).args(["export", "--format", "dnsmasq", "--output", "block"]);
    export.write_stdin(alerts).assert().success().stdout("");
    let list = fs::read_to_string(folder.path().join("block")).unwrap();
    assert!(list.ends_with("\naddress=/tunnel-lab.net/\n"), "{list}");
    assert!(list.contains("# until 2026-11-28T04:23:58Z: dns-tunnel, critical, "), "{list}");
    assert!(list.contains("# from 1 alert in standard input\n"), "{list}");
}

#[test]
fn what_is_no_alert_is_refused_with_its_line_and_wrong_usage_too() {
    let folder = Folder::with(&alerts());
    let path = folder.0.path().join("alerts.ndjson");
    fs::write(&path, format!("{}\nCRITICAL  dns-tunnel\n", alerts()[0])).unwrap();
    let refused = |arguments: &[&str], code| {
        let output = folder.export(arguments).assert().code(code).get_output().clone();
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let told = refused(&["--format", "rpz"], 1);
    assert!(told.contains("\"alerts.ndjson\":2: not an alert in JSON"), "{told}");
    let told = refused(&["--format", "rpz", "nowhere.ndjson"], 1);
    assert!(told.contains("cannot open \"nowhere.ndjson\""), "{told}");
    fs::write(&path, "").unwrap();
    let told = refused(&["--format", "rpz", "--output", "no/such/place"], 1);
    assert!(told.contains("cannot write \"no/such/place\"; make its directory"), "{told}");
    for arguments in [
        vec![],
        vec!["--format", "csv"],
        vec!["--format", "rpz", "--expires", "soon"],
        vec!["--format", "rpz", "--now", "today"],
        vec!["--format", "rpz", "--keep", "a b"],
        vec!["--format", "bind", "--empty-zone", "\"; };"],
    ] {
        refused(&arguments, 2);
    }
    let (list, told) = folder.list(&["--format", "hosts"]);
    assert!(list.contains("# 0 entries") && told.contains("0 entries"), "no alerts, an empty list");
}
