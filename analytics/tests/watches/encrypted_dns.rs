//! `encrypted-dns`: look-ups of resolvers whose answers nobody here sees, and connections to them.

use geophone_sensor::decode::foreign::Protocol;
use geophone_sensor::decode::path::Path;
use geophone_sensor::record::{NotDns, Record, Transport};

use crate::lab::{Lab, time};
use crate::query::{AAAA, ask};

const RULE: &str = "encrypted-dns";

#[test]
fn a_browser_that_takes_its_own_resolver() {
    let mut lab = Lab::new();
    lab.hear(0.0, ask("10.0.0.9", "10.0.0.53", "mozilla.cloudflare-dns.com"));
    lab.hear(0.1, ask("10.0.0.9", "10.0.0.53", "mozilla.cloudflare-dns.com").kind(AAAA));
    let alert = lab.one(RULE).within(0.0, 1.0);
    alert.says(&["10.0.0.9", "cloudflare-dns.com", "not seen here"]).shows(&["clients"]);
}

#[test]
fn every_browser_of_a_site_is_one_alert() {
    let mut lab = Lab::new();
    for n in 0..300 {
        let client = format!("10.0.{}.{}", n / 200, n % 200 + 1);
        lab.hear(f64::from(n) * 7.0, ask(&client, "10.0.0.53", "dns.google"));
    }
    lab.one(RULE);
    assert!(lab.last(RULE).contains("more clients looked up dns.google"), "{}", lab.last(RULE));
}

#[test]
fn each_client_is_told_once_in_a_day_of_look_ups() {
    let mut lab = Lab::new();
    for n in 0..96 {
        lab.hear(f64::from(n) * 900.0, ask("10.0.0.9", "10.0.0.53", "dns.quad9.net"));
    }
    lab.one(RULE);
}

#[test]
fn a_resolver_that_denies_the_name_leaves_no_gap() {
    let mut lab = Lab::new();
    for n in 0..20 {
        let name = "mozilla.cloudflare-dns.com";
        lab.hear(f64::from(n) * 60.0, ask("10.0.0.9", "10.0.0.53", name).missing());
        let nowhere = ask("10.0.0.9", "10.0.0.53", name).points_to(&["0.0.0.0"], 2);
        lab.hear(f64::from(n) * 60.0 + 1.0, nowhere);
    }
    lab.silent();
}

#[test]
fn names_that_only_look_like_them() {
    let mut lab = Lab::new();
    for (n, name) in (0..).zip([
        "dns.google.example.com",
        "www.google.com",
        "notdns.google",
        "quad9.net",
        "www.cloudflare.com",
        "dnsx.quad9.net",
        "mydoh.pub",
    ]) {
        lab.hear(f64::from(n), ask("10.0.0.9", "10.0.0.53", name));
    }
    lab.silent();
}

#[test]
fn what_systems_ask_their_resolver_about_itself() {
    let mut lab = Lab::new();
    for n in 0..50 {
        let name = if n % 2 == 0 { "_dns.resolver.arpa" } else { "use-application-dns.net" };
        lab.hear(f64::from(n) * 60.0, ask("10.0.0.9", "10.0.0.53", name).kind(64).missing());
    }
    lab.silent();
}

fn connect(lab: &mut Lab, second: f64, server: &str, protocol: Protocol) {
    let payload = NotDns {
        time: time(second),
        transport: Transport::Tcp,
        client: "10.0.0.9".parse().unwrap(),
        server: server.parse().unwrap(),
        client_port: 40_000,
        server_port: 853,
        from_client: true,
        path: Path::default(),
        protocol,
        bytes: 0,
        head: Vec::new(),
    };
    lab.take(&Record::NotDns(&payload));
}

#[test]
fn a_phone_with_private_dns() {
    let mut lab = Lab::new();
    for n in 0..20 {
        connect(&mut lab, f64::from(n) * 60.0, "192.0.2.1", Protocol::DnsOverTls);
    }
    let alert = lab.one(RULE).within(0.0, 1.0);
    alert.says(&["10.0.0.9", "DNS over TLS", "192.0.2.1"]).shows(&["clients"]);
}

#[test]
fn the_resolver_of_the_site_over_tls() {
    let mut lab = Lab::new();
    for n in 0..20 {
        connect(&mut lab, f64::from(n) * 60.0, "10.0.0.53", Protocol::DnsOverTls);
    }
    lab.silent();
}

#[test]
fn a_browser_asks_a_known_resolver_over_https() {
    let mut lab = Lab::new();
    for n in 0..20 {
        connect(&mut lab, f64::from(n) * 60.0, "1.1.1.1", Protocol::DnsOverHttps);
    }
    lab.one(RULE).within(0.0, 1.0).says(&["10.0.0.9", "DNS over HTTPS", "1.1.1.1"]);
}
