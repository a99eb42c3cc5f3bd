//! `version-probe`: questions about the server itself.

use crate::lab::Lab;
use crate::query::{TXT, ask};

const RULE: &str = "version-probe";
const CHAOS: u16 = 3;

#[test]
fn a_scanner_asks_one_server_after_the_other() {
    let mut lab = Lab::new();
    for n in 1..60 {
        let query = ask("203.0.113.9", &format!("192.0.2.{n}"), "version.bind");
        lab.hear(f64::from(n) / 4.0, query.kind(TXT).class(CHAOS).tells("9.18"));
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["203.0.113.9 asked", "servers", "tell what they run"]);
    alert.shows(&["queries", "servers"]);
}

#[test]
fn all_the_names_of_one_server() {
    let names = ["version.bind", "hostname.bind", "id.server", "version.server", "authors.bind"];
    let mut lab = Lab::new();
    for (n, name) in (0..).zip(names) {
        let query = ask("203.0.113.9", "192.0.2.53", name).kind(TXT).class(CHAOS);
        lab.hear(f64::from(n), query.fails(5));
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["identity_names"]);
}

#[test]
fn monitoring_asks_one_server_who_it_is_each_minute() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let query = ask("10.0.0.7", "10.0.0.53", "id.server").kind(TXT).class(CHAOS);
        lab.hear(f64::from(n) * 60.0, query.tells("ns1"));
    }
    lab.silent_of(RULE);
}

#[test]
fn monitoring_asks_all_servers_of_the_site_who_they_are() {
    let own = "[\"10.0.0.53\", \"10.0.0.54\", \"10.0.0.55\", \"10.0.0.56\"]";
    let mut lab = Lab::of(&format!("authoritative = {own}"));
    for n in 0..600 {
        let server = format!("10.0.0.{}", 53 + n % 4);
        let query = ask("10.0.0.7", &server, "id.server").kind(TXT).class(CHAOS);
        lab.hear(f64::from(n) * 15.0, query.tells("ns1"));
    }
    lab.silent_of(RULE);
}

#[test]
fn an_exporter_asks_dnsmasq_for_its_statistics() {
    let names = ["cachesize", "insertions", "evictions", "misses", "hits", "auth", "servers"];
    let mut lab = Lab::new();
    for n in 0..700 {
        let name = format!("{}.bind", names[n % 7]);
        let query = ask("10.0.0.7", "10.0.0.53", &name).kind(TXT).class(CHAOS).tells("150");
        lab.hear(f64::from(u32::try_from(n / 7).unwrap()) * 15.0, query);
    }
    lab.silent_of(RULE);
}

#[test]
fn names_like_these_in_class_in_are_names() {
    let mut lab = Lab::new();
    for n in 1..60 {
        let query = ask("10.0.0.7", &format!("192.0.2.{n}"), "version.bind.company-lab.com");
        lab.hear(f64::from(n), query.by_authority());
    }
    lab.silent();
}

#[test]
fn monitoring_asks_every_instance_of_an_anycast_service_which_it_is() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let server = format!("198.41.0.{}", n % 26);
        let name = ["hostname.bind", "id.server"][n % 2];
        let query = ask("10.0.0.7", &server, name).kind(TXT).class(CHAOS).tells("fra1");
        lab.hear(f64::from(u32::try_from(n).unwrap()) * 4.0, query);
    }
    lab.silent();
}

#[test]
fn scanners_of_one_network_are_one_campaign() {
    let mut lab = Lab::new();
    for n in 0..1_200 {
        let client = format!("203.0.113.{}", n % 30);
        let query = ask(&client, &format!("192.0.2.{}", n / 30), "version.bind");
        lab.hear(f64::from(n) / 4.0, query.kind(TXT).class(CHAOS).fails(5));
    }
    lab.one(RULE);
    assert!(lab.last(RULE).contains("29 more clients likewise"), "{}", lab.last(RULE));
}
