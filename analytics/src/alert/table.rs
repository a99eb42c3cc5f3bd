//! Alerts for a terminal: a block each, the reasons as a table.

use std::fmt::Write as _;

use geophone_sensor::decode::rdata::{rcode_name, type_name};

use super::event::Alert;
use super::reason::{bytes, in_words};
use super::suspect::Subject;
use crate::severity::Severity;

/// Characters of a sample name that are shown.
const SAMPLE_WIDTH: usize = 96;
/// Samples that are shown.
const SAMPLES: usize = 3;
/// Domains or clients of one alert that are shown.
const PARTS: usize = 12;

/// How the terminal takes emphasis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// ANSI colours.
    Colour,
    /// Plain text.
    Plain,
}

/// Returns `alert` as a block of text that ends with an empty line.
#[must_use]
pub fn to_table(alert: &Alert<'_>, style: Style) -> String {
    // Writing to a String cannot fail.
    let mut text = String::new();
    let _ = head(&mut text, alert, style);
    let _ = reasons(&mut text, alert);
    let _ = facts(&mut text, alert);
    text
}

fn head(text: &mut String, alert: &Alert<'_>, style: Style) -> std::fmt::Result {
    let severity = alert.severity.name().to_uppercase();
    let severity = match (style, alert.severity) {
        (Style::Plain, _) => severity,
        (Style::Colour, Severity::Critical | Severity::High) => {
            format!("\x1b[1;31m{severity}\x1b[0m")
        }
        (Style::Colour, _) => format!("\x1b[1;33m{severity}\x1b[0m"),
    };
    writeln!(
        text,
        "{severity}  {}  {} -> {}  score {} (alert at {}), confidence {}",
        alert.detector.id,
        who(alert),
        whom(alert),
        alert.score,
        alert.detector.card.threshold,
        alert.confidence.name(),
    )?;
    if alert.is_payload() {
        let span = in_words(alert.end.since(alert.start));
        return writeln!(text, "  {} for {span}, {} datagrams", alert.start, alert.queries);
    }
    if alert.is_watched() {
        let span = in_words(alert.end.since(alert.start));
        return writeln!(text, "  {} for {span}: {}", alert.start, alert.headline);
    }
    writeln!(
        text,
        "  {} for {}, {} queries, {} distinct names, up to {} left in them",
        alert.start,
        in_words(alert.end.since(alert.start)),
        alert.queries,
        alert.unique,
        bytes(alert.leak_bytes),
    )?;
    if let Some(overflow) = &alert.overflow {
        writeln!(
            text,
            "  leak contract: bucket {} holds {} of {:.0} B allowed",
            overflow.bucket,
            bytes(whole(overflow.level_bytes)),
            overflow.burst_bytes,
        )?;
    }
    Ok(())
}

fn who(alert: &Alert<'_>) -> String {
    match alert.subject {
        Subject::Shared => format!("{} clients", alert.clients.len()),
        Subject::Server | Subject::Zone if alert.clients.len() > 1 => {
            format!("{} clients", alert.clients.len())
        }
        _ if alert.client.is_unspecified() => "anyone".to_owned(),
        _ => alert.client.to_string(),
    }
}

fn whom(alert: &Alert<'_>) -> String {
    match alert.subject {
        Subject::Rotation => format!("{} domains together", alert.domains.len()),
        _ => alert.target(),
    }
}

fn reasons(text: &mut String, alert: &Alert<'_>) -> std::fmt::Result {
    writeln!(text, "\n  points  feature           value      from   usual")?;
    for evidence in &alert.evidence {
        writeln!(
            text,
            "  {:>+6}  {:<15} {:>8.2}  {:>8.2}  {:>6.2}",
            evidence.points,
            evidence.feature.name(),
            evidence.value,
            evidence.threshold,
            evidence.baseline,
        )?;
    }
    writeln!(text, "  {:>+6}  sum\n", alert.score)
}

fn facts(text: &mut String, alert: &Alert<'_>) -> std::fmt::Result {
    let measure: fn(u64) -> String = if alert.is_watched() { |n| n.to_string() } else { bytes };
    for (what, parts) in [
        ("domains", shown(&alert.domains, measure)),
        ("clients", shown(&alert.clients, measure)),
        ("servers", shown(&alert.servers, measure)),
    ] {
        if !parts.is_empty() {
            writeln!(text, "  {what} {}", parts.join(", "))?;
        }
    }
    let types: Vec<_> =
        alert.types.iter().map(|(kind, n)| format!("{} {n}", type_name(*kind))).collect();
    let rcodes: Vec<_> =
        alert.rcodes.iter().map(|(rcode, n)| format!("{} {n}", rcode_name(*rcode))).collect();
    if alert.is_payload() {
        write!(text, "  moved   ")?;
    } else {
        write!(text, "  asked   {}   answered   {}   ", types.join(", "), rcodes.join(", "))?;
    }
    writeln!(text, "up {}, down {}", bytes(alert.bytes_up), bytes(alert.bytes_down))?;
    if let Some(verdict) = &alert.tool {
        writeln!(text, "  tool    {verdict}")?;
    }
    if alert.loss.dropped > 0 {
        writeln!(
            text,
            "  loss    seen through {:.1} % loss: {} frames were dropped, {} read",
            alert.loss.percent(),
            alert.loss.dropped,
            alert.loss.frames
        )?;
    }
    let seen_on = seen_on(alert);
    if !seen_on.is_empty() {
        writeln!(text, "  seen on {}", seen_on.join(", "))?;
    }
    for sample in alert.samples.iter().take(SAMPLES) {
        let whole = sample.qname.to_string();
        let name: String = whole.chars().take(SAMPLE_WIDTH).collect();
        let more = if name.len() < whole.len() { "…" } else { "" };
        let kind = if alert.is_payload() { "octets".to_owned() } else { type_name(sample.qtype) };
        writeln!(text, "  sample  {kind} {name}{more}")?;
    }
    writeln!(text, "  advice  {}", alert.detector.advice)?;
    let silence = alert.silence().lines().take(2).collect::<Vec<_>>().join(" ");
    writeln!(text, "  silence {silence} … (see rules/README.md)\n")
}

/// Parts of an alert that is about several, with what each could have carried or how often it came.
fn shown<T: std::fmt::Display>(parts: &[(T, u64)], measure: fn(u64) -> String) -> Vec<String> {
    parts.iter().take(PARTS).map(|(part, n)| format!("{part} ({})", measure(*n))).collect()
}

/// The VLANs and tunnels, the outermost tunnel first.
fn seen_on(alert: &Alert<'_>) -> Vec<String> {
    let vlans = [alert.path.vlan(), alert.path.inner_vlan()].into_iter().flatten();
    let tunnels = alert.path.tunnels().map(|tunnel| match tunnel.id {
        Some(id) => format!("{} {id}", tunnel.kind.name()),
        None => tunnel.kind.name().to_owned(),
    });
    tunnels.chain(vlans.map(|vlan| format!("VLAN {vlan}"))).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a level is not negative and far below 2^64"
)]
fn whole(level: f64) -> u64 {
    level.round() as u64
}
