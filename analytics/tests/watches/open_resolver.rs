//! `open-resolver`: a server of this site that resolves anything for anybody.

use crate::lab::Lab;
use crate::query::{ANY, ask};

const RULE: &str = "open-resolver";
const OURS: &str = "10.0.0.53";

#[test]
fn it_resolves_for_clients_outside() {
    let mut lab = Lab::new();
    for n in 0..40 {
        let client = format!("203.0.113.{}", n % 8 + 1);
        lab.hear(f64::from(n), ask(&client, OURS, &format!("www.site{n}.org")));
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&[OURS, "domains for", "clients outside"]);
    alert.shows(&["recursions", "domains", "clients"]);
}

#[test]
fn a_referral_is_no_resolution() {
    let mut lab = Lab::new();
    for n in 0..40 {
        let client = format!("203.0.113.{}", n % 8 + 1);
        lab.hear(f64::from(n), ask(&client, OURS, &format!("www.site{n}.org")).referred());
    }
    lab.silent();
}

#[test]
fn clients_with_public_addresses_of_a_resolver_that_only_the_site_reaches() {
    let mut lab = Lab::new();
    for n in 0..40 {
        let client = format!("2001:db8:0:7::{}", n % 8 + 1);
        lab.hear(f64::from(n), ask(&client, "fd00::53", &format!("www.site{n}.org")));
    }
    lab.silent();
}

#[test]
fn a_scanner_that_asks_once_from_here_and_once_from_there() {
    let mut lab = Lab::new();
    lab.hear(0.0, ask("203.0.113.1", OURS, "www.scan-lab.org"));
    lab.hear(3_600.0, ask("203.0.113.2", OURS, "www.scan-lab.org"));
    lab.one(RULE);
}

#[test]
fn answers_from_an_own_zone_are_what_it_is_for() {
    let mut lab = Lab::new();
    for n in 0..300 {
        let query = ask(&format!("203.0.113.{}", n % 200), OURS, "www.company-lab.com");
        lab.hear(f64::from(n), query.by_authority());
    }
    lab.silent();
}

#[test]
fn refusals_give_nothing_away() {
    let mut lab = Lab::new();
    for n in 0..300 {
        let query = ask("203.0.113.1", OURS, &format!("www.site{n}.org")).kind(ANY).fails(5);
        lab.hear(f64::from(n), query);
    }
    lab.silent();
}

#[test]
fn clients_inside_are_served() {
    let mut lab = Lab::new();
    for n in 0..300 {
        lab.hear(f64::from(n), ask("10.0.0.9", OURS, &format!("www.site{n}.org")));
    }
    lab.silent();
}
