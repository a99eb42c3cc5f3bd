//! What a count allows to say: confidence intervals of shares and upper limits of rates.
//!
//! The trials are taken for independent. Captures of one laboratory are not, so the true
//! uncertainty is larger than what is printed.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF as _, Gamma};

use super::figure::{real, rounded};

/// Half the width of a normal interval of 95 %, in standard deviations.
const Z: f64 = 1.959_963_984_540_054;
/// What the two tails of an interval of 95 % hold each.
const TAIL: f64 = 0.025;
/// The confidence of an upper limit.
const ONE_SIDED: f64 = 0.95;

/// Hits of trials, with 95 % intervals by two methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
    /// Trials that hit.
    pub hits: u64,
    /// All trials.
    pub of: u64,
    /// The score interval (Wilson 1927): close to the stated confidence on average.
    pub wilson: [f64; 2],
    /// The exact interval (Clopper and Pearson 1934): never below it, so wide for few trials.
    pub clopper_pearson: [f64; 2],
}

impl Share {
    /// Counts the hits among `outcomes`.
    #[must_use]
    pub fn of(outcomes: impl IntoIterator<Item = bool>) -> Self {
        let (mut hits, mut of) = (0, 0);
        for outcome in outcomes {
            of += 1;
            hits += u64::from(outcome);
        }
        Self::new(hits, of)
    }

    /// Takes `hits` of `of` trials.
    #[must_use]
    pub fn new(hits: u64, of: u64) -> Self {
        let pair = |(low, high)| [rounded(low), rounded(high)];
        Self {
            hits,
            of,
            wilson: pair(wilson(hits, of)),
            clopper_pearson: pair(clopper_pearson(hits, of)),
        }
    }

    /// Returns the share, 0 where there was no trial.
    #[must_use]
    pub fn value(&self) -> f64 {
        if self.of == 0 { 0.0 } else { real(self.hits) / real(self.of) }
    }
}

/// Returns the score interval of `hits` of `of` at 95 %.
#[must_use]
pub fn wilson(hits: u64, of: u64) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let n = real(of);
    let share = real(hits) / n;
    let middle = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    (((middle - spread) / whole).max(0.0), ((middle + spread) / whole).min(1.0))
}

/// Returns the exact interval of `hits` of `of` at 95 %.
#[must_use]
pub fn clopper_pearson(hits: u64, of: u64) -> (f64, f64) {
    let misses = of.saturating_sub(hits);
    let quantile = |a: u64, b: u64, share: f64, otherwise: f64| {
        Beta::new(real(a), real(b)).map_or(otherwise, |beta| beta.inverse_cdf(share))
    };
    let low = if hits == 0 { 0.0 } else { quantile(hits, misses + 1, TAIL, 0.0) };
    let high = if misses == 0 { 1.0 } else { quantile(hits + 1, misses, 1.0 - TAIL, 1.0) };
    (low, high)
}

/// Returns the most events that `seen` events leave room for, at 95 %.
///
/// For none seen it is 3.0, the rule of three (Hanley and Lippman-Hand 1983).
#[must_use]
pub fn most_events(seen: u64) -> f64 {
    Gamma::new(real(seen) + 1.0, 1.0).map_or(f64::INFINITY, |gamma| gamma.inverse_cdf(ONE_SIDED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: (f64, f64), expected: (f64, f64)) -> bool {
        (found.0 - expected.0).abs() < 1e-4 && (found.1 - expected.1).abs() < 1e-4
    }

    /// Values of R 4: `prop.test(correct = FALSE)` and `binom.test`.
    #[test]
    fn intervals_are_those_of_the_tables() {
        assert!(close(wilson(8, 10), (0.490_16, 0.943_32)), "{:?}", wilson(8, 10));
        assert!(close(wilson(0, 10), (0.0, 0.277_53)), "{:?}", wilson(0, 10));
        assert!(
            close(clopper_pearson(8, 10), (0.443_90, 0.974_79)),
            "{:?}",
            clopper_pearson(8, 10)
        );
        assert!(close(clopper_pearson(0, 10), (0.0, 0.308_50)));
        assert!(close(clopper_pearson(10, 10), (0.691_50, 1.0)));
        assert!(close(wilson(0, 0), (0.0, 1.0)) && close(clopper_pearson(0, 0), (0.0, 1.0)));
    }

    #[test]
    fn nothing_seen_leaves_room_for_three() {
        assert!((most_events(0) - 2.9957).abs() < 1e-3, "{}", most_events(0));
        // Poisson tables: 4.744 for one, 16.962 for ten.
        assert!((most_events(1) - 4.7439).abs() < 1e-3, "{}", most_events(1));
        assert!((most_events(10) - 16.962).abs() < 1e-2, "{}", most_events(10));
    }

    #[test]
    fn a_share_counts_its_hits() {
        let share = Share::of([true, false, true, true]);
        assert_eq!((share.hits, share.of), (3, 4));
        assert!((share.value() - 0.75).abs() < 1e-12);
    }
}
