//! Labels of letters drawn evenly from an alphabet: what encoders make.

use super::bits::Bits;
use super::label::Expert;

/// Cost of a label's length where 1 to 63 are equally likely: log2 63, rounded up.
const LENGTH: u32 = 6;

/// Cost of the length of a number of one to three digits: log2 6, rounded up.
const SHORT_NUMBER: Bits = Bits::from_raw(662);

/// Groups of a UUID in text form (RFC 9562 section 4).
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Which alphabets every octet of a label so far belongs to.
#[derive(Clone, Copy)]
pub(super) struct Alphabets {
    member: u8,
    length: u32,
}

/// Alphabets by bit, with the cost of a letter in 256ths of a bit: ceil(256·log2 size).
const ALPHABETS: [(Expert, u32); 6] = [
    (Expert::Decimal, 851), // log2 10
    (Expert::Hex, 1024),    // log2 16
    (Expert::Base32, 1280), // log2 32: a-z2-7 (RFC 4648 section 6)
    (Expert::Base32, 1280), // log2 32: 0-9a-v (RFC 4648 section 7)
    (Expert::Base36, 1324), // log2 36: a-z0-9
    (Expert::Base64, 1344), // log2 38: a-z0-9-_, the case priced apart (RFC 4648 section 5)
];

impl Alphabets {
    pub(super) const ALL: Self = Self { member: 0b11_1111, length: 0 };

    /// Takes one octet in lower case.
    pub(super) fn add(&mut self, byte: u8) {
        self.length += 1;
        self.member &= MEMBER.get(usize::from(byte)).copied().unwrap_or_default();
    }

    /// Returns the cheapest alphabet that has every octet; any octets at all as the last resort.
    pub(super) fn price(self) -> (Bits, Expert) {
        let mut best = (
            Expert::Octets.share()
                + Bits::from_whole(LENGTH)
                + Bits::from_whole(8).times(self.length),
            Expert::Octets,
        );
        for (bit, (expert, letter)) in ALPHABETS.iter().enumerate() {
            if self.member & (1 << bit) == 0 {
                continue;
            }
            let price = expert.share()
                + length_price(*expert, self.length)
                + Bits::from_raw(*letter).times(self.length);
            if price < best.0 {
                best = (price, *expert);
            }
        }
        best
    }
}

/// The alphabets of every octet: a look-up, for nobody foresees what octets a label has.
static MEMBER: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        #[expect(clippy::indexing_slicing, reason = "an octet is below 256; at compile time")]
        {
            table[byte as usize] = member(byte);
        }
        byte += 1;
    }
    table
};

const fn member(byte: u8) -> u8 {
    match byte {
        b'0' | b'1' => 0b11_1011,
        b'2'..=b'7' => 0b11_1111,
        b'8' | b'9' => 0b11_1011,
        b'a'..=b'f' => 0b11_1110,
        b'g'..=b'v' => 0b11_1100,
        b'w'..=b'z' => 0b11_0100,
        b'-' | b'_' => 0b10_0000,
        _ => 0,
    }
}

/// Numbers are short more often than not: one to three digits have half of their code.
fn length_price(expert: Expert, length: u32) -> Bits {
    match expert {
        Expert::Decimal if length <= 3 => SHORT_NUMBER,
        Expert::Decimal => Bits::from_whole(LENGTH + 1),
        // The two base 32 alphabets share one expert: a bit says which.
        Expert::Base32 => Bits::from_whole(LENGTH + 1),
        _ => Bits::from_whole(LENGTH),
    }
}

/// Returns the price of a UUID: its 32 hexadecimal digits.
pub(super) fn uuid_price(lower: &[u8]) -> Option<Bits> {
    let mut groups = lower.split(|byte| *byte == b'-');
    for length in UUID_GROUPS {
        let group = groups.next()?;
        if group.len() != length || !group.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    groups.next().is_none().then(|| Expert::Uuid.share() + Bits::from_whole(128))
}
