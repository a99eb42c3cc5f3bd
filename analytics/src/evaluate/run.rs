//! Captures through the real sensor and the real analytics, several at once.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use geophone_sensor::capture::{CaptureSet, FrameSource as _};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;

use super::corpus::Capture;
use super::trained::Trained;
use super::watch::{Outcome, Watch};
use crate::config::Config;
use crate::rule::Rules;

/// What to run captures with.
#[derive(Clone, Debug)]
pub struct Harness {
    /// Table sizes and ports.
    pub config: Config,
    /// The rules.
    pub rules: Rules,
    /// Whether the published rules run beside ours.
    pub published: bool,
    /// Captures at once; the result is the same for any number.
    pub workers: usize,
}

impl Harness {
    /// Runs one capture on its own, from empty tables.
    fn run(&self, capture: &Capture, trained: Option<&Trained>) -> Outcome {
        let mut watch = Watch::new(self.config.clone(), &self.rules, &capture.truths);
        if let Some(trained) = trained {
            watch.beside(trained.methods(capture));
        }
        let read = records(&capture.path, &self.config.sensor, &mut |record| watch.record(&record));
        Outcome { damaged: !read, ..watch.finish() }
    }

    /// Runs every capture; the outcomes come in the captures' order.
    #[must_use]
    pub fn run_all(&self, captures: &[Capture]) -> Vec<Outcome> {
        let trained = self.published.then(|| Trained::new(captures, &self.config.sensor));
        each(captures, self.workers, |capture| self.run(capture, trained.as_ref()))
    }
}

/// Hands every record of the capture at `path` to `sink`; tells whether it was read to its end.
pub fn records(path: &Path, config: &SensorConfig, sink: &mut impl FnMut(Record<'_>)) -> bool {
    let mut sensor = Pipeline::new(config, Detail::Figures);
    let mut source = CaptureSet::new(&[path.to_owned()]);
    let mut whole = true;
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => sensor.frame(&frame, sink),
            Ok(None) => break,
            Err(_) => whole = false,
        }
    }
    sensor.finish(sink);
    whole
}

/// Does `work` on every item on `workers` threads; the results come in the items' order.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (1..workers.max(1)).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        for thread in threads {
            match thread.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_whatever_the_workers() {
        let items: Vec<u64> = (0..100).collect();
        let squares: Vec<u64> = items.iter().map(|n| n * n).collect();
        for workers in [0, 1, 3, 200] {
            assert_eq!(each(&items, workers, |n| n * n), squares, "{workers}");
        }
    }
}
