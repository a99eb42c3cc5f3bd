//! A pipeline with small tables, and what must hold after every frame and at the end.

use std::alloc::System;

use geophone_sensor::capture::{Frame, LinkType};
use geophone_sensor::config::SensorConfig;
use geophone_sensor::pipeline::{Detail, Pipeline};
use geophone_sensor::record::Record;
use geophone_sensor::time::Timestamp;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Octets that small tables may take beside what is kept of streams and fragments: their slots,
/// the lists in them, one message of 64 KiB at hand in a vector that grew by doubling.
const BESIDE: usize = 192 * 1024;

/// A day of 2026, in microseconds.
const START: i64 = 1_768_204_800_000_000;

/// The pipeline at work.
pub struct Bench {
    /// The sensor.
    pub pipeline: Pipeline,
    time: i64,
    records: u64,
}

/// Tables so small that few frames fill them.
#[must_use]
pub fn small_tables() -> SensorConfig {
    SensorConfig {
        pending_queries: 4,
        rated_domains: 16,
        tcp_streams: 32,
        tcp_ahead_bytes: 2_048,
        tcp_ahead_segments: 8,
        tcp_kept_bytes: 8_192,
        tcp_handshakes: 4,
        tick_hosts: 4,
        tick_least: 1,
        fragmented_datagrams: 4,
        fragment_kept_bytes: 16_384,
        ..SensorConfig::default()
    }
}

/// What may be allocated, from the moment this is made on.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    before: usize,
    bound: usize,
}

impl Memory {
    /// Takes the bounds of `config`; vectors grow by doubling, so twice what they keep.
    #[must_use]
    pub fn bounded(config: &SensorConfig) -> Self {
        let kept = u64::from(config.tcp_kept_bytes) + u64::from(config.fragment_kept_bytes);
        let bound = usize::try_from(kept).unwrap_or(usize::MAX) * 2 + BESIDE;
        Self { before: allocated(), bound }
    }

    /// Fails if more is allocated.
    pub fn check(&self) {
        let taken = allocated().saturating_sub(self.before);
        assert!(taken <= self.bound, "{taken} octets are taken, {} are the bound", self.bound);
    }
}

fn allocated() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

impl Bench {
    /// Makes a pipeline of `config`.
    #[must_use]
    pub fn new(config: &SensorConfig, detail: Detail) -> Self {
        Self { pipeline: Pipeline::new(config, detail), time: START, records: 0 }
    }

    /// Lets time pass: powers of two up to half a minute, backwards where the high bit is set.
    pub fn pass(&mut self, gap: u8) {
        let span = (1_i64 << (gap & 0x1f)) / 64;
        self.time += if gap & 0x80 == 0 { span } else { -span };
    }

    /// Takes a frame as it was captured, `wire_length` octets long on the wire.
    pub fn frame(
        &mut self,
        link: LinkType,
        data: &[u8],
        wire_length: u32,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let frame = Frame { time: Timestamp(self.time), link, data, wire_length };
        let records = &mut self.records;
        self.pipeline.frame(&frame, &mut |record| {
            *records += 1;
            sink(record);
        });
        assert_eq!(self.pipeline.counters().imbalance(), None);
    }

    /// Takes an IP packet.
    pub fn packet(&mut self, data: &[u8], sink: &mut impl FnMut(Record<'_>)) {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.frame(LinkType::RawIp, data, length, sink);
    }

    /// Ends the input: nothing may wait any longer, and every record was counted.
    pub fn finish(&mut self, sink: &mut impl FnMut(Record<'_>)) {
        let records = &mut self.records;
        self.pipeline.finish(&mut |record| {
            *records += 1;
            sink(record);
        });
        let counters = self.pipeline.counters();
        assert_eq!(counters.imbalance(), None);
        assert_eq!(self.count("record.total"), self.records);
        for (name, value) in self.pipeline.counters().named() {
            assert!(!name.ends_with("pending") || value == 0, "{name} is {value} at the end");
        }
    }

    /// Returns a counter by its published name; 0 where there is none of that name.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.pipeline.counters().named().get(name).copied().unwrap_or_default()
    }
}
