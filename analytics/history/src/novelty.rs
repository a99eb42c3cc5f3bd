//! How much the clients of a domain say in new names a day: what a baseline is learned from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use geophone_sensor::name::Name;
use polars::prelude::{DataFrame, DataType, IntoColumn as _, NamedFrom as _, PolarsResult, Series};

use crate::error::HistoryError;
use crate::group::{Figure, group};
use crate::read::for_each_group;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Rows beyond those left by the last folding at which all are folded again.
const FOLD_ROWS: usize = 1 << 20;

const READ: [&str; 6] = ["time", "client", "domain", "qname", "status", "name_suffix_known"];
const KEYS: [&str; 4] = ["domain", "client", "day", "qname"];
/// A name asked for in several cases of letters has the least of their prices.
const FIGURES: [(&str, Figure); 1] = [("bits", Figure::Least)];

/// What is learned from.
#[derive(Clone, Copy, Debug)]
pub struct Learning {
    /// Only the last so many days (UTC) of all files; 0 for all.
    pub days: u32,
    /// The rank of the client that sets [`DomainUse::shared_bytes`].
    pub clients: u32,
}

/// What the clients of a domain say in new names. A day is a day of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainUse {
    /// The registered domain.
    pub domain: String,
    /// Clients that asked for it.
    pub clients: u32,
    /// Days on which it was asked for.
    pub days: u32,
    /// Bytes of new names that 99.9 % of all (client, day) stay within, by the nearest rank.
    pub p999_bytes: u64,
    /// Bytes of new names that at least [`Learning::clients`] clients reached on a day of theirs;
    /// 0 where there are not so many. One client alone cannot raise it.
    pub shared_bytes: u64,
    /// The first day, counted from 1970-01-01.
    pub first_day: i64,
    /// The last day.
    pub last_day: i64,
}

/// Reads `files` and adds up, for every registered domain, the price of the names that a client
/// asked for first on a day. `price` takes a name and where its domain begins, and gives bits.
///
/// Names under a suffix that nobody registers are left out.
///
/// # Errors
/// A file that cannot be read or is not of this version.
pub fn domain_uses(
    files: &[PathBuf],
    learning: Learning,
    price: &mut dyn FnMut(&Name, usize) -> u32,
) -> Result<Vec<DomainUse>, HistoryError> {
    let mut all = Rows::default().frame()?;
    let mut folded = 0;
    for path in files {
        for_each_group(path, &READ, &mut |frame| {
            all.vstack_mut_owned(group(&Rows::of(&frame, price)?.frame()?, &KEYS, &FIGURES)?)?;
            if all.height() > folded + FOLD_ROWS {
                all = group(&all, &KEYS, &FIGURES)?;
                folded = all.height();
            }
            Ok(())
        })?;
    }
    let names = group(&all, &KEYS, &FIGURES)?;
    let days = group(&names, &["domain", "client", "day"], &[("bits", Figure::Sum)])?;
    Ok(uses(&days, learning)?)
}

/// A client's bytes on a day.
struct ClientDay {
    client: String,
    day: i64,
    bytes: u64,
}

fn uses(days: &DataFrame, learning: Learning) -> PolarsResult<Vec<DomainUse>> {
    let (domains, clients) = (days.column("domain")?.str()?, days.column("client")?.str()?);
    let (numbers, bits) = (days.column("day")?.i64()?, days.column("bits")?.i64()?);
    let last = numbers.iter().flatten().max().unwrap_or_default();
    let first = match learning.days {
        0 => i64::MIN,
        days => last.saturating_sub(i64::from(days) - 1),
    };
    let mut by_domain = BTreeMap::<String, Vec<ClientDay>>::new();
    for row in 0..days.height() {
        let (Some(domain), Some(client)) = (domains.get(row), clients.get(row)) else { continue };
        let day = numbers.get(row).unwrap_or_default();
        if day < first {
            continue;
        }
        let bytes =
            u64::try_from(bits.get(row).unwrap_or_default()).unwrap_or_default().div_ceil(8);
        let client = client.to_owned();
        by_domain.entry(domain.to_owned()).or_default().push(ClientDay { client, day, bytes });
    }
    Ok(by_domain
        .into_iter()
        .map(|(domain, days)| use_of(domain, &days, learning.clients))
        .collect())
}

fn use_of(domain: String, days: &[ClientDay], rank: u32) -> DomainUse {
    let mut bytes: Vec<u64> = days.iter().map(|day| day.bytes).collect();
    bytes.sort_unstable();
    // Nearest rank: the least value that at least 99.9 % of all values do not exceed.
    let at = (bytes.len() * 999).div_ceil(1000).saturating_sub(1);
    let mut most = BTreeMap::<&str, u64>::new();
    for day in days {
        let kept = most.entry(&day.client).or_default();
        *kept = day.bytes.max(*kept);
    }
    let mut best: Vec<u64> = most.values().copied().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let rank = usize::try_from(rank.max(1)).unwrap_or(usize::MAX);
    let numbers: BTreeSet<i64> = days.iter().map(|day| day.day).collect();
    DomainUse {
        domain,
        clients: u32::try_from(most.len()).unwrap_or(u32::MAX),
        days: u32::try_from(numbers.len()).unwrap_or(u32::MAX),
        p999_bytes: bytes.get(at).copied().unwrap_or_default(),
        shared_bytes: best.get(rank - 1).copied().unwrap_or_default(),
        first_day: numbers.first().copied().unwrap_or_default(),
        last_day: numbers.last().copied().unwrap_or_default(),
    }
}

/// Priced names on their way into a frame, by column.
#[derive(Default)]
struct Rows {
    domains: Vec<String>,
    clients: Vec<String>,
    days: Vec<i64>,
    qnames: Vec<String>,
    bits: Vec<i64>,
}

impl Rows {
    fn of(frame: &DataFrame, price: &mut dyn FnMut(&Name, usize) -> u32) -> PolarsResult<Self> {
        let text = |name| frame.column(name)?.str();
        let (client, domain, qname) = (text("client")?, text("domain")?, text("qname")?);
        let status = text("status")?;
        let known = frame.column("name_suffix_known")?.bool()?;
        let times = frame.column("time")?.cast(&DataType::Int64)?;
        let times = times.i64()?;
        let mut rows = Self::default();
        let mut priced = BTreeMap::<&str, i64>::new();
        for row in 0..frame.height() {
            let asked = matches!(status.get(row), Some("answered" | "unanswered"));
            let (Some(client), Some(domain), Some(qname)) =
                (client.get(row), domain.get(row), qname.get(row))
            else {
                continue;
            };
            if !asked || known.get(row) != Some(true) {
                continue;
            }
            let bits = priced.entry(qname).or_insert_with(|| price_of(qname, domain, price));
            rows.bits.push(*bits);
            rows.domains.push(domain.to_owned());
            rows.clients.push(client.to_owned());
            rows.days.push(times.get(row).unwrap_or_default().div_euclid(DAY));
            rows.qnames.push(qname.to_ascii_lowercase());
        }
        Ok(rows)
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new_infer_height(vec![
            Series::new("domain".into(), self.domains).into_column(),
            Series::new("client".into(), self.clients).into_column(),
            Series::new("day".into(), self.days).into_column(),
            Series::new("qname".into(), self.qnames).into_column(),
            Series::new("bits".into(), self.bits).into_column(),
        ])
    }
}

/// A name that cannot be read says nothing.
fn price_of(qname: &str, domain: &str, price: &mut dyn FnMut(&Name, usize) -> u32) -> i64 {
    let (Ok(name), Ok(domain)) = (Name::parse(qname), Name::parse(domain)) else { return 0 };
    price(&name, name.wire().len().saturating_sub(domain.wire().len())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(client: u32, day: i64, bytes: u64) -> ClientDay {
        ClientDay { client: client.to_string(), day, bytes }
    }

    #[test]
    fn the_quantile_leaves_out_one_day_in_a_thousand() {
        let mut days: Vec<_> = (0..1999).map(|n| day(n % 7, i64::from(n), 100)).collect();
        days.push(day(0, 3, 9_000));
        let made = use_of("x.org".to_owned(), &days, 3);
        assert_eq!((made.p999_bytes, made.clients, made.days), (100, 7, 1999));
        days.push(day(1, 3, 8_000));
        days.push(day(2, 3, 8_000));
        assert_eq!(use_of("x.org".to_owned(), &days, 3).p999_bytes, 8_000);
    }

    #[test]
    fn what_one_or_two_clients_reach_is_not_shared() {
        let days = [day(1, 0, 9_000), day(2, 0, 8_000), day(3, 0, 40), day(3, 1, 50)];
        let made = use_of("x.org".to_owned(), &days, 3);
        assert_eq!((made.p999_bytes, made.shared_bytes), (9_000, 50));
        assert_eq!(use_of("x.org".to_owned(), &days[..2], 3).shared_bytes, 0);
    }
}
