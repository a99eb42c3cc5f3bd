//! `amplification`: another's name under questions with large answers.

use geophone_analytics::severity::Severity;
use geophone_sensor::record::{Role, TickFigures};

use crate::lab::Lab;
use crate::query::{AAAA, ANY, DNSKEY, HTTPS, TXT, ask};

const RULE: &str = "amplification";

#[test]
fn any_in_the_name_of_a_victim_at_the_reflector() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let query = ask("203.0.113.9", "192.0.2.53", "example.org").kind(ANY).octets(40, 3_200);
        lab.hear(f64::from(n) / 20.0, query.by_authority());
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["in the name of 203.0.113.9", "192.0.2.53 send", "octets for"]);
    alert.shows(&["any_octets"]);
    assert!(alert.samples > 0);
}

#[test]
fn names_of_all_root_servers_in_the_name_of_a_victim() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let query = ask("203.0.113.9", "192.0.2.53", "reflect-lab.org").octets(40, 1_200);
        lab.hear(f64::from(n) / 20.0, query.by_authority());
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["amplification_ratio", "queries"]);
}

#[test]
fn answers_nobody_asked_for_at_the_victim() {
    let mut lab = Lab::new();
    for n in 0..2_000 {
        let reflector = format!("192.0.2.{}", n % 200 + 1);
        let answer = ask("10.0.0.9", &reflector, "example.org").kind(ANY).octets(0, 3_200);
        lab.hear(f64::from(n) / 100.0, answer.unasked(None));
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["10.0.0.9 got", "nobody asked for", "forges its address"]);
    alert.shows(&["unasked_answers", "servers"]);
}

#[test]
fn a_validating_resolver_asks_keys_of_many_zones() {
    let mut lab = Lab::new();
    for n in 0..900 {
        let zone = format!("zone{n}.org");
        let query = ask("10.0.0.53", "192.0.2.53", &zone).kind(DNSKEY).octets(40, 900);
        lab.hear(f64::from(n) / 10.0, query.by_authority());
    }
    lab.silent();
}

#[test]
fn a_mail_server_asks_long_policies_of_its_senders() {
    let mut lab = Lab::of("mail = [\"10.0.0.25\"]");
    for n in 0..900 {
        let name = format!("_dmarc.sender{n}.com");
        let query = ask("10.0.0.25", "10.0.0.53", &name).kind(TXT).octets(45, 700);
        lab.hear(f64::from(n) / 5.0, query.tells(&format!("v=DMARC1; p={n}")));
    }
    lab.silent();
}

#[test]
fn any_once_over_udp_for_somebody_outside_is_told_as_low() {
    let mut lab = Lab::new();
    let query = ask("203.0.113.9", "192.0.2.53", "example.org").kind(ANY).octets(40, 3_200);
    lab.hear(0.0, query.by_authority());
    let alert = lab.one(RULE);
    alert.shows(&["any_octets"]);
    assert_eq!(alert.severity, Severity::Low);
}

#[test]
fn any_with_a_small_answer_is_what_servers_give_since_rfc_8482() {
    let mut lab = Lab::new();
    for n in 0..30 {
        let client = format!("203.0.113.{n}");
        let query = ask(&client, "192.0.2.53", "example.org").kind(ANY).octets(40, 110);
        lab.hear(f64::from(n) * 9.0, query.by_authority());
    }
    lab.silent();
}

#[test]
fn any_with_proofs_that_there_is_no_such_name_fits_a_datagram() {
    let mut lab = Lab::new();
    for n in 0..6 {
        let query = ask("203.0.113.9", "192.0.2.53", &format!("site{n}.org")).kind(ANY);
        lab.hear(f64::from(n) * 7.0, query.octets(40, 1_034).by_authority());
    }
    lab.silent();
}

#[test]
fn all_addresses_of_a_network_are_one_campaign() {
    let mut lab = Lab::new();
    for n in 0..2_000 {
        let victim = format!("203.0.113.{}", n * 37 % 256);
        let query = ask(&victim, "192.0.2.53", "example.org").kind(DNSKEY).octets(40, 3_200);
        lab.hear(f64::from(n) / 50.0, query.by_authority());
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["more of its network"]);
    alert.shows(&["amplification_ratio", "big_type_share", "queries"]);
}

#[test]
fn victims_in_a_hundred_networks_are_one_campaign_of_the_server() {
    let mut lab = Lab::new();
    let forged = |n: u16| format!("203.{}.113.9", n % 100);
    for n in 0..6_000_u16 {
        let query = ask(&forged(n), "192.0.2.53", "example.org").kind(DNSKEY).octets(40, 3_200);
        lab.hear(f64::from(n) / 200.0, query.by_authority());
        let name = format!("h{n}.example.org");
        let honest = ask("198.51.100.9", "192.0.2.53", &name).kind(TXT).octets(40, 700);
        if n % 500 == 0 {
            lab.hear(f64::from(n) / 200.0, honest.by_authority());
        }
    }
    lab.one(RULE).within(0.0, 10.0).says(&["192.0.2.53"]);
    lab.last(RULE);
    let honest = "198.51.100.9".parse().unwrap();
    assert!(lab.clients().len() > 10 && !lab.clients().contains(&honest), "{:?}", lab.clients());
}

#[test]
fn a_farm_of_resolvers_that_ask_once_each_is_no_victim() {
    let mut lab = Lab::new();
    for n in 0..450 {
        let resolver = format!("203.0.113.{}", n % 45 + 1);
        let query = ask(&resolver, "192.0.2.53", "example.org").kind(TXT).octets(40, 1_400);
        lab.hear(f64::from(n) * 1.4, query.by_authority());
    }
    lab.silent();
}

#[test]
fn one_who_looks_what_a_zone_has_asks_any_a_few_times() {
    let mut lab = Lab::new();
    for n in 0..4 {
        let query = ask("10.0.0.9", "192.0.2.53", "example.org").kind(ANY).octets(40, 3_200);
        lab.hear(f64::from(n) * 9.0, query);
    }
    lab.silent();
}

#[test]
fn late_answers_of_two_resolvers_are_no_reflection() {
    let mut lab = Lab::new();
    for n in 0..400 {
        let name = format!("www.site{n}.org");
        let server = format!("192.0.2.{}", n % 2 + 1);
        lab.hear(f64::from(n) / 10.0, ask("10.0.0.9", &server, &name).unasked(None));
    }
    lab.silent();
}

#[test]
fn a_capture_that_loses_questions_of_a_resolver_pairs_most_answers() {
    let mut lab = Lab::new();
    for second in 0..120 {
        for n in 0..20 {
            let server = format!("192.0.2.{}", (second * 20 + n) % 200 + 1);
            let answer = ask("10.0.0.53", &server, &format!("www.site{second}-{n}.org"));
            lab.hear(f64::from(second) + f64::from(n) / 20.0, answer.unasked(None));
        }
        let figures = TickFigures { responses: 300, unsolicited: 20, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, "10.0.0.53", figures);
    }
    lab.silent();
}

#[test]
fn a_host_that_asks_the_same_key_of_all_the_world_asks_it_itself() {
    let mut lab = Lab::new();
    for n in 0..1_200 {
        let server = format!("192.0.2.{}", n % 13 + 1);
        let query = ask("10.0.0.53", &server, "example.org").kind(DNSKEY).octets(40, 1_100);
        lab.hear(f64::from(n) / 20.0, query.by_authority());
    }
    lab.silent_of(RULE);
}

#[test]
fn a_mirror_that_shows_answers_alone() {
    let mut lab = Lab::new();
    for second in 0..120_u32 {
        for n in 0..40 {
            let server = format!("192.0.2.{}", (second * 40 + n) % 200 + 1);
            let name = format!("www.site{}.org", (second * 40 + n) % 1_500);
            let answer = ask("10.0.0.53", &server, &name).octets(0, 300 + n * 10);
            lab.hear(f64::from(second) + f64::from(n) / 40.0, answer.unasked(None));
        }
        let figures = TickFigures { responses: 40, unsolicited: 40, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, "10.0.0.53", figures);
    }
    lab.silent_of(RULE);
}

#[test]
fn large_answers_about_another_name_each_time_at_the_victim() {
    let mut lab = Lab::new();
    for n in 0..2_000 {
        let reflector = format!("192.0.2.{}", n % 200 + 1);
        let name = format!("r{n}.wide-lab.org");
        let answer = ask("10.0.0.9", &reflector, &name).kind(TXT).octets(0, 1_400);
        lab.hear(f64::from(n) / 100.0, answer.unasked(None));
    }
    lab.one_of(RULE).within(0.0, 10.0).shows(&["unasked_answers"]);
}

#[test]
fn a_busy_validating_resolver_is_referred_to_signed_zones() {
    let mut lab = Lab::new();
    for n in 0..3_600_u32 {
        let kind = [1, AAAA, HTTPS][usize::try_from(n % 3).unwrap()];
        let name = format!("www.site{}.org", n / 3 % 900);
        let query = ask("198.51.100.53", "192.0.2.53", &name).kind(kind).octets(55, 760);
        lab.hear(f64::from(n) / 30.0, query.referred().octets(55, 760).by_authority());
    }
    lab.silent();
}

#[test]
fn one_reflector_with_all_it_has_at_the_victim() {
    let mut lab = Lab::new();
    for n in 0..2_000 {
        let answer = ask("10.0.0.9", "192.0.2.53", "example.org").kind(ANY).octets(0, 3_200);
        lab.hear(f64::from(n) / 200.0, answer.unasked(None));
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["unasked_answers"]);
}

#[test]
fn any_in_the_name_of_a_host_inside_at_a_reflector_outside() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let query = ask("10.0.0.9", "203.0.113.53", "example.org").kind(ANY).octets(40, 3_200);
        lab.hear(f64::from(n) / 20.0, query);
    }
    lab.one_of(RULE).within(0.0, 10.0);
}

#[test]
fn questions_that_a_trap_does_not_answer() {
    let mut lab = Lab::new();
    for n in 0..1_200 {
        let query = ask("203.0.113.9", "192.0.2.53", "example.org").kind(TXT);
        lab.hear(f64::from(n) / 20.0, query.unanswered());
    }
    lab.one_of(RULE).shows(&["queries", "big_type_share"]);
}

#[test]
fn sixty_large_answers_of_thirty_reflectors() {
    let mut lab = Lab::new();
    for n in 0..60 {
        let reflector = format!("192.0.2.{}", n % 30 + 1);
        let answer = ask("10.0.0.9", &reflector, "example.org").kind(ANY).octets(0, 3_000);
        lab.hear(f64::from(n) / 5.0, answer.unasked(None));
    }
    lab.one(RULE).shows(&["unasked_answers", "servers"]);
}
