//! Figures as results print them: rounded, so that a result is the same to the byte, and spread.

use serde::Serialize;

/// Significant digits of a printed figure.
const DIGITS: f64 = 6.0;

/// Median, 95th percentile and maximum of what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many were measured.
    pub n: u64,
    /// The middle one; of an even number the lower of the two.
    pub median: f64,
    /// The least value that 95 % do not exceed.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Spreads `values`; `None` where there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let max = *values.last()?;
        let rank = |percent: usize| {
            let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(index).copied().unwrap_or(max)
        };
        Some(Self {
            n: count(values.len()),
            median: rounded(rank(50)),
            p95: rounded(rank(95)),
            max: rounded(max),
        })
    }
}

/// Returns `value` to six significant digits.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    if !value.is_finite() || value.abs() < f64::MIN_POSITIVE {
        return 0.0;
    }
    let scale = 10_f64.powf((DIGITS - 1.0 - value.abs().log10().floor()).clamp(-300.0, 300.0));
    (value * scale).round() / scale
}

/// Returns a count as a number to calculate with.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of captures and queries are below 2^52")]
pub const fn real(count: u64) -> f64 {
    count as f64
}

/// Returns a length as a count.
#[must_use]
pub fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Returns points as whole decibans.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "points are at most 1000 by the rules")]
pub fn whole(points: f64) -> i32 {
    points.round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_kept() {
        assert!((rounded(1_234_567.8) - 1_234_570.0).abs() < 1e-6);
        assert!((rounded(-0.000_123_456_78) + 0.000_123_457).abs() < 1e-15);
        assert!(rounded(f64::NAN).abs() < 1e-12 && rounded(0.0).abs() < 1e-12);
    }

    #[test]
    fn a_spread_names_values_that_were_measured() {
        let spread = Spread::of((1..=20).map(f64::from)).unwrap();
        assert!((spread.median - 10.0).abs() < 1e-12 && (spread.p95 - 19.0).abs() < 1e-12);
        assert!((spread.max - 20.0).abs() < 1e-12);
        assert_eq!(Spread::of([]), None);
    }
}
