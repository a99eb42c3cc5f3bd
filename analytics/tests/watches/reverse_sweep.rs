//! `reverse-sweep`: all addresses of a range, or all likely names of a zone.

use crate::lab::Lab;
use crate::query::{PTR, ask};

const RULE: &str = "reverse-sweep";
const SCANNER: &str = "10.0.0.66";
const RESOLVER: &str = "10.0.0.53";

#[test]
fn one_address_after_the_other() {
    let mut lab = Lab::new();
    for n in 1..255 {
        let name = format!("{n}.1.0.10.in-addr.arpa");
        lab.hear(f64::from(n) / 10.0, ask(SCANNER, RESOLVER, &name).kind(PTR).missing());
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&[SCANNER, RESOLVER, "addresses", "% of one block"]);
    alert.shows(&["coverage", "swept_addresses"]);
}

#[test]
fn a_mail_server_looks_up_a_whole_block_of_senders() {
    let mut lab = Lab::of("mail = [\"10.0.0.66\"]");
    for n in 1..255 {
        let name = format!("{n}.113.0.203.in-addr.arpa");
        lab.hear(f64::from(n) / 10.0, ask(SCANNER, RESOLVER, &name).kind(PTR).missing());
    }
    lab.silent();
}

#[test]
fn a_range_of_ipv6() {
    let mut lab = Lab::new();
    for n in 0..256 {
        let zeros = "0.".repeat(22);
        let name = format!("{:x}.{:x}.{zeros}8.b.d.0.1.0.0.2.ip6.arpa", n & 15, n >> 4);
        lab.hear(f64::from(n) / 10.0, ask(SCANNER, RESOLVER, &name).kind(PTR).missing());
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["coverage"]);
}

#[test]
fn a_list_of_host_names_tried_out() {
    let what = ["dev", "test", "old", "vpn", "git", "db", "web", "mail", "crm", "log", "erp", "hr"];
    let place =
        ["box", "hub", "gate", "east", "west", "int", "ext", "bak", "pub", "one", "two", "x"];
    for zone in ["company-lab.com", "corp.company-lab.com"] {
        let mut lab = Lab::new();
        for n in 0..144_usize {
            let name = format!("{}{}.{zone}", what[n % 12], place[n / 12]);
            let second = f64::from(u32::try_from(n).unwrap()) / 20.0;
            lab.hear(second, ask(SCANNER, RESOLVER, &name).missing());
        }
        let alert = lab.one_of(RULE).within(0.0, 10.0);
        alert.says(&[SCANNER, "host names of one zone", "company-lab.com"]);
        alert.shows(&["brute_names"]);
    }
}

#[test]
fn a_mail_server_asks_for_those_who_came_by() {
    let mut lab = Lab::new();
    for n in 0..3_000_u32 {
        let mixed = n.wrapping_mul(2_654_435_761);
        let (a, b, c) = (mixed >> 24, mixed >> 16 & 0xff, mixed >> 8 & 0xff);
        let name = format!("{a}.{b}.{c}.{}.in-addr.arpa", n % 200 + 1);
        lab.hear(f64::from(n), ask("10.0.0.25", RESOLVER, &name).kind(PTR));
    }
    lab.silent_of(RULE);
}

#[test]
fn an_inventory_of_thirty_hosts_every_minute() {
    let mut lab = Lab::new();
    for n in 0..3_000 {
        let name = format!("{}.1.0.10.in-addr.arpa", n % 30 + 10);
        lab.hear(f64::from(n) * 2.0, ask(SCANNER, RESOLVER, &name).kind(PTR));
    }
    lab.silent_of(RULE);
}

#[test]
fn hosts_of_one_zone_that_exist() {
    let mut lab = Lab::new();
    for n in 0..1_000 {
        let name = format!("srv{n}.company-lab.com");
        lab.hear(f64::from(n) / 2.0, ask(SCANNER, RESOLVER, &name));
    }
    lab.silent_of(RULE);
}
