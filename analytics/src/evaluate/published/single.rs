//! Rules about a single name, as many guides and SIEM rules have them.
//!
//! - "entropy": Shannon entropy of the subdomain over 3.5 bits a character. 3.5 is the figure of
//!   Maltrail's `SUSPICIOUS_DOMAIN_ENTROPY_THRESHOLD`, and others use it for the whole name (which
//!   raises more) or with a least length (which misses more); a string of n characters cannot exceed
//!   log2 n, so below 12 characters it is silent.
//! - "long-name": a name over 52 characters, as in a Zeek script that teaching material passes on
//!   (`dns_request` with `|query| > 52`).
//!
//! One query is an alarm on its client and domain.

use geophone_sensor::record::Transaction;

use super::table::{Told, is_scored, scored};
use super::{Published, PublishedScore};

/// A rule that looks at one name at a time.
pub struct Single {
    name: &'static str,
    /// What must be exceeded.
    limit: f64,
    figure: fn(&Transaction) -> f64,
    told: Told,
}

impl Single {
    /// Makes the rule "entropy"; its score is in bits an octet.
    #[must_use]
    pub fn entropy() -> Self {
        Self {
            name: "entropy",
            limit: 3.5,
            figure: |transaction| f64::from(transaction.name.entropy_millibits) / 1000.0,
            told: Told::default(),
        }
    }

    /// Makes the rule "long-name"; its score is in octets.
    #[must_use]
    pub fn long_name() -> Self {
        Self {
            name: "long-name",
            limit: 52.0,
            figure: |transaction| f64::from(transaction.name.length),
            told: Told::default(),
        }
    }
}

impl Published for Single {
    fn name(&self) -> &'static str {
        self.name
    }

    fn threshold(&self) -> f64 {
        self.limit.next_up()
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if is_scored(transaction) {
            self.told.tell(scored(transaction, (self.figure)(transaction)), tell);
        }
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

#[cfg(test)]
mod tests {
    use super::super::table::made::{alarms, ask};
    use super::*;

    fn fires(rule: fn() -> Single, name: &str) -> bool {
        alarms(&mut rule(), &[ask(0, 1, name, 1)])
    }

    #[test]
    fn entropy_fires_above_three_and_a_half_bits_and_not_on_short_or_plain_names() {
        assert!(fires(Single::entropy, "abcdefghijkl.example.com"));
        assert!(!fires(Single::entropy, "abcdefghijk.example.com"), "log2 11 is below");
        assert!(!fires(Single::entropy, "deadbeefdeadbeefdeadbeefdeadbeef.example.com"));
    }

    #[test]
    fn long_names_fire_from_53_characters_on() {
        let name = |n: usize| format!("{}.example.com", "a".repeat(n - 12));
        assert!(fires(Single::long_name, &name(53)));
        assert!(!fires(Single::long_name, &name(52)));
    }
}
