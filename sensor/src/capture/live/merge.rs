//! One stream in the order of capture time out of what several workers send.
//!
//! A pure state machine: no thread, no channel, no clock. Its caller pushes batches in and says
//! when it has waited long enough.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::Batch;
use crate::capture::{CaptureError, Frame};
use crate::time::Timestamp;

/// Capture time that may pass on other lanes while a silent one is waited for.
pub(super) const MAX_LAG: Duration = Duration::from_millis(200);
/// A time this far before the latest one is a clock set back, not a late frame.
const CLOCK_SET_BACK: Duration = Duration::from_secs(1);

/// Merges the lanes, one for each worker.
pub(super) struct Merge {
    lanes: Vec<Lane>,
    /// The lane whose head was handed out by the last step.
    taken: Option<usize>,
    /// Emptied batches that go back to their workers.
    spent: Vec<(usize, Batch)>,
    latest: Timestamp,
    late: u64,
    delivered: u64,
}

/// What one worker sent.
struct Lane {
    queue: VecDeque<Batch>,
    /// The head: a frame of the first batch.
    next: usize,
    /// No frame before this time comes any more.
    told: Timestamp,
    /// Was waited for in vain and has not sent since.
    excused: bool,
    ended: bool,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Hand out [`Merge::taken`].
    Frame,
    /// Tell what became of an interface.
    Notice(CaptureError),
    /// Push more, or give up waiting.
    Wait,
    /// Every lane ended and is empty.
    End,
}

impl Merge {
    /// Makes `lanes` empty lanes.
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            lanes: (0..lanes).map(|_| Lane::new()).collect(),
            taken: None,
            spent: Vec::new(),
            latest: Timestamp(i64::MIN),
            late: 0,
            delivered: 0,
        }
    }

    /// Takes what a worker sent.
    pub(super) fn push(&mut self, lane: usize, batch: Batch) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.excused = false;
            lane.queue.push_back(batch);
        }
    }

    /// Goes on to the next frame or to the reason why there is none.
    pub(super) fn step(&mut self) -> Step {
        if let Some(lane) = self.taken.take().and_then(|index| self.lanes.get_mut(index)) {
            lane.next += 1;
        }
        let mut first: Option<(Timestamp, usize)> = None;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(notice) = lane.settle(index, &mut self.spent) {
                return Step::Notice(notice);
            }
            // Frames of equal time come in the order of the lanes.
            if let Some(time) =
                lane.head().filter(|time| first.is_none_or(|(best, _)| *time < best))
            {
                first = Some((time, index));
            }
        }
        let Some((time, index)) = first else {
            let ended = self.lanes.iter().all(|lane| lane.ended);
            return if ended { Step::End } else { Step::Wait };
        };
        if self.lanes.iter().any(|lane| lane.holds_back(time)) {
            if self.newest().since(time) < MAX_LAG {
                return Step::Wait;
            }
            self.give_up_waiting();
        }
        self.taken = Some(index);
        self.count(time);
        Step::Frame
    }

    /// Returns the lane and the frame that the last step decided to hand out.
    pub(super) fn taken(&self) -> Option<(usize, Frame<'_>)> {
        let index = self.taken?;
        let lane = self.lanes.get(index)?;
        Some((index, lane.queue.front()?.frame(lane.next)?))
    }

    /// Hands out what is there without waiting for lanes that say nothing, until they do.
    pub(super) fn give_up_waiting(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.queue.is_empty()) {
            lane.excused = true;
        }
    }

    /// Tells whether there are frames, be they held back.
    pub(super) fn has_frames(&self) -> bool {
        self.lanes.iter().any(|lane| lane.head().is_some())
    }

    /// Ends every lane: the workers are gone.
    pub(super) fn end(&mut self) {
        for lane in &mut self.lanes {
            lane.ended = true;
        }
    }

    /// Returns the emptied batches with their lanes.
    pub(super) fn spent(&mut self) -> impl Iterator<Item = (usize, Batch)> {
        self.spent.drain(..)
    }

    /// Returns the frames handed out.
    pub(super) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Returns the frames handed out behind one of later time.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }

    fn count(&mut self, time: Timestamp) {
        self.delivered += 1;
        if time >= self.latest {
            self.latest = time;
            return;
        }
        self.late += 1;
        if self.latest.since(time) >= CLOCK_SET_BACK {
            self.latest = time;
        }
    }

    /// The latest time any lane has told of.
    fn newest(&self) -> Timestamp {
        let times = self.lanes.iter().map(|lane| {
            let waiting = lane.queue.iter().rev().find_map(Batch::told_up_to);
            waiting.unwrap_or(lane.told)
        });
        times.max().unwrap_or_default()
    }
}

impl Lane {
    const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            next: 0,
            told: Timestamp(i64::MIN),
            excused: false,
            ended: false,
        }
    }

    /// Drops batches whose frames are all taken; stops at the first that has something to tell.
    fn settle(&mut self, index: usize, spent: &mut Vec<(usize, Batch)>) -> Option<CaptureError> {
        while self.queue.front().is_some_and(|batch| self.next >= batch.len()) {
            let mut batch = self.queue.pop_front()?;
            self.next = 0;
            // The last word counts, not the latest time: a clock may be set back.
            self.told = batch.told_up_to().unwrap_or(self.told);
            self.ended |= batch.last;
            let notice = batch.notice.take();
            spent.push((index, batch));
            if notice.is_some() {
                return notice;
            }
        }
        None
    }

    fn head(&self) -> Option<Timestamp> {
        self.queue.front()?.time(self.next)
    }

    /// Whether a frame before `time` may still come.
    fn holds_back(&self, time: Timestamp) -> bool {
        self.queue.is_empty() && !self.ended && !self.excused && self.told < time
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(times: &[i64]) -> Batch {
        let mut batch = Batch::new();
        for time in times {
            batch.push(Timestamp(*time), 1, &time.to_be_bytes());
        }
        batch
    }

    fn idle(until: i64) -> Batch {
        let mut batch = Batch::new();
        batch.promise = Some(Timestamp(until));
        batch
    }

    fn last() -> Batch {
        let mut batch = Batch::new();
        batch.last = true;
        batch
    }

    /// Takes what can be taken without waiting.
    fn take(merge: &mut Merge) -> Vec<(usize, i64)> {
        let mut taken = Vec::new();
        while let Step::Frame = merge.step() {
            let (lane, frame) = merge.taken().unwrap();
            taken.push((lane, frame.time.micros()));
        }
        taken
    }

    #[test]
    fn a_single_lane_never_waits_for_another() {
        let mut merge = Merge::new(1);
        merge.push(0, batch(&[1, 2]));
        assert_eq!(take(&mut merge), [(0, 1), (0, 2)]);
        assert_eq!(merge.spent().count(), 1);
    }

    #[test]
    fn a_silent_lane_holds_frames_back_until_it_says_that_nothing_came() {
        let mut merge = Merge::new(2);
        merge.push(0, batch(&[10, 20, 30]));
        assert_eq!(take(&mut merge), []);
        merge.push(1, idle(15));
        assert_eq!(take(&mut merge), [(0, 10)]);
        merge.push(1, batch(&[25]));
        assert_eq!(take(&mut merge), [(0, 20), (1, 25)]);
        merge.push(1, idle(30));
        assert_eq!(take(&mut merge), [(0, 30)]);
        assert_eq!((merge.late(), merge.delivered()), (0, 4));
    }

    #[test]
    fn waiting_ends_when_the_others_are_far_ahead_or_the_caller_gives_up() {
        let lag = i64::try_from(MAX_LAG.as_micros()).unwrap();
        let mut merge = Merge::new(2);
        merge.push(0, batch(&[1, lag]));
        assert_eq!(take(&mut merge), []);
        merge.push(0, batch(&[lag + 1]));
        assert_eq!(take(&mut merge), [(0, 1), (0, lag), (0, lag + 1)]);
        merge.push(1, batch(&[5]));
        assert_eq!(take(&mut merge), [(1, 5)], "late, but not lost");
        assert_eq!(merge.late(), 1);
        merge.push(0, batch(&[lag + 2]));
        assert_eq!(take(&mut merge), [], "a lane that spoke again is waited for again");
        merge.give_up_waiting();
        assert_eq!(take(&mut merge), [(0, lag + 2)]);
    }

    #[test]
    fn a_clock_set_back_is_one_late_frame_and_is_followed() {
        let mut merge = Merge::new(2);
        merge.push(0, batch(&[10_000_000]));
        merge.push(1, idle(10_000_000));
        assert_eq!(take(&mut merge), [(0, 10_000_000)]);
        merge.push(1, idle(1_000));
        merge.push(0, batch(&[2_000, 2_001]));
        assert_eq!(take(&mut merge), []);
        merge.push(1, idle(3_000));
        assert_eq!(take(&mut merge), [(0, 2_000), (0, 2_001)]);
        assert_eq!(merge.late(), 1);
    }

    #[test]
    fn a_notice_comes_behind_the_frames_before_it_and_the_end_behind_all() {
        let mut merge = Merge::new(2);
        let mut told = batch(&[1]);
        told.notice = Some(CaptureError::InterfaceBack { interface: "eth0".to_owned() });
        merge.push(0, told);
        merge.push(1, last());
        assert_eq!(take(&mut merge), [(0, 1)]);
        assert!(matches!(merge.step(), Step::Wait), "the notice was told once");
        merge.push(0, last());
        assert!(matches!(merge.step(), Step::End));
    }

    proptest! {
        /// Lanes in order give a stream in order, whatever comes in which batch, and lose nothing.
        #[test]
        fn lanes_in_order_make_a_stream_in_order(
            lanes in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(0i64..100_000, 0..5), 0..6), 1..4),
            turns in prop::collection::vec(0usize..4, 0..40),
        ) {
            let mut times: Vec<i64> = lanes.iter().flatten().flatten().copied().collect();
            times.sort_unstable();
            let mut merge = Merge::new(lanes.len());
            let mut waiting: Vec<VecDeque<Vec<i64>>> = lanes
                .into_iter()
                .map(|lane| {
                    let mut all: Vec<i64> = lane.iter().flatten().copied().collect();
                    all.sort_unstable();
                    let mut all = all.into_iter();
                    lane.iter().map(|part| all.by_ref().take(part.len()).collect()).collect()
                })
                .collect();
            let mut taken = Vec::new();
            let everyone = (0..waiting.len()).cycle().take(64);
            for turn in turns.into_iter().chain(everyone) {
                let lane = turn % waiting.len();
                let next = waiting[lane].pop_front();
                merge.push(lane, next.map_or_else(last, |times| batch(&times)));
                taken.extend(take(&mut merge).into_iter().map(|(_, time)| time));
            }
            prop_assert!(matches!(merge.step(), Step::End));
            prop_assert_eq!(taken, times);
            prop_assert_eq!(merge.late(), 0);
        }
    }
}
