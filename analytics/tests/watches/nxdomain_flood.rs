//! `nxdomain-flood`: new names of one zone that do not exist, all the time.

use crate::lab::Lab;
use crate::query::{TXT, ask};

const RULE: &str = "nxdomain-flood";

fn label(n: u32) -> String {
    let mut state = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..10)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + u8::try_from(state >> 40 & 0xff).unwrap() % 26)
        })
        .collect()
}

#[test]
fn a_crowd_of_resolvers_asks_names_nobody_made() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let client = format!("203.0.{}.{}", n % 7, n % 101);
        let name = format!("{}.shop-lab.com", label(n));
        lab.hear(f64::from(n) / 300.0, ask(&client, "192.0.2.53", &name).missing().by_authority());
    }
    let alert = lab.one_of(RULE).within(0.0, 10.0);
    alert.says(&["distinct names of shop-lab.com", "clients", "192.0.2.53"]);
    alert.shows(&["nx_names", "registered_zone"]);
}

#[test]
fn names_that_look_like_those_asked_of_a_block_list() {
    let mut lab = Lab::new();
    for n in 0..30_000_u32 {
        let usual = n < 600;
        let client = format!("203.0.{}.{}", n % 7, n % 101);
        let [a, b, c, d] = n.wrapping_mul(2_654_435_761).to_be_bytes();
        let name = format!("{a}.{b}.{c}.{d}.shop-lab.com");
        let second = if usual { f64::from(n) } else { 600.0 + f64::from(n - 600) / 1_500.0 };
        lab.hear(second, ask(&client, "192.0.2.53", &name).missing().by_authority());
    }
    lab.one_of(RULE).within(600.0, 10.0).says(&["shop-lab.com"]);
}

#[test]
fn who_floods_our_own_server_gets_our_zone_into_no_list() {
    let mut lab = Lab::of("authoritative = [\"10.0.0.60\"]");
    for n in 0..6_000 {
        let client = format!("203.0.{}.{}", n % 7, n % 101);
        let name = format!("{}.our-shop.com", label(n));
        lab.hear(f64::from(n) / 300.0, ask(&client, "10.0.0.60", &name).missing().by_authority());
    }
    lab.one(RULE).within(0.0, 10.0);
}

#[test]
fn the_authority_gave_up_and_answers_no_more() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let client = format!("10.0.{}.{}", n % 3, n % 101);
        let query = ask(&client, "10.0.9.53", &format!("{}.shop-lab.com", label(n)));
        let query = if n % 2 == 0 { query.unanswered() } else { query.fails(2) };
        lab.hear(f64::from(n) / 300.0, query);
    }
    lab.one_of(RULE).within(0.0, 10.0).shows(&["nx_names"]);
}

#[test]
fn a_crawler_finds_missing_names_in_many_zones() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let name = format!("www{}.site-{}.com", n % 3, n);
        let query = ask("10.0.0.80", "10.0.0.53", &name);
        let query = if n % 5 == 0 { query.missing() } else { query };
        lab.hear(f64::from(n) / 100.0, query);
    }
    lab.silent_of(RULE);
}

#[test]
fn a_tunnel_has_answers() {
    let mut lab = Lab::new();
    for n in 0..4_000 {
        let name = format!("{}.t.tunnel-lab.net", label(n));
        let query = ask("10.0.0.9", "10.0.0.53", &name).kind(TXT).tells(&label(n + 9));
        lab.hear(f64::from(n) / 200.0, query);
    }
    lab.silent_of(RULE);
}

#[test]
fn a_tunnel_of_one_client_through_names_that_do_not_exist() {
    let mut lab = Lab::new();
    for n in 0..2_000 {
        let name = format!("{}.{n}.hex-lab.org", label(n));
        lab.hear(f64::from(n) / 25.0, ask("10.0.0.9", "10.0.0.53", &name).missing());
    }
    lab.silent_of(RULE);
}

#[test]
fn a_block_list_says_no_to_most_of_a_hundred_mail_servers() {
    let mut lab = Lab::new();
    for n in 0..3_000 {
        // The same senders come to all of them, and a resolver keeps what it heard.
        let sender = (n * 13 % 92_u32).wrapping_mul(2_654_435_761);
        let name = format!("{}.{}.0.192.zen.list-lab.org", sender >> 24, sender >> 16 & 0xff);
        let client = format!("10.0.0.{}", n % 100);
        lab.hear(f64::from(n) / 100.0, ask(&client, "10.0.1.53", &name).missing());
    }
    lab.silent_of(RULE);
}

#[test]
fn the_root_hears_typing_errors_of_everybody() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let client = format!("203.0.{}.{}", n % 7, n % 101);
        lab.hear(f64::from(n) / 200.0, ask(&client, "192.0.2.1", &label(n)).missing());
    }
    lab.silent();
}

#[test]
fn a_server_that_refuses_the_zone_it_is_flooded_for() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let client = format!("203.0.{}.{}", n % 7, n % 101);
        let name = format!("{}.shop-lab.com", label(n));
        lab.hear(f64::from(n) / 300.0, ask(&client, "192.0.2.53", &name).fails(5));
    }
    lab.one_of(RULE).within(0.0, 10.0).shows(&["nx_names"]);
}

#[test]
fn a_signed_zone_that_denies_compactly() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let client = format!("203.0.{}.{}", n % 7, n % 101);
        let name = format!("{}.shop-lab.com", label(n));
        lab.hear(f64::from(n) / 300.0, ask(&client, "192.0.2.53", &name).referred().by_authority());
    }
    lab.one_of(RULE).within(0.0, 10.0).shows(&["nx_names"]);
}

#[test]
fn half_a_thousand_browsers_begin_their_day() {
    let mut lab = Lab::new();
    for n in 0..1_500 {
        let client = format!("10.0.{}.{}", n % 2, n / 6);
        let name = format!("{}.corp.work-lab.com", label(n));
        lab.hear(f64::from(n) / 150.0, ask(&client, "10.0.9.53", &name).missing());
    }
    lab.silent_of(RULE);
}

#[test]
fn bots_inside_ask_more_than_browsers() {
    let mut lab = Lab::new();
    for n in 0..9_000 {
        let client = format!("10.0.0.{}", n % 50);
        let name = format!("{}.shop-lab.com", label(n));
        lab.hear(f64::from(n) / 300.0, ask(&client, "10.0.9.53", &name).missing());
    }
    lab.one_of(RULE).within(0.0, 10.0).shows(&["nx_names"]);
}

#[test]
fn nothing_is_answered_while_the_uplink_is_down() {
    let mut lab = Lab::new();
    for n in 0..24_000 {
        let client = format!("10.0.{}.{}", n % 3, n % 101);
        let name = match n % 8 {
            0 => format!("{}.cdn-lab.net", label(n)),
            of => format!("www.site{}.com", n / 8 * 7 % 900 + of),
        };
        let query = ask(&client, "10.0.9.53", &name);
        let query = if n % 2 == 0 { query.unanswered() } else { query.fails(2) };
        lab.hear(f64::from(n) / 400.0, query);
    }
    lab.silent_of(RULE);
}

#[test]
fn a_cluster_tries_its_search_list_first() {
    let mut lab = Lab::new();
    for n in 0..9_000 {
        let client = format!("10.0.0.{}", n % 50);
        let name = format!("{}.bucket{}.com.cluster.local", label(n), n % 9);
        lab.hear(f64::from(n) / 300.0, ask(&client, "10.0.9.53", &name).missing());
    }
    lab.silent_of(RULE);
}

#[test]
fn mail_servers_ask_a_list_for_hashes_of_addresses() {
    let hash = |n: u32| -> String {
        (0..40).map(|at| char::from(b"0123456789abcdef"[usize::from(hex(n, at))])).collect()
    };
    let mut lab = Lab::new();
    for n in 0..3_000 {
        let client = format!("10.0.0.{}", n % 4 + 1);
        let name = format!("{}.ebl.msbl.org", hash(n));
        lab.hear(f64::from(n) / 50.0, ask(&client, "10.0.9.53", &name).missing());
    }
    lab.silent();
}

/// A digit of a hash.
fn hex(n: u32, at: u32) -> u8 {
    let mixed = (n.wrapping_mul(40) + at).wrapping_mul(2_654_435_761);
    u8::try_from(mixed >> 28).unwrap()
}

#[test]
fn a_resolver_that_asks_all_servers_of_the_zone_for_each_name() {
    let mut lab = Lab::new();
    for n in 0..10_000 {
        let client = format!("203.0.{}.{}", n / 5 % 7, n / 5 % 101);
        let name = format!("{}.shop-lab.com", label(n / 5));
        lab.hear(f64::from(n) / 1_000.0, ask(&client, "192.0.2.53", &name).fails(2));
    }
    lab.one_of(RULE).within(0.0, 10.0).shows(&["nx_names"]);
}

#[test]
fn a_zone_of_a_laboratory() {
    let mut lab = Lab::new();
    for n in 0..6_000 {
        let client = format!("10.0.{}.{}", n % 7, n % 101);
        let name = format!("{}.shop.local", label(n));
        lab.hear(f64::from(n) / 300.0, ask(&client, "10.0.9.53", &name).missing());
    }
    lab.one_of(RULE).within(0.0, 10.0);
}
