//! `leak-contract.toml`: the buckets of every scope.

use serde::Deserialize;

use super::detector::VERSION;
use super::set::RuleError;
use crate::severity::Severity;
use crate::state::{Bucket, LeakContract, Scope, TIERS};

/// Seconds of the units a rate may have.
const UNITS: [(&str, f64); 4] = [("s", 1.0), ("min", 60.0), ("hour", 3600.0), ("day", 86_400.0)];

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLeakContract {
    version: u32,
    bucket: Vec<RawBucket>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBucket {
    name: String,
    #[serde(default = "client_domain")]
    key: Scope,
    burst_bytes: f64,
    rate: String,
    severity: Severity,
}

impl RawLeakContract {
    /// Checks what the form alone does not.
    pub(super) fn check(self, origin: &str) -> Result<LeakContract, RuleError> {
        let wrong = |what: String| RuleError::Meaning { origin: origin.to_owned(), what };
        if self.version != VERSION {
            return Err(wrong(format!(
                "version {} of the rule format; this program reads version {VERSION}",
                self.version
            )));
        }
        let mut contract = LeakContract::default();
        for raw in self.bucket {
            let (name, key) = (raw.name.clone(), raw.key);
            let bucket = raw.check().map_err(|what| wrong(format!("bucket \"{name}\": {what}")))?;
            if contract.iter().any(|(_, other)| other.name == name) {
                return Err(wrong(format!("bucket \"{name}\" stands twice; alerts name them")));
            }
            let tiers = &mut contract.scope_mut(key).tiers;
            let free = tiers.iter_mut().find(|tier| tier.is_none()).ok_or_else(|| {
                wrong(format!("key \"{}\" has more than {TIERS} buckets", key.name()))
            })?;
            *free = Some(bucket);
        }
        if contract.client_domain.is_empty() {
            return Err(wrong(
                "no bucket with key \"client_domain\": nothing would be promised".to_owned(),
            ));
        }
        Ok(contract)
    }
}

const fn client_domain() -> Scope {
    Scope::ClientDomain
}

impl RawBucket {
    fn check(self) -> Result<Bucket, String> {
        if !(self.burst_bytes.is_finite() && self.burst_bytes > 0.0) {
            return Err("burst_bytes must be above 0".to_owned());
        }
        let bytes_per_second = rate(&self.rate).ok_or_else(|| {
            format!(
                "rate \"{}\" must be above 0 and like \"4 B/s\", \"6 B/min\" or \"512 B/day\"",
                self.rate
            )
        })?;
        Ok(Bucket {
            name: self.name,
            burst_bytes: self.burst_bytes,
            bytes_per_second,
            severity: self.severity,
        })
    }
}

fn rate(text: &str) -> Option<f64> {
    let (amount, unit) = text.split_once(" B/")?;
    let amount: f64 = amount.trim().parse().ok().filter(|amount| *amount > 0.0)?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    amount.is_finite().then_some(amount / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_units() {
        assert!(rate("4 B/s").is_some_and(|rate| (rate - 4.0).abs() < 1e-12));
        assert!(rate("512 B/day").is_some_and(|rate| (rate - 512.0 / 86_400.0).abs() < 1e-12));
        assert_eq!((rate("4"), rate("-1 B/s"), rate("4 B/week")), (None, None, None));
        assert_eq!(rate("0 B/s"), None, "a bucket that never drains overflows in the end");
    }
}
