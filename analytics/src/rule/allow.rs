//! What is allowed to look like a tunnel: look-alike classes, each with a reason, a budget and an end.
//!
//! An allowance never silences: it divides the price by its budget, and what it took off is
//! counted by class. Domains match at label boundaries, so `evil-example.com` is not `example.com`.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use geophone_sensor::name::Name;
use geophone_sensor::record::Transaction;
use geophone_sensor::time::Timestamp;
use serde::Deserialize;

use super::class::{Allow, AnswerCheck, RawAllow, RawClass, RawUndelegated};
use super::detector::VERSION;
use super::marks::Marks;
use super::outline::Glance;
use super::set::RuleError;
use super::shape::Shape;
use super::why_not::{Misfit, WhyNot};

/// The response code for a name that does not exist (RFC 1035 section 4.1.1).
const NXDOMAIN: u16 = 3;

/// The allowances by domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    all: Vec<Allow>,
    /// By domain in wire form, which of them.
    by_domain: BTreeMap<Vec<u8>, Vec<usize>>,
    /// Hashes of the domains, sorted: most names end here without a look at the map.
    hashes: Vec<u64>,
    /// What these end in, so that most names do not even search there.
    marks: Marks,
    /// Those for names under a suffix nobody registers; the narrow ones first.
    undelegated: Vec<usize>,
    /// Those for any domain, the ones with the fewest names first.
    structural: Vec<Structural>,
}

/// An allowance for any domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Structural {
    index: usize,
    /// Every name of it has an underscore, which few names have.
    underscored: bool,
}

/// What an allowance may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The name asked for.
    pub qname: &'a Name,
    /// The octet of its wire form where the registered domain begins.
    pub domain_at: usize,
    /// Whether the public suffix list knows the domain's suffix.
    pub suffix_known: bool,
    /// The type asked for.
    pub qtype: u16,
    /// When it was asked.
    pub time: Timestamp,
    /// What came back; `None` where nothing did.
    pub answer: Option<AnswerFacts>,
    /// Whether several names of the domain, of several clients, had the same addresses.
    pub same_answers: bool,
}

/// What of an answer an allowance may depend on.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerFacts {
    /// The response code.
    pub rcode: u16,
    /// Addresses in the answer section.
    pub n_addresses: u16,
    /// Of these, how many are in 127.0.0.0/8.
    pub n_loopback: u16,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllowFile {
    version: u32,
    #[serde(default)]
    allow: Vec<RawAllow>,
    #[serde(default)]
    class: Vec<RawClass>,
    undelegated: Option<RawUndelegated>,
}

impl<'a> From<&'a Transaction> for Facts<'a> {
    fn from(transaction: &'a Transaction) -> Self {
        let answer = &transaction.answer;
        Self {
            qname: &transaction.qname,
            domain_at: usize::from(transaction.domain_at),
            suffix_known: transaction.name.suffix_known,
            qtype: transaction.qtype,
            time: transaction.time,
            answer: transaction.has_answer().then_some(AnswerFacts {
                rcode: answer.rcode,
                n_addresses: answer.n_addresses,
                n_loopback: answer.n_loopback,
            }),
            same_answers: false,
        }
    }
}

impl Facts<'_> {
    /// The labels before octet `end`, in wire form.
    fn before(&self, end: usize) -> &[u8] {
        self.qname.wire().get(..end).unwrap_or_default()
    }

    fn is_nxdomain(&self) -> bool {
        self.answer.is_some_and(|answer| answer.rcode == NXDOMAIN)
    }
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
        for raw in file.class {
            let title = raw.title();
            let allow = raw.check().map_err(|what| wrong(format!("{title}: {what}")))?;
            self.add(allow).map_err(|what| wrong(format!("{title}: {what}")))?;
        }
        for raw in file.allow {
            let title = raw.title();
            let allow = raw.check().map_err(|what| wrong(format!("{title}: {what}")))?;
            self.add(allow).map_err(|what| wrong(format!("{title}: {what}")))?;
        }
        if let Some(raw) = file.undelegated {
            let allow = raw.check().map_err(|what| wrong(format!("undelegated: {what}")))?;
            self.add(allow).map_err(|what| wrong(format!("undelegated: {what}")))?;
        }
        self.hashes.sort_unstable();
        self.hashes.dedup();
        let all = &self.all;
        self.structural
            .sort_by_key(|entry| all.get(entry.index).and_then(Allow::bits).unwrap_or(u32::MAX));
        // What a site adds beside the classes that are there must have an effect: of allowances for
        // the same names the largest budget holds.
        let budget = |index: &usize| std::cmp::Reverse(all.get(*index).map(|allow| allow.budget));
        self.by_domain.values_mut().for_each(|there| there.sort_by_key(budget));
        self.undelegated.sort_by_key(|index| {
            (all.get(*index).is_some_and(|allow| allow.shapes.is_empty()), budget(index))
        });
        Ok(())
    }

    fn add(&mut self, allow: Allow) -> Result<(), String> {
        let index = self.all.len();
        for domain in &allow.domains {
            let wire = Name::parse(domain).map_err(|error| error.to_string())?.wire().to_vec();
            self.hashes.push(hash(&wire));
            self.marks.set(hash(&wire));
            let there = self.by_domain.entry(wire).or_default();
            let all = &self.all;
            let same =
                |index: &usize| all.get(*index).is_some_and(|other| other.shapes == allow.shapes);
            if there.iter().any(same) || there.contains(&index) {
                return Err(format!("\"{domain}\" stands twice with the same shape; keep one"));
            }
            there.push(index);
        }
        if allow.undelegated {
            self.undelegated.push(index);
        }
        if allow.is_structural() {
            let underscored = allow.shapes.iter().all(Shape::has_underscore);
            self.structural.push(Structural { index, underscored });
        }
        self.all.push(allow);
        Ok(())
    }

    /// Finds the allowance for a question: of the longest domain whose class fits, else of names
    /// nobody registers, else by structure.
    #[must_use]
    pub fn find(&self, facts: &Facts<'_>) -> Option<&Allow> {
        let by_domain =
            self.under_domains(facts, |allow, end| fits(allow, facts, end).then_some(allow));
        by_domain.or_else(|| self.undelegated(facts)).or_else(|| self.structural(facts))
    }

    /// Says which class a name that was charged is nearest to, and why that did not excuse it.
    ///
    /// For names of an alert: one that fits a class says that the class's budget is used up.
    #[must_use]
    pub fn explain(&self, facts: &Facts<'_>) -> WhyNot {
        if let Some(allow) = self.find(facts) {
            return WhyNot::new(Some(allow), facts, Misfit::BudgetUsedUp);
        }
        let mut nearest: Option<WhyNot> = None;
        self.under_domains(facts, |allow, end| {
            if nearest.is_none()
                && let Some(misfit) = misfit(allow, facts, end)
            {
                nearest = Some(WhyNot::new(Some(allow), facts, misfit));
            }
            None::<()>
        });
        nearest.unwrap_or_else(|| self.alike(facts))
    }

    /// The class whose names look most like this one although its domain is another.
    fn alike(&self, facts: &Facts<'_>) -> WhyNot {
        let labels = facts.before(facts.domain_at);
        if labels.is_empty() {
            return WhyNot::new(None, facts, Misfit::NoClass);
        }
        // Whatever leaves the fewest choices is the best likeness.
        let likeness = |allow: &&Allow| {
            let fitting = allow.shapes.iter().filter(|shape| shape.fits(labels));
            fitting.map(|shape| shape.bits().unwrap_or(u32::MAX)).min()
        };
        // Names of hosting by wildcard are of any kind: its shape alone is no likeness.
        let tells = |allow: &&Allow| allow.answer != Some(AnswerCheck::Identical);
        let alike = self.all.iter().filter(|allow| likeness(allow).is_some() && tells(allow));
        let (structural, others): (Vec<_>, Vec<_>) =
            alike.filter(|allow| !allow.undelegated).partition(|allow| allow.is_structural());
        if let Some(allow) = structural.into_iter().min_by_key(likeness) {
            let misfit = misfit(allow, facts, facts.domain_at).unwrap_or(Misfit::Answer);
            return WhyNot::new(Some(allow), facts, misfit);
        }
        match others.into_iter().min_by_key(likeness) {
            Some(allow) => WhyNot::new(Some(allow), facts, Misfit::Domain),
            None => WhyNot::new(None, facts, Misfit::NoClass),
        }
    }

    /// Hands every allowance whose domain the name is under to `visit`, the longest domain first,
    /// until it returns something.
    fn under_domains<'a, T>(
        &'a self,
        facts: &Facts<'_>,
        mut visit: impl FnMut(&'a Allow, usize) -> Option<T>,
    ) -> Option<T> {
        if self.by_domain.is_empty() {
            return None;
        }
        let mut lower = [0_u8; 256];
        let wire = facts.qname.wire();
        for (cell, byte) in lower.iter_mut().zip(wire) {
            *cell = byte.to_ascii_lowercase();
        }
        let mut at = 0;
        for label in facts.qname.labels() {
            let tail = lower.get(at..wire.len()).unwrap_or_default();
            let hash = hash(tail);
            if self.marks.has(hash)
                && self.hashes.binary_search(&hash).is_ok()
                && let Some(there) = self.by_domain.get(tail)
                && let Some(found) = self.of(there).find_map(|allow| visit(allow, at))
            {
                return Some(found);
            }
            at += 1 + label.len();
        }
        None
    }

    fn undelegated(&self, facts: &Facts<'_>) -> Option<&Allow> {
        if facts.suffix_known || !facts.is_nxdomain() {
            return None;
        }
        let whole = facts.qname.wire().len();
        self.of(&self.undelegated).find(|allow| fits(allow, facts, whole))
    }

    fn structural(&self, facts: &Facts<'_>) -> Option<&Allow> {
        let end = facts.domain_at;
        let labels = facts.before(end);
        if labels.is_empty() {
            return None;
        }
        let marked = labels.contains(&b'_');
        let candidates = self.structural.iter().filter(|entry| marked || !entry.underscored);
        let mut allows = candidates.filter_map(|entry| self.all.get(entry.index));
        allows.find(|allow| fits(allow, facts, end))
    }

    fn of<'a>(&'a self, indexes: &'a [usize]) -> impl Iterator<Item = &'a Allow> {
        indexes.iter().filter_map(|index| self.all.get(*index))
    }

    /// Walks the allowances in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Allow> {
        self.all.iter()
    }
}

/// Tells whether a question, whose subdomain ends at octet `end`, is excused by an allowance.
fn fits(allow: &Allow, facts: &Facts<'_>, end: usize) -> bool {
    // From the cheapest question to the dearest.
    is_answered(allow, facts)
        && is_of_type(allow, facts)
        && allow.expires.is_none_or(|end| facts.time < end)
        && is_shaped(allow, facts.before(end))
}

/// Says what does not fit, what a reader can see first.
fn misfit(allow: &Allow, facts: &Facts<'_>, end: usize) -> Option<Misfit> {
    if !is_shaped(allow, facts.before(end)) {
        Some(Misfit::Shape)
    } else if !is_of_type(allow, facts) {
        Some(Misfit::Type)
    } else if !is_answered(allow, facts) {
        Some(Misfit::Answer)
    } else {
        allow.expires.is_some_and(|end| facts.time >= end).then_some(Misfit::Expired)
    }
}

/// The domain itself tells nothing: it fits any class that names it.
fn is_shaped(allow: &Allow, labels: &[u8]) -> bool {
    if allow.shapes.is_empty() || labels.is_empty() {
        return true;
    }
    let name = Glance::of(labels);
    allow.shapes.iter().any(|shape| shape.may_fit(name) && shape.fits(labels))
}

fn is_of_type(allow: &Allow, facts: &Facts<'_>) -> bool {
    allow.qtypes.is_empty() || allow.qtypes.contains(&facts.qtype)
}

fn is_answered(allow: &Allow, facts: &Facts<'_>) -> bool {
    match (allow.answer, facts.answer) {
        (Some(AnswerCheck::Identical), _) => facts.same_answers,
        (Some(AnswerCheck::Nxdomain), _) => facts.is_nxdomain(),
        (Some(AnswerCheck::Loopback), Some(answer)) => answer.n_loopback == answer.n_addresses,
        (Some(AnswerCheck::Loopback), None) | (None, _) => true,
    }
}

fn hash(wire: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(wire)
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
        let qname = Name::parse(name).unwrap();
        let time = Timestamp(day_number * 86_400_000_000);
        let facts = Facts {
            qname: &qname,
            domain_at: 0,
            suffix_known: true,
            qtype: 1,
            time,
            answer: None,
            same_answers: false,
        };
        list.find(&facts).is_some()
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
    fn files_of_the_form_before_classes_stay_valid() {
        let text = "[[allow]]\ndomain = \"bl.org\"\nreason = \"r\"\nsource = \"s\"\n\
                    shape = \"reversed_ipv4\"\nbudget = 200\nexpires = \"2027-01-31\"\n\
                    [undelegated]\nreason = \"r\"\nsource = \"s\"\nbudget = 20\n";
        let list = list(text).unwrap();
        assert_eq!(
            list.iter().map(|allow| allow.class.as_str()).collect::<Vec<_>>(),
            ["own", "undelegated"]
        );
        assert!(allowed(&list, "4.3.2.1.bl.org", 0) && !allowed(&list, "data.x.bl.org", 0));
    }

    #[test]
    fn one_domain_may_stand_in_several_classes_with_several_shapes() {
        let class = |name: &str, shape: &str| {
            format!(
                "[[class]]\nname = \"{name}\"\ndomains = [\"x.org\"]\nshape = \"{shape}\"\n\
                 budget = 9\nreason = \"r\"\nsource = \"s\"\n"
            )
        };
        let both = class("one", "<hex:8>") + &class("two", "<decimal:3>");
        let list = list(&both).unwrap();
        assert!(allowed(&list, "deadbeef.x.org", 0) && allowed(&list, "123.x.org", 0));
        assert!(!allowed(&list, "deadbee.x.org", 0));
    }

    #[test]
    fn the_line_that_an_alert_proposes_holds_beside_the_class_that_was_used_up() {
        let class = "[[class]]\nname = \"c\"\ndomains = [\"x.org\"]\nshape = \"<hex:8>\"\n\
                     budget = 5\nreason = \"r\"\nsource = \"s\"\n\
                     [undelegated]\nreason = \"r\"\nsource = \"s\"\nbudget = 20\n";
        let own = "[[allow]]\ndomain = \"x.org\"\nreason = \"r\"\n\
                   [undelegated]\nreason = \"r\"\nbudget = 100\n";
        let mut list = list(class).unwrap();
        let file = toml_file::parse(&format!("version = 1\n{own}"), "allow/site.toml").unwrap();
        list.extend(file, "allow/site.toml").unwrap();
        let answer = Some(AnswerFacts { rcode: NXDOMAIN, ..AnswerFacts::default() });
        for (name, domain_at, suffix_known, budget) in
            [("deadbeef.x.org", 9, true, 50), ("some.thing", 0, false, 100)]
        {
            let qname = Name::parse(name).unwrap();
            let time = Timestamp(0);
            let (qtype, same_answers) = (1, false);
            let facts =
                Facts { qname: &qname, domain_at, suffix_known, qtype, time, answer, same_answers };
            assert_eq!(list.find(&facts).map(|allow| allow.budget), Some(budget), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let class = "[[class]]\nname = \"c\"\nbudget = 2\nreason = \"r\"\nsource = \"s\"\n";
        let with = |more: &str| format!("{class}{more}");
        for (text, told) in [
            ("[[allow]]\ndomain = \".\"\nreason = \"r\"\n".to_owned(), "root"),
            ("[[allow]]\ndomain = \"x.org\"\nreason = \" \"\n".to_owned(), "reason"),
            (
                "[[allow]]\ndomain = \"x.org\"\nreason = \"r\"\nexpires = \"soon\"\n".to_owned(),
                "2027-01-31",
            ),
            ("[[allow]]\ndomain = \"x.org\"\nreson = \"r\"\n".to_owned(), "did you mean `reason`?"),
            (with("shape = 7\n"), "a shape is a text like \"<hex:32>\""),
            (with("shape = []\n"), "class \"c\": shape is an empty list"),
            (with("shape = \"hex32\"\n"), "unknown shape `hex32`"),
            (with("shape = \"<hexx:3>\"\n"), "did you mean `hex`?"),
            (with("shape = \"<hex:3>\"\nqtypes = [\"TEXT\"]\n"), "unknown query type \"TEXT\""),
            (with("shape = \"<hex:3>\"\nanswer = \"loop\"\n"), "loopback"),
            (with("shape = \"<hex:3>\"\nundelegated = true\ndomains = [\"x.org\"]\n"), "leave out"),
            (with("shape = \"<hex:3>\"\n").replace("= 2", "= 3"), "at most 2"),
            (with("shape = \"<hex:3>\"\n").replace("= 2", "= 0"), "at least 1"),
            (with("shape = \"_a\"\n").replace("= 2", "= 5000"), "which is a silence"),
            (with("shape = \"_a\"\n").replace("\"s\"", "\"\""), "a source must be given"),
            (with("shape = \"_a\"\n").replace("\"c\"", "\"C c\""), "small letters"),
            (
                with("shape = \"_a\"\ndomains = [\"x.org\", \"X.org\"]\n"),
                "\"x.org\" stands twice with the same shape",
            ),
        ] {
            let error = list(&text).unwrap_err();
            assert!(error.contains(told), "{text}{error}");
        }
    }
}
