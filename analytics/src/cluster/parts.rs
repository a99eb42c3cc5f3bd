//! Messages between workers, none larger than brokers take.
//!
//! What a step has to say grows with what it was sent: a flood of new domains makes as many facts, and
//! names with long answers make long rollups. librdkafka refuses a message beyond a million octets, so
//! everything is cut well below, and what is complete is said with the last part.

use super::message::{FactBatch, Place, RollupBatch, encode};
use crate::pipeline::{Fact, OwnedRollup};

/// Octets of a message, about; one part alone may be larger.
const MOST: usize = 256 * 1024;
/// The most that librdkafka takes, less what a key and the frame take.
pub(super) const LARGEST: usize = 900_000;
/// Octets of what stands beside a rollup's record, a tick or a fact, at most.
const BESIDE: usize = 160;

/// Returns a batch as messages.
pub(super) fn of_rollups(batch: RollupBatch) -> Vec<Vec<u8>> {
    let RollupBatch { from, terms, rollups, ticks, complete } = batch;
    let size = |(_, rollup): &(Place, OwnedRollup)| rollup.octets() + BESIDE;
    let part = |rollups, ticks| RollupBatch { from, terms, rollups, ticks, complete: i64::MIN };
    let mut parts: Vec<RollupBatch> =
        cut(rollups, size).into_iter().map(|rollups| part(rollups, Vec::new())).collect();
    let ticks = cut(ticks, |(_, tick)| tick.len() + BESIDE).into_iter();
    parts.extend(ticks.map(|ticks| part(Vec::new(), ticks)));
    // Most batches are small: then all of it is one message.
    if let [first, second] = parts.as_mut_slice()
        && second.rollups.is_empty()
        && sum(&first.rollups, size) + sum(&second.ticks, |(_, tick)| tick.len() + BESIDE) <= MOST
    {
        first.ticks = std::mem::take(&mut second.ticks);
        parts.truncate(1);
    }
    if parts.is_empty() {
        parts.push(part(Vec::new(), Vec::new()));
    }
    if let Some(last) = parts.last_mut() {
        last.complete = complete;
    }
    parts.iter().map(encode).collect()
}

/// Returns a batch as messages.
pub(super) fn of_facts(batch: FactBatch) -> Vec<Vec<u8>> {
    let FactBatch { from, facts, complete } = batch;
    let mut parts: Vec<FactBatch> = cut(facts, |(_, fact): &(i64, Fact)| fact.octets() + BESIDE)
        .into_iter()
        .map(|facts| FactBatch { from, facts, complete: i64::MIN })
        .collect();
    if parts.is_empty() {
        parts.push(FactBatch { from, facts: Vec::new(), complete });
    }
    if let Some(last) = parts.last_mut() {
        last.complete = complete;
    }
    parts.iter().map(encode).collect()
}

fn sum<T>(items: &[T], size: impl Fn(&T) -> usize) -> usize {
    items.iter().map(size).sum()
}

/// Cuts a list so that each piece is of [`MOST`] octets at most, or of one item.
fn cut<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut pieces, mut octets): (Vec<Vec<T>>, usize) = (Vec::new(), 0);
    for item in items {
        octets += size(&item);
        match pieces.last_mut() {
            Some(piece) if octets <= MOST => piece.push(item),
            _ => {
                octets = size(&item);
                pieces.push(vec![item]);
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::message::decode;
    use super::*;

    fn place(order: u64) -> Place {
        Place { second: 1, sensor: 2, epoch: 3, order, part: 0 }
    }

    #[test]
    fn no_message_is_too_large_and_none_is_lost() {
        let facts = (0..60_000_i64).map(|n| (n, Fact::of_domain(n.unsigned_abs()))).collect();
        let parts = of_facts(FactBatch { from: 3, facts, complete: 77 });
        assert!(parts.len() > 4 && parts.iter().all(|part| part.len() <= LARGEST));
        let read: Vec<FactBatch> = parts.iter().map(|part| decode(part).unwrap()).collect();
        let seconds = read.iter().flat_map(|part| part.facts.iter().map(|(second, _)| *second));
        assert!(seconds.eq(0..60_000));
        let complete: Vec<i64> = read.iter().map(|part| part.complete).collect();
        assert_eq!(complete.iter().filter(|complete| **complete == 77).count(), 1);
        assert_eq!(complete.last(), Some(&77));
    }

    #[test]
    fn ticks_are_cut_too_and_a_small_batch_is_one_message() {
        let batch = |n: u64| RollupBatch {
            from: 1,
            terms: 2,
            rollups: Vec::new(),
            ticks: (0..n).map(|order| (place(order), vec![0; 100])).collect(),
            complete: 9,
        };
        assert_eq!(of_rollups(batch(0)).len(), 1);
        assert_eq!(of_rollups(batch(50)).len(), 1);
        let many = of_rollups(batch(20_000));
        assert!(many.len() > 10 && many.iter().all(|part| part.len() <= LARGEST));
        let read = many.iter().map(|part| decode::<RollupBatch>(part).unwrap());
        assert_eq!(read.map(|part| part.ticks.len()).sum::<usize>(), 20_000);
    }
}
