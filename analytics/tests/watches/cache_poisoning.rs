//! `cache-poisoning`: answers that somebody forged.

use geophone_sensor::record::{Mismatch, Role, TickFigures};

use crate::lab::Lab;
use crate::query::{AAAA, ask};

const RULE: &str = "cache-poisoning";
const RESOLVER: &str = "10.0.0.53";
const AUTHORITY: &str = "192.0.2.53";

fn forged(name: &str, how: Option<Mismatch>) -> crate::query::Query {
    ask(RESOLVER, AUTHORITY, name).points_to(&["203.0.113.66"], 86_400).unasked(how)
}

#[test]
fn one_question_with_two_answers_that_contradict_each_other() {
    let mut lab = Lab::new();
    lab.hear(0.0, ask(RESOLVER, AUTHORITY, "www.bank-lab.com"));
    lab.hear(0.004, forged("www.bank-lab.com", Some(Mismatch::Conflict)));
    let alert = lab.one(RULE).within(0.0, 1.0);
    alert.says(&[RESOLVER, AUTHORITY, "1 answers that contradict", "for 1 names"]);
    alert.shows(&["conflicts"]);
}

/// A repetition was lost, and the server spreads its load: two answers to what looks like one question.
#[test]
fn a_capture_that_loses_repetitions_of_a_busy_client() {
    let mut lab = Lab::new();
    for second in 0..120 {
        let name = format!("www.site{second}.org");
        let again = || forged(&name, Some(Mismatch::Conflict)).after(1.2);
        lab.hear(f64::from(second), ask(RESOLVER, AUTHORITY, &name));
        lab.hear(f64::from(second) + 0.9, again());
        let figures = TickFigures { responses: 500, unsolicited: 1, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, RESOLVER, figures);
    }
    lab.silent();
}

#[test]
fn one_on_the_path_who_forges_what_far_servers_say() {
    let mut lab = Lab::new();
    for second in 0..20 {
        let name = format!("www.site{second}.org");
        lab.hear(f64::from(second), ask(RESOLVER, AUTHORITY, &name).after(0.02));
        let other = forged(&name, Some(Mismatch::Conflict)).after(0.9);
        lab.hear(f64::from(second) + 0.9, other);
        let figures = TickFigures { responses: 2, unsolicited: 1, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, RESOLVER, figures);
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["answers that contradict"]).shows(&["conflicts"]);
    assert!(!alert.headline.contains(" 0 answers that contradict"), "{}", alert.headline);
}

#[test]
fn wrong_ids_while_the_question_waits() {
    let mut lab = Lab::new();
    for n in 0..200 {
        lab.hear(f64::from(n) / 1_000.0, forged("www.bank-lab.com", Some(Mismatch::Id)));
    }
    let figures = TickFigures { responses: 201, unsolicited: 200, ..TickFigures::default() };
    lab.tick(0.0, Role::Client, RESOLVER, figures);
    let alert = lab.one(RULE).within(0.0, 1.0);
    alert.says(&["with a wrong id", AUTHORITY]).shows(&["mismatches"]);
}

#[test]
fn a_capture_that_loses_questions_of_a_busy_client_pairs_most_answers() {
    let mut lab = Lab::new();
    for second in 0..120 {
        for n in 0..20 {
            let name = format!("www.site{}.org", n % 4);
            let how = if n % 2 == 0 { Some(Mismatch::Id) } else { None };
            let answer = ask("10.0.0.9", RESOLVER, &name).unasked(how);
            lab.hear(f64::from(second) + f64::from(n) / 20.0, answer);
        }
        let figures = TickFigures { responses: 200, unsolicited: 20, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, "10.0.0.9", figures);
    }
    lab.silent();
}

#[test]
fn guesses_for_one_sibling_after_the_other() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let name = format!("x{}.bank-lab.com", n / 10);
        lab.hear(f64::from(n) / 100.0, forged(&name, Some(Mismatch::Id)));
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.shows(&["mismatches"]);
}

#[test]
fn blind_guesses_at_all_ports() {
    let mut lab = Lab::new();
    for n in 0..400_u16 {
        lab.hear(f64::from(n) / 100.0, forged("www.bank-lab.com", None).by_port(20_000 + n));
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["unasked_answers", "ports"]);
}

#[test]
fn fragments_that_lie_in_wait_for_a_head() {
    let mut lab = Lab::new();
    for second in 0..3 {
        let figures = TickFigures { queries: 4, responses: 4, headed: 1, ..TickFigures::default() };
        let figures = TickFigures { headless: 64, ..figures };
        lab.tick(f64::from(second), Role::Client, RESOLVER, figures);
    }
    let alert = lab.one(RULE).within(0.0, 2.0);
    alert.says(&[RESOLVER, "without a head", "lie in wait"]).shows(&["headless_fragments"]);
}

#[test]
fn a_capture_that_loses_heads_keeps_most() {
    let mut lab = Lab::new();
    for second in 0..300 {
        let figures = TickFigures { responses: 300, headless: 8, ..TickFigures::default() };
        let figures = TickFigures { headed: 30, ..figures };
        lab.tick(f64::from(second), Role::Client, RESOLVER, figures);
    }
    lab.silent();
}

#[test]
fn answers_sent_again_and_answers_that_are_late_are_honest() {
    let mut lab = Lab::new();
    for n in 0..500 {
        let name = format!("www.site{}.org", n / 5);
        let how = if n % 2 == 0 { Mismatch::Repeat } else { Mismatch::Late };
        lab.hear(f64::from(n) / 20.0, forged(&name, Some(how)));
    }
    lab.silent();
}

#[test]
fn a_spread_load_and_dns64_answer_differently_each_time() {
    let mut lab = Lab::new();
    for n in 0..500 {
        let second = f64::from(n) / 10.0;
        let (one, six) = (format!("192.0.2.{}", n % 50), format!("64:ff9b::c000:2{:02x}", n % 50));
        lab.hear(second, ask(RESOLVER, AUTHORITY, "www.cdn-lab.net").points_to(&[&one], 1));
        let synthesised = ask("10.0.0.9", RESOLVER, "www.cdn-lab.net").kind(AAAA);
        lab.hear(second + 0.01, synthesised.points_to(&[&six], 1));
    }
    lab.silent();
}

#[test]
fn a_capture_that_missed_the_questions_sees_each_answer_once() {
    let mut lab = Lab::new();
    for n in 0..2_000_u16 {
        let answer = ask("10.0.0.9", RESOLVER, &format!("www.site{n}.org")).by_port(1_024 + n);
        lab.hear(f64::from(n) / 50.0, answer.unasked(None));
    }
    lab.silent();
}

#[test]
fn a_capture_that_misses_some_questions_all_day_does_not_add_up() {
    let mut lab = Lab::new();
    for n in 0..6_000_u16 {
        let name = format!("www.site{}.org", n % 500);
        let answer = ask("10.0.0.9", RESOLVER, &name).by_port(1_024 + n);
        lab.hear(f64::from(n) / 4.0, answer.unasked(None));
    }
    lab.silent();
}

#[test]
fn a_mirror_that_shows_answers_alone() {
    let mut lab = Lab::new();
    for second in 0..300 {
        for n in 0..4_u16 {
            let name = ["api.work-lab.com", "www.work-lab.com"][usize::from(n % 2)];
            let answer = ask("10.0.0.9", RESOLVER, name).by_port(1_024 + n);
            lab.hear(f64::from(second) + f64::from(n) / 4.0, answer.unasked(None));
        }
        let figures = TickFigures { responses: 4, unsolicited: 4, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, "10.0.0.9", figures);
    }
    lab.silent();
}

#[test]
fn fragments_whose_heads_take_another_link() {
    let mut lab = Lab::new();
    for second in 0..300 {
        let figures = TickFigures { responses: 900, headless: 9, ..TickFigures::default() };
        lab.tick(f64::from(second), Role::Client, RESOLVER, figures);
    }
    lab.silent();
}

#[test]
fn one_injector_and_thirty_victims_are_one_alert() {
    let mut lab = Lab::new();
    for n in 0..90 {
        let victim = format!("10.0.7.{}", n % 30 + 1);
        let answer = ask(&victim, RESOLVER, "www.bank-lab.com").unasked(Some(Mismatch::Conflict));
        lab.hear(f64::from(n), answer.after(0.03));
    }
    lab.one(RULE);
    assert!(lab.last(RULE).contains("29 more clients likewise"), "{}", lab.last(RULE));
}

#[test]
fn the_true_answer_comes_long_after_the_forged_one() {
    let mut lab = Lab::new();
    lab.hear(0.0, ask(RESOLVER, AUTHORITY, "www.bank-lab.com").after(0.002));
    lab.hear(2.0, forged("www.bank-lab.com", Some(Mismatch::Conflict)).after(0.002));
    lab.one(RULE).within(2.0, 1.0).shows(&["conflicts"]);
}

#[test]
fn guesses_in_the_name_of_all_servers_of_a_zone() {
    let mut lab = Lab::new();
    for n in 0..4_000_u16 {
        let server = format!("192.0.2.{}", n % 4 + 1);
        let answer = ask(RESOLVER, &server, "www.bank-lab.com").unasked(None);
        lab.hear(f64::from(n) / 500.0, answer.by_port(20_000 + n));
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["unasked_answers"]);
}

#[test]
fn a_thing_with_one_port_in_a_capture_that_loses_answers() {
    let names = ["api.thing-lab.com", "ntp.thing-lab.com", "log.thing-lab.com"];
    let mut lab = Lab::new();
    for n in 0..6_000_usize {
        let name = names[(n * 7 + n / 5) % 3];
        let answer = ask("10.0.0.9", RESOLVER, name).unasked(Some(Mismatch::Id));
        lab.hear(f64::from(u32::try_from(n).unwrap()) / 2.0, answer);
    }
    lab.silent();
}

#[test]
fn fragments_that_the_mirror_shows_twice() {
    let mut lab = Lab::new();
    for second in 0..300 {
        let figures = TickFigures { responses: 10, headless: 6, ..TickFigures::default() };
        let figures = TickFigures { headed: 6, ..figures };
        lab.tick(f64::from(second), Role::Client, RESOLVER, figures);
    }
    lab.silent();
}
