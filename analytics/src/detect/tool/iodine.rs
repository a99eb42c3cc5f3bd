//! iodine: IP over DNS (protocol 00000502).
//!
//! Source: `doc/proto_00000502.txt` in yarrick/iodine. A data name begins with the user as one
//! hexadecimal digit, a header of three characters in iodine's base 32 (a–z, 0–5), and a counter of
//! one character that takes 36 steps; a ping is `p` and seven characters that hold the user and a
//! counter of 16 bits. So two counters run through the names, and that is what is looked for; the
//! names of the handshake have fixed lengths and help to say which encodings were agreed.

use serde::{Deserialize, Serialize};

use super::question::{Question, hex, number};

/// Steps a counter may take between two names: others are lost, or seen by another sensor.
const MOST_STEPS: u16 = 64;
/// The same for the counter of data, which has 36 steps in all.
const MOST_DATA_STEPS: u8 = 6;

/// What is remembered of one client's iodine.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Iodine {
    user: Option<u8>,
    data_counter: u8,
    /// The header of the last data: the next one says another packet or fragment.
    header: u16,
    /// The version the client asks for in its first name is that of this protocol.
    version: bool,
    ping_counter: u16,
    /// Names of the handshake.
    handshake: u16,
    /// The bits per character the client switched to: 5, 6, 26 or 7.
    upstream: u8,
    /// The letter of the downstream encoding it asked for.
    downstream: u8,
    /// Octets above ASCII were seen in data.
    high: bool,
    /// Both cases were seen in one label of data.
    mixed: bool,
}

impl Iodine {
    /// Takes one name; tells whether iodine would send it next.
    pub(super) fn add(&mut self, question: &Question<'_>) -> bool {
        let label = question.first();
        let Some((head, rest)) = label.split_first() else { return false };
        match head.to_ascii_lowercase() {
            b'p' if rest.len() == 7 => self.ping(rest),
            b'0'..=b'9' | b'a'..=b'f' if rest.len() >= 5 => self.data(*head, rest),
            kind => {
                let fits = self.handshake(kind, rest);
                self.handshake = self.handshake.saturating_add(u16::from(fits));
                fits
            }
        }
    }

    /// Four octets: the user, what was received, and a counter of two.
    fn ping(&mut self, rest: &[u8]) -> bool {
        let Some(bits) = number(rest, 5, digit) else { return false };
        // 35 bits; the message has 32.
        let [_, _, _, _, user, _, high, low] = (bits >> 3).to_be_bytes();
        let counter = u16::from_be_bytes([high, low]);
        let steps = counter.wrapping_sub(self.ping_counter);
        self.ping_counter = counter;
        user < 16 && self.same_user(user) && (1..=MOST_STEPS).contains(&steps)
    }

    fn data(&mut self, user: u8, rest: &[u8]) -> bool {
        let (Some(header), Some(counter)) = (rest.get(..3), rest.get(3)) else { return false };
        let (Some(user), Some(counter)) = (hex(user), step(*counter)) else {
            return false;
        };
        let Some(header) = number(header, 5, digit).and_then(|bits| u16::try_from(bits).ok())
        else {
            return false;
        };
        let moved = std::mem::replace(&mut self.header, header) != header;
        let steps = (counter + 36 - self.data_counter) % 36;
        self.data_counter = counter;
        let fits = self.same_user(user) && moved && (1..=MOST_DATA_STEPS).contains(&steps);
        if fits {
            self.high |= rest.iter().any(|byte| *byte >= 0x80);
            let lower = rest.iter().any(u8::is_ascii_lowercase);
            self.mixed |= lower && rest.iter().any(u8::is_ascii_uppercase);
        }
        fits
    }

    fn handshake(&mut self, kind: u8, rest: &[u8]) -> bool {
        let plain = |part: &[u8]| number(part, 5, digit).is_some();
        match (kind, rest.len()) {
            (b'v', 10) => {
                // 0x00000502, then the counter.
                let bits = number(rest, 5, digit);
                self.version |= bits.is_some_and(|bits| bits >> 18 == 0x0000_0502);
                bits.is_some()
            }
            (b'l', 31) | (b'n', 8) | (b'i', 4) => plain(rest),
            (b'y', 5) => plain(rest.get(1..).unwrap_or_default()),
            (b's', 5) if plain(rest) => {
                self.upstream = rest.get(1).and_then(|byte| digit(*byte)).unwrap_or_default();
                true
            }
            (b'o', 5) if plain(rest) => {
                let asked = rest.get(1).map_or(0, u8::to_ascii_lowercase);
                if matches!(asked, b't' | b's' | b'u' | b'v' | b'r') {
                    self.downstream = asked;
                }
                true
            }
            // Upstream codec checks and fragment size probes: long, after three characters.
            (b'z', 20..) | (b'r', 30..) => plain(rest.get(..3).unwrap_or_default()),
            _ => false,
        }
    }

    fn same_user(&mut self, user: u8) -> bool {
        self.user.replace(user) == Some(user)
    }

    /// Returns how many names must fit: fewer where the client said its version.
    pub(super) const fn least(&self) -> u32 {
        if self.version { 3 } else { 8 }
    }

    /// Returns the encodings of both directions in words.
    pub(super) fn mode(&self, opaque: bool) -> String {
        let up = match (self.upstream, self.high, self.mixed) {
            (7, ..) | (_, true, _) => "base128",
            (26, ..) => "base64u",
            (6, ..) | (_, _, true) => "base64",
            _ => "base32",
        };
        let down = match self.downstream {
            _ if opaque => ", raw down",
            b't' => ", base32 down",
            b's' => ", base64 down",
            b'u' => ", base64u down",
            b'v' => ", base128 down",
            b'r' => ", raw down",
            _ => "",
        };
        format!("{up} up{down}")
    }
}

/// iodine's base 32: a–z, 0–5.
const fn digit(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        lower @ b'a'..=b'z' => Some(lower - b'a'),
        digit @ b'0'..=b'5' => Some(digit - b'0' + 26),
        _ => None,
    }
}

/// The counter of data: a–z, 0–9.
const fn step(byte: u8) -> Option<u8> {
    match byte.to_ascii_lowercase() {
        lower @ b'a'..=b'z' => Some(lower - b'a'),
        digit @ b'0'..=b'9' => Some(digit - b'0' + 26),
        _ => None,
    }
}
