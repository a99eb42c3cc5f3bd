//! Rows that wait to become a row group, column by column.

use std::borrow::Cow;

use geophone_sensor::record::Transaction;
use polars::prelude::{
    Column, DataFrame, IntoColumn as _, ListBuilderTrait as _, ListStringChunkedBuilder,
    NamedFrom as _, PolarsResult, Series, TimeUnit, TimeZone,
};

use crate::schema::{COLUMNS, LABEL_COLUMNS, Label, Pull};

/// The values of one column.
enum Values {
    Flag(Vec<Option<bool>>),
    Large(Vec<Option<u64>>),
    Number(Vec<Option<u32>>),
    Text(Vec<Option<Cow<'static, str>>>),
    Texts(Vec<Option<Vec<String>>>),
    Time(Vec<i64>),
}

/// The rows of a row group on its way.
pub(crate) struct Buffer {
    columns: Vec<Values>,
    labels: Vec<Vec<Option<String>>>,
    rows: usize,
    text_bytes: usize,
}

impl Buffer {
    pub(crate) fn new(labels: bool) -> Self {
        let columns = COLUMNS.iter().map(|column| match column.pull {
            Pull::Flag(_) => Values::Flag(Vec::new()),
            Pull::Large(_) => Values::Large(Vec::new()),
            Pull::Number(_) => Values::Number(Vec::new()),
            Pull::Text(_) => Values::Text(Vec::new()),
            Pull::Texts(_) => Values::Texts(Vec::new()),
            Pull::Time(_) => Values::Time(Vec::new()),
        });
        let labels = LABEL_COLUMNS.iter().filter(|_| labels).map(|_| Vec::new()).collect();
        Self { columns: columns.collect(), labels, rows: 0, text_bytes: 0 }
    }

    /// Rows that wait.
    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    /// Octets of their texts.
    pub(crate) const fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    pub(crate) fn add(&mut self, transaction: &Transaction, label: Option<&Label<'_>>) {
        self.rows += 1;
        for (column, values) in COLUMNS.iter().zip(&mut self.columns) {
            match (column.pull, values) {
                (Pull::Flag(take), Values::Flag(values)) => values.push(take(transaction)),
                (Pull::Large(take), Values::Large(values)) => values.push(take(transaction)),
                (Pull::Number(take), Values::Number(values)) => values.push(take(transaction)),
                (Pull::Text(take), Values::Text(values)) => {
                    let text = take(transaction);
                    self.text_bytes += text.as_ref().map_or(0, |text| text.len());
                    values.push(text);
                }
                (Pull::Texts(take), Values::Texts(values)) => {
                    let texts = take(transaction);
                    self.text_bytes += texts.iter().flatten().map(String::len).sum::<usize>();
                    values.push(texts);
                }
                (Pull::Time(take), Values::Time(values)) => values.push(take(transaction)),
                _ => {}
            }
        }
        let Some(label) = label else { return };
        let Label { capture, role, tool, network, label, truth_domain } = *label;
        let texts = [Some(capture), Some(role), Some(tool), network, Some(label), truth_domain];
        for (values, text) in self.labels.iter_mut().zip(texts) {
            values.push(text.map(str::to_owned));
        }
    }

    /// Gives away the rows and keeps nothing.
    pub(crate) fn take(&mut self) -> PolarsResult<DataFrame> {
        let mut frame: Vec<Column> = Vec::new();
        for (column, values) in COLUMNS.iter().zip(&mut self.columns) {
            frame.push(values.take(column.name)?);
        }
        for ((name, _), values) in LABEL_COLUMNS.iter().zip(&mut self.labels) {
            frame.push(Series::new((*name).into(), std::mem::take(values)).into_column());
        }
        let rows = std::mem::take(&mut self.rows);
        self.text_bytes = 0;
        DataFrame::new(rows, frame)
    }
}

impl Values {
    fn take(&mut self, name: &str) -> PolarsResult<Column> {
        let name = name.into();
        let series = match self {
            Self::Flag(values) => Series::new(name, std::mem::take(values)),
            Self::Large(values) => Series::new(name, std::mem::take(values)),
            Self::Number(values) => Series::new(name, std::mem::take(values)),
            Self::Text(values) => Series::new(name, std::mem::take(values)),
            Self::Texts(values) => {
                let mut lists = ListStringChunkedBuilder::new(name, values.len(), values.len());
                for texts in std::mem::take(values) {
                    match texts {
                        Some(texts) => lists.append_values_iter(texts.iter().map(String::as_str)),
                        None => lists.append_null(),
                    }
                }
                lists.finish().into_column().take_materialized_series()
            }
            Self::Time(values) => {
                let utc = Some(TimeZone::UTC);
                Series::new(name, std::mem::take(values)).into_datetime(TimeUnit::Microseconds, utc)
            }
        };
        Ok(series.into_column())
    }
}
