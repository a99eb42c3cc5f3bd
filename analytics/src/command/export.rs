//! `geophone export`.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use geophone_analytics::alert::Confidence;
use geophone_analytics::config::NetworkConfig;
use geophone_analytics::export::{Alerts, ExportSettings, Kept, ListFormat, Reach, export};
use geophone_analytics::severity::Severity;
use geophone_sensor::time::Timestamp;
use geophone_sensor::words::cure;

use crate::cli::read_config;
use crate::progress::say;
use crate::run::print;

/// Writes text and loads nothing. Exit status: 0 written, with entries or without; 1 could not (the
/// message names the file, the line and the cure); 2 wrong usage.
#[derive(Args, Debug)]
pub(crate) struct ExportCommand {
    /// Alerts as `geophone replay|live --format ecs` and `geophone tail alerts` write them, `-` for
    /// standard input.
    #[arg(value_name = "FILE.ndjson", default_value = "-")]
    alerts: Vec<PathBuf>,
    /// What reads the list.
    #[arg(long, value_enum)]
    format: ListFormat,
    /// Where the list goes, `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// How long an entry holds after the end of its alert: a number with s, min, h, d or w.
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    expires: Duration,
    /// Leave out what has run out by then: 2026-01-31, or with a time as in alerts.
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Timestamp>,
    /// Leave out alerts that ended before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Take alerts, too, that closed because nothing new came.
    #[arg(long)]
    include_closed: bool,
    /// Leave out alerts that are less severe.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "low")]
    min_severity: Severity,
    /// Leave out alerts that are less sure.
    #[arg(long, value_enum, value_name = "CONFIDENCE", default_value = "low")]
    min_confidence: Confidence,
    /// Take the alerts of this rule only; may be given again.
    #[arg(long = "rule", value_name = "ID")]
    rules: Vec<String>,
    /// Never block this: a domain with all below it, an address or a network; may be given again.
    #[arg(long, value_name = "DOMAIN|NETWORK")]
    keep: Vec<Kept>,
    /// Never block what `[network]` of this configuration says is one's own, either.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachFlags,
    /// The empty zone that a list for BIND names.
    #[arg(long, value_name = "FILE", default_value = "/etc/bind/db.empty", value_parser = quotable)]
    empty_zone: PathBuf,
}

/// Entries that can cut off more than a tunnel.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
struct ReachFlags {
    /// Cut off clients, too: those behind alerts about domains and servers (nft, stix, rpz), those at
    /// private addresses, and in rpz those of any alert.
    #[arg(long)]
    clients: bool,
    /// Block servers of one's own, too: at private addresses, or inside by what the alert says.
    #[arg(long)]
    allow_private: bool,
    /// Block domains under suffixes that nobody registers, too.
    #[arg(long)]
    allow_undelegated: bool,
    /// Block domains that half the world uses, too, such as google.com.
    #[arg(long)]
    allow_popular: bool,
    /// Block domains that other alerts say are flooded or forged themselves, too, and those that clients
    /// outside ask a server inside for.
    #[arg(long)]
    allow_victims: bool,
}

/// `geophone export`.
pub(crate) fn export_alerts(command: &ExportCommand) -> anyhow::Result<ExitCode> {
    let mut alerts = Alerts::default();
    for path in &command.alerts {
        read(&mut alerts, path)?;
    }
    let mut settings = command.settings();
    if command.config.is_some() {
        let network = read_config(command.config.as_deref())?.network;
        settings.keep.extend(own(&network, command.reach.clients));
    }
    let export = export(&alerts, command.format, &settings);
    if command.output.as_os_str() == "-" {
        print(&export.text)?;
    } else {
        File::create(&command.output)
            .and_then(|mut file| file.write_all(export.text.as_bytes()))
            .map_err(|error| {
            let cure = cure(&error);
            anyhow::Error::new(error)
                .context(format!("cannot write \"{}\"{cure}", command.output.display()))
        })?;
    }
    say(&export.summary);
    for line in export.left_out.lines() {
        say(&format!("left out: {line}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(alerts: &mut Alerts, path: &Path) -> anyhow::Result<()> {
    if path.as_os_str() == "-" {
        let stdin = io::stdin();
        anyhow::ensure!(
            !stdin.is_terminal(),
            "no alerts to read: name their files, or pipe them in"
        );
        return Ok(alerts.read(&mut stdin.lock(), "standard input")?);
    }
    let name = format!("\"{}\"", path.display());
    let file = File::open(path).with_context(|| {
        format!("cannot open {name}; export takes files that `geophone replay --alerts` wrote")
    })?;
    Ok(alerts.read(&mut BufReader::new(file), &name)?)
}

/// What a site says is its own; its networks only where it does not want its clients cut off.
fn own(network: &NetworkConfig, clients: bool) -> Vec<Kept> {
    let internal = network.internal.iter().filter(|_| !clients);
    let networks = internal.chain(&network.secondaries).map(ToString::to_string);
    let hosts = [&network.resolvers, &network.authoritative, &network.mail].into_iter().flatten();
    let all = networks.chain(hosts.map(ToString::to_string)).chain(network.zones.iter().cloned());
    // A zone that is no host name can be in no list anyway.
    all.filter_map(|text| text.parse().ok()).collect()
}

impl ExportCommand {
    fn settings(&self) -> ExportSettings {
        ExportSettings {
            include_closed: self.include_closed,
            since: self.since,
            now: self.now,
            min_severity: self.min_severity,
            min_confidence: self.min_confidence,
            rules: self.rules.iter().cloned().collect(),
            expires: self.expires,
            reach: Reach {
                clients: self.reach.clients,
                private_servers: self.reach.allow_private,
                undelegated: self.reach.allow_undelegated,
                popular: self.reach.allow_popular,
                victims: self.reach.allow_victims,
            },
            keep: self.keep.clone(),
            empty_zone: self.empty_zone.clone(),
        }
    }
}

/// Reads a whole number with its unit; at least a second, at most ten years.
fn span(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let seconds: u64 = match unit {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3_600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err("a whole number with s, min, h, d or w, such as 7d".to_owned()),
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok());
    match number.and_then(|number| number.checked_mul(seconds)) {
        Some(total @ 1..=MOST_SECONDS) => Ok(Duration::from_secs(total)),
        _ => Err("at least a second and at most 3650d".to_owned()),
    }
}

/// Reads a day (UTC), or a moment as alerts have it.
fn time(text: &str) -> Result<Timestamp, String> {
    let whole =
        if text.len() == "2026-01-31".len() { format!("{text}T00:00:00Z") } else { text.into() };
    let moment: jiff::Timestamp = whole
        .parse()
        .map_err(|_| "a day such as 2026-01-31, or 2026-01-31T12:00:00Z".to_owned())?;
    Ok(Timestamp(moment.as_microsecond()))
}

/// Takes a path that can stand between quotes in named.conf.
fn quotable(text: &str) -> Result<PathBuf, String> {
    let is_safe = |octet: u8| matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\';
    if text.is_empty() || !text.bytes().all(is_safe) {
        return Err("a path in printable ASCII without quotes and backslashes".to_owned());
    }
    Ok(PathBuf::from(text))
}

const DAY: u64 = 86_400;
const MOST_SECONDS: u64 = 3_650 * DAY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_read_or_refused() {
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(span("90min"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "7", "d", "0d", "-1d", "7 d", "3651d", "99999999999999999999w", "7é"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time("1970-01-02"), Ok(Timestamp(86_400_000_000)));
        assert_eq!(time("1970-01-01T00:00:01.5Z"), Ok(Timestamp(1_500_000)));
        for wrong in ["", "yesterday", "2026-13-01", "2026-01-01T00:00:00"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(quotable("/a\"; };").is_err() && quotable("").is_err());
    }
}
