//! What an incident responder asks after an alert, and the answer as rows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use geophone_sensor::time::Timestamp;
use polars::prelude::{Column, DataFrame, IntoColumn as _, NamedFrom as _, PolarsResult, Series};

use crate::error::HistoryError;
use crate::exchange::{FIGURES, Selection, Span, exchanges};
use crate::group::{Figure, group};

/// Names shown of a pair.
const SAMPLES: usize = 5;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What a client asked for, by registered domain.
    Client(IpAddr),
    /// Who asked, and how much.
    Clients,
    /// Who asked for a domain, or for a name and what is under it.
    Domain(String),
    /// What was asked for, by registered domain.
    Domains,
}

/// What comes first in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rank {
    /// Most octets, both ways.
    Bytes,
    /// Most distinct names.
    Names,
    /// Most answers that no such name exists.
    Nxdomain,
    /// Most clients of a domain, most domains of a client.
    Peers,
    /// Most queries.
    #[default]
    Queries,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number: queries, names, octets.
    Number(u64),
    /// A share, 0 to 1.
    Share(f64),
    /// Text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A moment.
    Time(Timestamp),
}

/// An answer: a row for each thing, the first in rank first.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// The rows; each has a cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// Rows there were before the list was cut.
    pub n_rows: usize,
}

/// Reads `files` and answers `question` with at most `top` rows.
///
/// # Errors
/// A file that cannot be read or is not of this version.
pub fn ask(
    files: &[PathBuf],
    question: &Question,
    span: Span,
    (rank, top): (Rank, usize),
) -> Result<Answer, HistoryError> {
    let mut selection = Selection { span, ..Selection::default() };
    let (key, peer) = match question {
        Question::Client(client) => {
            selection.client = Some(*client);
            ("domain", None)
        }
        Question::Clients => ("client", Some(("domain", "domains"))),
        Question::Domain(name) => {
            selection.name = Some(name.clone());
            ("client", None)
        }
        Question::Domains => ("domain", Some(("client", "clients"))),
    };
    let all = exchanges(files, &selection)?;
    let mut rows = profiles(&all, key, peer.map(|(column, _)| column))?;
    rows.sort_by(|a, b| b.rank(rank).cmp(&a.rank(rank)).then_with(|| a.key.cmp(&b.key)));
    let n_rows = rows.len();
    rows.truncate(top);
    let mut columns = vec![key, "queries"];
    columns.extend(peer.map(|(_, name)| name));
    columns.extend(["names", "up_bytes", "down_bytes", "nxdomain_share", "first", "last"]);
    let details = if peer.is_none() {
        columns.extend(["types", "samples"]);
        details(&all, key)?
    } else {
        BTreeMap::new()
    };
    let rows = rows.into_iter().map(|row| row.cells(&details)).collect();
    Ok(Answer { columns, rows, n_rows })
}

/// The figures of one domain or client.
struct Profile {
    key: String,
    figures: [i64; 7],
    peers: Option<i64>,
    names: i64,
}

impl Profile {
    fn rank(&self, rank: Rank) -> i64 {
        let [queries, _, nxdomain, up, down, ..] = self.figures;
        match rank {
            Rank::Bytes => up.saturating_add(down),
            Rank::Names => self.names,
            Rank::Nxdomain => nxdomain,
            Rank::Peers => self.peers.unwrap_or_default(),
            Rank::Queries => queries,
        }
    }

    fn cells(self, details: &BTreeMap<String, Details>) -> Vec<Cell> {
        let number = |value| Cell::Number(u64::try_from(value).unwrap_or_default());
        let [queries, answers, nxdomain, up, down, first, last] = self.figures;
        let detail = details.get(&self.key).cloned();
        let mut cells = vec![Cell::Text(self.key), number(queries)];
        cells.extend(self.peers.map(number));
        cells.extend([number(self.names), number(up), number(down)]);
        cells.push(Cell::Share(share(nxdomain, answers)));
        cells.extend([first, last].map(|micros| Cell::Time(Timestamp(micros))));
        if let Some(Details { types, samples }) = detail {
            cells.extend([Cell::Texts(types.into_iter().collect()), Cell::Texts(samples)]);
        }
        cells
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share is for people, to a thousandth")]
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 1000.0).round() / 1000.0 }
}

/// Adds up `all` for each value of `key`, counting its distinct names and `peer`s.
fn profiles(all: &DataFrame, key: &str, peer: Option<&str>) -> PolarsResult<Vec<Profile>> {
    let names = distinct(all, key, "qname")?;
    let peers = peer.map(|peer| distinct(all, key, peer)).transpose()?;
    let sums = group(all, &[key], &FIGURES)?;
    let keys = sums.column(key)?.str()?.clone();
    let mut rows = Vec::new();
    for (row, key) in keys.iter().enumerate() {
        let key = key.unwrap_or_default().to_owned();
        let mut figures = [0; 7];
        for (figure, (name, _)) in figures.iter_mut().zip(FIGURES) {
            *figure = sums.column(name)?.i64()?.get(row).unwrap_or_default();
        }
        let count = |of: &BTreeMap<String, i64>| of.get(&key).copied().unwrap_or_default();
        let (names, peers) = (count(&names), peers.as_ref().map(count));
        rows.push(Profile { figures, peers, names, key });
    }
    Ok(rows)
}

/// Counts the distinct values of `of` for each value of `key`.
fn distinct(all: &DataFrame, key: &str, of: &str) -> PolarsResult<BTreeMap<String, i64>> {
    let mut pairs = group(all, &[key, of], &[])?;
    let ones: Column = Series::new("n".into(), vec![1_i64; pairs.height()]).into_column();
    pairs.with_column(ones)?;
    let counts = group(&pairs, &[key], &[("n", Figure::Sum)])?;
    let (keys, numbers) = (counts.column(key)?.str()?, counts.column("n")?.i64()?);
    let text = |key: Option<&str>| key.unwrap_or_default().to_owned();
    Ok(keys.iter().map(text).zip(numbers.iter().map(Option::unwrap_or_default)).collect())
}

/// The types asked for and the first names.
#[derive(Clone, Default)]
struct Details {
    types: BTreeSet<String>,
    samples: Vec<String>,
}

fn details(all: &DataFrame, key: &str) -> PolarsResult<BTreeMap<String, Details>> {
    let mut found = BTreeMap::<String, Details>::new();
    let text = |name| all.column(name)?.str();
    let (keys, types, names) = (text(key)?, text("qtype")?, text("qname")?);
    for ((key, kind), name) in keys.iter().zip(types.iter()).zip(names.iter()) {
        let (Some(key), Some(kind), Some(name)) = (key, kind, name) else { continue };
        let detail = found.entry(key.to_owned()).or_default();
        detail.types.insert(kind.to_owned());
        if detail.samples.len() < SAMPLES && !detail.samples.iter().any(|known| known == name) {
            detail.samples.push(name.to_owned());
        }
    }
    Ok(found)
}
