//! Whose a record is: what belongs to one owner goes to one partition, from every sensor.
//!
//! The hash is FNV-1a with a finisher, not the tables' own: those may differ between versions and
//! machines, and here sensors of any version must agree. It is seeded, so that nobody who knows the
//! program alone can choose names that all go to one partition.

use std::net::IpAddr;

use super::{NotDns, Record, Tick, Transaction};

/// FNV-1a, 64 bits (Fowler, Noll and Vo; draft-eastlake-fnv).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Returns the hash of whom `record` belongs to.
///
/// A transaction belongs to client and registered domain, letters folded. Under a suffix that
/// nobody registers it belongs to the client alone: there the analytics also keeps accounts of
/// client and server over all names, and whatever the domain is, its owner is one. What is not DNS
/// belongs to its client for the same reason. A tick belongs to its host, the sensor's to all.
#[must_use]
pub fn owner_of(record: &Record<'_>, seed: u64) -> u64 {
    match record {
        Record::NotDns(NotDns { client, .. }) => hash_of_host(*client, seed),
        Record::Tick(Tick { address, .. }) => {
            address.map_or_else(|| seed_check(seed), |address| hash_of_host(address, seed))
        }
        Record::Transaction(transaction) => of_transaction(transaction, seed),
    }
}

/// Returns the hash of nothing under `seed`: two programs with the same have the same seed.
#[must_use]
pub fn seed_check(seed: u64) -> u64 {
    finish(begin(seed))
}

/// Returns the hash of octets under `seed`, by the same function.
#[must_use]
pub fn hash_of(octets: &[u8], seed: u64) -> u64 {
    finish(add(begin(seed), octets))
}

/// Returns the hash of a host under `seed`, by the same function.
#[must_use]
pub fn hash_of_host(host: IpAddr, seed: u64) -> u64 {
    finish(address(begin(seed), host))
}

fn of_transaction(transaction: &Transaction, seed: u64) -> u64 {
    if !transaction.name.suffix_known {
        return hash_of_host(transaction.client, seed);
    }
    let hash = address(begin(seed), transaction.client);
    let folded = transaction.qname.folded();
    finish(add(hash, folded.from(usize::from(transaction.domain_at))))
}

const fn begin(seed: u64) -> u64 {
    finish(OFFSET ^ seed)
}

fn address(hash: u64, host: IpAddr) -> u64 {
    match host {
        IpAddr::V4(host) => add(hash, &host.octets()),
        IpAddr::V6(host) => add(hash, &host.octets()),
    }
}

fn add(hash: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(hash, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(PRIME))
}

/// Spreads every bit over all others (SplitMix64's finisher; Steele, Lea and Flood 2014).
const fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::feature::NameReader;
    use crate::name::Name;

    const SEED: u64 = 0x67_65_6f_70_68_6f_6e_65;

    fn owner(client: u8, name: &str) -> u64 {
        let qname = Name::parse(name).unwrap();
        let (domain_at, name) = NameReader::default().read(&qname);
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, client));
        let transaction = Transaction { client, qname, domain_at, name, ..Transaction::default() };
        owner_of(&Record::Transaction(&transaction), SEED)
    }

    #[test]
    fn client_and_domain_own_whatever_the_name_and_its_case() {
        assert_eq!(owner(1, "a.example.com"), owner(1, "B.c.EXAMPLE.com"));
        assert_ne!(owner(1, "a.example.com"), owner(2, "a.example.com"));
        assert_ne!(owner(1, "a.example.com"), owner(1, "a.example.org"));
    }

    #[test]
    fn under_no_suffix_the_client_owns() {
        assert_eq!(owner(1, "0a1b.dnscat"), owner(1, "x.y.internal"));
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let tick = Tick { address: Some(client), ..Tick::default() };
        assert_eq!(owner(1, "x.lan"), owner_of(&Record::Tick(&tick), SEED));
    }

    #[test]
    fn the_hash_never_changes() {
        // Sensors of all versions must agree: another value here needs another topic.
        assert_eq!(owner(1, "www.example.com"), 16_957_675_924_136_713_299);
        assert_eq!(seed_check(SEED), 11_416_009_838_340_500_505);
    }

    #[test]
    fn owners_spread_evenly() {
        let mut counts = [0_u32; 24];
        for client in 0..=255 {
            for domain in 0..40 {
                let hash = owner(client, &format!("d{domain}.com"));
                counts[usize::try_from((u128::from(hash) * 24) >> 64).unwrap()] += 1;
            }
        }
        let even = 256 * 40 / 24;
        assert!(counts.iter().all(|n| n.abs_diff(even) < even / 5), "{counts:?}");
    }
}
