//! Text for people inside a list: what it is, and why each entry is there.

use geophone_sensor::time::Timestamp;

use super::alerts::Alerts;
use super::entry::Entry;
use super::left_out::LeftOut;
use super::target::Target;
use super::{List, ListFormat};

/// Octets of a comment: dnsmasq 2.90 breaks a line of its files after 1,024 and reads on as if a new
/// one began.
const LONGEST: usize = 400;
/// Inputs that are named.
const INPUTS: usize = 4;

/// Returns the first `most` octets of `text` as printable ASCII without quotes and backslashes: what
/// no format takes for the end of a comment or of a string.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut plain: String = text
        .chars()
        .take(most + 1)
        .map(|character| match character {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => character,
            _ => '?',
        })
        .collect();
    if plain.len() > most {
        plain.truncate(most.saturating_sub(3));
        plain += "...";
    }
    plain
}

/// Returns a number with what it counts.
pub(super) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Returns `time` as RFC 3339 in whole seconds.
pub(super) fn moment(time: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(time.micros()) {
        Ok(stamp) => format!("{stamp:.0}"),
        Err(_) => time.to_string(),
    }
}

/// Returns why `entry` is in the list and until when.
pub(super) fn reason(entry: &Entry) -> String {
    plain(&format!("until {}: {}", moment(entry.expires), entry.why()), LONGEST)
}

/// Returns the lines that say what the list is.
pub(super) fn head(
    format: ListFormat,
    alerts: &Alerts,
    entries: &[Entry],
    left_out: &LeftOut,
) -> Vec<String> {
    let version = env!("CARGO_PKG_VERSION");
    let mut lines = vec![format!("block list ({}) by geophone {version}", format.name())];
    let inputs = alerts.inputs();
    let more = inputs.len().saturating_sub(INPUTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named: Vec<_> = inputs.iter().take(INPUTS).map(String::as_str).collect();
    let read = counted(alerts.len(), "alert", "alerts");
    lines.push(format!("from {read} in {}{more}", named.join(", ")));
    let count = |of: fn(&Target) -> bool| entries.iter().filter(|e| of(&e.target)).count();
    lines.push(format!(
        "{}: {}, {}, {}",
        counted(entries.len(), "entry", "entries"),
        counted(count(|target| matches!(target, Target::Domain(_))), "domain", "domains"),
        counted(count(|target| matches!(target, Target::Server(_))), "server", "servers"),
        counted(count(|target| matches!(target, Target::Client(_))), "client", "clients"),
    ));
    let ends = || entries.iter().map(|entry| entry.expires);
    if let (Some(first), Some(last)) = (ends().min(), ends().max()) {
        lines.push(format!("they run out from {} to {}", moment(first), moment(last)));
    }
    lines.extend(left_out.lines().into_iter().map(|line| format!("left out: {line}")));
    lines.into_iter().map(|line| plain(&line, LONGEST)).collect()
}

/// Returns the head with what `about` says of the format, as comments behind `mark`.
pub(super) fn commented(list: &List<'_>, mark: &str, about: &[&str]) -> String {
    let about = about.iter().map(|line| (*line).to_owned());
    list.head.iter().cloned().chain(about).map(|line| format!("{mark} {line}\n")).collect()
}

/// Returns the list for formats that have nothing but comments and lines: the head, then each entry
/// behind its reason, as `lines` writes it.
pub(super) fn plain_list(
    list: &List<'_>,
    about: &[&str],
    lines: impl Fn(&str) -> String,
) -> String {
    let mut text = commented(list, "#", about);
    for entry in list.entries {
        if let Target::Domain(domain) = &entry.target {
            text += &format!("\n# {}\n{}", reason(entry), lines(domain.as_str()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_comment_or_a_string() {
        assert_eq!(plain("a\"b\\c\nd\r\u{2028}é;#", 40), "a'b/c?d???;#");
        assert_eq!(plain(&"x".repeat(50), 10), "xxxxxxx...");
        assert_eq!(plain("xxxxxxxxxx", 10), "xxxxxxxxxx");
    }

    #[test]
    fn a_moment_is_in_whole_seconds() {
        assert_eq!(moment(Timestamp(1_999_999)), "1970-01-01T00:00:01Z");
        assert_eq!(moment(Timestamp(i64::MAX)), format!("{}us", i64::MAX));
    }
}
