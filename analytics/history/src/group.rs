//! Rows with the same keys made one: sums, least and greatest values.
//!
//! polars finds the groups; the figures are integers added up here, because its eager aggregations
//! are deprecated and its lazy engine takes several times as long to build.

use polars::prelude::{
    Column, DataFrame, GroupsIndicator, IntoColumn as _, NamedFrom as _, PolarsResult, Series,
};

/// What becomes of the columns that are no key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Figure {
    /// The sum; it stops at the greatest number there is.
    Sum,
    /// The least.
    Least,
    /// The greatest.
    Most,
}

impl Figure {
    fn join(self, a: i64, b: i64) -> i64 {
        match self {
            Self::Sum => a.saturating_add(b),
            Self::Least => a.min(b),
            Self::Most => a.max(b),
        }
    }
}

/// Makes one row of all rows that have the same `keys`, in the order in which they first stand.
/// The `figures` are columns of signed 64 bits without nulls; all other columns are left out.
pub(crate) fn group(
    frame: &DataFrame,
    keys: &[&str],
    figures: &[(&str, Figure)],
) -> PolarsResult<DataFrame> {
    let groups = frame.group_by_stable(keys.iter().copied())?;
    let mut columns: Vec<Column> = groups.keys();
    let groups = groups.into_groups();
    for (name, figure) in figures {
        let column = frame.column(name)?.as_materialized_series().rechunk();
        let values = column.i64()?.cont_slice()?;
        let value = |row: u32| usize::try_from(row).ok().and_then(|row| values.get(row).copied());
        let joined = |rows: &mut dyn Iterator<Item = u32>| {
            rows.filter_map(value).reduce(|a, b| figure.join(a, b)).unwrap_or_default()
        };
        let all: Vec<i64> = groups
            .iter()
            .map(|rows| match rows {
                GroupsIndicator::Idx((_, rows)) => joined(&mut rows.iter().copied()),
                GroupsIndicator::Slice([first, n]) => joined(&mut (first..first.saturating_add(n))),
            })
            .collect();
        columns.push(Series::new((*name).into(), all).into_column());
    }
    DataFrame::new_infer_height(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_key_become_one_row_in_the_order_of_first_sight() {
        let frame = DataFrame::new_infer_height(vec![
            Series::new("key".into(), ["b", "a", "b", "a", "b"]).into_column(),
            Series::new("n".into(), [1_i64, 10, 2, 20, 4]).into_column(),
            Series::new("first".into(), [5_i64, 9, 3, 7, 4]).into_column(),
            Series::new("last".into(), [5_i64, 9, 3, 7, 4]).into_column(),
        ])
        .unwrap();
        let figures = [("n", Figure::Sum), ("first", Figure::Least), ("last", Figure::Most)];
        let made = group(&frame, &["key"], &figures).unwrap();
        let column = |name: &str| -> Vec<i64> {
            made.column(name).unwrap().i64().unwrap().into_no_null_iter().collect()
        };
        let keys: Vec<_> = made.column("key").unwrap().str().unwrap().iter().flatten().collect();
        assert_eq!(keys, ["b", "a"]);
        assert_eq!(
            (column("n"), column("first"), column("last")),
            (vec![7, 30], vec![3, 7], vec![5, 9])
        );
    }
}
