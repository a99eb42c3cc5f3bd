//! Learned budgets: domains whose new names ordinarily cost more than the leak contract passes.
//!
//! A baseline is a file that people review. It divides the price of a domain's names as an
//! allowance does, but takes nothing out of the scorecards, and it is never trusted far: at most
//! [`MAX_BUDGET`] times the contract, only what [`MIN_CLIENTS`] clients needed, never below the
//! contract, and never past its day. What it took off is counted.

use std::collections::BTreeMap;
use std::path::Path;

use geophone_sensor::name::Name;
use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;
use geophone_sensor::toml_file;
use serde::{Deserialize, Serialize};

use super::class::day;
use super::detector::VERSION;
use super::set::RuleError;
use crate::state::LeakContract;

/// The greatest budget, in times the leak contract: a poisoned baseline passes no more than that.
pub(crate) const MAX_BUDGET: f64 = 8.0;
/// The fewest clients that a budget may be learned from: one infected host teaches nothing.
pub const MIN_CLIENTS: u32 = 3;
/// Days an entry holds after the last day it was learned from, unless told otherwise.
pub const VALID_DAYS: u32 = 90;

/// Room above the ordinary, in parts of it.
const MARGIN: f64 = 1.5;
/// Seconds, and microseconds, of a day.
const DAY_SECONDS: f64 = 86_400.0;
const DAY_MICROS: i64 = 86_400_000_000;
/// Entries a file may have.
const MAX_ENTRIES: usize = 100_000;

/// The learned budgets by registered domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    by_domain: BTreeMap<Vec<u8>, Budget>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Budget {
    times: f64,
    expires: Timestamp,
}

/// The file as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFile {
    /// The version of the rule format.
    pub version: u32,
    /// One a domain, in the order of their names.
    #[serde(default, rename = "baseline")]
    pub entries: Vec<BaselineEntry>,
}

/// What was learned of a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineEntry {
    /// The registered domain.
    pub domain: String,
    /// Clients it was learned from.
    pub clients: u32,
    /// Days (UTC) on which they asked.
    pub days: u32,
    /// Bytes of new names that 99.9 % of all (client, day) stay within.
    pub p999_bytes_per_day: u64,
    /// Bytes of new names that enough clients reached on a day: where it is less, the budget is made
    /// of it.
    pub shared_bytes_per_day: u64,
    /// Times the leak contract.
    pub budget: f64,
    /// The first and the last day.
    pub learned_from: String,
    /// The day (UTC, capture time) from which it no longer holds.
    pub expires: String,
}

/// What the clients of a domain said in new names.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The registered domain.
    pub domain: String,
    /// Clients that asked for it.
    pub clients: u32,
    /// Days (UTC) on which they asked.
    pub days: u32,
    /// Bytes of new names that 99.9 % of all (client, day) stay within.
    pub p999_bytes: u64,
    /// Bytes of new names that [`MIN_CLIENTS`] or more clients reached on some day of theirs.
    pub shared_bytes: u64,
    /// The first and the last day, counted from 1970-01-01.
    pub span: (i64, i64),
}

impl Baseline {
    /// Reads `path`.
    ///
    /// # Errors
    /// A file that cannot be read, or an entry that would silence more than a baseline may.
    pub fn read(path: &Path) -> Result<Self, RuleError> {
        let file: BaselineFile = toml_file::read(path)?;
        Self::check(&file, &path.display().to_string())
    }

    fn check(file: &BaselineFile, origin: &str) -> Result<Self, RuleError> {
        let wrong = |what: String| RuleError::Meaning { origin: origin.to_owned(), what };
        if file.version != VERSION {
            return Err(wrong(format!(
                "version {} of the rule format; this program reads version {VERSION}",
                file.version
            )));
        }
        if file.entries.len() > MAX_ENTRIES {
            return Err(wrong(format!("more than {MAX_ENTRIES} entries; learn from fewer days")));
        }
        let mut by_domain = BTreeMap::new();
        for entry in &file.entries {
            let domain = &entry.domain;
            let (wire, budget) =
                entry.check().map_err(|what| wrong(format!("baseline \"{domain}\": {what}")))?;
            if by_domain.insert(wire, budget).is_some() {
                return Err(wrong(format!("baseline \"{domain}\" stands twice")));
            }
        }
        Ok(Self { by_domain })
    }

    /// Returns how many times the leak contract the domain of `transaction` may have, 1 where
    /// nothing was learned of it or what was is too old.
    #[must_use]
    pub fn budget(&self, transaction: &Transaction) -> f64 {
        // Under a suffix nobody registers, anybody may answer for a domain.
        if self.by_domain.is_empty() || !transaction.name.suffix_known {
            return 1.0;
        }
        let mut lower = [0_u8; 256];
        let wire = transaction.domain_wire();
        for (cell, byte) in lower.iter_mut().zip(wire) {
            *cell = byte.to_ascii_lowercase();
        }
        let domain = lower.get(..wire.len()).unwrap_or_default();
        match self.by_domain.get(domain) {
            Some(budget) if transaction.time < budget.expires => budget.times,
            _ => 1.0,
        }
    }

    /// Returns how many domains it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_domain.len()
    }

    /// Tells whether it has no domain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_domain.is_empty()
    }
}

impl BaselineEntry {
    fn check(&self) -> Result<(Vec<u8>, Budget), String> {
        let name = Name::parse(&self.domain).map_err(|error| error.to_string())?;
        if name.is_root() {
            return Err("the root would raise everything; name a registered domain".to_owned());
        }
        if self.clients < MIN_CLIENTS {
            return Err(format!(
                "learned from {} clients; it takes {MIN_CLIENTS}, or an allowance with a reason",
                self.clients
            ));
        }
        if !(1.0..=MAX_BUDGET).contains(&self.budget) {
            return Err(format!(
                "budget {} must be 1 to {MAX_BUDGET}; what needs more is an allowance with a reason",
                self.budget
            ));
        }
        let expires = day(&self.expires)?;
        Ok((name.wire().to_ascii_lowercase(), Budget { times: self.budget, expires }))
    }
}

/// Makes an entry of what was observed, where the contract is too small for it and there were
/// enough clients; it holds `valid_days` after the last day.
///
/// The budget is measured against what the contract passes for ever, so that a client that needs
/// as much every day raises no alert in the end.
#[must_use]
pub fn learn(seen: &Observed, contract: &LeakContract, valid_days: u32) -> Option<BaselineEntry> {
    let rates = contract.client_domain.iter().map(|bucket| bucket.bytes_per_second);
    let day_bytes = rates.fold(f64::INFINITY, f64::min) * DAY_SECONDS;
    // The quantile of a few client days is their greatest: it counts only as far as others got.
    let need = seen.p999_bytes.min(seen.shared_bytes);
    if seen.clients < MIN_CLIENTS || !(day_bytes > 0.0 && whole(need) > day_bytes) {
        return None;
    }
    // Tenths, rounded up: a budget is read by people.
    let tenths = (whole(need) * MARGIN / day_bytes * 10.0).ceil();
    let (first, last) = seen.span;
    Some(BaselineEntry {
        domain: seen.domain.clone(),
        clients: seen.clients,
        days: seen.days,
        p999_bytes_per_day: seen.p999_bytes,
        shared_bytes_per_day: seen.shared_bytes,
        budget: (tenths / 10.0).clamp(1.0, MAX_BUDGET),
        learned_from: format!("{}/{}", date(first), date(last)),
        expires: date(last.saturating_add(1).saturating_add(valid_days.into())),
    })
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a day")]
const fn whole(bytes: u64) -> f64 {
    bytes as f64
}

/// Writes a day counted from 1970-01-01.
fn date(number: i64) -> String {
    let text = Timestamp(number.saturating_mul(DAY_MICROS)).to_string();
    text.get(..10).map_or_else(|| text.clone(), str::to_owned)
}

impl BaselineFile {
    /// Reads `path` without looking whether its entries may be used.
    ///
    /// # Errors
    /// A file that cannot be read or is not of the form.
    pub fn read(path: &Path) -> Result<Self, RuleError> {
        Ok(toml_file::read(path)?)
    }

    /// Makes a file of `entries`, in the order of their domains.
    #[must_use]
    pub fn new(mut entries: Vec<BaselineEntry>) -> Self {
        entries.sort_by(|a, b| a.domain.cmp(&b.domain));
        Self { version: VERSION, entries }
    }

    /// Writes it as TOML, with a line that says what it is.
    ///
    /// # Errors
    /// None that an entry can cause; the signature is that of the serializer.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(format!(
            "# Written by `geophone baseline learn`. Review it: every entry lets a domain carry \
             more without an alert.\n{}",
            toml::to_string(self)?
        ))
    }
}

/// How an entry changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is new.
    Added,
    /// Its budget is greater.
    Raised,
    /// Its budget is smaller.
    Lowered,
    /// It is gone.
    Dropped,
}

/// One line of a comparison: what changed, the domain, its budget before and after.
pub type Difference = (Change, String, Option<f64>, Option<f64>);

/// Tells what changed from `old` to `new`: what was added first, then by domain.
#[must_use]
pub fn differences(old: &BaselineFile, new: &BaselineFile) -> Vec<Difference> {
    let by_domain = |file: &BaselineFile| -> BTreeMap<String, f64> {
        let entry = |entry: &BaselineEntry| (entry.domain.to_ascii_lowercase(), entry.budget);
        file.entries.iter().map(entry).collect()
    };
    let (old, new) = (by_domain(old), by_domain(new));
    let mut found = Vec::new();
    for (domain, after) in &new {
        let before = old.get(domain);
        let change = match before {
            None => Change::Added,
            Some(before) if after > before => Change::Raised,
            Some(before) if after < before => Change::Lowered,
            Some(_) => continue,
        };
        found.push((change, domain.clone(), before.copied(), Some(*after)));
    }
    for (domain, before) in old.iter().filter(|(domain, _)| !new.contains_key(*domain)) {
        found.push((Change::Dropped, domain.clone(), Some(*before), None));
    }
    found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rules;

    const ENTRY: &str = "version = 1\n[[baseline]]\ndomain = \"Busy.example.com\"\nclients = 3\n\
                         days = 9\np999_bytes_per_day = 900\nshared_bytes_per_day = 900\nbudget = 2.7\n\
                         learned_from = \"2026-01-01/2026-01-09\"\nexpires = \"1970-01-03\"\n";

    fn read(text: &str) -> Result<Baseline, String> {
        let file = toml_file::parse(text, "b.toml").map_err(|error| error.to_string())?;
        Baseline::check(&file, "b.toml").map_err(|error| error.to_string())
    }

    fn asked(name: &str, domain_at: u8, day_number: i64) -> Transaction {
        let mut transaction = Transaction {
            time: Timestamp(day_number * DAY_MICROS),
            qname: Name::parse(name).unwrap(),
            domain_at,
            ..Transaction::default()
        };
        transaction.name.suffix_known = true;
        transaction
    }

    fn observed(clients: u32, p999_bytes: u64, shared_bytes: u64) -> Observed {
        let domain = "busy.com".to_owned();
        Observed { domain, clients, days: 9, p999_bytes, shared_bytes, span: (20_454, 20_462) }
    }

    fn budget(seen: &Observed) -> Option<f64> {
        learn(seen, &Rules::builtin().unwrap().leak, VALID_DAYS).map(|entry| entry.budget)
    }

    #[test]
    fn a_budget_is_for_its_registered_domain_alone_and_ends_on_its_day() {
        let baseline = read(ENTRY).unwrap();
        let times = |name, at, day| format!("{:.1}", baseline.budget(&asked(name, at, day)));
        assert_eq!(times("a.b.busy.EXAMPLE.com", 4, 1), "2.7");
        assert_eq!(times("a.evilbusy.example.com", 2, 1), "1.0");
        assert_eq!(times("a.busy.example.com.evil.org", 21, 1), "1.0");
        assert_eq!(times("a.busy.example.com", 2, 2), "1.0", "it expired");
        let mut nobody = asked("a.busy.example.com", 2, 1);
        nobody.name.suffix_known = false;
        assert!((baseline.budget(&nobody) - 1.0).abs() < 1e-9, "nobody registers that suffix");
    }

    #[test]
    fn an_entry_that_would_silence_is_refused_with_the_cure() {
        for (from, to, told) in [
            ("budget = 2.7", "budget = 8.5", "an allowance with a reason"),
            ("budget = 2.7", "budget = 1e300", "1 to 8"),
            ("budget = 2.7", "budget = inf", "1 to 8"),
            ("budget = 2.7", "budget = nan", "1 to 8"),
            ("budget = 2.7", "budget = 0.5", "1 to 8"),
            ("clients = 3", "clients = 2", "it takes 3"),
            ("expires = \"1970-01-03\"\n", "", "expires"),
            ("\"1970-01-03\"", "\"never\"", "2027-01-31"),
            ("Busy.example.com", ".", "root"),
            ("days = 9", "dais = 9", "did you mean `days`?"),
            ("version = 1", "version = 2", "version 2"),
        ] {
            let error = read(&ENTRY.replace(from, to)).unwrap_err();
            assert!(error.contains(told), "{to}: {error}");
        }
        let twice = format!("{ENTRY}{}", ENTRY.trim_start_matches("version = 1\n"));
        assert!(read(&twice).unwrap_err().contains("stands twice"));
    }

    #[test]
    fn what_is_learned_stays_between_the_contract_and_the_cap() {
        // The contract passes 512 B a day for ever.
        assert_eq!(budget(&observed(3, 512, 512)), None, "it needs no more than the contract");
        assert_eq!(budget(&observed(3, 513, 513)), Some(1.6));
        assert_eq!(budget(&observed(40, 1024, 1024)), Some(3.0));
        assert_eq!(budget(&observed(40, u64::MAX, u64::MAX)), Some(MAX_BUDGET));
    }

    #[test]
    fn one_or_two_clients_teach_nothing() {
        assert_eq!(budget(&observed(2, 9_000, 9_000)), None);
        // Forty clients asked, but two of them said nearly all of it.
        assert_eq!(budget(&observed(40, 9_000, 300)), None);
        assert_eq!(budget(&observed(40, 9_000, 1024)), Some(3.0));
    }

    #[test]
    fn what_is_learned_can_be_read_back_and_says_when_it_ends() {
        let entry = learn(&observed(3, 1024, 1024), &Rules::builtin().unwrap().leak, 90).unwrap();
        assert_eq!(
            (entry.learned_from.as_str(), entry.expires.as_str()),
            ("2026-01-01/2026-01-09", "2026-04-10")
        );
        let file = BaselineFile::new(vec![entry]);
        let text = file.to_toml().unwrap();
        assert_eq!(toml_file::parse::<BaselineFile>(&text, "b.toml").unwrap(), file);
        assert_eq!(read(&text).unwrap().len(), 1);
    }

    #[test]
    fn a_comparison_names_what_changed() {
        let entry = |domain: &str, budget| BaselineEntry {
            domain: domain.to_owned(),
            budget,
            ..learn(&observed(3, 1024, 1024), &Rules::builtin().unwrap().leak, 90).unwrap()
        };
        let old = BaselineFile::new(vec![
            entry("a", 2.0),
            entry("b", 2.0),
            entry("c", 2.0),
            entry("d", 2.0),
        ]);
        let new = BaselineFile::new(vec![
            entry("b", 3.0),
            entry("c", 1.5),
            entry("d", 2.0),
            entry("e", 4.0),
        ]);
        let found: Vec<_> = differences(&old, &new).into_iter().map(|d| (d.0, d.1)).collect();
        let told = [
            (Change::Added, "e"),
            (Change::Raised, "b"),
            (Change::Lowered, "c"),
            (Change::Dropped, "a"),
        ];
        assert_eq!(found, told.map(|(change, domain)| (change, domain.to_owned())));
    }
}
