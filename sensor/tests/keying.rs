//! How evenly the load falls on partitions when records go to the owner of client and domain.

#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::net::{IpAddr, Ipv4Addr};

use geophone_kafka::topic::partition_of;
use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use geophone_sensor::record::{Record, Transaction, owner_of};

const PARTITIONS: u32 = 24;
const QUERIES: u32 = 200_000;
/// What the fullest partition may have of the mean.
const EVEN: f64 = 1.5;

/// Finalizer of splitmix64 (Steele, Lea, Flood 2014).
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Draws from 0 to `most` by Zipf's law with exponent 1: the rank is the exponential of a uniform.
fn zipf(random: u64, most: f64) -> u64 {
    let uniform = f64::from(u32::try_from(random >> 32).unwrap()) / f64::from(u32::MAX);
    format!("{:.0}", (uniform * most.ln()).exp() - 1.0).parse().unwrap()
}

struct Query {
    client: u64,
    name: String,
}

/// Makes a query of a random number.
type Traffic<'a> = &'a dyn Fn(u64) -> Query;

/// The load of the fullest of 24 partitions as a multiple of the mean.
fn unevenness(query: impl Fn(u64) -> Query) -> f64 {
    let [load] = unevenness_over([PARTITIONS], query);
    load
}

fn unevenness_over<const N: usize>(partitions: [u32; N], query: impl Fn(u64) -> Query) -> [f64; N] {
    let mut loads = partitions.map(|n| vec![0_u32; usize::try_from(n).unwrap()]);
    let reader = NameReader::default();
    for n in 0..QUERIES {
        let Query { client, name } = query(mix(u64::from(n) + 1));
        let qname = Name::parse(&name).unwrap();
        let (domain_at, name) = reader.read(&qname);
        let address = u32::try_from(client & 0xff_ffff).unwrap();
        let client = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | address));
        let asked = Transaction { qname, domain_at, name, client, ..Transaction::default() };
        let owner = owner_of(&Record::Transaction(&asked), 7);
        for (loads, partitions) in loads.iter_mut().zip(partitions) {
            let partition = usize::try_from(partition_of(owner, partitions)).unwrap();
            *loads.get_mut(partition).unwrap() += 1;
        }
    }
    loads.map(|loads| {
        let partitions = f64::from(u32::try_from(loads.len()).unwrap());
        f64::from(*loads.iter().max().unwrap()) * partitions / f64::from(QUERIES)
    })
}

fn ordinary(random: u64, clients: u64) -> Query {
    let domain = zipf(mix(random), 200_000.0);
    Query { client: random % clients, name: format!("www.domain{domain}.com") }
}

#[test]
fn the_load_is_even_where_many_clients_ask_and_a_flood_changes_nothing() {
    let office = unevenness(|random| ordinary(random, 5_000));
    // Resolvers seen as clients; of twenty names one is under no suffix.
    let resolvers = unevenness(|random| match random % 20 {
        0 => Query { client: mix(random) % 200, name: format!("host{random}.corp-lan") },
        _ => ordinary(mix(random), 200),
    });
    let hot = unevenness(|random| match random % 2 {
        0 => Query { client: mix(random) % 100_000, name: "api.hot.com".to_owned() },
        _ => ordinary(mix(random), 100_000),
    });
    let flood = unevenness(|random| match random % 4 {
        0 => ordinary(mix(random), 5_000),
        _ => Query { client: mix(random), name: format!("{random:x}.victim.com") },
    });
    for (name, load) in
        [("office", office), ("resolvers", resolvers), ("hot domain", hot), ("flood", flood)]
    {
        assert!(load <= EVEN, "{name}: the fullest partition has {load:.2} of the mean");
    }
}

/// A million clients in fifty networks: the table of datasets/bench/README.md, printed where
/// `KEYING_TABLE` names a file for it.
#[test]
fn a_million_clients_load_partitions_evenly_and_single_ones_do_not() {
    const CLIENTS: u64 = 1_000_000;
    let everyone = |random: u64| ordinary(random, CLIENTS);
    // Each of fifty resolvers is one client, with everything its network asks.
    let resolvers = |random: u64| ordinary(mix(random), 50);
    let hot = |random: u64| match random % 2 {
        0 => Query { client: mix(random) % CLIENTS, name: "api.hot.com".to_owned() },
        _ => ordinary(mix(random), CLIENTS),
    };
    let flood = |random: u64| match random % 4 {
        0 => everyone(random),
        _ => Query { client: mix(random), name: format!("{random:x}.victim.com") },
    };
    let resolver = |random: u64| ordinary(random, 1);
    // A tenth of everything is one client that floods one domain.
    let single = |random: u64| match random % 10 {
        0 => Query { client: 1, name: format!("{random:x}.victim.com") },
        _ => ordinary(mix(random), CLIENTS),
    };
    let cases: [(&str, Traffic<'_>, bool); 6] = [
        ("a million clients", &everyone, true),
        ("fifty resolvers as clients", &resolvers, true),
        ("half of it one domain", &hot, true),
        ("three quarters a flood from many", &flood, true),
        ("one resolver as the only client", &resolver, false),
        ("a tenth one client at one domain", &single, false),
    ];
    let mut table = String::new();
    for (name, query, even) in cases {
        let loads = unevenness_over([24, 48, 96], query);
        table += &format!("| {name} | {:.2} | {:.2} | {:.2} |\n", loads[0], loads[1], loads[2]);
        assert_eq!(loads[1] <= EVEN, even, "{name}: {loads:.2?}");
    }
    if let Some(file) = std::env::var_os("KEYING_TABLE") {
        std::fs::write(file, table).unwrap();
    }
}

/// One (client, domain) is never split: its account must be one.
#[test]
fn one_client_that_floods_one_domain_is_the_load_of_one_partition() {
    let one = unevenness(|random| Query { client: 1, name: format!("{random:x}.victim.com") });
    assert!((one - f64::from(PARTITIONS)).abs() < 1e-9);
}
