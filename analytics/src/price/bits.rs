//! Amounts of information in fixed point.

use std::fmt;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// An amount of information in 1/256 bit, rounded up wherever it was rounded.
///
/// Adds without wrapping: the largest amount is 2^24 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bits(u32);

impl Bits {
    /// Returns `n` whole bits.
    #[must_use]
    pub const fn from_whole(n: u32) -> Self {
        Self(n.saturating_mul(256))
    }

    /// Returns the cost −log2 p of a share `p` of a code, rounded up; `p` between 2^-64 and 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0 to 64 bits before"
    )]
    pub fn of_share(p: f64) -> Self {
        let exact = -p.log2().clamp(-64.0, 0.0) * 256.0;
        let below = exact as u32;
        Self(below + u32::from(f64::from(below) < exact))
    }

    /// Returns 256ths of a bit.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Returns an amount of 256ths of a bit.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns `n` times this amount.
    #[must_use]
    pub const fn times(self, n: u32) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// Returns bits as a floating-point number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 256.0
    }

    /// Returns bytes as a floating-point number.
    #[must_use]
    pub fn as_bytes(self) -> f64 {
        f64::from(self.0) / 2048.0
    }
}

impl Add for Bits {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} bits", self.as_f64())
    }
}
