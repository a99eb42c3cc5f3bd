//! A character model of ordinary labels: what comes after the last two characters.

use super::bits::Bits;

/// a-z, 0-9, hyphen, underscore, any other octet, end of label.
const SYMBOLS: usize = 40;
const OTHER: u8 = 38;
const END: u8 = 39;

/// Cost of naming the octet behind [`OTHER`].
const OTHER_OCTET: Bits = Bits::from_whole(8);

/// The cost of what the table has no cost for, which cannot happen.
const NEVER: u32 = u16::MAX as u32;

/// An interpolated trigram model (Witten and Bell 1991), its costs in a table.
///
/// Order two of context: 40³ costs of two octets, 128 KB, stay in the second-level cache.
pub(super) struct Ngram {
    costs: Vec<u16>,
}

/// Where the model stands in a label.
#[derive(Clone, Copy)]
pub(super) struct State {
    context: usize,
    bits: Bits,
}

impl Ngram {
    /// Learns from `labels` with their weights.
    pub(super) fn train<'a>(labels: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut counts = Counts::new();
        for (label, weight) in labels {
            counts.add(label.as_bytes(), weight);
        }
        Self { costs: counts.costs() }
    }

    /// Begins a label.
    pub(super) const fn start() -> State {
        State { context: join(join(0, END), END), bits: Bits::from_whole(0) }
    }

    /// Takes one octet in lower case.
    pub(super) fn add(&self, state: &mut State, byte: u8) {
        let symbol = symbol_of(byte);
        state.bits = state.bits + self.cost(state.context, symbol);
        if symbol == OTHER {
            state.bits = state.bits + OTHER_OCTET;
        }
        state.context = join(state.context % SYMBOLS, symbol);
    }

    /// Ends the label and returns its price, without the expert's share.
    pub(super) fn end(&self, state: State) -> Bits {
        state.bits + self.cost(state.context, END)
    }

    fn cost(&self, context: usize, symbol: u8) -> Bits {
        let cost = self.costs.get(context * SYMBOLS + usize::from(symbol));
        Bits::from_raw(cost.map_or(NEVER, |cost| u32::from(*cost)))
    }
}

/// Counts after contexts of two, one and no characters.
struct Counts {
    three: Vec<f64>,
    two: Vec<f64>,
    one: Vec<f64>,
}

impl Counts {
    fn new() -> Self {
        Self {
            three: vec![0.0; SYMBOLS * SYMBOLS * SYMBOLS],
            two: vec![0.0; SYMBOLS * SYMBOLS],
            one: vec![0.0; SYMBOLS],
        }
    }

    fn add(&mut self, label: &[u8], weight: u32) {
        let mut context = Ngram::start().context;
        for symbol in label.iter().map(|byte| symbol_of(*byte)).chain([END]) {
            let index = join(context, symbol);
            for (table, index) in [
                (&mut self.three, index),
                (&mut self.two, index % (SYMBOLS * SYMBOLS)),
                (&mut self.one, index % SYMBOLS),
            ] {
                if let Some(count) = table.get_mut(index) {
                    *count += f64::from(weight);
                }
            }
            context = index % (SYMBOLS * SYMBOLS);
        }
    }

    /// Mixes the orders and rounds every cost up, so that each context's shares sum below one.
    fn costs(&self) -> Vec<u16> {
        let even = 1.0 / f64::from(u32::from(END) + 1);
        let one = mix(&self.one, |_| even);
        let two = mix(&self.two, |index| one.get(index % SYMBOLS).copied().unwrap_or(even));
        let three =
            mix(&self.three, |index| two.get(index % (SYMBOLS * SYMBOLS)).copied().unwrap_or(even));
        let cost = |share: &f64| u16::try_from(Bits::of_share(*share).raw()).unwrap_or(u16::MAX);
        three.iter().map(cost).collect()
    }
}

/// Witten-Bell: of n counts over t distinct symbols, t/(n+t) of the share goes to the lower order.
fn mix(counts: &[f64], lower: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut shares = Vec::with_capacity(counts.len());
    for (context, row) in counts.chunks(SYMBOLS).enumerate() {
        let n: f64 = row.iter().sum();
        let distinct = row.iter().filter(|count| **count > 0.0).map(|_| 1.0).sum::<f64>();
        // Never without some of the lower order: an unseen context is all of it.
        let back_off = if n > 0.0 { distinct.max(1.0) / (n + distinct.max(1.0)) } else { 1.0 };
        for (symbol, count) in row.iter().enumerate() {
            let own = if n > 0.0 { count / n } else { 0.0 };
            let below = lower(context * SYMBOLS + symbol);
            shares.push((1.0 - back_off) * own + back_off * below);
        }
    }
    shares
}

/// The symbol of every octet: a look-up, for nobody foresees what octets a label has.
static SYMBOL: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        #[expect(clippy::indexing_slicing, reason = "an octet is below 256; at compile time")]
        {
            table[byte as usize] = symbol(byte);
        }
        byte += 1;
    }
    table
};

fn symbol_of(byte: u8) -> u8 {
    SYMBOL.get(usize::from(byte)).copied().unwrap_or(OTHER)
}

const fn symbol(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'0'..=b'9' => byte - b'0' + 26,
        b'-' => 36,
        b'_' => 37,
        _ => OTHER,
    }
}

const fn join(context: usize, symbol: u8) -> usize {
    context * SYMBOLS + symbol as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_context_is_a_code() {
        let model = Ngram::train([("www", 100), ("mail-01", 3), ("_dmarc", 1)].into_iter());
        for row in model.costs.chunks(SYMBOLS) {
            let sum: f64 = row.iter().map(|cost| (-f64::from(*cost) / 256.0).exp2()).sum();
            assert!(sum <= 1.0 + 1e-9, "{sum}");
        }
    }

    #[test]
    fn what_was_learnt_is_cheaper_than_what_was_not() {
        let model = Ngram::train([("mail", 10), ("main", 10)].into_iter());
        let price = |label: &[u8]| {
            let mut state = Ngram::start();
            for byte in label {
                model.add(&mut state, *byte);
            }
            model.end(state)
        };
        assert!(price(b"mail") < price(b"liam"));
        assert!(price(b"\xff") >= OTHER_OCTET);
    }
}
