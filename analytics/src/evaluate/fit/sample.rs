//! What a scorecard is fitted to: the shapes of its terms at some moments of every key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, height};
use crate::detect::Scorecard;
use crate::evaluate::corpus::{Capture, Role};
use crate::evaluate::figure::{count, real};
use crate::evaluate::trace::{Cards, KeyTrace};

/// One moment of one key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Each term's points as a share of its largest, with their sign.
    pub(super) shapes: Vec<f64>,
    /// Whether it is a channel's.
    pub(super) attack: bool,
    /// What it counts; channels count a half together, the rest the other half.
    pub(super) weight: f64,
}

/// Samples of `cases` that show `card` anything at all.
///
/// Every tool counts the same among channels, every capture the same in its tool, every key the
/// same in its capture; among benign keys all count the same.
pub(super) fn samples(cards: &Cards, card: &Scorecard, cases: &[Case<'_>]) -> Vec<Sample> {
    let mut found: Vec<(Group<'_>, Sample)> = Vec::new();
    for case in cases {
        let attack = case.capture.role == Role::Attack;
        if !attack && case.capture.role != Role::Benign {
            continue;
        }
        let keys = case.outcome.keys.iter().enumerate();
        for (index, key) in keys.filter(|(_, key)| !attack || key.truth.is_some()) {
            let group = Group { attack, capture: case.capture, key: index };
            for values in moments(key) {
                let shapes = shapes(cards, card, values);
                if shapes.iter().any(|shape| shape.abs() > 0.0) {
                    found.push((group, Sample { shapes, attack, weight: 0.0 }));
                }
            }
        }
    }
    weigh(&mut found);
    found.into_iter().map(|(_, sample)| sample).collect()
}

/// What a sample belongs to.
#[derive(Clone, Copy)]
struct Group<'a> {
    attack: bool,
    capture: &'a Capture,
    key: usize,
}

impl Group<'_> {
    /// The way from the class down to the key.
    fn path(&self) -> [String; 3] {
        let Capture { tool, file, .. } = self.capture;
        if self.attack {
            [tool.clone(), file.clone(), self.key.to_string()]
        } else {
            ["benign".to_owned(), "benign".to_owned(), format!("{file} {}", self.key)]
        }
    }
}

/// Divides one half of the weight among channels and one among the rest, level by level.
fn weigh(found: &mut [(Group<'_>, Sample)]) {
    let mut children: BTreeMap<(bool, Vec<String>), BTreeSet<String>> = BTreeMap::new();
    let mut n_samples: BTreeMap<(bool, [String; 3]), u64> = BTreeMap::new();
    for (group, _) in found.iter() {
        let path = group.path();
        for depth in 0..path.len() {
            let above = path.iter().take(depth).cloned().collect();
            let child = path.get(depth).cloned().unwrap_or_default();
            children.entry((group.attack, above)).or_default().insert(child);
        }
        *n_samples.entry((group.attack, path)).or_default() += 1;
    }
    for (group, sample) in found {
        let path = group.path();
        let mut weight = 0.5;
        for depth in 0..path.len() {
            let above = path.iter().take(depth).cloned().collect();
            let siblings = children.get(&(group.attack, above)).map_or(1, BTreeSet::len);
            weight /= real(count(siblings));
        }
        let n = n_samples.get(&(group.attack, path)).copied().unwrap_or(1);
        sample.weight = weight / real(n);
    }
}

/// The values of a key at its first, second, fourth, … judgement and at its last.
fn moments(key: &KeyTrace) -> impl Iterator<Item = &[f64]> {
    let last = key.rows.len();
    let chosen = key
        .rows
        .iter()
        .enumerate()
        .filter(move |(index, _)| (index + 1).is_power_of_two() || index + 1 == last);
    chosen.map(|(_, row)| row.values.as_slice())
}

fn shapes(cards: &Cards, card: &Scorecard, values: &[f64]) -> Vec<f64> {
    let value = |feature| cards.value(values, feature);
    let shape = |term| {
        let most = height(term);
        if most > 0.0 { term.height(value) / most } else { 0.0 }
    };
    card.terms.iter().map(shape).collect()
}
