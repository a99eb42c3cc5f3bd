//! Sentences for people: why, and what would silence it.

use std::time::Duration;

use super::event::Alert;
use super::suspect::Subject;
use crate::detect::Tool;

/// Parts of a rotation that a sentence names.
const SHOWN: usize = 5;

impl Alert<'_> {
    /// Returns the alert in one sentence with its numbers.
    #[must_use]
    pub fn reason(&self) -> String {
        let span = in_words(self.end.since(self.start));
        if self.is_payload() {
            return format!(
                "{} exchanged {} datagrams that are not DNS with port 53 of {} within {span}, {} up \
                 and {} down; score {} of {} needed",
                self.client,
                self.queries,
                self.server,
                bytes(self.bytes_up),
                bytes(self.bytes_down),
                self.score,
                self.detector.card.threshold,
            );
        }
        let (unique, leak) = (self.unique, bytes(self.leak_bytes));
        let mut text = match self.subject {
            _ if self.is_watched() => self.headline.clone(),
            Subject::Domain | Subject::Undelegated => format!(
                "{} asked {unique} distinct names of {} within {span}; up to {leak} could have \
                 left in them",
                self.client,
                self.target(),
            ),
            Subject::Rotation => format!(
                "{} asked {unique} distinct names of {} fresh, rare domains ({}) within {span}; \
                 up to {leak} could have left in them together",
                self.client,
                self.domains.len(),
                first_of(&self.domains),
            ),
            Subject::Shared => format!(
                "{} clients ({}) asked {unique} distinct names of {} within {span}; up to {leak} \
                 could have left in them together",
                self.clients.len(),
                first_of(&self.clients),
                self.target(),
            ),
            // A watch's, and those have a headline.
            Subject::Client | Subject::Server | Subject::Zone => String::new(),
        };
        if let Some(overflow) = &self.overflow {
            text += &format!(
                "; the leak contract's {} bucket ({:.0} B + {}) overflowed",
                overflow.bucket,
                overflow.burst_bytes,
                rate(overflow.bytes_per_second)
            );
        }
        if self.loss.dropped > 0 {
            text += &format!("; seen through {:.1} % loss of frames", self.loss.percent());
        }
        text + &format!("; score {} of {} needed", self.score, self.detector.card.threshold)
    }

    /// Tells whether a watch raised it, not what a (client, domain) asks.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        !self.headline.is_empty()
    }

    /// Tells whether it is about payloads that are not DNS, not about names.
    #[must_use]
    pub fn is_payload(&self) -> bool {
        self.tool.as_ref().is_some_and(|verdict| verdict.tool == Tool::IodineRaw)
    }

    /// Returns what the client talks to: the domain, or the server where there is none.
    #[must_use]
    pub fn target(&self) -> String {
        if self.is_payload() {
            format!("{} (no DNS)", self.server)
        } else if self.is_watched() {
            match self.subject {
                Subject::Zone | Subject::Domain => self.domain.clone(),
                _ if self.server.is_unspecified() => "nobody known".to_owned(),
                _ => self.server.to_string(),
            }
        } else if self.domain.is_empty() {
            format!("{} (names under no registered suffix)", self.server)
        } else {
            self.domain.clone()
        }
    }

    /// Returns the allowance to paste into a file of the rules' `allow` folder; for a watch's alert
    /// the exception to paste into its rule file.
    #[must_use]
    pub fn silence(&self) -> String {
        if self.is_watched() {
            let (key, value) = match self.subject {
                Subject::Server => ("server", self.server.to_string()),
                Subject::Zone => ("domain", escape(&self.domain)),
                _ => ("client", self.client.to_string()),
            };
            return format!("[[except]]\n{key} = \"{value}\"\nreason = \"why this is fine\"\n");
        }
        if self.is_payload() {
            return "# no allowance covers what is not DNS: see the term raw_packets\n".to_owned();
        }
        if self.subject == Subject::Undelegated {
            return "[undelegated]\nreason = \"why this is fine\"\nbudget = 100\n".to_owned();
        }
        let rotation = self.domains.iter().map(|(domain, _)| domain);
        let own = std::iter::once(&self.domain).filter(|_| self.domains.is_empty());
        let allow = |domain: &String| {
            format!("[[allow]]\ndomain = \"{}\"\nreason = \"why this is fine\"\n", escape(domain))
        };
        rotation.chain(own).take(SHOWN).map(allow).collect::<Vec<_>>().join("\n")
    }
}

/// Returns the first few parts in words.
fn first_of<T: std::fmt::Display>(parts: &[(T, u64)]) -> String {
    let shown: Vec<_> = parts.iter().take(SHOWN).map(|(part, _)| part.to_string()).collect();
    let more = parts.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Escapes what a TOML string cannot hold as it is.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Returns an amount of bytes with a unit of powers of ten.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{}.{} kB", n / 1_000, n % 1_000 / 100),
        _ => format!("{}.{} MB", n / 1_000_000, n % 1_000_000 / 100_000),
    }
}

/// Returns a rate with the unit of the rule file.
#[must_use]
pub fn rate(bytes_per_second: f64) -> String {
    if bytes_per_second >= 0.05 {
        format!("{bytes_per_second} B/s")
    } else {
        format!("{:.0} B/day", bytes_per_second * 86_400.0)
    }
}

/// Returns a span of time in its largest two units.
pub(crate) fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!([bytes(999), bytes(1_550), bytes(2_340_000)], ["999 B", "1.5 kB", "2.3 MB"]);
        assert_eq!(in_words(Duration::from_millis(250)), "250 ms");
        assert_eq!(in_words(Duration::from_secs(3_700)), "61 min 40 s");
        assert_eq!([rate(4.0), rate(512.0 / 86_400.0)], ["4 B/s", "512 B/day"]);
    }
}
