//! `dns-rebinding`: a public name that turns to a private address.

use crate::lab::Lab;
use crate::query::{AAAA, ask};

const RULE: &str = "dns-rebinding";
const HOST: &str = "10.0.0.9";
const RESOLVER: &str = "10.0.0.53";
const PUBLIC: &str = "203.0.113.80";

#[test]
fn a_name_that_turns_inside_while_its_page_is_open() {
    let mut lab = Lab::new();
    let ask = || ask(HOST, RESOLVER, "a1.rebind-lab.net");
    lab.hear(0.0, ask().points_to(&[PUBLIC], 1));
    lab.hear(5.0, ask().points_to(&["192.168.1.1"], 1));
    lab.hear(9.0, ask().points_to(&[PUBLIC], 1));
    lab.hear(12.0, ask().points_to(&["192.168.1.1"], 1));
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["rebind-lab.net", "1 times", HOST]).shows(&["flips", "private_answers"]);
}

#[test]
fn many_names_of_one_domain_are_one_campaign() {
    let mut lab = Lab::new();
    for n in 0..40 {
        let ask = || ask(&format!("10.0.0.{n}"), RESOLVER, &format!("s{n}.rebind-lab.net"));
        lab.hear(f64::from(n) * 8.0, ask().points_to(&[PUBLIC], 0));
        lab.hear(f64::from(n) * 8.0 + 3.0, ask().points_to(&["10.0.0.1"], 0));
    }
    lab.one(RULE).within(0.0, 10.0);
}

#[test]
fn a_page_that_asks_for_many_other_names_meanwhile() {
    let mut lab = Lab::new();
    let ask = |name: &str| ask(HOST, RESOLVER, &format!("{name}.rebind-lab.net"));
    lab.hear(0.0, ask("a1").points_to(&[PUBLIC], 1));
    for n in 0..20 {
        lab.hear(1.0 + f64::from(n) * 0.1, ask(&format!("x{n}")).points_to(&[PUBLIC], 1));
    }
    lab.hear(5.0, ask("a1").points_to(&["192.168.1.1"], 1));
    lab.one(RULE).within(0.0, 6.0);
}

#[test]
fn names_that_say_where_they_turn_to() {
    let mut lab = Lab::new();
    let ask = || ask(HOST, RESOLVER, "s-203.0.113.80-127.0.0.1-1784-fs-e.dynamic.rebind-lab.net");
    lab.hear(0.0, ask().kind(AAAA).fails(0));
    lab.hear(0.1, ask().points_to(&[PUBLIC], 1));
    lab.hear(5.0, ask().points_to(&["127.0.0.1"], 1));
    lab.one(RULE).within(0.0, 6.0);
}

#[test]
fn both_addresses_at_once() {
    let mut lab = Lab::new();
    for n in 0..3 {
        let both = [PUBLIC, "0.0.0.0"];
        lab.hear(f64::from(n) * 4.0, ask(HOST, RESOLVER, "b.rebind-lab.net").points_to(&both, 1));
    }
    lab.one(RULE).within(0.0, 10.0);
}

/// A list is read again, and sites that everybody visits lead to a page that says why not.
#[test]
fn a_resolver_that_begins_to_deny_a_site() {
    for page in ["0.0.0.0", "127.0.0.1", "192.168.7.7", RESOLVER] {
        let mut lab = Lab::new();
        for n in 0..600 {
            let second = f64::from(n) * 10.0;
            let to = if n < 300 { PUBLIC } else { page };
            for (client, site) in [(HOST, "video"), ("10.0.0.10", "video"), (HOST, "games")] {
                let query = ask(client, RESOLVER, &format!("www.{site}-lab.com"));
                lab.hear(second, query.points_to(&[to], 30));
            }
        }
        lab.silent();
    }
}

#[test]
fn a_host_with_a_leg_inside_says_so_for_good() {
    let mut lab = Lab::new();
    for n in 0..100 {
        let query = ask(HOST, RESOLVER, "gw.company-lab.com").points_to(&[PUBLIC, "10.1.2.3"], 30);
        lab.hear(f64::from(n) * 30.0, query);
    }
    lab.silent();
}

#[test]
fn a_test_whether_there_is_a_way_out_points_one_type_inside() {
    let mut lab = Lab::new();
    for n in 0..20 {
        let ask = || ask(HOST, RESOLVER, "dns.vendor-lab.com");
        lab.hear(f64::from(n) * 9.0, ask().points_to(&[PUBLIC], 10));
        lab.hear(f64::from(n) * 9.0 + 0.1, ask().kind(AAAA).points_to(&["fd3e:4f5a:5b81::1"], 10));
    }
    lab.silent();
}

#[test]
fn split_horizon_always_points_inside() {
    let mut lab = Lab::new();
    for n in 0..200 {
        let name = format!("app{}.company-lab.com", n % 5);
        lab.hear(f64::from(n) * 4.0, ask(HOST, RESOLVER, &name).points_to(&["10.1.2.3"], 30));
    }
    lab.silent();
}

#[test]
fn split_horizon_seen_from_both_sides() {
    let mut lab = Lab::new();
    for n in 0..200 {
        let (client, server, to) = match n % 3 {
            0 => (HOST, RESOLVER, "10.1.2.3"),
            1 => (HOST, "9.9.9.9", PUBLIC),
            _ => ("10.0.0.10", RESOLVER, PUBLIC),
        };
        let query = ask(client, server, "app.company-lab.com").points_to(&[to], 30);
        lab.hear(f64::from(n) * 4.0, query);
    }
    lab.silent();
}

#[test]
fn a_zone_of_this_site_may_turn() {
    let mut lab = Lab::of("zones = [\"company-lab.com\"]");
    for n in 0..50 {
        let to = if n % 2 == 0 { PUBLIC } else { "10.1.2.3" };
        let query = ask(HOST, RESOLVER, "app.company-lab.com").points_to(&[to], 30);
        lab.hear(f64::from(n) * 4.0, query);
    }
    lab.silent();
}

#[test]
fn what_may_be_kept_for_an_hour_is_of_no_use_for_it() {
    let mut lab = Lab::new();
    for n in 0..10 {
        let to = if n % 2 == 0 { PUBLIC } else { "10.1.2.3" };
        let query = ask(HOST, RESOLVER, "vpn.company-lab.com").points_to(&[to], 3_600);
        lab.hear(f64::from(n) * 50.0, query);
    }
    lab.silent();
}

#[test]
fn block_lists_answer_with_loopback_addresses() {
    let mut lab = Lab::new();
    for n in 0..200 {
        let name = format!("{}.2.0.192.zen.list-lab.org", n % 20);
        let query = ask("10.0.0.25", RESOLVER, &name);
        let query = if n % 3 == 0 { query.points_to(&["127.0.0.2"], 60) } else { query.missing() };
        lab.hear(f64::from(n), query);
    }
    lab.silent();
}

#[test]
fn a_captive_portal_answers_for_everybody_until_one_has_logged_in() {
    let mut lab = Lab::new();
    for n in 0..40 {
        let ask =
            |to: &str| ask(HOST, RESOLVER, &format!("www.site{}.org", n % 10)).points_to(&[to], 10);
        let to = if n < 20 { "172.16.0.1" } else { "198.51.100.20" };
        lab.hear(f64::from(n) * 5.0, ask(to));
    }
    lab.silent();
}

#[test]
fn a_spread_load_stays_outside() {
    let mut lab = Lab::new();
    for n in 0..200 {
        let to = format!("198.51.100.{}", n % 16);
        lab.hear(f64::from(n) * 3.0, ask(HOST, RESOLVER, "www.cdn-lab.net").points_to(&[&to], 5));
    }
    lab.silent();
}
