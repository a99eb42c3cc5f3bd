//! `query-flood`: far more questions than a host is used to.

use geophone_sensor::record::{Role, TickFigures};

use crate::lab::Lab;

const RULE: &str = "query-flood";
const RESOLVER: &str = "10.0.0.53";

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

/// Lets hosts ask and be asked so much in a second, each question once in the sum, all answered.
fn whole_second(lab: &mut Lab, n: u32, hosts: &[(Role, &str, u32)], sum: u32) {
    for (role, host, queries) in hosts {
        second(lab, n, *role, host, *queries);
    }
    let figures = TickFigures { queries: sum, responses: sum, ..TickFigures::default() };
    lab.all_in_all(f64::from(n), figures);
}

#[test]
fn a_standby_takes_over() {
    let mut lab = Lab::new();
    for n in 0..3_600 {
        let (first, standby) = if n < 1_800 { (500 + n % 30, 1) } else { (0, 500 + n % 30) };
        let hosts = [
            (Role::Server, RESOLVER, first),
            (Role::Server, "10.0.0.54", standby),
            (Role::Client, "10.0.0.54", standby / 8),
        ];
        whole_second(&mut lab, n, &hosts, 500 + n % 30);
    }
    lab.silent();
}

#[test]
fn a_resolver_of_a_busy_site_is_flooded() {
    for answered in [true, false] {
        let mut lab = Lab::new();
        for n in 0..1_200 {
            let small = if n < 900 { 20 } else { 2_000 };
            let answers = if answered { small } else { 20 };
            let busy = 4_000 + n % 40;
            let busy = ["10.0.0.53", "10.0.0.54", "10.0.0.55", "10.0.0.56", "10.0.0.57"]
                .map(|host| (Role::Server, host, busy));
            let figures = TickFigures { queries: small, responses: answers, ..Default::default() };
            lab.tick(f64::from(n), Role::Server, "10.0.0.99", figures);
            whole_second(&mut lab, n, &busy, 20_000 + n % 40 * 5 + answers);
        }
        lab.one(RULE).within(900.0, 10.0).says(&["10.0.0.99"]);
    }
}

#[test]
fn a_resolver_empties_its_cache() {
    let mut lab = Lab::of("resolvers = [\"10.0.0.53\"]");
    for n in 0..1_800 {
        let upstream = if (1_200..1_320).contains(&n) { 3_000 } else { 350 };
        let hosts = [
            (Role::Server, RESOLVER, 3_100),
            (Role::Client, RESOLVER, upstream),
            (Role::Server, "192.0.2.1", upstream / 2),
        ];
        whole_second(&mut lab, n, &hosts, 3_100 + upstream);
    }
    lab.silent();
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
