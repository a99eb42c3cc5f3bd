//! `name-leak`: internal names asked of servers outside.

use crate::lab::Lab;
use crate::query::{PTR, SRV, ask};

const RULE: &str = "name-leak";
const LAPTOP: &str = "10.0.0.9";
const OUTSIDE: &str = "9.9.9.9";

#[test]
fn a_laptop_asks_a_public_resolver_for_what_is_inside() {
    let names = [
        "wpad.company-lab.com",
        "_ldap._tcp.dc._msdcs.ad.company-lab.internal",
        "fileserver.corp",
        "printer.local",
        "isatap.company-lab.com",
        "intra.home",
    ];
    let mut lab = Lab::new();
    for n in 0..60_u16 {
        let name = names[usize::from(n) % names.len()];
        lab.hear(f64::from(n) / 2.0, ask(LAPTOP, OUTSIDE, name).missing());
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&[LAPTOP, OUTSIDE, "internal names"]).shows(&["internal_names", "queries"]);
}

#[test]
fn names_of_private_addresses() {
    let names = [
        "9.0.0.10.in-addr.arpa",
        "1.1.168.192.in-addr.arpa",
        "4.3.17.172.in-addr.arpa",
        "nas.home.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
    ];
    let mut lab = Lab::new();
    for n in 0..60_u16 {
        let name = names[usize::from(n) % names.len()];
        lab.hear(f64::from(n) / 2.0, ask(LAPTOP, OUTSIDE, name).kind(PTR).missing());
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["internal_names"]);
}

#[test]
fn names_of_public_addresses_and_of_what_is_no_address() {
    let names = ["9.0.0.11.in-addr.arpa", "4.3.32.172.in-addr.arpa", "4.10.17.in-addr.arpa"];
    let mut lab = Lab::new();
    for n in 0..60_u16 {
        let name = names[usize::from(n) % names.len()];
        lab.hear(f64::from(n) / 2.0, ask(LAPTOP, OUTSIDE, name).kind(PTR).missing());
    }
    lab.silent();
}

#[test]
fn names_of_the_sites_own_zones() {
    let mut lab = Lab::of("zones = [\"ad.company-lab.com\"]");
    for n in 0..60 {
        let name = format!("_kerberos._tcp.host{}.ad.company-lab.com", n % 9);
        lab.hear(f64::from(n) / 3.0, ask(LAPTOP, OUTSIDE, &name).kind(SRV).missing());
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["internal_names"]);
}

#[test]
fn a_domain_member_asks_its_own_resolver() {
    let mut lab = Lab::of("zones = [\"ad.company-lab.com\"]");
    for n in 0..300 {
        let name = ["_ldap._tcp.dc._msdcs.ad.company-lab.com", "wpad.ad.company-lab.com"][n % 2];
        let second = f64::from(u32::try_from(n).unwrap());
        lab.hear(second, ask(LAPTOP, "10.0.0.53", name).kind(SRV));
    }
    lab.silent();
}

#[test]
fn mdns_names_answered_inside() {
    let mut lab = Lab::new();
    for n in 0..300 {
        lab.hear(f64::from(n), ask(LAPTOP, "10.0.0.1", &format!("tv{}.local", n % 30)).missing());
    }
    lab.silent();
}

#[test]
fn one_name_once_is_a_typing_error() {
    let mut lab = Lab::new();
    lab.hear(0.0, ask(LAPTOP, OUTSIDE, "fileserver.corp").missing());
    for n in 1..300 {
        lab.hear(f64::from(n), ask(LAPTOP, OUTSIDE, &format!("www.site{n}.org")));
    }
    lab.silent();
}

#[test]
fn registered_names_below_real_domains_that_look_internal() {
    let mut lab = Lab::new();
    for n in 0..300 {
        let name = format!("{}.company-lab.com", ["local", "corp", "home", "internal"][n % 4]);
        lab.hear(f64::from(u32::try_from(n).unwrap()), ask(LAPTOP, OUTSIDE, &name));
    }
    lab.silent();
}

#[test]
fn forty_laptops_with_a_wrong_search_list_are_one_alert() {
    let mut lab = Lab::of("zones = [\"corp-lab.com\"]");
    for n in 0..2_000 {
        let client = format!("10.0.7.{}", n % 40 + 1);
        let name = format!("srv{}.corp-lab.com", n / 40 % 20);
        lab.hear(f64::from(n) / 4.0, ask(&client, "8.8.8.8", &name).missing());
    }
    lab.one_of(RULE).within(0.0, 60.0);
    assert!(lab.last(RULE).contains("39 more clients likewise"), "{}", lab.last(RULE));
    assert!(lab.told() <= 9, "open, a ladder of clients, close: told {} times", lab.told());
}
