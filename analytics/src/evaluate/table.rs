//! A report as a reader wants it.

use std::fmt::{self, Display, Write as _};

use super::budget::Budget;
use super::figure::Spread;
use super::inject::Injection;
use super::interval::Share;
use super::metric::{Delay, FalseAlarms, Point};
use super::report::{Alarm, Report, Rival};
use super::split::{Group, Split};

/// Lines of a list that are shown; the document has them all.
const MOST_LINES: usize = 40;

/// Writes `report` as text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    let corpus = &report.corpus;
    writeln!(
        out,
        "{} captures: {} with channels, {} benign ({} queries), {} damaged",
        corpus.captures,
        corpus.attacks,
        corpus.benign,
        corpus.benign_queries,
        corpus.damaged.len()
    )?;
    writeln!(out, "intervals are 95 %, Clopper and Pearson; they take captures for independent")?;
    point(out, "rules as they stand", &report.as_they_stand)?;
    match &report.without_false_alarms {
        Some(quiet) if quiet.shift > 0 => {
            point(out, &format!("thresholds {} higher: no false alarm", quiet.shift), quiet)?;
        }
        Some(_) => {}
        None => writeln!(out, "\nno threshold is without false alarm: the leak contract has some")?,
    }
    writeln!(out, "\nfixed budgets")?;
    for budget in &report.budgets {
        writeln!(out, "  {}", Told(budget))?;
    }
    writeln!(out, "\n{:<26}{:<34}{:<26}queries to alert", "tool", "found", "")?;
    for tool in &report.tools {
        writeln!(
            out,
            "  {:<24}{:<60}{}",
            tool.tool,
            Told(&tool.recall),
            Told(&tool.delay.queries)
        )?;
    }
    list(out, "missed", &report.missed, |missed| {
        let short =
            missed.short_by.map_or_else(|| "never asked".to_owned(), |by| format!("{by} short"));
        format!("{} ({} queries, {} B): {short}", missed.file, missed.queries, missed.sent_bytes)
    })?;
    list(out, "alerts on benign captures", &report.false_alarms, alarm)?;
    list(out, "alerts on attack captures beside their channels", &report.beside_channels, alarm)?;
    for (label, others) in &report.others {
        writeln!(
            out,
            "  not counted: {label:<24} {:>4} captures, {} with alerts, {} queries",
            others.captures, others.with_alerts, others.queries
        )?;
    }
    for group in &report.splits_not_possible {
        writeln!(out, "\none {} only: none can be left out", group_name(*group))?;
    }
    report.splits.iter().try_for_each(|found| split(out, found))?;
    rivals(out, &report.published)?;
    report.injection.iter().try_for_each(|found| injection(out, found))
}

fn point(out: &mut String, title: &str, point: &Point) -> fmt::Result {
    writeln!(out, "\n{title}")?;
    writeln!(out, "  found                 {}", Told(&point.recall))?;
    writeln!(out, "    of 1 KiB and more   {}", Told(&point.recall_of_1_kib))?;
    writeln!(out, "    by the scorecards   {}", Told(&point.recall_by_evidence))?;
    writeln!(out, "    by the contract     {}", Told(&point.recall_by_contract))?;
    writeln!(out, "  false alarms          {}", Told(&point.false_alarms))?;
    delay(out, "to the first alert", &point.delay)?;
    delay(out, "the same, channels above 100 B/s", &point.delay_of_fast)
}

fn delay(out: &mut String, title: &str, delay: &Delay) -> fmt::Result {
    writeln!(out, "  {title}")?;
    writeln!(out, "    queries             {}", Told(&delay.queries))?;
    writeln!(out, "    seconds             {}", Told(&delay.seconds))?;
    writeln!(out, "    bytes, priced       {}", Told(&delay.priced_bytes))?;
    writeln!(out, "    bytes of names      {}", Told(&delay.raw_bytes))
}

fn split(out: &mut String, split: &Split) -> fmt::Result {
    let group = group_name(split.group);
    point(out, &format!("fitted with one {group} left out, pooled"), &split.pooled)?;
    if let Some(quiet) = split.without_false_alarms.as_ref().filter(|quiet| quiet.shift > 0) {
        let title = format!("the same, thresholds {} higher: no false alarm", quiet.shift);
        point(out, &title, quiet)?;
    }
    for fold in &split.folds {
        let mut names = fold.left_out.join(" ");
        if let ([first, more @ ..], true) = (fold.left_out.as_slice(), names.len() > 40) {
            names = format!("{first:.30} and {} more", more.len());
        }
        let (recall, alarms) = (Told(&fold.recall), fold.false_alarms.alarms);
        writeln!(out, "  without {names:<40} {recall}  {alarms} false alarms")?;
    }
    list(out, "missed", &split.missed, Clone::clone)?;
    list(out, "false alarms", &split.false_alarms, |alarm| {
        format!("{}: {} {} {:+} points", alarm.file, alarm.client, alarm.domain, alarm.margin)
    })
}

const fn group_name(group: Group) -> &'static str {
    match group {
        Group::Network => "network",
        Group::Tool => "tool",
    }
}

fn rivals(out: &mut String, rivals: &[Rival]) -> fmt::Result {
    if rivals.is_empty() {
        return Ok(());
    }
    writeln!(out, "\npublished rules: as published, then at the threshold without false alarm")?;
    for rival in rivals {
        for point in [&rival.as_published, &rival.without_false_alarms] {
            let queries = point.delay.queries.as_ref();
            let queries = queries.map_or_else(
                || "never".to_owned(),
                |queries| format!("median {} queries", queries.median),
            );
            writeln!(
                out,
                "  {:<20} at {:>10.3}  {}  {queries}; {}",
                rival.name,
                point.threshold,
                Told(&point.recall),
                Told(&point.false_alarms)
            )?;
        }
    }
    Ok(())
}

fn injection(out: &mut String, found: &Injection) -> fmt::Result {
    writeln!(out, "\ninjected into benign captures: {} cells", found.cells)?;
    writeln!(out, "  found                 {}", Told(&found.recall))?;
    writeln!(out, "  leak contract kept    {}", Told(&found.contract.kept))?;
    writeln!(out, "  share of it used      {}", Told(&found.contract.share_used))?;
    for (domains, rate) in &found.minimum_detectable_rate {
        let rate = rate.map_or_else(|| "none of the grid".to_owned(), |rate| format!("{rate} B/s"));
        writeln!(out, "  over {domains:>2} domains: 95 % are found from {rate}")?;
    }
    for axis in &found.axes {
        writeln!(
            out,
            "  {:<9}{:<12}{}  on one domain {:>3} of {:<3}  bytes {}",
            axis.axis,
            axis.value,
            Told(&axis.recall),
            axis.recall_on_one_domain.hits,
            axis.recall_on_one_domain.of,
            Told(&axis.bytes)
        )?;
    }
    Ok(())
}

fn list<T>(out: &mut String, title: &str, items: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    writeln!(out, "\n{title}: {}", items.len())?;
    for item in items.iter().take(MOST_LINES) {
        writeln!(out, "  {}", line(item))?;
    }
    match items.len().checked_sub(MOST_LINES) {
        Some(more) if more > 0 => writeln!(out, "  and {more} more"),
        _ => Ok(()),
    }
}

fn alarm(alarm: &Alarm) -> String {
    let Alarm { file, rule, client, domain, score, overflow } = alarm;
    let overflow = if *overflow { ", leak contract" } else { "" };
    format!("{file}: {rule} {client} {domain} score {score}{overflow}")
}

/// A figure in words.
struct Told<'a, T>(&'a T);

impl Display for Told<'_, Share> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Share { hits, of, clopper_pearson: [low, high], .. } = self.0;
        let percent = 100.0 * self.0.value();
        let interval = format!("({:.1} to {:.1})", 100.0 * low, 100.0 * high);
        f.pad(&format!("{hits:>4} of {of:<4} {percent:>5.1} % {interval:<18}"))
    }
}

impl Display for Told<'_, Option<Spread>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.pad("none"),
            Some(Spread { median, p95, max, .. }) => {
                f.pad(&format!("median {median:>8.1}  p95 {p95:>9.1}  max {max:>9.1}"))
            }
        }
    }
}

impl Display for Told<'_, FalseAlarms> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FalseAlarms { alarms, queries, per_million, per_million_below } = self.0;
        write!(
            f,
            "{alarms} keys in {queries} queries: {per_million:.1} a million, below \
             {per_million_below:.1} at 95 %"
        )
    }
}

impl Display for Told<'_, Budget> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { per_million, point, why_not, .. } = self.0;
        write!(f, "{per_million:>5} a million  ")?;
        match point {
            Some(point) => {
                write!(f, "thresholds {} higher: found {}", point.shift, Told(&point.recall))
            }
            None => f.write_str(why_not.as_deref().unwrap_or("cannot be told")),
        }
    }
}
