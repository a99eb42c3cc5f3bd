//! `dga`: domains that a program computes, most of which nobody registered.

use crate::families::FAMILIES;
use crate::lab::Lab;
use crate::query::ask;

const RULE: &str = "dga";
const HOST: &str = "10.0.0.9";
const RESOLVER: &str = "10.0.0.53";

/// What people ask beside it; each exists. Some look drawn.
const BROWSED: [&str; 24] = [
    "wikipedia.org",
    "ytimg.com",
    "openstreetmap.org",
    "gstatic.com",
    "bbc.co.uk",
    "fbcdn.net",
    "spiegel.de",
    "2mdn.net",
    "stackoverflow.com",
    "licdn.com",
    "debian.org",
    "cdnjs.com",
    "lemonde.fr",
    "hotjar.com",
    "github.com",
    "adnxs.com",
    "weather.gov",
    "rlcdn.com",
    "heise.de",
    "twimg.com",
    "nature.com",
    "wp.com",
    "elpais.com",
    "jsdelivr.net",
];

/// Lets a client look for `domains`, one every two seconds, the one of number `registered` being
/// there, and browse meanwhile; returns the missing domains up to the alert, if there was one.
fn look_for(lab: &mut Lab, domains: &[String], registered: usize) -> Option<usize> {
    let (mut missing, mut told) = (0, None);
    for (n, domain) in domains.iter().enumerate() {
        let second = f64::from(u32::try_from(n).unwrap()) * 2.0;
        if n % 4 == 1 {
            let site = BROWSED[n / 4 % BROWSED.len()];
            lab.hear(second, ask(HOST, RESOLVER, &format!("www.{site}")));
        }
        let query = ask(HOST, RESOLVER, domain);
        lab.hear(second + 0.5, if n == registered { query } else { query.missing() });
        missing += usize::from(n != registered);
        if told.is_none() && lab.has(RULE) {
            told = Some(missing);
        }
    }
    told
}

#[test]
fn every_family_is_told_in_time() {
    let mut table = vec![format!("{:<13} {:>5} {:>5}  form", "family", "told", "most")];
    let mut late = Vec::new();
    for family in &FAMILIES {
        let told = look_for(&mut Lab::new(), &family.domains(), usize::MAX);
        let shown = told.map_or_else(|| "-".to_owned(), |told| told.to_string());
        table.push(format!("{:<13} {shown:>5} {:>5}  {}", family.name, family.most, family.form));
        let most = usize::try_from(family.most).unwrap();
        if told.is_none_or(|told| told > most) {
            late.push(family.name);
        }
    }
    assert!(late.is_empty(), "late: {}\n{}", late.join(", "), table.join("\n"));
}

/// Families whose rendezvous looks too much like what people visit to be named.
const UNNAMED: [&str; 1] = ["nymaim"];

#[test]
fn the_domain_that_was_there_is_named() {
    let mut table = Vec::new();
    let mut unnamed = Vec::new();
    for family in &FAMILIES {
        let mut lab = Lab::new();
        let domains = family.domains();
        look_for(&mut lab, &domains, 62);
        let headline = &lab.last(RULE);
        table.push(format!("{:<13} {:<32} {headline}", family.name, domains[62]));
        if !headline.contains(&domains[62]) {
            unnamed.push(family.name);
        }
    }
    assert_eq!(unnamed, UNNAMED, "{}", table.join("\n"));
}

#[test]
fn the_alert_says_what_an_analyst_needs() {
    let mut lab = Lab::new();
    let tinba = FAMILIES.iter().find(|family| family.name == "tinba").unwrap();
    look_for(&mut lab, &tinba.domains(), usize::MAX);
    let alert = lab.one(RULE).within(0.0, 20.0);
    alert.says(&[HOST, "domains that nobody registered", "names that look generated"]);
    alert.shows(&["dga_evidence"]);
}

#[test]
fn what_people_visit_meanwhile_gets_into_no_block_list() {
    let mut lab = Lab::new();
    let domains = FAMILIES[1].domains();
    look_for(&mut lab, &domains[..60], 55);
    lab.last(RULE);
    assert!(lab.domains().contains(&domains[55]), "{:?}", lab.domains());
    let made = lab.domains().iter().all(|domain| domains.contains(domain));
    assert!(made, "{:?}", lab.domains());
}

/// A resolver that begins to deny what everybody visits: a mishap, or a block list of many sites.
#[test]
fn what_a_block_list_denies_is_of_all_kinds() {
    let popular = include_str!("../../src/export/popular.txt");
    let popular: Vec<_> = popular.lines().filter(|line| !line.starts_with('#')).collect();
    let mut lab = Lab::new();
    for (n, domain) in (0..).zip(&popular) {
        let name = format!("www.{domain}");
        lab.hear(f64::from(n) * 3.0, ask(HOST, RESOLVER, &name).missing());
    }
    lab.last(RULE);
    lab.silent_of(RULE);
}

/// Browses sites that the client never visited, with these misses in between.
fn browse(lab: &mut Lab, missing: &[String], every: usize) {
    let mut left = missing.iter();
    let n = missing.len() * every;
    for n in 0..n {
        let second = f64::from(u32::try_from(n).unwrap()) * 7.0;
        if n % every == 0 {
            let name = left.next().unwrap();
            lab.hear(second, ask(HOST, RESOLVER, name).missing());
        } else {
            let site = format!("www.{}{n}.com", BROWSED[n % BROWSED.len()].replace('.', "-"));
            lab.hear(second, ask(HOST, RESOLVER, &site));
        }
    }
}

#[test]
fn typing_errors_while_browsing() {
    let names = [
        "wikipeida.org",
        "gogle.com",
        "facebok.com",
        "yuotube.com",
        "amazn.com",
        "twiter.com",
        "githbu.com",
        "speigel.de",
        "stackoverfow.com",
        "redit.com",
        "netlfix.com",
        "linkdin.com",
        "wheather.com",
        "openstretmap.org",
        "debain.org",
        "nautre.com",
        "elpias.com",
        "hiese.de",
    ];
    let mut lab = Lab::new();
    browse(&mut lab, &names.map(|name| format!("www.{name}")), 4);
    lab.silent();
}

#[test]
fn a_dozen_dead_sites_of_a_country_from_old_bookmarks() {
    let names = [
        "tischlerei-hohenfeld.de",
        "gasthof-sonnenberg.de",
        "radsport-immenau.de",
        "ferienhaus-ostsee24.de",
        "kunstverein-lauterbach.de",
        "schreibwaren-petzold.de",
        "angelverein-moosach.de",
        "blumen-ritterhude.de",
        "chor-sankt-ansgar.de",
        "modellbahn-kassel.de",
        "buecherstube-rheinau.de",
        "segelschule-ploen.de",
    ];
    let mut lab = Lab::new();
    browse(&mut lab, &names.map(str::to_owned), 3);
    lab.silent();
}

#[test]
fn a_search_list_behind_every_host_name() {
    let mut lab = Lab::new();
    for n in 0..400_u16 {
        let host = ["fileserver", "printer", "intranet", "build", "wiki"][usize::from(n) % 5];
        let name = format!("{host}{n}.lindqvist-lab.com");
        let second = f64::from(n) * 9.0;
        lab.hear(second, ask(HOST, RESOLVER, &name).missing());
        lab.hear(second + 0.1, ask(HOST, RESOLVER, &format!("{host}{n}")).missing());
    }
    lab.silent_of(RULE);
}

#[test]
fn chromium_asks_three_drawn_labels_at_every_start() {
    let mut lab = Lab::new();
    for n in 0..30 {
        let drawn = FAMILIES[5].domains();
        for label in &drawn[n * 3..n * 3 + 3] {
            let label = label.strip_suffix(".com").unwrap();
            let second = f64::from(u32::try_from(n).unwrap()) * 100.0;
            lab.hear(second, ask(HOST, RESOLVER, label).missing());
            let searched = format!("{label}.lindqvist-lab.com");
            lab.hear(second + 0.1, ask(HOST, RESOLVER, &searched).missing());
        }
    }
    lab.silent_of(RULE);
}

#[test]
fn a_resolver_that_denies_trackers_denies_the_same_ones_every_day() {
    let trackers: Vec<_> = (0..60)
        .map(|n| format!("ads{n}.{}-metrics{}.net", ["click", "pixel", "tag"][n % 3], n * 37 % 60))
        .collect();
    let mut lab = Lab::new();
    browse(&mut lab, &trackers, 3);
    for day in 1..4 {
        for (n, tracker) in (0..).zip(&trackers) {
            let second = f64::from(day) * 86_400.0 + f64::from(n) * 8.0;
            lab.hear(second, ask(HOST, RESOLVER, tracker).missing());
        }
    }
    lab.silent();
}

#[test]
fn who_looks_where_a_name_is_free_asks_one_label_under_all_suffixes() {
    let suffixes = [
        "com", "net", "org", "info", "biz", "eu", "de", "at", "ch", "fr", "it", "es", "nl", "be",
        "dk", "se", "no", "fi", "pl", "cz", "app", "dev", "io", "me", "tv", "cc", "ws", "xyz",
        "shop", "club", "site", "online", "store", "tech", "space", "fun", "pw", "ru", "in", "cn",
        "jp", "us", "ca", "mx", "br", "nz",
    ];
    let mut lab = Lab::new();
    for (n, suffix) in (0..).zip(suffixes) {
        lab.hear(f64::from(n), ask(HOST, RESOLVER, &format!("brightfold.{suffix}")).missing());
    }
    lab.silent();
}

#[test]
fn a_crawler_meets_dead_links() {
    let mut lab = Lab::new();
    let mut dead = FAMILIES[14].domains();
    dead.extend(FAMILIES[13].domains());
    browse(&mut lab, &dead, 6);
    lab.silent();
}

#[test]
fn twenty_hosts_of_one_network_are_one_alert_that_names_them() {
    let mut lab = Lab::new();
    let domains = FAMILIES[0].domains();
    for (n, name) in (0..60).zip(&domains) {
        for host in 1..=20 {
            let client = format!("10.0.3.{host}");
            let second = f64::from(n) * 40.0 + f64::from(host) * 2.0;
            lab.hear(second, ask(&client, "10.0.0.53", name).missing());
        }
    }
    let first = lab.one_of(RULE).client;
    assert!(lab.last(RULE).contains("19 more clients likewise"), "{}", lab.last(RULE));
    assert!(lab.clients().len() == 20 && lab.clients().contains(&first));
}

#[test]
fn two_programs_at_neighbours_are_two_alerts() {
    let mut lab = Lab::new();
    for (host, family) in (1..=2).zip(&FAMILIES) {
        for (n, name) in (0..60).zip(family.domains()) {
            let client = format!("10.0.3.{host}");
            lab.hear(f64::from(n) * 40.0, ask(&client, "10.0.0.53", &name).missing());
        }
    }
    assert_eq!(lab.count(RULE), 2);
}

#[test]
fn a_mirror_that_shows_answers_alone() {
    let mut lab = Lab::new();
    for (n, name) in (0..60).zip(FAMILIES[0].domains()) {
        let answer = ask("10.0.0.9", "10.0.0.53", &name).missing().unasked(None);
        lab.hear(f64::from(n) * 2.0, answer);
    }
    lab.one_of(RULE).within(0.0, 60.0);
}
