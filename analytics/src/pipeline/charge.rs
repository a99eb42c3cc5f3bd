//! What is new about a transaction, and what it costs.

use geophone_sensor::defect::Defect;
use geophone_sensor::record::{Status, Transaction};

use super::Analytics;
use super::keys::Keys;
use crate::price::{Bits, Expert, NamePrice, Pricer};
use crate::rule::Facts;
use crate::state::{Novelty, Wildcards};

/// A 4-octet address, and one of 16.
const ADDRESS_BYTES: [(u16, u32); 2] = [(1, 4), (28, 16)];

const TYPE_PTR: u16 = 12;

/// What is new about a transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Charge {
    pub(super) novelty: Novelty,
    /// The price of a novel name.
    pub(super) price: Option<NamePrice>,
    /// Whether its client asked for the name for the first time.
    pub(super) name_novel: bool,
    /// What the case of a repeated name costs.
    pub(super) case: Bits,
    /// Whether an allowance covers the name.
    pub(super) allowed: bool,
    /// Whether that allowance is of domains that it names, so that no attacker owns them.
    pub(super) listed: bool,
    /// The whole name's, where the domain is data too.
    pub(super) whole: Option<(Novelty, NamePrice)>,
}

impl Analytics {
    /// Finds what is new about `transaction` and remembers it.
    pub(super) fn charge(&mut self, transaction: &Transaction, keys: &Keys) -> Charge {
        let mut charge = Charge::default();
        self.answer(transaction, keys, &mut charge);
        self.name(transaction, keys, &mut charge);
        add_questions(transaction, &mut charge);
        charge
    }

    /// Prices the name if it is novel.
    fn name(&mut self, transaction: &Transaction, keys: &Keys, charge: &mut Charge) {
        if !self.tables.seen.insert(keys.name, transaction.time) {
            if keys.capitals {
                charge.case = self.pricer.price_case(&transaction.qname);
            }
            return;
        }
        charge.name_novel = true;
        self.counters.names_novel += 1;
        let price = self.pricer.price(&transaction.qname, usize::from(transaction.domain_at));
        let bytes = price.bits.as_bytes();
        let novelty = &mut charge.novelty;
        novelty.bits = price.bits.raw().div_ceil(256);
        self.counters.bits_priced += u64::from(novelty.bits);
        let addresses = transaction.answer.addresses;
        let same_answers = Wildcards::key(transaction, keys.domain, &self.hasher)
            .is_some_and(|key| self.tables.facts.is_wildcard(key, addresses));
        let facts = Facts { same_answers, ..Facts::from(transaction) };
        match self.rules.allow.find(&facts) {
            Some(allow) => {
                novelty.charged_bytes = bytes / f64::from(allow.budget);
                (charge.allowed, charge.listed) = (true, !allow.domains.is_empty());
                self.counters.names_allowed += 1;
                self.counters.allow(&allow.class, u64::from(novelty.bits));
            }
            None => {
                let budget = self.rules.baseline.budget(transaction);
                if budget > 1.0 {
                    self.counters.names_baseline += 1;
                    self.counters.bits_baseline += u64::from(novelty.bits);
                }
                novelty.charged_bytes = bytes / budget;
                novelty.name = true;
            }
        }
        charge.price = Some(price);
    }

    /// What nobody asked for is a flood, not a download.
    fn answer(&mut self, transaction: &Transaction, keys: &Keys, charge: &mut Charge) {
        let answer = &transaction.answer;
        if transaction.status != Status::Answered || answer.rdata_bytes == 0 {
            return;
        }
        let text = answer.text_bytes.saturating_add(answer.opaque_bytes);
        let each = ADDRESS_BYTES.iter().find(|(qtype, _)| *qtype == transaction.qtype);
        let addresses = each.map_or(0, |(_, bytes)| bytes * u32::from(answer.n_addresses));
        // Host names are what PTR is for.
        let names = if transaction.qtype == TYPE_PTR { 0 } else { answer.name_bytes };
        if self.tables.seen.insert(keys.answer, transaction.time) {
            charge.novelty.text_bytes = text;
            charge.novelty.answer_bytes = text.saturating_add(names).saturating_add(addresses);
        }
    }
}

/// Octets of a message before its first question, and of a question behind its name (RFC 1035
/// section 4.1).
const HEADER: usize = 12;
const TYPE_AND_CLASS: usize = 4;

/// Charges what stands behind the first question of a query with several, octet for octet: nobody
/// has a use for it (RFC 9619), the names in it are not read, and no allowance is for it.
fn add_questions(transaction: &Transaction, charge: &mut Charge) {
    if !transaction.defects.has(Defect::MultipleQuestions) || !transaction.has_query() {
        return;
    }
    let first = HEADER + transaction.qname.wire().len() + TYPE_AND_CLASS;
    let behind = transaction.query_bytes.saturating_sub(u32::try_from(first).unwrap_or_default());
    if behind == 0 {
        return;
    }
    let novelty = &mut charge.novelty;
    novelty.bits = novelty.bits.saturating_add(behind.saturating_mul(8));
    novelty.charged_bytes += f64::from(behind);
    novelty.name = true;
    let name = charge.price.map_or_else(Bits::default, |price| price.bits);
    let bits = name + Bits::from_whole(8).times(behind);
    charge.price = Some(NamePrice { bits, expert: Expert::Octets });
    (charge.allowed, charge.listed) = (false, false);
}

/// Prices the whole name, for an account whose domain is data too; what an allowance took off the
/// subdomain it takes off the whole.
pub(super) fn whole_name(
    pricer: &Pricer,
    transaction: &Transaction,
    charge: &Charge,
) -> Option<(Novelty, NamePrice)> {
    let price = charge.price?;
    let whole = pricer.price(&transaction.qname, transaction.qname.wire().len());
    let share = charge.novelty.charged_bytes / price.bits.as_bytes();
    let novelty = Novelty {
        charged_bytes: whole.bits.as_bytes() * share,
        bits: whole.bits.raw().div_ceil(256),
        ..charge.novelty
    };
    Some((novelty, whole))
}
