//! Cobalt Strike's DNS Beacon.
//!
//! Source: NVISO Labs, "Cobalt Strike: Decrypting DNS Traffic – Part 5" (2021), and the prefixes in
//! Sigma's rules on its beaconing. A check-in asks the beacon's id, up to eight hexadecimal digits,
//! under the domain. Data goes `<prefix>.<n><hex>[.<hex>…].<counter>.<id>` up, n being the number of
//! labels of data, and `<prefix>.<counter>.<id>` fetches a piece of what comes down. The prefixes
//! can be set; where they stand cannot. The stager asks `<three letters>.stage.<number>`.

use serde::{Deserialize, Serialize};

use super::question::{Question, decimal};

/// Most labels of data a name has.
const MOST_DATA: usize = 4;

/// What is remembered of one client's beacon.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct CobaltStrike {
    id: u32,
    counter: u32,
    staged: bool,
}

impl CobaltStrike {
    /// Takes one name; tells whether the beacon would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        let labels = question.labels();
        if let [name, stage, number, ..] = labels
            && name.len() == 3
            && stage.eq_ignore_ascii_case(b"stage")
            && decimal(number).is_some()
        {
            self.staged = true;
            return true;
        }
        for data in [announced(labels), 0] {
            let (Some(counter), Some(id)) = (labels.get(data + 1), labels.get(data + 2)) else {
                continue;
            };
            let (Some(counter), Some(id)) = (word(counter), word(id)) else { continue };
            let known = std::mem::replace(&mut self.id, id) == id;
            let moved = std::mem::replace(&mut self.counter, counter) != counter;
            return known && moved && labels.first().is_none_or(|prefix| word(prefix).is_none());
        }
        let [id, ..] = labels else { return false };
        word(id).is_some_and(|id| id == self.id)
    }

    /// Returns what was seen of it in words.
    pub(super) const fn mode(&self) -> &'static str {
        if self.staged { "stager and beacon" } else { "beacon" }
    }
}

/// Returns how many labels of data follow the prefix, as the first of them says; 0 for none.
fn announced(labels: &[&[u8]]) -> usize {
    let said =
        labels.get(1).and_then(|label| label.first()).map(|n| usize::from(n.wrapping_sub(b'0')));
    let data = said.filter(|n| (1..=MOST_DATA).contains(n)).unwrap_or_default();
    let digits = |label: &&[u8]| label.iter().all(u8::is_ascii_hexdigit);
    let whole = labels.get(1..=data).is_some_and(|data| data.iter().all(digits));
    if whole { data } else { 0 }
}

/// A number of five to eight hexadecimal digits.
fn word(label: &[u8]) -> Option<u32> {
    if !(5..=8).contains(&label.len()) {
        return None;
    }
    u32::try_from(super::question::number(label, 4, super::question::hex)?).ok()
}
