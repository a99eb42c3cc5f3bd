//! `c2-beacon`: few names of one rare domain by a clock, for what they say.

use crate::lab::Lab;
use crate::query::{AAAA, HTTPS, SOA, TXT, ask};

const RULE: &str = "c2-beacon";
const HOST: &str = "10.0.0.9";
const RESOLVER: &str = "10.0.0.53";

#[test]
fn orders_by_txt_once_a_minute() {
    let mut lab = Lab::new();
    for n in 0..240 {
        let order = if n % 20 == 7 { format!("job {n}") } else { "idle".to_owned() };
        let query = ask(HOST, RESOLVER, "up.implant-lab.net").kind(TXT).tells(&order).kept(1);
        lab.hear(f64::from(n) * 60.0 + f64::from(n % 5), query);
    }
    let alert = lab.one(RULE).within(0.0, 35.0 * 60.0);
    alert.says(&[HOST, "implant-lab.net", "by a clock", "every 60 s"]);
    alert.shows(&["beacon", "carrier_share"]);
}

#[test]
fn a_slow_one_within_twenty_four_polls() {
    let mut lab = Lab::new();
    for n in 0..60 {
        let query = ask(HOST, RESOLVER, "up.implant-lab.net").kind(TXT).tells("idle").kept(1);
        lab.hear(f64::from(n) * 300.0 + f64::from(n % 3) * 20.0, query);
    }
    lab.one(RULE).within(0.0, 24.0 * 300.0).shows(&["beacon", "carrier_share"]);
}

#[test]
fn a_clock_or_a_sensor_asks_one_name_each_minute_and_gets_one_answer() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let second = f64::from(n) * 60.0;
        lab.hear(second, ask(HOST, RESOLVER, "time.vendor-lab.net").points_to(&["192.0.2.9"], 60));
        let query = ask("10.0.0.10", RESOLVER, "in.telemetry-lab.com");
        lab.hear(second, query.points_to(&["192.0.2.10"], 30));
    }
    lab.silent();
}

#[test]
fn a_service_that_spreads_its_load_answers_with_other_addresses_each_time() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let (one, other) = (format!("192.0.2.{}", n % 7), format!("192.0.2.{}", 100 + n % 11));
        let query = ask(HOST, RESOLVER, "in.telemetry-lab.com").points_to(&[&one, &other], 30);
        lab.hear(f64::from(n) * 60.0, query);
    }
    lab.silent();
}

#[test]
fn keys_and_serial_numbers_change_and_are_no_orders() {
    for kind in [SOA, HTTPS] {
        let mut lab = Lab::new();
        for n in 0..600 {
            let changed = format!("serial {}", n / 3);
            let query = ask(HOST, RESOLVER, "www.company-lab.com").kind(kind).tells(&changed);
            lab.hear(f64::from(n) * 60.0, query.kept(30));
        }
        lab.silent();
    }
}

#[test]
fn a_host_without_a_cache_asks_for_its_monitoring_each_minute() {
    let mut lab = Lab::new();
    for n in 0..1_440 {
        let second = f64::from(n) * 60.0;
        let ask = || ask(HOST, RESOLVER, "agent.monitoring-lab.com");
        lab.hear(second, ask().points_to(&["192.0.2.11"], 3_600));
        lab.hear(second + 0.01, ask().kind(AAAA).points_to(&["2001:db8::11"], 3_600));
    }
    lab.silent();
}

#[test]
fn a_virus_scanner_asks_once_an_hour_whether_its_list_is_the_newest() {
    let mut lab = Lab::new();
    for n in 0..400 {
        let newest = format!("1.3:{}:{}:1:90:49192", n / 9, n / 40);
        let query = ask(HOST, RESOLVER, "current.scanner-lab.net").kind(TXT).tells(&newest);
        lab.hear(f64::from(n) * 3_600.0, query.kept(1_800));
    }
    lab.silent();
}

#[test]
fn jitter_of_a_third_costs_the_finder_time() {
    let mut lab = Lab::new();
    let mut second = 0.0;
    for n in 0..400 {
        second += 42.0 + f64::from(n * 7_919 % 37);
        let query = ask(HOST, RESOLVER, "up.implant-lab.net").kind(TXT).tells("idle").kept(1);
        lab.hear(second, query);
    }
    lab.one(RULE).within(0.0, 3.0 * 3_600.0).shows(&["beacon", "carrier_share", "minutes"]);
}

#[test]
fn a_trace_or_two_make_no_resolver_of_an_implants_host() {
    let mut lab = Lab::new();
    for n in 0..10 {
        let server = format!("192.0.2.{}", n + 1);
        lab.hear(f64::from(n), ask(HOST, &server, "www.site-lab.org").by_authority());
    }
    for n in 0..240 {
        let query = ask(HOST, RESOLVER, "up.implant-lab.net").kind(TXT).tells("idle").kept(1);
        lab.hear(60.0 + f64::from(n) * 60.0 + f64::from(n % 5), query);
    }
    lab.one_of(RULE);
}

#[test]
fn a_certificate_agent_waits_for_its_challenge() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let query = ask(HOST, RESOLVER, "_acme-challenge.our-shop.com").kind(TXT).missing();
        lab.hear(f64::from(n) * 10.0, query);
    }
    lab.silent_of(RULE);
}

#[test]
fn a_partner_sends_mail_by_a_clock() {
    let mut lab = Lab::of("mail = [\"10.0.0.9\"]");
    for n in 0..600 {
        let query = ask(HOST, RESOLVER, "_dmarc.partner-lab.com").kind(TXT).tells("v=DMARC1");
        lab.hear(f64::from(n) * 300.0, query.kept(n % 300));
    }
    lab.silent_of(RULE);
}

#[test]
fn an_underscore_hides_no_orders() {
    let mut lab = Lab::new();
    for n in 0..240 {
        let order = format!("job {n}");
        let query = ask(HOST, RESOLVER, "_dmarc.implant-lab.net").kind(TXT).tells(&order).kept(1);
        lab.hear(f64::from(n) * 60.0 + f64::from(n % 5), query);
    }
    lab.one_of(RULE);
}

#[test]
fn people_have_no_clock() {
    let mut lab = Lab::new();
    let mut second = 0.0;
    for n in 0..300 {
        second += f64::from(n * 7_919 % 613) + 2.0;
        let query = ask(HOST, RESOLVER, "wiki.hobby-lab.net").kind(TXT).tells("site=1");
        lab.hear(second, query);
    }
    lab.silent();
}

#[test]
fn a_resolver_that_renews_what_it_keeps_is_no_implant() {
    let mut lab = Lab::of("resolvers = [\"10.0.0.53\"]");
    for n in 0..600 {
        let key = ask(RESOLVER, "192.0.2.1", "sel._domainkey.mailing-lab.net").kind(TXT);
        lab.hear(f64::from(n) * 60.0, key.tells(&format!("k={n}")).by_authority());
    }
    lab.silent();
}
