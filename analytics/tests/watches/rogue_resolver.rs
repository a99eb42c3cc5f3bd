//! `rogue-resolver`: clients that ask other resolvers than they are meant to.

use crate::lab::Lab;
use crate::query::ask;

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
