//! `geophone selftest`: known traffic through the whole pipe, and what came of it.
//!
//! Frames are made in memory and go through sensor, analytics and the form that alerts are stored
//! in. Reads no file but the rules, opens no interface, and gives the same report every time.

mod ordinary;
mod report;
mod run;
mod scenario;
mod tunnels;
mod wire;

pub use self::report::{Outcome, Report, Verdict};
use self::run::{all_at_once, play};
use self::scenario::SCENARIOS;
use crate::rule::Rules;

/// Plays every scenario by itself, and then all of them at once, through `rules`.
#[must_use]
pub fn selftest(rules: &Rules) -> Report {
    let mut outcomes: Vec<_> =
        (1_u8..).zip(&SCENARIOS).map(|(host, scenario)| play(scenario, host, rules)).collect();
    outcomes.push(all_at_once(rules));
    Report { outcomes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_compiled_in_pass_and_the_report_is_the_same_every_time() {
        let rules = Rules::builtin().unwrap();
        let report = selftest(&rules);
        assert!(report.passed(), "{report}");
        assert_eq!(report, selftest(&rules));
    }
}
