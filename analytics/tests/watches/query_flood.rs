//! `query-flood`: far more questions than a host is used to.

use geophone_sensor::record::{Role, TickFigures};

use crate::lab::Lab;

const RULE: &str = "query-flood";
const RESOLVER: &str = "192.0.2.53";

fn second(lab: &mut Lab, second: u32, role: Role, host: &str, queries: u32) {
    let figures = TickFigures { queries, responses: queries, ..TickFigures::default() };
    lab.tick(f64::from(second), role, host, figures);
}

#[test]
fn a_server_is_asked_ten_times_what_is_usual() {
    let mut lab = Lab::new();
    for n in 0..900 {
        let queries = if n < 600 { 300 + n % 50 } else { 4_000 };
        second(&mut lab, n, Role::Server, RESOLVER, queries);
    }
    let alert = lab.one(RULE).within(600.0, 10.0);
    alert.says(&[RESOLVER, "is asked", "questions a second", "are usual"]);
    alert.shows(&["query_rate", "rate_rise"]);
}

#[test]
fn a_client_asks_more_than_any_resolver_of_a_site_from_the_start() {
    let mut lab = Lab::new();
    for n in 0..60 {
        second(&mut lab, n, Role::Client, "203.0.113.9", 40_000);
    }
    let alert = lab.one(RULE).within(0.0, 15.0);
    alert.says(&["203.0.113.9", "asks", "not known yet"]).shows(&["query_rate"]);
}

#[test]
fn a_busy_resolver_at_its_usual_rate() {
    let mut lab = Lab::new();
    for n in 0..7_200 {
        second(&mut lab, n, Role::Server, RESOLVER, 4_000 + n * 37 % 900);
    }
    lab.silent();
}

#[test]
fn a_morning_comes_slowly() {
    let mut lab = Lab::new();
    for n in 0..7_200 {
        second(&mut lab, n, Role::Server, RESOLVER, 40 + n / 4);
    }
    lab.silent();
}

#[test]
fn a_page_with_many_names_is_a_burst_of_a_quiet_client() {
    let mut lab = Lab::new();
    for n in 0..3_600 {
        let queries = if n % 300 == 299 { 180 } else { u32::from(n % 7 == 0) };
        second(&mut lab, n, Role::Client, "10.0.0.9", queries);
    }
    lab.silent();
}
