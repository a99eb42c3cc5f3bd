//! The leak contract: leaky buckets, for a client and a domain, for a client, for a domain.
//!
//! A bucket loses ρ bytes a second and gains what each novel name is priced at:
//! S ← max(0, S − ρ·Δt) + bits/8. By Lindley's recursion S > h if and only if some interval of
//! length t carried more than h + ρ·t bytes, so the alert is arithmetic, not judgement.
//!
//! Kept is not S but the moment at which the bucket will be empty, S/ρ from now (the virtual
//! scheduling form of the same recursion, ITU-T I.371). It needs no step to drain: whole
//! microseconds, rounded up, are exact enough for years of the slowest bucket.

use geophone_sensor::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// Most buckets of one scope.
pub const TIERS: usize = 3;

/// What one set of buckets is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One client's names under one registered domain; or at one server, where there is none.
    ClientDomain,
    /// One client's repeats, types and times of queries under one registered domain.
    Signal,
    /// One domain's answers to one client.
    Answers,
    /// One client's names under all domains that are fresh and rare.
    Client,
    /// One domain's names from all clients.
    Domain,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] =
        [Self::ClientDomain, Self::Signal, Self::Answers, Self::Client, Self::Domain];

    /// Returns the word of the rule file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientDomain => "client_domain",
            Self::Signal => "signal",
            Self::Answers => "answers",
            Self::Client => "client",
            Self::Domain => "domain",
        }
    }

    /// Returns what a bucket of this scope is for, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ClientDomain => "client and domain",
            Self::Signal => "client and rare domain: repeats, types and times",
            Self::Answers => "client and rare domain: answers",
            Self::Client => "client over fresh, rare domains",
            Self::Domain => "domain over all clients",
        }
    }
}

/// One leaky bucket's name and size.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// What alerts call it.
    pub name: String,
    /// h: bytes that may come at once.
    pub burst_bytes: f64,
    /// ρ: bytes a second that may go on for ever; above 0.
    pub bytes_per_second: f64,
    /// The least severity of its overflow.
    pub severity: Severity,
}

/// The buckets of one scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// From the fastest rate to the slowest.
    pub tiers: [Option<Bucket>; TIERS],
}

/// All buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeakContract {
    /// For a client and a domain.
    pub client_domain: Buckets,
    /// For the same, what is not in novel names.
    pub signal: Buckets,
    /// For the same, what comes down.
    pub answers: Buckets,
    /// For a client over all fresh, rare domains.
    pub client: Buckets,
    /// For a domain over all clients.
    pub domain: Buckets,
}

/// Which bucket of its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier(pub usize);

/// When each bucket of a scope will be empty, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Levels(pub(crate) [i64; TIERS]);

impl Default for Levels {
    fn default() -> Self {
        Self([i64::MIN; TIERS])
    }
}

impl Bucket {
    /// Returns the level in bytes at `now` of a bucket that will be empty at `empty`.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of years have 53 bits")]
    fn level(&self, empty: i64, now: Timestamp) -> f64 {
        empty.saturating_sub(now.micros()).max(0) as f64 * 1e-6 * self.bytes_per_second
    }

    /// Returns the microseconds that `bytes` take to drain, rounded up.
    ///
    /// Not by `ceil`, which is a call into the mathematics library on the oldest x86-64.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "saturates at 292,000 years"
    )]
    fn span(&self, bytes: f64) -> i64 {
        let micros = bytes / self.bytes_per_second * 1e6;
        let below = micros as i64;
        below.saturating_add(i64::from((below as f64) < micros))
    }
}

impl Buckets {
    /// Adds `bytes` at `now`.
    pub(crate) fn pour(&self, levels: &mut Levels, now: Timestamp, bytes: f64) {
        for (empty, bucket) in levels.0.iter_mut().zip(&self.tiers) {
            if let Some(bucket) = bucket {
                *empty = (*empty).max(now.micros()).saturating_add(bucket.span(bytes));
            }
        }
    }

    /// Returns the fullest bucket at `now` and how full it is: above 1 it overflows.
    pub(crate) fn fullest(&self, levels: &Levels, now: Timestamp) -> (Tier, f64) {
        let mut fullest = (Tier(0), 0.0);
        if levels.0.iter().all(|empty| *empty <= now.micros()) {
            return fullest;
        }
        for (index, (empty, bucket)) in levels.0.iter().zip(&self.tiers).enumerate() {
            let Some(bucket) = bucket.as_ref().filter(|_| *empty > now.micros()) else { continue };
            let fill = bucket.level(*empty, now) / bucket.burst_bytes;
            if fill > fullest.1 {
                fullest = (Tier(index), fill);
            }
        }
        fullest
    }

    /// Returns the highest level of any bucket in bytes at `now`.
    pub(crate) fn highest(&self, levels: &Levels, now: Timestamp) -> f64 {
        let levels = levels.0.iter().zip(&self.tiers);
        let of =
            |(empty, bucket): (&i64, &Option<Bucket>)| Some(bucket.as_ref()?.level(*empty, now));
        levels.filter_map(of).fold(0.0, f64::max)
    }

    /// Returns the bucket of `tier`.
    #[must_use]
    pub fn bucket(&self, tier: Tier) -> Option<&Bucket> {
        self.tiers.get(tier.0)?.as_ref()
    }

    /// Tells whether the scope has any bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tiers.iter().all(Option::is_none)
    }

    /// Walks the buckets.
    pub fn iter(&self) -> impl Iterator<Item = &Bucket> {
        self.tiers.iter().flatten()
    }
}

impl LeakContract {
    /// Returns the buckets of `scope`.
    #[must_use]
    pub const fn scope(&self, scope: Scope) -> &Buckets {
        match scope {
            Scope::ClientDomain => &self.client_domain,
            Scope::Signal => &self.signal,
            Scope::Answers => &self.answers,
            Scope::Client => &self.client,
            Scope::Domain => &self.domain,
        }
    }

    /// Walks all buckets.
    pub fn iter(&self) -> impl Iterator<Item = (Scope, &Bucket)> {
        Scope::ALL.into_iter().flat_map(|scope| self.scope(scope).iter().map(move |b| (scope, b)))
    }

    /// Returns the buckets of `scope`, to be changed.
    pub(crate) const fn scope_mut(&mut self, scope: Scope) -> &mut Buckets {
        match scope {
            Scope::ClientDomain => &mut self.client_domain,
            Scope::Signal => &mut self.signal,
            Scope::Answers => &mut self.answers,
            Scope::Client => &mut self.client,
            Scope::Domain => &mut self.domain,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn buckets() -> Buckets {
        let bucket = |name: &str, burst_bytes, bytes_per_second| {
            Some(Bucket {
                name: name.to_owned(),
                burst_bytes,
                bytes_per_second,
                severity: Severity::Medium,
            })
        };
        Buckets {
            tiers: [
                bucket("fast", 512.0, 4.0),
                bucket("mid", 768.0, 0.1),
                bucket("slow", 1024.0, 512.0 / 86_400.0),
            ],
        }
    }

    proptest! {
        /// Promise 1 at the level of one key: whatever the pattern, an interval that carries more
        /// than h + ρ·t bytes overflows, and nothing overflows without such an interval.
        #[test]
        fn a_bucket_overflows_exactly_when_an_interval_carries_too_much(
            steps in prop::collection::vec((0_u32..7_200_000, 0_u16..200), 1..60),
        ) {
            let buckets = buckets();
            let mut levels = Levels::default();
            let mut events: Vec<(f64, f64)> = Vec::new();
            let (mut now, mut seconds) = (Timestamp(0), 0.0);
            let (mut overflowed, mut too_much) = ([false; TIERS], [false; TIERS]);
            for (gap_millis, bytes) in steps {
                now = Timestamp(now.micros() + i64::from(gap_millis) * 1000);
                seconds += f64::from(gap_millis) / 1e3;
                buckets.pour(&mut levels, now, f64::from(bytes));
                events.push((seconds, f64::from(bytes)));
                for (tier, bucket) in buckets.tiers.iter().flatten().enumerate() {
                    let level = bucket.level(levels.0[tier], now);
                    overflowed[tier] |= level > bucket.burst_bytes + 1e-3;
                    let mut sum = 0.0;
                    for (from, bytes) in events.iter().rev() {
                        sum += bytes;
                        let allowed = bucket.burst_bytes + bucket.bytes_per_second * (seconds - from);
                        too_much[tier] |= sum > allowed + 1e-3;
                    }
                }
            }
            prop_assert_eq!(overflowed, too_much);
        }

        /// Rounding never makes a level lower than the truth.
        #[test]
        fn what_was_poured_in_is_in(bytes in 0.0_f64..4096.0) {
            let buckets = buckets();
            let mut levels = Levels::default();
            buckets.pour(&mut levels, Timestamp(5), bytes);
            for (empty, bucket) in levels.0.iter().zip(buckets.iter()) {
                prop_assert!(bucket.level(*empty, Timestamp(5)) >= bytes * (1.0 - 1e-12));
            }
        }
    }
}
