//! `zone-transfer`: a whole zone asked for by whoever is no listed secondary.

use crate::lab::Lab;
use crate::query::{AXFR, ask};

const RULE: &str = "zone-transfer";
const SERVER: &str = "192.0.2.53";
const SOA: u16 = 6;
const IXFR: u16 = 251;
const SECONDARIES: &str = "secondaries = [\"10.0.0.54/32\"]";

#[test]
fn a_zone_is_handed_out() {
    let mut lab = Lab::of(SECONDARIES);
    let query = ask("203.0.113.9", SERVER, "company-lab.com").kind(AXFR).by_authority();
    lab.hear(0.0, query.tells("all of it").over_tcp().octets(60, 40_000));
    let alert = lab.one(RULE).within(0.0, 1.0);
    alert.says(&["203.0.113.9", SERVER, "1 zone transfers of 1 zones", "1 granted"]);
    alert.shows(&["transfers", "transfer_bytes"]);
}

#[test]
fn a_secondary_that_nobody_listed_is_one_alert_a_day() {
    let mut lab = Lab::of(SECONDARIES);
    for n in 0..36 {
        for secondary in ["10.0.0.55", "10.0.0.56"] {
            let query = ask(secondary, SERVER, "company-lab.com").kind(AXFR).by_authority();
            let query = query.tells("all of it").over_tcp().octets(60, 40_000);
            lab.hear(f64::from(n) * 7_200.0, query);
        }
    }
    assert_eq!(lab.count(RULE), 3, "two secondaries side by side, three days");
}

#[test]
fn refused_zone_after_zone_is_one_campaign() {
    let mut lab = Lab::of(SECONDARIES);
    for n in 0..30 {
        let query = ask("203.0.113.9", SERVER, &format!("zone{n}.org")).kind(AXFR).over_tcp();
        lab.hear(f64::from(n), query.fails(5));
    }
    lab.one(RULE).within(0.0, 1.0).says(&["none was granted"]).shows(&["transfers"]);
}

#[test]
fn an_increment_that_is_empty_is_no_transfer() {
    let mut lab = Lab::of(SECONDARIES);
    let query = ask("203.0.113.9", SERVER, "company-lab.com").kind(IXFR).by_authority();
    lab.hear(0.0, query.tells("the serial number").octets(60, 90));
    lab.one(RULE).says(&["1 zone transfers of 1 zones", "none was granted"]);
}

#[test]
fn the_listed_secondary_does_its_work() {
    let mut lab = Lab::of(SECONDARIES);
    for n in 0..50 {
        let kind = if n % 10 == 0 { AXFR } else { IXFR };
        let query = ask("10.0.0.54", SERVER, "company-lab.com").kind(kind).by_authority();
        let query = query.tells("all of it").over_tcp().octets(60, 40_000);
        lab.hear(f64::from(n) * 300.0, query);
    }
    lab.silent();
}

#[test]
fn looking_at_the_serial_number_takes_nothing() {
    let mut lab = Lab::of(SECONDARIES);
    for n in 0..200 {
        let query = ask("203.0.113.9", SERVER, &format!("zone{}.org", n % 20)).kind(SOA);
        lab.hear(f64::from(n) * 20.0, query.by_authority());
    }
    lab.silent();
}

#[test]
fn a_resolver_fetches_a_policy_zone_outside() {
    let mut lab = Lab::new();
    for n in 1..=40 {
        let query = ask("10.0.0.53", &format!("198.51.100.{n}"), &format!("www.site{n}.org"));
        lab.hear(f64::from(n), query.by_authority());
    }
    let query = ask("10.0.0.53", "203.0.113.53", "policy-lab.org").kind(AXFR).by_authority();
    lab.hear(60.0, query.tells("all of it").over_tcp().octets(60, 4_000_000));
    lab.silent();
}
