//! Domains and servers that suffer, or are one's own, whatever an alert says of them.
//!
//! Whoever floods or forges names of a zone makes them look like data that leaves, and whoever asks from
//! outside for names that are served here names one's own zones: who is to blame is the sender, and
//! the sender may be forged.

use std::collections::BTreeSet;

use super::ExportSettings;
use super::alerts::{Alerts, Told};
use super::domain::Domain;
use super::left_out::Why;
use crate::severity::Severity;

/// The rules whose alerts name the domain that suffers.
const SUFFER: [&str; 2] = ["nxdomain-flood", "cache-poisoning"];
/// Names that turned inside once are those of a split view, a captive portal, a dynamic address.
const TURN: &str = "dns-rebinding";

/// The domains that suffer.
pub(super) struct Victims(BTreeSet<String>);

impl Victims {
    /// Finds them in what all alerts say.
    pub(super) fn of(alerts: &Alerts) -> Self {
        let told = alerts.iter().map(|(_, told)| told);
        let suffering = told.filter(|told| SUFFER.contains(&told.rule.as_str()));
        let domains = suffering.flat_map(|told| &told.domains);
        Self(domains.map(|domain| domain.to_ascii_lowercase()).collect())
    }

    /// Returns why a domain that an alert names is not blocked, if it is not.
    pub(super) fn excuse(
        &self,
        domain: &Domain,
        told: &Told,
        settings: &ExportSettings,
    ) -> Option<Why> {
        let asked_for = settings.rules.contains(&told.rule);
        if told.rule == TURN && told.severity == Severity::Low && !asked_for {
            return Some(Why::TurnedOnce);
        }
        if settings.reach.victims {
            None
        } else if told.direction == "inbound" {
            Some(Why::ServedHere)
        } else {
            self.0.contains(domain.as_str()).then_some(Why::UnderAttack)
        }
    }
}

/// Tells whether the server of an alert is of this site, as far as the alert says.
pub(super) fn is_own_server(told: &Told) -> bool {
    matches!(told.direction.as_str(), "inbound" | "internal")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{ListFormat, export, tests::settings};
    use super::*;

    /// What a list for an exchange holds of alerts by rule, domain, direction and severity.
    fn listed(told: &[(&str, &str, &str, &str)], change: impl Fn(&mut ExportSettings)) -> String {
        let mut alerts = Alerts::default();
        for (n, (rule, domain, direction, severity)) in told.iter().enumerate() {
            let document = json!({
                "@timestamp": "2026-01-01T00:00:00Z",
                "event": { "id": format!("a{n}"), "action": "open" },
                "rule": { "id": rule },
                "destination": { "ip": "198.51.100.53" },
                "network": { "direction": direction },
                "dns": { "question": { "registered_domain": domain } },
                "geophone": { "subject": "domain", "severity": severity },
            });
            alerts.read(&mut document.to_string().as_bytes(), "x").unwrap();
        }
        let mut settings = settings();
        settings.reach = super::super::Reach::default();
        change(&mut settings);
        let domains = export(&alerts, ListFormat::Pihole, &settings).text;
        let servers = export(&alerts, ListFormat::Nft, &settings).text;
        let lines = domains.lines().chain(servers.lines());
        let is_entry = |line: &&str| line.starts_with("||") || line.contains(" timeout ");
        let entries = lines.filter(is_entry).map(|line| line.trim().split(' ').next().unwrap());
        entries.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_suffers_is_not_blocked_unless_asked_for() {
        let told = [
            ("dns-exfiltration", "victim.org", "outbound", "high"),
            ("nxdomain-flood", "victim.org", "outbound", "high"),
            ("dns-tunnel", "served.org", "inbound", "high"),
            ("dns-tunnel", "evil.com", "outbound", "high"),
        ];
        assert_eq!(listed(&told, |_| ()), "||evil.com^");
        let all = "||evil.com^ ||served.org^ ||victim.org^";
        assert_eq!(listed(&told, |settings| settings.reach.victims = true), all);
    }

    #[test]
    fn a_name_that_turned_once_is_blocked_only_by_its_rule() {
        let once = [("dns-rebinding", "split.org", "internal", "low")];
        let often = [("dns-rebinding", "evil.com", "internal", "medium")];
        assert_eq!(
            (listed(&once, |_| ()).as_str(), listed(&often, |_| ()).as_str()),
            ("", "||evil.com^")
        );
        let named = |settings: &mut ExportSettings| {
            settings.rules.insert("dns-rebinding".to_owned());
        };
        assert_eq!(listed(&once, named), "||split.org^");
    }

    #[test]
    fn servers_inside_are_ones_own_whatever_their_address() {
        for (direction, expected) in [
            ("inbound", ""),
            ("internal", ""),
            ("outbound", "198.51.100.53"),
            ("", "198.51.100.53"),
        ] {
            let told = [("non-dns", "", direction, "high")];
            assert_eq!(listed(&told, |_| ()), expected, "{direction}");
            let all = listed(&told, |settings| settings.reach.private_servers = true);
            assert_eq!(all, "198.51.100.53", "{direction}");
        }
    }
}
