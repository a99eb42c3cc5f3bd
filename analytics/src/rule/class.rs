//! One look-alike class: what may look like a tunnel, how, for how much, and who says so.

use geophone_sensor::decode::rdata::type_number;
use geophone_sensor::name::Name;
use geophone_sensor::time::Timestamp;
use serde::Deserialize;

use super::shape::Shape;

/// The budget where none is written: times the leak contract.
const DEFAULT_BUDGET: u32 = 50;

/// The largest budget. Above it an allowance would be a silence.
const MAX_BUDGET: u32 = 1_000;

/// The largest budget of a class that holds under any domain, an attacker's too, unless its names
/// are so few that all of them together carry next to nothing.
const MAX_ANYWHERE: u32 = 2;

/// The class of an `[[allow]]` that names none.
const OWN: &str = "own";

/// One allowance, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The class it belongs to; several may share one.
    pub class: String,
    /// The domains, in lower case; names under them match too. Without any it is structural: it
    /// holds wherever the shape fits.
    pub domains: Vec<String>,
    /// Whether it holds only for names that do not exist under a suffix nobody registers.
    pub undelegated: bool,
    /// Why it is allowed.
    pub reason: String,
    /// Who says that these names look so.
    pub source: Option<String>,
    /// How the subdomain must look, one of these; any way where there is none.
    pub shapes: Vec<Shape>,
    /// The query types it holds for; all where there is none.
    pub qtypes: Vec<u16>,
    /// What an answer, if there is one, must be.
    pub answer: Option<AnswerCheck>,
    /// How many times the leak contract is allowed.
    pub budget: u32,
    /// The first moment at which it no longer holds.
    pub expires: Option<Timestamp>,
}

/// What an answer must be for a class to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerCheck {
    /// The same addresses for every name of the domain, for at least 8 names and 3 clients.
    Identical,
    /// No address, or IPv4 addresses in 127.0.0.0/8 alone, as lists answer (RFC 5782 section 2.1).
    Loopback,
    /// No such name.
    Nxdomain,
}

impl AnswerCheck {
    /// Returns the word it is written with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Loopback => "loopback",
            Self::Nxdomain => "nxdomain",
        }
    }
}

/// `[[class]]`: several domains of one kind, or none and a structure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClass {
    name: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    undelegated: bool,
    shape: OneOrMore,
    #[serde(default)]
    qtypes: Vec<String>,
    answer: Option<AnswerCheck>,
    budget: u32,
    reason: String,
    source: String,
    expires: Option<String>,
}

/// `[[allow]]`: one domain, as the line that alerts propose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllow {
    class: Option<String>,
    domain: String,
    reason: String,
    source: Option<String>,
    shape: Option<OneOrMore>,
    #[serde(default)]
    qtypes: Vec<String>,
    answer: Option<AnswerCheck>,
    budget: Option<u32>,
    expires: Option<String>,
}

/// `[undelegated]`: names that do not exist under a suffix nobody registers, whatever their shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUndelegated {
    reason: String,
    source: Option<String>,
    budget: u32,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a shape is a text like \"<hex:32>\", or a list of such texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl RawClass {
    /// Returns what an error calls it.
    pub(super) fn title(&self) -> String {
        format!("class \"{}\"", self.name)
    }

    /// Checks what the form alone does not.
    pub(super) fn check(self) -> Result<Allow, String> {
        let allow = Allow {
            class: class_name(self.name)?,
            domains: self.domains.iter().map(|domain| bare(domain)).collect::<Result<_, _>>()?,
            undelegated: self.undelegated,
            reason: self.reason,
            source: Some(self.source).filter(|source| !source.trim().is_empty()),
            shapes: self.shape.check()?,
            qtypes: types_of(&self.qtypes)?,
            answer: self.answer,
            budget: self.budget,
            expires: self.expires.as_deref().map(day).transpose()?,
        };
        if allow.source.is_none() {
            return Err("a source must be given: who says that these names look so".to_owned());
        }
        if allow.undelegated && !allow.domains.is_empty() {
            return Err("undelegated names have no domain; leave out `domains`".to_owned());
        }
        allow.checked()
    }
}

impl RawAllow {
    /// Returns what an error calls it.
    pub(super) fn title(&self) -> String {
        format!("allow \"{}\"", self.domain)
    }

    /// Checks what the form alone does not.
    pub(super) fn check(self) -> Result<Allow, String> {
        let allow = Allow {
            class: class_name(self.class.unwrap_or_else(|| OWN.to_owned()))?,
            domains: vec![bare(&self.domain)?],
            undelegated: false,
            reason: self.reason,
            source: self.source,
            shapes: self.shape.map_or(Ok(Vec::new()), OneOrMore::check)?,
            qtypes: types_of(&self.qtypes)?,
            answer: self.answer,
            budget: self.budget.unwrap_or(DEFAULT_BUDGET),
            expires: self.expires.as_deref().map(day).transpose()?,
        };
        allow.checked()
    }
}

impl RawUndelegated {
    /// Checks what the form alone does not.
    pub(super) fn check(self) -> Result<Allow, String> {
        let allow = Allow {
            class: "undelegated".to_owned(),
            domains: Vec::new(),
            undelegated: true,
            reason: self.reason,
            source: self.source,
            shapes: Vec::new(),
            qtypes: Vec::new(),
            answer: Some(AnswerCheck::Nxdomain),
            budget: self.budget,
            expires: None,
        };
        allow.checked()
    }
}

impl OneOrMore {
    fn check(self) -> Result<Vec<Shape>, String> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::More(texts) if texts.is_empty() => {
                return Err("shape is an empty list; name at least one".to_owned());
            }
            Self::More(texts) => texts,
        };
        texts.iter().map(|text| Shape::parse(text)).collect()
    }
}

impl Allow {
    /// Tells whether it holds under any domain, an attacker's too.
    #[must_use]
    pub const fn is_structural(&self) -> bool {
        self.domains.is_empty() && !self.undelegated
    }

    /// Returns the most that a name can carry and still fit, in bits, where that is known.
    #[must_use]
    pub fn bits(&self) -> Option<u32> {
        let bits: Option<Vec<u32>> = self.shapes.iter().map(Shape::bits).collect();
        bits.and_then(|bits| bits.into_iter().max())
    }

    fn checked(self) -> Result<Self, String> {
        if self.reason.trim().is_empty() {
            return Err("a reason must be given".to_owned());
        }
        if self.budget < 1 {
            return Err("budget must be at least 1 (times the leak contract)".to_owned());
        }
        if self.budget > MAX_BUDGET {
            return Err(format!(
                "budget {} is above {MAX_BUDGET} times the leak contract, which is a silence; \
                 take less",
                self.budget
            ));
        }
        if self.is_structural() && self.budget > MAX_ANYWHERE && self.bits() != Some(0) {
            return Err(format!(
                "without domains it holds under an attacker's too: give it a budget of at most \
                 {MAX_ANYWHERE}, shapes without `<…>`, or `domains`"
            ));
        }
        Ok(self)
    }
}

fn class_name(name: String) -> Result<String, String> {
    let ordinary = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if name.is_empty() || !name.bytes().all(ordinary) {
        return Err("a class is named with small letters, digits and `-`, like \"dnsbl\"".into());
    }
    Ok(name)
}

/// Returns a domain in lower case without `*.`.
fn bare(domain: &str) -> Result<String, String> {
    let domain = domain.to_ascii_lowercase();
    let bare = domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')).unwrap_or(&domain);
    let name = Name::parse(bare).map_err(|error| error.to_string())?;
    if name.is_root() {
        return Err("the root would allow everything; name a domain".to_owned());
    }
    Ok(bare.strip_suffix('.').unwrap_or(bare).to_owned())
}

fn types_of(names: &[String]) -> Result<Vec<u16>, String> {
    let number = |name: &String| {
        type_number(name).ok_or_else(|| format!("unknown query type \"{name}\"; write \"TXT\""))
    };
    names.iter().map(number).collect()
}

/// Parses a day (UTC) and returns the moment it begins.
pub(super) fn day(text: &str) -> Result<Timestamp, String> {
    let date: jiff::civil::Date = text
        .parse()
        .map_err(|_| format!("expires \"{text}\" must be a day like \"2027-01-31\""))?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(Timestamp(zoned.timestamp().as_microsecond()))
}
