//! MITRE ATT&CK techniques in words.

use serde::Serialize;

/// A technique that an alert names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Technique {
    /// Its number.
    pub id: String,
    /// Its name; empty where this version does not know it.
    pub name: &'static str,
    /// The tactic it serves.
    pub tactic: &'static str,
}

const CONTROL: &str = "Command and Control";
const DEVELOPMENT: &str = "Resource Development";
const DISCOVERY: &str = "Discovery";
const EXFILTRATION: &str = "Exfiltration";
const IMPACT: &str = "Impact";
const RECONNAISSANCE: &str = "Reconnaissance";

/// Names and tactics as ATT&CK for Enterprise has them; of techniques that serve several tactics
/// the one that matters on port 53.
const TECHNIQUES: [(&str, &str, &str); 33] = [
    ("T1018", "Remote System Discovery", DISCOVERY),
    ("T1020", "Automated Exfiltration", EXFILTRATION),
    ("T1029", "Scheduled Transfer", EXFILTRATION),
    ("T1030", "Data Transfer Size Limits", EXFILTRATION),
    ("T1041", "Exfiltration Over C2 Channel", EXFILTRATION),
    ("T1046", "Network Service Discovery", DISCOVERY),
    ("T1048", "Exfiltration Over Alternative Protocol", EXFILTRATION),
    ("T1048.001", "Exfiltration Over Symmetric Encrypted Non-C2 Protocol", EXFILTRATION),
    ("T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol", EXFILTRATION),
    ("T1071", "Application Layer Protocol", CONTROL),
    ("T1071.004", "Application Layer Protocol: DNS", CONTROL),
    ("T1090", "Proxy", CONTROL),
    ("T1095", "Non-Application Layer Protocol", CONTROL),
    ("T1105", "Ingress Tool Transfer", CONTROL),
    ("T1132", "Data Encoding", CONTROL),
    ("T1132.001", "Data Encoding: Standard Encoding", CONTROL),
    ("T1132.002", "Data Encoding: Non-Standard Encoding", CONTROL),
    ("T1189", "Drive-by Compromise", "Initial Access"),
    ("T1498", "Network Denial of Service", IMPACT),
    ("T1498.001", "Network Denial of Service: Direct Network Flood", IMPACT),
    ("T1498.002", "Network Denial of Service: Reflection Amplification", IMPACT),
    ("T1499", "Endpoint Denial of Service", IMPACT),
    ("T1557", "Adversary-in-the-Middle", "Credential Access"),
    ("T1565.002", "Data Manipulation: Transmitted Data Manipulation", IMPACT),
    ("T1568", "Dynamic Resolution", CONTROL),
    ("T1568.001", "Dynamic Resolution: Fast Flux DNS", CONTROL),
    ("T1568.002", "Dynamic Resolution: Domain Generation Algorithms", CONTROL),
    ("T1571", "Non-Standard Port", CONTROL),
    ("T1572", "Protocol Tunneling", CONTROL),
    ("T1573", "Encrypted Channel", CONTROL),
    ("T1583.002", "Acquire Infrastructure: DNS Server", DEVELOPMENT),
    ("T1584.002", "Compromise Infrastructure: DNS Server", DEVELOPMENT),
    ("T1590.002", "Gather Victim Network Information: DNS", RECONNAISSANCE),
];

impl Technique {
    /// Looks `id` up.
    pub(super) fn of(id: &str) -> Self {
        let known = TECHNIQUES.iter().find(|(known, ..)| *known == id);
        let (name, tactic) = known.map_or(("", ""), |(_, name, tactic)| (*name, *tactic));
        Self { id: id.to_owned(), name, tactic }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rules;

    #[test]
    fn every_technique_of_the_rules_has_its_words() {
        for detector in Rules::builtin().unwrap().all() {
            for id in &detector.techniques {
                assert!(!Technique::of(id).name.is_empty(), "{id} of {}", detector.id);
            }
        }
        assert_eq!(Technique::of("T9999").name, "");
    }
}
