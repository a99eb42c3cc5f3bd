//! Published rules measured as ours are.

use super::figure::{count, rounded};
use super::interval::Share;
use super::metric::{Delay, FalseAlarms, Scored, attacks, benign, benign_queries};
use super::publication::{Climb, Publication};
use super::report::{Rival, RivalPoint};

/// Measures every published rule that ran.
#[must_use]
pub(super) fn rivals(scored: &[Scored<'_>]) -> Vec<Rival> {
    let Some(first) = scored.first() else { return Vec::new() };
    let rivals = first.outcome.published.iter().enumerate();
    rivals.map(|(index, publication)| rival(scored, index, publication)).collect()
}

fn rival(scored: &[Scored<'_>], index: usize, publication: &Publication) -> Rival {
    let worst = benign(scored).flat_map(|scored| climbs(scored, index)).map(|climb| climb.highest);
    let worst = worst.fold(f64::NEG_INFINITY, f64::max);
    // The least number above, so that the worst benign score is below it.
    let quiet = publication.threshold.max(if worst.is_finite() { worst.next_up() } else { worst });
    Rival {
        name: publication.name.to_owned(),
        as_published: at(scored, index, publication.threshold),
        without_false_alarms: at(scored, index, quiet),
    }
}

fn at(scored: &[Scored<'_>], index: usize, threshold: f64) -> RivalPoint {
    let alarms = benign(scored).flat_map(|scored| climbs(scored, index));
    let alarms = alarms.filter(|climb| climb.highest >= threshold).count();
    let found = |scored: &Scored<'_>| {
        let channels = climbs(scored, index).filter(|climb| climb.truth.is_some());
        channels.filter_map(|climb| climb.first(threshold)).collect::<Vec<_>>()
    };
    let progress: Vec<_> = attacks(scored)
        .filter_map(|scored| found(scored).into_iter().min_by_key(|at| at.queries))
        .collect();
    RivalPoint {
        threshold: rounded(threshold),
        false_alarms: FalseAlarms::new(count(alarms), benign_queries(scored)),
        recall: Share::of(attacks(scored).map(|scored| !found(scored).is_empty())),
        delay: Delay::of(&progress),
    }
}

fn climbs<'a>(scored: &Scored<'a>, index: usize) -> impl Iterator<Item = &'a Climb> {
    let publication = scored.outcome.published.get(index);
    publication.into_iter().flat_map(|publication| publication.keys.values())
}
