//! Why a name is not excused by a look-alike class, as plain data and as a sentence.

use std::fmt;

use super::allow::Facts;
use super::class::Allow;
use geophone_sensor::decode::rdata::type_name;

/// Why a name is not, or not wholly, excused by a class: the nearest one and what did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyNot {
    /// The nearest class; `None` where none is near.
    pub class: Option<String>,
    /// The domain of that class the name is under.
    pub domain: Option<String>,
    /// What did not fit.
    pub misfit: Misfit,
    /// What the class asks for at that point, as the rule file has it.
    pub wanted: String,
    /// How many times the leak contract the class would give.
    pub budget: Option<u32>,
}

/// What did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The name fits, but not what came back.
    Answer,
    /// Everything fits: names like it were charged a share only, and the budget is used up.
    BudgetUsedUp,
    /// The subdomain looks like the class's, but stands under another domain.
    Domain,
    /// The class held until a day that is past.
    Expired,
    /// No class has such names.
    NoClass,
    /// The domain is the class's, but the subdomain does not look like its names.
    Shape,
    /// The class is not for this query type.
    Type,
}

impl WhyNot {
    pub(super) fn new(allow: Option<&Allow>, facts: &Facts<'_>, misfit: Misfit) -> Self {
        let wanted = allow.map_or_else(String::new, |allow| wanted(allow, misfit));
        Self {
            class: allow.map(|allow| allow.class.clone()),
            domain: allow.and_then(|allow| domain_of(allow, facts)),
            misfit,
            wanted,
            budget: allow.map(|allow| allow.budget),
        }
    }
}

/// What the class asks for at the point where the name did not fit.
fn wanted(allow: &Allow, misfit: Misfit) -> String {
    let list = |texts: Vec<String>| texts.join(" or ");
    match misfit {
        Misfit::Answer => allow.answer.map_or("", |answer| answer.name()).to_owned(),
        Misfit::BudgetUsedUp => format!("{} times the leak contract", allow.budget),
        Misfit::Domain => list(allow.domains.clone()),
        Misfit::Expired => allow.expires.map_or_else(String::new, |end| end.to_string()),
        Misfit::NoClass => String::new(),
        Misfit::Shape => list(allow.shapes.iter().map(ToString::to_string).collect()),
        Misfit::Type => list(allow.qtypes.iter().map(|qtype| type_name(*qtype)).collect()),
    }
}

/// The longest of the class's domains that the name is under.
fn domain_of(allow: &Allow, facts: &Facts<'_>) -> Option<String> {
    let name = facts.qname.to_string().to_ascii_lowercase();
    let is_under = |domain: &&String| {
        name.strip_suffix(domain.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    allow.domains.iter().filter(is_under).max_by_key(|domain| domain.len()).cloned()
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class.as_deref().unwrap_or("none");
        let at = self.domain.as_deref().map(|domain| format!(" at {domain}")).unwrap_or_default();
        let wanted = &self.wanted;
        match self.misfit {
            Misfit::Answer => {
                write!(f, "names like class {class}{at}, but the answers are not {wanted}")
            }
            Misfit::BudgetUsedUp => {
                write!(f, "class {class}{at}, but its budget of {wanted} is used up")
            }
            Misfit::Domain => write!(f, "names like class {class}, but not under {wanted}"),
            Misfit::Expired => write!(f, "class {class}{at}, but it ended on {wanted}"),
            Misfit::NoClass => f.write_str("no look-alike class has such names"),
            Misfit::Shape => write!(f, "class {class}{at}, but the names are not {wanted}"),
            Misfit::Type => write!(f, "names like class {class}{at}, but the type is not {wanted}"),
        }
    }
}
