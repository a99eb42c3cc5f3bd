//! What feature files say, one row for each (client, domain, name, type).
//!
//! Rows are folded as they are read, so memory goes with the number of distinct names a client
//! asks for, not with the number of rows.

use std::net::IpAddr;
use std::path::PathBuf;

use geophone_sensor::time::Timestamp;
use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn as _, NamedFrom as _, PolarsResult, Series,
    StringChunked,
};

use crate::error::HistoryError;
use crate::group::{Figure, group};
use crate::read::for_each_group;

/// Rows beyond those left by the last folding at which all are folded again.
const FOLD_ROWS: usize = 1 << 20;

/// The columns that tell exchanges apart.
pub(crate) const KEYS: [&str; 4] = ["client", "domain", "qname", "qtype"];

/// The columns that are added up, and how. Bytes are octets of whole messages.
pub(crate) const FIGURES: [(&str, Figure); 7] = [
    ("queries", Figure::Sum),
    ("answers", Figure::Sum),
    ("nxdomain", Figure::Sum),
    ("up_bytes", Figure::Sum),
    ("down_bytes", Figure::Sum),
    ("first", Figure::Least),
    ("last", Figure::Most),
];

const READ: [&str; 9] = [
    "time",
    "client",
    "domain",
    "qname",
    "qtype",
    "status",
    "query_bytes",
    "answer_bytes",
    "answer_rcode",
];

/// A span of capture time; an end that is not given is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// The first moment in it.
    pub since: Option<Timestamp>,
    /// The first moment after it.
    pub until: Option<Timestamp>,
}

impl Span {
    fn has(self, micros: i64) -> bool {
        self.since.is_none_or(|since| micros >= since.micros())
            && self.until.is_none_or(|until| micros < until.micros())
    }
}

/// Which rows are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) span: Span,
    pub(crate) client: Option<IpAddr>,
    /// A domain, or any name: what is asked for it and under it.
    pub(crate) name: Option<String>,
}

/// Reads `files` and returns a row for each of [`KEYS`] with the [`FIGURES`].
pub(crate) fn exchanges(
    files: &[PathBuf],
    selection: &Selection,
) -> Result<DataFrame, HistoryError> {
    let mut all = Rows::default().frame()?;
    let mut folded = 0;
    for path in files {
        for_each_group(path, &READ, &mut |frame| {
            let rows = Rows::of(&frame, selection)?.frame()?;
            all.vstack_mut_owned(group(&rows, &KEYS, &FIGURES)?)?;
            if all.height() > folded + FOLD_ROWS {
                all = group(&all, &KEYS, &FIGURES)?;
                folded = all.height();
            }
            Ok(())
        })?;
    }
    Ok(group(&all, &KEYS, &FIGURES)?)
}

/// Rows on their way into a frame, by column.
#[derive(Default)]
struct Rows {
    keys: [Vec<String>; 4],
    figures: [Vec<i64>; 7],
}

impl Rows {
    /// Takes the rows of `frame` that are asked for.
    fn of(frame: &DataFrame, selection: &Selection) -> PolarsResult<Self> {
        let text = |name| frame.column(name)?.str();
        let (client, domain, qname) = (text("client")?, text("domain")?, text("qname")?);
        let (qtype, status, rcode) = (text("qtype")?, text("status")?, text("answer_rcode")?);
        let times = frame.column("time")?.cast(&DataType::Int64)?;
        let (times, asked, answered) = (
            times.i64()?,
            frame.column("query_bytes")?.u32()?,
            frame.column("answer_bytes")?.u32()?,
        );
        let wanted = selection.client.map(|client| client.to_string());
        let wanted_name = selection.name.as_deref().map(lower);
        let mut rows = Self::default();
        for row in 0..frame.height() {
            let time = times.get(row).unwrap_or_default();
            let from = client.get(row).unwrap_or_default();
            if !selection.span.has(time) || wanted.as_deref().is_some_and(|client| client != from) {
                continue;
            }
            let name = qname.get(row).unwrap_or_default().to_ascii_lowercase();
            if wanted_name.as_deref().is_some_and(|wanted| !is_under(&name, wanted)) {
                continue;
            }
            let texts = [from.to_owned(), owned(domain, row), name, owned(qtype, row)];
            let status = status.get(row).unwrap_or_default();
            let figures = [
                i64::from(matches!(status, "answered" | "unanswered")),
                i64::from(status != "unanswered"),
                i64::from(rcode.get(row) == Some("NXDOMAIN")),
                i64::from(asked.get(row).unwrap_or_default()),
                i64::from(answered.get(row).unwrap_or_default()),
                time,
                time,
            ];
            for (column, value) in rows.keys.iter_mut().zip(texts) {
                column.push(value);
            }
            for (column, value) in rows.figures.iter_mut().zip(figures) {
                column.push(value);
            }
        }
        Ok(rows)
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        let mut columns: Vec<Column> = Vec::new();
        for (name, values) in KEYS.iter().zip(self.keys) {
            columns.push(Series::new((*name).into(), values).into_column());
        }
        for ((name, _), values) in FIGURES.iter().zip(self.figures) {
            columns.push(Series::new((*name).into(), values).into_column());
        }
        DataFrame::new_infer_height(columns)
    }
}

fn owned(column: &StringChunked, row: usize) -> String {
    column.get(row).unwrap_or_default().to_owned()
}

/// Writes a name as the columns have it: lower case, no final dot.
fn lower(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Tells whether `name` is `domain` or stands under it, at a label boundary.
fn is_under(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_under_a_domain_at_label_boundaries() {
        assert!(is_under("example.com", "example.com") && is_under("a.example.com", "example.com"));
        assert!(!is_under("evilexample.com", "example.com") && !is_under("com", "example.com"));
    }

    #[test]
    fn a_span_has_its_beginning_and_not_its_end() {
        let span = Span { since: Some(Timestamp(5)), until: Some(Timestamp(9)) };
        let inside: Vec<i64> = (0..12).filter(|micros| span.has(*micros)).collect();
        assert_eq!(inside, [5, 6, 7, 8]);
        assert!(Span::default().has(i64::MIN));
    }
}
