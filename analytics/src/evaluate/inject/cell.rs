//! The grid: one cell is one way to leak.

use serde::Serialize;

use super::encoding::Encoding;
use crate::evaluate::random::Random;

/// Octets of data a second.
pub const RATES: [f64; 7] = [1000.0, 100.0, 10.0, 1.0, 0.1, 0.05, 0.0119];
/// How data becomes names.
pub const ENCODINGS: [Encoding; 7] = [
    Encoding::Hex,
    Encoding::Base32,
    Encoding::Base64,
    Encoding::Base128,
    Encoding::Raw,
    Encoding::Words,
    Encoding::Markov,
];
/// Octets of data a name.
pub const CHUNKS: [usize; 6] = [4, 9, 16, 29, 60, 180];
/// Registered domains used in turn.
pub const DOMAINS: [usize; 4] = [1, 3, 10, 50];
/// Types asked for: A, AAAA, TXT, NULL, CNAME, MX, SRV, KEY, HTTPS.
pub const QTYPES: [u16; 9] = [1, 28, 16, 10, 5, 15, 33, 25, 65];
/// How even the gaps are.
pub const JITTERS: [Jitter; 3] = [Jitter::None, Jitter::Third, Jitter::Exponential];
/// Who leaks.
pub const HOSTS: [Host; 2] = [Host::Own, Host::Benign];

/// How even the gaps between queries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Jitter {
    /// All the same.
    None,
    /// Up to 30 % longer or shorter.
    Third,
    /// Exponential, as events that know nothing of each other.
    Exponential,
}

/// Who leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// A client that does nothing else.
    Own,
    /// A client of the benign capture.
    Benign,
}

/// One way to leak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Octets of data a second.
    pub rate: f64,
    /// How data becomes names.
    pub encoding: Encoding,
    /// Octets of data a name, fewer where they do not fit.
    pub chunk: usize,
    /// Registered domains used in turn.
    pub domains: usize,
    /// The type asked for.
    pub qtype: u16,
    /// How even the gaps are.
    pub jitter: Jitter,
    /// Who leaks.
    pub host: Host,
}

/// Sizes of the axes.
const SIZES: [usize; 7] = [
    RATES.len(),
    ENCODINGS.len(),
    CHUNKS.len(),
    DOMAINS.len(),
    QTYPES.len(),
    JITTERS.len(),
    HOSTS.len(),
];

impl Cell {
    /// Takes the cell at `place`, an index into each axis; each is taken modulo the axis's size.
    fn at(place: [usize; SIZES.len()]) -> Option<Self> {
        fn pick<T: Copy>(axis: &[T], index: usize) -> Option<T> {
            axis.get(index.checked_rem(axis.len())?).copied()
        }
        let [rate, encoding, chunk, domains, qtype, jitter, host] = place;
        Some(Self {
            rate: pick(&RATES, rate)?,
            encoding: pick(&ENCODINGS, encoding)?,
            chunk: pick(&CHUNKS, chunk)?,
            domains: pick(&DOMAINS, domains)?,
            qtype: pick(&QTYPES, qtype)?,
            jitter: pick(&JITTERS, jitter)?,
            host: pick(&HOSTS, host)?,
        })
    }
}

/// Returns every cell of the grid.
#[must_use]
pub fn every() -> Vec<Cell> {
    let n_cells: usize = SIZES.iter().product();
    let place = |mut index: usize| {
        SIZES.map(|size| {
            let at = index % size.max(1);
            index /= size.max(1);
            at
        })
    };
    (0..n_cells).filter_map(|index| Cell::at(place(index))).collect()
}

/// Returns `n` cells in which every value of every axis stands as often as the others, give or
/// take one, and the axes do not go together (a Latin hypercube).
#[must_use]
pub fn sample(n: usize, seed: u64) -> Vec<Cell> {
    let mut random = Random::new(seed);
    let columns: Vec<Vec<usize>> = SIZES
        .iter()
        .map(|size| {
            let mut column: Vec<usize> = (0..n).map(|index| index % size.max(&1)).collect();
            shuffle(&mut column, &mut random);
            column
        })
        .collect();
    let place = |row: usize| {
        let mut place = [0; SIZES.len()];
        for (at, column) in place.iter_mut().zip(&columns) {
            *at = column.get(row).copied().unwrap_or_default();
        }
        place
    };
    (0..n).filter_map(|row| Cell::at(place(row))).collect()
}

/// Fisher and Yates.
fn shuffle(column: &mut [usize], random: &mut Random) {
    for end in (1..column.len()).rev() {
        column.swap(end, random.below(end + 1));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_whole_grid_has_every_cell_once() {
        let cells = every();
        assert_eq!(cells.len(), 7 * 7 * 6 * 4 * 9 * 3 * 2);
        let mut names: Vec<String> = cells.iter().map(|cell| format!("{cell:?}")).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), cells.len());
    }

    #[test]
    fn a_sample_is_even_on_every_axis_and_always_the_same() {
        let cells = sample(100, 5);
        assert_eq!(cells, sample(100, 5));
        assert_ne!(cells, sample(100, 6));
        let mut by_chunk: BTreeMap<usize, u32> = BTreeMap::new();
        for cell in &cells {
            *by_chunk.entry(cell.chunk).or_default() += 1;
        }
        assert_eq!(by_chunk.len(), CHUNKS.len());
        assert!(by_chunk.values().all(|n| (16..=17).contains(n)), "{by_chunk:?}");
    }
}
