//! Eight attributes of a single name, and an isolation forest.
//!
//! Source: Ahmed, Habibi Gharakheili, Raza, Russell, Sivaraman, "Real-time detection of DNS
//! exfiltration and tunneling from enterprise networks", IM 2019, and their TNSM article of the same
//! year: characters of the name, characters of the subdomain, upper-case letters, digits, entropy,
//! labels, longest label, mean label; an isolation forest of an enterprise's benign names that
//! accepts about 98 % of them. So 2 % of benign queries alarm by design.
//!
//! One query is an alarm on its client and domain. Known to miss: short names of low entropy (Ziza
//! et al. 2023 caught about 1 % of names of at most 9 octets with methods of this kind).

use std::sync::Arc;

use geophone_sensor::record::Transaction;

use super::forest::{Forest, Rows};
use super::maltrail::entropy;
use super::table::{Told, is_scored, number, scored};
use super::{Published, PublishedScore};

/// Of a million benign names so many may alarm: 2 %.
const PER_MILLION: usize = 20_000;
/// Benign names that are kept.
const MOST_NAMES: usize = 32_768;

/// Collects benign names.
pub struct AhmedTraining {
    rows: Rows<8>,
}

impl Default for AhmedTraining {
    fn default() -> Self {
        Self { rows: Rows::new(MOST_NAMES) }
    }
}

impl AhmedTraining {
    /// Takes one benign transaction.
    pub fn transaction(&mut self, transaction: &Transaction) {
        if is_scored(transaction) {
            self.rows.add(attributes(transaction));
        }
    }

    /// Fits the forest and sets its threshold.
    #[must_use]
    pub fn finish(self) -> Ahmed {
        let forest = Arc::new(self.rows.forest());
        let threshold = self.rows.threshold(&forest, PER_MILLION);
        Ahmed { forest, threshold, told: Told::default() }
    }
}

/// The fitted detector.
pub struct Ahmed {
    forest: Arc<Forest<8>>,
    threshold: f64,
    told: Told,
}

impl Ahmed {
    /// Makes a detector of the same forest with nothing told yet.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { forest: Arc::clone(&self.forest), threshold: self.threshold, told: Told::default() }
    }
}

impl Published for Ahmed {
    fn name(&self) -> &'static str {
        "ahmed-8"
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }

    fn transaction(&mut self, transaction: &Transaction, tell: &mut dyn FnMut(PublishedScore)) {
        if is_scored(transaction) {
            let score = self.forest.score(&attributes(transaction));
            self.told.tell(scored(transaction, score), tell);
        }
    }

    fn finish(&mut self, _: &mut dyn FnMut(PublishedScore)) {}
}

fn attributes(transaction: &Transaction) -> [f64; 8] {
    let labels: Vec<&[u8]> = transaction.qname.labels().collect();
    let octets = labels.concat();
    let upper = octets.iter().filter(|octet| octet.is_ascii_uppercase()).count();
    let digits = octets.iter().filter(|octet| octet.is_ascii_digit()).count();
    let longest = labels.iter().map(|label| label.len()).max().unwrap_or(0);
    [
        f64::from(transaction.name.length),
        f64::from(transaction.name.subdomain_length),
        number(upper),
        number(digits),
        entropy(&octets),
        number(labels.len()),
        number(longest),
        number(octets.len()) / number(labels.len().max(1)),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::super::table::Random;
    use super::super::table::made::{alarms, ask};
    use super::*;

    const WORDS: [&str; 8] =
        ["www", "api", "mail", "login", "example", "shop-2", "cdn", "university"];

    static FITTED: LazyLock<Ahmed> = LazyLock::new(|| {
        let (mut training, mut random) = (AhmedTraining::default(), Random(5));
        for n in 0..5_000 {
            let mut word = || WORDS[random.below(8)];
            let mut name = format!("{}.{}.com", word(), word());
            for _ in 0..n % 3 {
                name = format!("{}.{name}", word());
            }
            training.transaction(&ask(n, 1, &name, 1));
        }
        training.finish()
    });

    #[test]
    fn a_long_encoded_name_stands_out_and_short_ones_do_not() {
        let one = |name: &str| alarms(&mut FITTED.fresh(), &[ask(0, 1, name, 1)]);
        assert!(one("MZXW6YTBOI4TQNZRGM3DKNBSMZXW6YTBOI4TQNZRGM3DKNBS.x.example.com"));
        assert!(!one("www.example.com"));
    }

    #[test]
    fn data_in_short_words_is_never_seen() {
        let name = |n: usize| format!("{}.{}.example.com", WORDS[n % 4], WORDS[n / 4 % 4]);
        let asked: Vec<_> = (0..1_000).map(|n| ask(0, 1, &name(n), 1)).collect();
        assert!(!alarms(&mut FITTED.fresh(), &asked));
    }
}
