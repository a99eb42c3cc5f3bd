//! What is allowed to look like a tunnel: by domain, with a reason, a budget and an end.
//!
//! An allowance never silences: it divides the price by its budget, and what it took off is
//! counted. Domains match at label boundaries, so `evil-example.com` is not `example.com`.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::name::Name;
use geophone_sensor::time::Timestamp;
use serde::Deserialize;

use super::detector::VERSION;
use super::set::RuleError;

/// The budget where none is written: times the leak contract.
const DEFAULT_BUDGET: u32 = 50;

/// Longest label that names a list of a block list service (`zen`, `sbl-xbl`).
const LIST_LABEL: usize = 8;

/// One allowance, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The domain, in lower case; names under it match too.
    pub domain: String,
    /// Why it is allowed.
    pub reason: String,
    /// How the subdomain must look for the allowance to hold.
    pub shape: Option<Shape>,
    /// How many times the leak contract is allowed.
    pub budget: u32,
    /// The first moment at which it no longer holds.
    pub expires: Option<Timestamp>,
}

/// How a subdomain may have to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One label of 16 or more hexadecimal or base 32 characters, other labels short.
    Hash,
    /// One to four decimal octets, then at most one short label, as in `4.3.2.1.zen`.
    ReversedIpv4,
    /// Hexadecimal digits one a label and nothing else, as in `ip6.arpa`.
    ReversedIpv6,
    /// Labels that all begin with an underscore or are short words, as in `s1._domainkey`.
    Underscored,
}

/// The allowances by domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    by_domain: BTreeMap<Vec<u8>, Allow>,
    /// Hashes of the domains, sorted: most names end here without a look at the map.
    hashes: Vec<u64>,
    undelegated: Option<Allow>,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllowFile {
    version: u32,
    #[serde(default)]
    allow: Vec<RawAllow>,
    undelegated: Option<RawUndelegated>,
}

/// Names under a suffix nobody registers that were answered with NXDOMAIN.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUndelegated {
    reason: String,
    #[serde(rename = "source")]
    _source: Option<String>,
    budget: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAllow {
    domain: String,
    reason: String,
    #[serde(rename = "source")]
    _source: Option<String>,
    shape: Option<Shape>,
    budget: Option<u32>,
    expires: Option<String>,
}

impl AllowList {
    /// Adds the allowances of a file.
    pub(super) fn extend(&mut self, file: RawAllowFile, origin: &str) -> Result<(), RuleError> {
        let wrong = |what: String| RuleError::Meaning { origin: origin.to_owned(), what };
        if file.version != VERSION {
            return Err(wrong(format!(
                "version {} of the rule format; this program reads version {VERSION}",
                file.version
            )));
        }
        if let Some(RawUndelegated { reason, budget, .. }) = file.undelegated {
            if budget < 1 {
                return Err(wrong("undelegated: budget must be at least 1".to_owned()));
            }
            let domain = "(undelegated)".to_owned();
            self.undelegated = Some(Allow { domain, reason, shape: None, budget, expires: None });
        }
        for raw in file.allow {
            let domain = raw.domain.clone();
            let (wire, allow) =
                raw.check().map_err(|what| wrong(format!("allow \"{domain}\": {what}")))?;
            self.hashes.push(hash(&wire));
            if self.by_domain.insert(wire, allow).is_some() {
                return Err(wrong(format!("allow \"{domain}\" stands twice")));
            }
        }
        self.hashes.sort_unstable();
        Ok(())
    }

    /// Finds the allowance for `name` at `time`: that of the longest domain whose shape fits.
    #[must_use]
    pub fn find(&self, name: &Name, time: Timestamp) -> Option<&Allow> {
        if self.by_domain.is_empty() {
            return None;
        }
        let mut lower = [0_u8; 256];
        let wire = name.wire();
        for (cell, byte) in lower.iter_mut().zip(wire) {
            *cell = byte.to_ascii_lowercase();
        }
        let mut at = 0;
        for label in name.labels() {
            let tail = lower.get(at..wire.len()).unwrap_or_default();
            if self.hashes.binary_search(&hash(tail)).is_ok()
                && let Some(allow) = self.by_domain.get(tail)
                && allow.expires.is_none_or(|end| time < end)
                && allow.shape.is_none_or(|shape| shape.fits(name, at))
            {
                return Some(allow);
            }
            at += 1 + label.len();
        }
        None
    }

    /// Returns the allowance for names that do not exist under a suffix nobody registers.
    #[must_use]
    pub const fn undelegated(&self) -> Option<&Allow> {
        self.undelegated.as_ref()
    }

    /// Walks the allowances in the order of their domains' wire form.
    pub fn iter(&self) -> impl Iterator<Item = &Allow> {
        self.by_domain.values().chain(&self.undelegated)
    }
}

impl RawAllow {
    fn check(self) -> Result<(Vec<u8>, Allow), String> {
        let domain = self.domain.to_ascii_lowercase();
        let bare =
            domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')).unwrap_or(&domain);
        let name = Name::parse(bare).map_err(|error| error.to_string())?;
        if name.is_root() {
            return Err("the root would allow everything; name a domain".to_owned());
        }
        if self.reason.trim().is_empty() {
            return Err("a reason must be given".to_owned());
        }
        let budget = self.budget.unwrap_or(DEFAULT_BUDGET);
        if budget < 1 {
            return Err("budget must be at least 1 (times the leak contract)".to_owned());
        }
        let expires = self.expires.as_deref().map(day).transpose()?;
        let domain = bare.to_owned();
        let allow = Allow { domain, reason: self.reason, shape: self.shape, budget, expires };
        Ok((name.wire().to_vec(), allow))
    }
}

fn hash(wire: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(wire)
}

/// Parses a day (UTC) and returns the moment it begins.
pub(super) fn day(text: &str) -> Result<Timestamp, String> {
    let date: jiff::civil::Date = text
        .parse()
        .map_err(|_| format!("expires \"{text}\" must be a day like \"2027-01-31\""))?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(Timestamp(zoned.timestamp().as_microsecond()))
}

impl Shape {
    /// Tells whether the labels of `name` before octet `end` have this shape.
    fn fits(self, name: &Name, end: usize) -> bool {
        let mut at = 0;
        let mut labels = name.labels().take_while(|label| {
            let before = at < end;
            at += 1 + label.len();
            before
        });
        match self {
            Self::Hash => {
                let mut hashes = 0;
                labels.all(|label| {
                    let is_hash = label.len() >= 16 && label.iter().all(u8::is_ascii_alphanumeric);
                    hashes += usize::from(is_hash);
                    is_hash || label.len() <= 12
                }) && hashes == 1
            }
            Self::ReversedIpv4 => {
                let (mut octets, mut lists) = (0, 0);
                labels.all(|label| {
                    let octet = is_octet(label) && lists == 0;
                    octets += usize::from(octet);
                    lists += usize::from(!octet);
                    octet || label.len() <= LIST_LABEL
                }) && octets <= 4
                    && lists <= 1
            }
            Self::ReversedIpv6 => {
                labels.all(|label| matches!(label, [digit] if digit.is_ascii_hexdigit()))
            }
            Self::Underscored => {
                labels.all(|label| label.first() == Some(&b'_') || label.len() <= 16)
            }
        }
    }
}

fn is_octet(label: &[u8]) -> bool {
    std::str::from_utf8(label).is_ok_and(|text| text.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use geophone_sensor::toml_file;

    fn list(text: &str) -> Result<AllowList, String> {
        let file = toml_file::parse(&format!("version = 1\n{text}"), "allow/test.toml")
            .map_err(|error| error.to_string())?;
        let mut list = AllowList::default();
        list.extend(file, "allow/test.toml").map_err(|error| error.to_string())?;
        Ok(list)
    }

    fn allowed(list: &AllowList, name: &str, day_number: i64) -> bool {
        let time = Timestamp(day_number * 86_400_000_000);
        list.find(&Name::parse(name).unwrap(), time).is_some()
    }

    #[test]
    fn domains_match_at_label_boundaries_and_in_any_case() {
        let list = list("[[allow]]\ndomain = \"*.Example.com\"\nreason = \"r\"\n").unwrap();
        for name in ["example.com", "a.EXAMPLE.com", "a.b.example.com"] {
            assert!(allowed(&list, name, 0), "{name}");
        }
        for name in ["evilexample.com", "example.com.evil.org", "com"] {
            assert!(!allowed(&list, name, 0), "{name}");
        }
    }

    #[test]
    fn an_allowance_ends_on_its_day() {
        let text = "[[allow]]\ndomain = \"x.org\"\nreason = \"r\"\nexpires = \"1970-01-03\"\n";
        let list = list(text).unwrap();
        assert!(allowed(&list, "a.x.org", 1) && !allowed(&list, "a.x.org", 2));
    }

    #[test]
    fn shapes_keep_an_allowance_to_what_it_is_for() {
        let text = "[[allow]]\ndomain = \"bl.org\"\nreason = \"r\"\nshape = \"reversed_ipv4\"\n\
                    [[allow]]\ndomain = \"av.org\"\nreason = \"r\"\nshape = \"hash\"\n";
        let list = list(text).unwrap();
        assert!(allowed(&list, "4.3.2.1.bl.org", 0));
        assert!(allowed(&list, "4.3.2.1.zen.bl.org", 0));
        for name in ["deadbeef.aa.bl.org", "1.2.3.4.5.bl.org", "4.a.3.b.bl.org"] {
            assert!(!allowed(&list, name, 0), "{name}");
        }
        assert!(allowed(&list, "x1.mzxw6ytboi4tqnzrgm3d.av.org", 0));
        assert!(!allowed(&list, "mzxw6ytboi4tqnzrgm3d.mzxw6ytboi4tqnzrgm3d.av.org", 0));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (text, told) in [
            ("[[allow]]\ndomain = \".\"\nreason = \"r\"\n", "root"),
            ("[[allow]]\ndomain = \"x.org\"\nreason = \" \"\n", "reason"),
            ("[[allow]]\ndomain = \"x.org\"\nreason = \"r\"\nexpires = \"soon\"\n", "2027-01-31"),
            ("[[allow]]\ndomain = \"x.org\"\nreson = \"r\"\n", "did you mean `reason`?"),
        ] {
            let error = list(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
