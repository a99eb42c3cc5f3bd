//! What the network put into an alert never becomes more than a comment or a name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const FORMATS: [ListFormat; 8] = [
    ListFormat::Bind,
    ListFormat::Dnsmasq,
    ListFormat::Hosts,
    ListFormat::Nft,
    ListFormat::Pihole,
    ListFormat::Rpz,
    ListFormat::Stix,
    ListFormat::Unbound,
];

/// dnsmasq's buffer for a line, less its end.
const MOST_LINE: usize = 1_023;

pub(super) fn settings() -> ExportSettings {
    ExportSettings {
        include_closed: true,
        since: None,
        now: None,
        min_severity: Severity::Low,
        min_confidence: Confidence::Low,
        rules: BTreeSet::new(),
        expires: Duration::from_secs(3_600),
        reach: Reach {
            clients: true,
            private_servers: true,
            undelegated: true,
            popular: true,
            victims: true,
        },
        keep: Vec::new(),
        empty_zone: PathBuf::from("/etc/bind/db.empty"),
    }
}

fn exported(documents: &[Value], origin: &str, format: ListFormat) -> Export {
    let mut alerts = Alerts::default();
    let text: String = documents.iter().map(|document| format!("{document}\n")).collect();
    alerts.read(&mut text.as_bytes(), origin).unwrap();
    export(&alerts, format, &settings())
}

/// Text of any kind, and names with one thing in them that some format gives a meaning.
fn hostile() -> impl Strategy<Value = String> {
    let meaning = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\"",
        "'",
        "\\",
        "\\\n",
        ";",
        "#",
        "//",
        "/",
        "^",
        "||",
        "}",
        "{",
        "*",
        "%",
        "$INCLUDE /etc/passwd",
        " ",
        "\t",
        "\u{2028}",
        "\u{85}",
        "(",
        ")",
        "@",
        "..",
        ".",
        "-",
        "include:",
        "\nserver:",
        "\naddress=/good.com/",
        "\n*.good.com CNAME .",
    ]);
    let name = prop::sample::select(vec![
        "evil.com",
        "a.evil.co.uk",
        "tunnel.lab",
        "co.uk",
        "192.0.2.1",
        "10.rpz-client-ip",
        "24.0.0.10.rpz-ip",
        "1.in-addr.arpa",
        "",
    ]);
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "[ -~]{900,1200}",
        name.clone().prop_map(str::to_owned),
        (name.clone(), meaning.clone(), name.clone()).prop_map(|(a, b, c)| format!("{a}{b}{c}")),
        (meaning, name).prop_map(|(a, b)| format!("{a}{b}")),
    ]
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
        hostile(),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let rule = prop_oneof![
        prop::sample::select(vec!["dns-tunnel", "zone-transfer", "rogue-resolver", "my-rule"])
            .prop_map(str::to_owned),
        hostile()
    ];
    let subject = prop::sample::select(vec!["domain", "client", "server"]);
    let texts = (hostile(), hostile(), hostile(), hostile(), hostile());
    (rule, subject, texts, address(), address()).prop_map(
        |(rule, subject, (id, domain, other, reason, technique), source, destination)| {
            json!({
                "@timestamp": "2026-01-01T00:00:00.000000Z",
                "event": { "id": format!("a{id}"), "action": "open", "reason": reason },
                "rule": { "id": rule },
                "source": { "ip": source },
                "destination": { "ip": destination },
                "dns": { "question": { "registered_domain": domain } },
                "threat": { "technique": { "id": [technique] } },
                "geophone": { "subject": subject, "domains": [{ "domain": other }] },
            })
        },
    )
}

fn is_name(text: &str) -> bool {
    let is_letter =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    text.contains('.')
        && text.split('.').all(|label| !label.is_empty() && label.bytes().all(is_letter))
}

/// Returns what stands between `before` and `after`.
fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    line.strip_prefix(before)?.strip_suffix(after)
}

/// Tells whether `line` is an entry of `format`, and nothing else.
fn is_entry(format: ListFormat, line: &str) -> bool {
    let name_in = |before, after| between(line, before, after).is_some_and(is_name);
    match format {
        ListFormat::Bind => {
            name_in("zone \"", "\" { type primary; file \"/etc/bind/db.empty\"; };")
        }
        ListFormat::Dnsmasq => name_in("address=/", "/"),
        ListFormat::Hosts => name_in("0.0.0.0 ", "") || name_in(":: ", ""),
        ListFormat::Pihole => name_in("||", "^"),
        ListFormat::Unbound => name_in("server: local-zone: \"", ".\" always_nxdomain"),
        ListFormat::Rpz => {
            let owner = between(line, "", " CNAME .").unwrap_or_default();
            let policy = owner.strip_suffix(".rpz-client-ip");
            let name = owner.strip_prefix("*.").unwrap_or(owner);
            match policy {
                Some(trigger) => trigger.starts_with("32.") || trigger.starts_with("128."),
                // A policy's own words are last labels.
                None => is_name(name) && !name.rsplit('.').next().unwrap().starts_with("rpz-"),
            }
        }
        ListFormat::Nft => {
            let Some((address, rest)) = line.trim_start().split_once(" timeout 3600s comment \"")
            else {
                return false;
            };
            let comment = rest.strip_suffix(',').unwrap_or(rest).strip_suffix('"');
            address.parse::<std::net::IpAddr>().is_ok()
                && comment.is_some_and(|comment| !comment.contains(['"', '\\']))
        }
        ListFormat::Stix => false,
    }
}

fn check_lines(format: ListFormat, export: &Export) {
    let fixed = exported(&[], "x", format).text;
    let mut fixed: BTreeSet<&str> = fixed.lines().filter(|line| !line.starts_with('@')).collect();
    fixed.extend(["", "@ IN NS localhost.", "\t\telements = {", "\t\t}"]);
    let mark = if format == ListFormat::Rpz { "; " } else { "# " };
    let mut n_entries = 0;
    for line in export.text.split('\n') {
        assert!(
            line.len() <= MOST_LINE
                && line.bytes().all(|octet| matches!(octet, b' '..=b'~' | b'\t'))
        );
        let is_soa = line.starts_with("@ IN SOA localhost. root.localhost. ");
        let entry = is_entry(format, line);
        n_entries += usize::from(entry);
        assert!(
            entry
                || line.starts_with(mark)
                || fixed.contains(line)
                || (format == ListFormat::Rpz && is_soa),
            "{} reads {line:?} as something else",
            format.name()
        );
    }
    let clients = export.text.matches(".rpz-client-ip CNAME .\n").count();
    let expected = match format {
        ListFormat::Hosts => 2 * export.n_entries,
        ListFormat::Rpz => 2 * (export.n_entries - clients) + clients,
        _ => export.n_entries,
    };
    assert_eq!(n_entries, expected, "{}", format.name());
}

fn check_bundle(export: &Export) {
    let bundle: Value = serde_json::from_str(&export.text).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let indicators: Vec<_> =
        objects.iter().filter(|object| object["type"] == "indicator").collect();
    assert_eq!(indicators.len(), export.n_entries);
    for indicator in indicators {
        let pattern = indicator["pattern"].as_str().unwrap();
        let quotes = if pattern.contains("domain-name") { 4 } else { 2 };
        assert_eq!(pattern.matches('\'').count(), quotes, "{pattern}");
        assert!(
            !pattern.contains('\\') && pattern.bytes().all(|octet| matches!(octet, b' '..=b'~'))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_breaks_out_of_a_format(
        documents in prop::collection::vec(document(), 0..4),
        origin in hostile(),
    ) {
        for format in FORMATS {
            let export = exported(&documents, &origin, format);
            match format {
                ListFormat::Stix => check_bundle(&export),
                _ => check_lines(format, &export),
            }
        }
    }
}

#[test]
fn every_rule_of_the_design_blocks_what_the_table_says() {
    let alert = |rule: &str, subject: &str| {
        json!({
            "@timestamp": "2026-01-01T00:00:00Z",
            "event": { "id": "a", "action": "open" },
            "rule": { "id": rule },
            "source": { "ip": "192.0.2.7" },
            "destination": { "ip": "198.51.100.53" },
            "dns": { "question": { "registered_domain": "evil.com" } },
            "geophone": { "subject": subject, "severity": "medium" },
        })
    };
    let blocked = |rule, subject| {
        let mut settings = settings();
        settings.reach.clients = false;
        let mut alerts = Alerts::default();
        alerts.read(&mut alert(rule, subject).to_string().as_bytes(), "x").unwrap();
        let entries = entries(&alerts, &settings, &mut LeftOut::default());
        entries.iter().map(|entry| entry.target.to_string()).collect::<Vec<_>>().join(", ")
    };
    for (rules, subject, expected) in [
        ("dns-tunnel dns-exfiltration txt-abuse c2-beacon dga dns-rebinding", "domain", "evil.com"),
        ("non-dns rogue-resolver", "client", "server 198.51.100.53"),
        // A name was looked up, and who was asked for it is to blame for nothing.
        ("encrypted-dns", "client", ""),
        ("zone-transfer reverse-sweep version-probe", "client", "client 192.0.2.7"),
        ("amplification query-flood tcp-exhaustion nxdomain-flood", "client", ""),
        ("nxdomain-flood", "zone", ""),
        ("cache-poisoning malformed-dns name-leak open-resolver", "client", ""),
        ("a-rule-of-mine", "client", "client 192.0.2.7"),
        ("a-rule-of-mine", "server", "server 198.51.100.53"),
        ("a-rule-of-mine", "zone", "evil.com"),
    ] {
        for rule in rules.split(' ') {
            assert_eq!(blocked(rule, subject), expected, "{rule} about a {subject}");
        }
    }
}
