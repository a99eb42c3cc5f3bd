//! An isolation forest: what few random cuts set apart is an outlier.
//!
//! Source: Liu, Ting, Zhou, "Isolation forest", ICDM 2008: 100 trees of 256 samples each, cut at
//! random until alone or log2 256 deep; the score is 2^(−E[path] / c(256)). Seeded, so the same
//! rows give the same forest.

use super::table::{Random, number};

const TREES: usize = 100;
const SAMPLES: usize = 256;
/// Euler's constant, in the average path c(n).
const EULER: f64 = 0.577_215_664_901_532_9;

/// Rows of benign traffic: a uniform sample of bounded size (reservoir sampling, Vitter 1985).
pub(super) struct Rows<const N: usize> {
    rows: Vec<[f64; N]>,
    most: usize,
    seen: usize,
    random: Random,
}

impl<const N: usize> Rows<N> {
    pub(super) fn new(most: usize) -> Self {
        Self { rows: Vec::new(), most, seen: 0, random: Random(1) }
    }

    pub(super) fn add(&mut self, row: [f64; N]) {
        self.seen = self.seen.saturating_add(1);
        if self.rows.len() < self.most {
            self.rows.push(row);
        } else {
            let at = self.random.below(self.seen);
            if let Some(kept) = self.rows.get_mut(at) {
                *kept = row;
            }
        }
    }

    /// Returns the lowest score that at most `per_million` of a million rows reach; one where
    /// there are none.
    pub(super) fn threshold(&self, forest: &Forest<N>, per_million: usize) -> f64 {
        let mut scores: Vec<f64> = self.rows.iter().map(|row| forest.score(row)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let allowed = scores.len().saturating_mul(per_million) / 1_000_000;
        scores.get(allowed).map_or(1.0, |score| score.next_up())
    }

    pub(super) fn forest(&self) -> Forest<N> {
        Forest::fit(&self.rows)
    }
}

/// The trees; none where there was nothing to learn from.
pub(super) struct Forest<const N: usize> {
    trees: Vec<Vec<Node>>,
    /// The average path of a sample.
    average: f64,
}

#[derive(Clone, Copy)]
enum Node {
    /// Below `at` in the feature go to the left, the others to the right.
    Cut { feature: usize, at: f64, left: usize, right: usize },
    /// So many samples were left.
    Leaf(usize),
}

impl<const N: usize> Forest<N> {
    fn fit(rows: &[[f64; N]]) -> Self {
        let mut random = Random(2);
        let size = rows.len().min(SAMPLES);
        let depth = size.next_power_of_two().trailing_zeros();
        let trees = if size < 2 { 0 } else { TREES };
        let grow = |_| {
            let mut nodes = Vec::new();
            grow(&mut nodes, sample(rows, &mut random), depth, &mut random);
            nodes
        };
        Self { trees: (0..trees).map(grow).collect(), average: average_path(size) }
    }

    /// Returns how odd a row is: 0.5 is ordinary, near 1 stands alone; 0 without a tree.
    pub(super) fn score(&self, row: &[f64; N]) -> f64 {
        if self.trees.is_empty() {
            return 0.0;
        }
        let sum: f64 = self.trees.iter().map(|nodes| path(nodes, row)).sum();
        (-sum / number(self.trees.len()) / self.average).exp2()
    }
}

/// Takes rows without taking one twice.
fn sample<const N: usize>(rows: &[[f64; N]], random: &mut Random) -> Vec<[f64; N]> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let size = rows.len().min(SAMPLES);
    for at in 0..size {
        order.swap(at, at + random.below(rows.len() - at));
    }
    order.iter().take(size).filter_map(|at| rows.get(*at).copied()).collect()
}

/// Adds the tree of `rows`; returns its root.
fn grow<const N: usize>(
    nodes: &mut Vec<Node>,
    rows: Vec<[f64; N]>,
    depth: u32,
    random: &mut Random,
) -> usize {
    let root = nodes.len();
    nodes.push(Node::Leaf(rows.len()));
    if depth == 0 || rows.len() < 2 {
        return root;
    }
    let ranges: Vec<_> = (0..N).filter_map(|feature| range_of(&rows, feature)).collect();
    let Some((feature, low, high)) = ranges.get(random.below(ranges.len())).copied() else {
        return root;
    };
    // Never at the lowest itself: both sides must have a row.
    let at = (low + (high - low) * random.unit()).max(low.next_up());
    let below = |row: &[f64; N]| row.get(feature).is_some_and(|value| *value < at);
    let (left, right): (Vec<_>, Vec<_>) = rows.into_iter().partition(below);
    let left = grow(nodes, left, depth - 1, random);
    let right = grow(nodes, right, depth - 1, random);
    if let Some(node) = nodes.get_mut(root) {
        *node = Node::Cut { feature, at, left, right };
    }
    root
}

/// Returns the feature with its least and greatest value, where these differ.
fn range_of<const N: usize>(rows: &[[f64; N]], feature: usize) -> Option<(usize, f64, f64)> {
    let values = rows.iter().filter_map(|row| row.get(feature).copied());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    (low < high).then_some((feature, low, high))
}

fn path<const N: usize>(nodes: &[Node], row: &[f64; N]) -> f64 {
    let (mut at, mut steps) = (0, 0.0);
    loop {
        match nodes.get(at) {
            Some(Node::Cut { feature, at: cut, left, right }) => {
                let below = row.get(*feature).is_some_and(|value| value < cut);
                at = if below { *left } else { *right };
                steps += 1.0;
            }
            Some(Node::Leaf(samples)) => return steps + average_path(*samples),
            None => return steps,
        }
    }
}

/// Returns c(n), the average path of an unsuccessful search among `n`.
fn average_path(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * (number(n - 1).ln() + EULER) - 2.0 * number(n - 1) / number(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(n: usize) -> Rows<2> {
        let (mut rows, mut random) = (Rows::new(1_000), Random(7));
        for _ in 0..n {
            rows.add([random.unit(), random.unit()]);
        }
        rows
    }

    #[test]
    fn outliers_score_above_the_cloud() {
        let rows = cloud(2_000);
        let forest = rows.forest();
        let (inside, outside) = (forest.score(&[0.5, 0.5]), forest.score(&[9.0, -9.0]));
        assert!(inside < 0.5 && outside > 0.6, "{inside} {outside}");
        let threshold = rows.threshold(&forest, 20_000);
        let above = rows.rows.iter().filter(|row| forest.score(row) >= threshold).count();
        assert_eq!(rows.rows.len(), 1_000);
        assert!((10..=20).contains(&above), "{above} of 1000 where 20 were allowed");
    }

    #[test]
    fn nothing_learnt_and_nothing_that_differs_score_nothing_odd() {
        assert!(Forest::<2>::fit(&[]).score(&[1.0, 2.0]).abs() < f64::EPSILON);
        let same = Forest::fit(&[[1.0, 1.0]; 300]);
        assert!((same.score(&[5.0, 5.0]) - 0.5).abs() < 1e-9);
    }
}
