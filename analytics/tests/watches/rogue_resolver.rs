//! `rogue-resolver`: clients that ask other resolvers than they are meant to.

use crate::lab::Lab;
use crate::query::{SOA, ask};

const RULE: &str = "rogue-resolver";
const HOST: &str = "10.0.0.9";
const NAMED: &str = "resolvers = [\"10.0.0.53\"]\nauthoritative = [\"10.0.0.54\"]";

#[test]
fn past_the_resolvers_that_are_named() {
    let mut lab = Lab::of(NAMED);
    for n in 0..60 {
        lab.hear(f64::from(n), ask(HOST, "203.0.113.53", &format!("www.site{n}.org")));
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&[HOST, "not meant to ask", "203.0.113.53"]).shows(&["undesignated"]);
    assert_eq!(
        (alert.client.to_string(), alert.server.to_string()),
        (HOST.into(), "203.0.113.53".into())
    );
}

#[test]
fn a_host_inside_that_suddenly_answers_is_not_named_either() {
    let mut lab = Lab::of(NAMED);
    for n in 0..60 {
        lab.hear(f64::from(n), ask(HOST, "10.0.0.66", &format!("www.site{n}.org")));
    }
    lab.one(RULE).within(0.0, 10.0).says(&["10.0.0.66"]);
}

#[test]
fn one_resolver_outside_after_the_other() {
    let mut lab = Lab::new();
    for n in 0..60 {
        let server = format!("203.0.113.{}", n % 12 + 1);
        lab.hear(f64::from(n), ask(HOST, &server, &format!("www.site{n}.org")));
    }
    lab.one(RULE).within(0.0, 10.0).says(&["resolvers outside"]).shows(&["servers"]);
}

#[test]
fn unlike_domains_that_lead_to_one_place_are_worse() {
    let told = [true, false].map(|alike| {
        let mut lab = Lab::of(NAMED);
        for n in 0..60 {
            let to = if alike { "203.0.113.80".into() } else { format!("198.51.100.{n}") };
            let query = ask(HOST, "203.0.113.53", &format!("www.site{n}.org"));
            lab.hear(f64::from(n), query.points_to(&[to.as_str()], 300));
        }
        let alert = lab.one(RULE);
        if alike {
            alert.says(&["domains lead to the same addresses"]).shows(&["alike_domains"]);
        }
        alert.score
    });
    assert!(told[0] >= told[1] + 10, "{told:?}");
}

/// Ten clients ask a resolver every minute for more than a day, and those of `from` also another.
fn a_day_and_a_bit(from: u32) -> Lab {
    let mut lab = Lab::of("authoritative = [\"10.0.0.54\"]");
    for minute in 0..25 * 60 {
        let at = f64::from(minute) * 60.0;
        lab.goes_on(at);
        for client in 0..10 {
            let client_address = format!("10.0.0.{}", 100 + client);
            let name = format!("www.site{minute}-{client}.org");
            lab.hear(at + f64::from(client), ask(&client_address, "10.0.0.53", &name));
            if minute >= from {
                lab.hear(at + f64::from(client) + 0.5, ask(&client_address, "10.0.0.66", &name));
            }
        }
    }
    lab
}

#[test]
fn a_host_that_begins_to_resolve_after_a_day() {
    let lab = a_day_and_a_bit(24 * 60 + 30);
    let alert = lab.one(RULE);
    alert.says(&["10.0.0.66 resolves for others, and was not asked before"]);
    alert.shows(&["new_server_clients"]);
}

#[test]
fn a_host_that_resolved_all_day_is_no_news() {
    a_day_and_a_bit(0).silent();
    a_day_and_a_bit(600).silent();
}

#[test]
fn the_resolver_itself_asks_everybody() {
    let mut lab = Lab::of(NAMED);
    for n in 0..600 {
        let server = format!("198.51.100.{}", n % 250);
        let query = ask("10.0.0.53", &server, &format!("www.site{n}.org"));
        lab.hear(f64::from(n), query.by_authority());
        lab.hear(f64::from(n), ask(HOST, "10.0.0.53", &format!("www.site{n}.org")));
    }
    lab.silent();
}

#[test]
fn zones_of_the_site_may_be_asked_where_they_are() {
    let mut lab = Lab::of(NAMED);
    for n in 0..300 {
        let query = ask(HOST, "10.0.0.54", &format!("h{}.company-lab.com", n % 20));
        lab.hear(f64::from(n), query);
    }
    lab.silent();
}

#[test]
fn an_administrator_looks_whether_a_secondary_is_up_to_date() {
    let mut lab = Lab::of("resolvers = [\"10.0.0.53\"]");
    for n in 0..50 {
        let query = ask(HOST, "10.0.0.54", "company-lab.com").kind(SOA).tells("7").by_authority();
        lab.hear(f64::from(n), query.recursing());
    }
    lab.silent();
}

#[test]
fn a_host_that_says_it_has_authority_over_everything() {
    let mut lab = Lab::of("resolvers = [\"10.0.0.53\"]");
    for n in 0..50 {
        let query = ask(HOST, "10.0.0.66", &format!("www.site{n}.org")).by_authority().recursing();
        lab.hear(f64::from(n), query);
    }
    lab.one(RULE);
}

#[test]
fn a_client_with_three_public_resolvers_where_none_is_named() {
    let mut lab = Lab::new();
    for n in 0..600_u16 {
        let server = ["9.9.9.9", "1.1.1.1", "8.8.8.8"][usize::from(n) % 3];
        lab.hear(f64::from(n), ask(HOST, server, &format!("www.site{n}.org")));
    }
    lab.silent();
}

#[test]
fn a_resolver_nobody_named_asks_authorities_without_recursion() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let server = format!("198.51.100.{}", n % 250);
        let query = ask("10.0.0.53", &server, &format!("www.site{n}.org"));
        lab.hear(f64::from(n), query.by_authority());
    }
    lab.silent();
}

#[test]
fn all_addresses_of_two_public_resolvers() {
    let google = ["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"];
    let cloudflare = ["1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"];
    let mut lab = Lab::new();
    for (n, server) in (0..160).zip(google.into_iter().chain(cloudflare).cycle()) {
        lab.hear(f64::from(n), ask(HOST, server, &format!("www.site{n}.org")));
    }
    lab.silent();
}

#[test]
fn a_wrong_setting_on_fifty_clients_is_one_alert() {
    let mut lab = Lab::of(NAMED);
    for n in 0..2_000 {
        let client = format!("10.0.7.{}", n % 50 + 1);
        lab.hear(f64::from(n) / 2.0, ask(&client, "203.0.113.53", &format!("www.site{n}.org")));
    }
    lab.one_of(RULE).within(0.0, 200.0);
    assert!(lab.last(RULE).contains("49 more clients likewise"), "{}", lab.last(RULE));
}
