//! Traffic that looks like a tunnel to those who look at single names, and is none.

use super::wire::{A, AAAA, HTTPS, PTR, Reply, TXT, Traffic};

/// Labels that people's programs ask for.
const HOSTS: [&str; 12] = [
    "www", "api", "static", "cdn", "img", "login", "mail", "assets", "fonts", "media", "shop", "m",
];

/// First halves of made-up sites.
const SITES: [&str; 20] = [
    "garden", "river", "daily", "metro", "north", "harbour", "cinema", "recipe", "travel",
    "weather", "football", "museum", "science", "market", "village", "school", "theatre", "camera",
    "bicycle", "library",
];

/// Content delivery: alias chains to names with a hash, few of them for many queries.
pub(super) fn cdn(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    let distributions: Vec<_> = (0..12)
        .map(|_| format!("d{}", traffic.letters(13, "abcdefghijklmnopqrstuvwxyz0123456789")))
        .collect();
    for n in 0..600_usize {
        let site = traffic.one_of(&SITES);
        let number = traffic.below(5);
        match n % 4 {
            0 => {
                let distribution = distributions.get(n / 4 % 12).cloned().unwrap_or_default();
                traffic.ask(&format!("{distribution}.cloudfront.net"), A, 0, &Reply::Address);
            }
            1 => {
                let edge = format!("e{}.dscb.akamaiedge.net", 1000 + number * 7);
                traffic.ask(&format!("www.{site}.com.edgekey.net"), A, 0, &Reply::Alias(edge));
            }
            2 => {
                let node = traffic.below(9);
                let name = format!("r{number}---sn-4g5ednz{node}.googlevideo.com");
                traffic.ask(&name, AAAA, 0, &Reply::Address);
            }
            _ => traffic.ask(&format!("{site}.azureedge.net"), HTTPS, 0, &Reply::Empty),
        }
        traffic.pause_millis(350);
    }
    traffic
}

/// File reputation: the hash of each file that is opened, asked of the vendor.
pub(super) fn reputation(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for _ in 0..400 {
        let hash = traffic.letters(26, "abcdefghijklmnopqrstuvwxyz234567");
        traffic.ask(&format!("{hash}.avqs.mcafee.com"), A, 0, &Reply::Listed);
        traffic.pause_millis(3_000);
    }
    traffic
}

/// A mail server that asks block lists about every sender.
pub(super) fn block_list(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for _ in 0..500 {
        let reversed = reversed_ipv4(&mut traffic);
        let found = traffic.below(10) == 0;
        let reply = if found { Reply::Listed } else { Reply::Nowhere };
        traffic.ask(&format!("{reversed}.zen.spamhaus.org"), A, 0, &reply);
        traffic.ask(&format!("{reversed}.bl.spamcop.net"), A, 0, &reply);
        if found {
            traffic.ask(
                &format!("{reversed}.zen.spamhaus.org"),
                TXT,
                0,
                &Reply::Data(b"listed, see the list's own page".to_vec()),
            );
        }
        traffic.pause_millis(2_000);
    }
    traffic
}

/// A server that names in its log whoever connects.
pub(super) fn reverse(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for n in 0..500_u32 {
        let name = if n % 5 == 0 {
            let nibbles: Vec<_> = traffic.hex(8).chars().map(|digit| digit.to_string()).collect();
            format!("{}.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", nibbles.join("."))
        } else {
            format!("{}.in-addr.arpa", reversed_ipv4(&mut traffic))
        };
        let host = format!("host-{}.pool.selftest-isp.net", traffic.below(10_000));
        let reply = if traffic.below(3) == 0 { Reply::Nowhere } else { Reply::Name(host) };
        traffic.ask(&name, PTR, 0, &reply);
        traffic.pause_millis(1_500);
    }
    traffic
}

/// A pod: every name outside is tried under the cluster's search domains first (ndots:5).
pub(super) fn kubernetes(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    let search = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    let services = ["cart", "payment", "catalogue", "session-cache", "ledger", "search-index"];
    for n in 0..300_u32 {
        if n % 3 == 0 {
            let service = traffic.one_of(&services);
            let name = format!("{service}.{}", search[0]);
            traffic.ask(&name, A, 0, &Reply::Address);
            traffic.ask(&name, AAAA, 0, &Reply::Empty);
        } else {
            let site = traffic.one_of(&SITES);
            let label = traffic.one_of(&HOSTS);
            for domain in search {
                let name = format!("{label}.{site}-partner.com.{domain}");
                traffic.ask(&name, A, 0, &Reply::Nowhere);
            }
            traffic.ask(&format!("{label}.{site}-partner.com"), A, 0, &Reply::Address);
        }
        traffic.pause_millis(700);
    }
    traffic
}

/// People who read pages: the same sites again and again, by three types each.
pub(super) fn browsing(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for _ in 0..500 {
        let site = traffic.one_of(&SITES);
        let label = traffic.one_of(&HOSTS);
        let ending = traffic.one_of(&["com", "org", "net", "de"]);
        let name = format!("{label}.{site}-example.{ending}");
        traffic.ask(&name, A, 0, &Reply::Address);
        traffic.ask(&name, AAAA, 0, &Reply::Empty);
        traffic.ask(&name, HTTPS, 0, &Reply::Empty);
        traffic.pause_millis(900);
    }
    traffic
}

fn reversed_ipv4(traffic: &mut Traffic) -> String {
    let octets: Vec<_> = (0..4).map(|_| (1 + traffic.below(223)).to_string()).collect();
    octets.join(".")
}
