//! Counting by the second: what floods and exhaustion look like without looking at each message.
//!
//! A host gets a tick of its own for a second in which enough happened; what quiet hosts did stands
//! in their transactions and in the sensor's tick. Seconds are those of capture time. Tables are
//! bounded, so a flood of forged addresses costs no more than that.

use std::net::IpAddr;

use crate::capture::Losses;
use crate::counter::Counters;
use crate::decode::head::Head;
use crate::limited::LimitedMap;
use crate::record::{Record, Role, SensorFigures, Tick, TickFigures};
use crate::time::Timestamp;

/// The width of a tick in microseconds.
const SECOND: i64 = 1_000_000;
/// A frame further back than this begins another second, or one stamp from the future would hold
/// all that follows in its second.
const FAR_BACK: i64 = 5 * SECOND;

/// The bounds of counting.
#[derive(Clone, Copy, Debug)]
pub struct TickLimits {
    /// Clients, and servers, counted apart in one second.
    pub hosts: u32,
    /// Messages, payloads and connections in a second from which a host gets its tick.
    pub least: u32,
    /// Seed of the tables' hashes.
    pub seed: u64,
}

/// The second at hand.
pub struct Ticks {
    /// When the second began; `None` before the first frame.
    start: Option<i64>,
    limits: TickLimits,
    clients: LimitedMap<IpAddr, TickFigures>,
    servers: LimitedMap<IpAddr, TickFigures>,
    all: TickFigures,
    sensor: SensorFigures,
    losses: Losses,
    is_empty: bool,
}

impl Ticks {
    /// Begins to count.
    #[must_use]
    pub fn new(limits: TickLimits) -> Self {
        Self {
            start: None,
            limits,
            clients: LimitedMap::new(limits.hosts, limits.seed),
            servers: LimitedMap::new(limits.hosts, limits.seed),
            all: TickFigures::default(),
            sensor: SensorFigures::default(),
            losses: Losses::default(),
            is_empty: true,
        }
    }

    /// Takes note of a frame at `now`; hands on the ticks of a second that is over.
    pub fn frame(
        &mut self,
        now: Timestamp,
        counters: &mut Counters,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let elapsed = self.start.map(|start| now.micros().saturating_sub(start));
        if elapsed.is_none_or(|elapsed| !(-FAR_BACK..SECOND).contains(&elapsed)) {
            self.flush(counters, sink);
            self.start = Some(now.micros().div_euclid(SECOND).saturating_mul(SECOND));
        }
        self.sensor.frames += 1;
        self.is_empty = false;
    }

    /// Takes what the source lost so far.
    pub fn lost(&mut self, losses: Losses) {
        let Losses { kernel, interface } = losses;
        self.sensor.dropped_kernel += kernel.saturating_sub(self.losses.kernel);
        self.sensor.dropped_interface += interface.saturating_sub(self.losses.interface);
        self.losses = losses;
        self.is_empty = false;
    }

    /// Counts an event between two hosts.
    pub fn count(&mut self, client: IpAddr, server: IpAddr, figures: &TickFigures) {
        self.all.add(figures);
        for (table, host) in [(&mut self.clients, client), (&mut self.servers, server)] {
            if let Some(slot) = table.find(&host) {
                if let Some(counted) = table.value_mut(slot) {
                    counted.add(figures);
                }
            } else if let Some((_, counted)) = table.claim(host) {
                *counted = *figures;
            } else {
                self.sensor.beyond += 1;
            }
        }
    }

    /// Counts what a fragment for a client of this second says about the head of its datagram. Whose
    /// it is nobody knows without its head, so it is nobody's where the host asks nothing.
    pub fn fragment(&mut self, client: IpAddr, head: Head) {
        let slot = self.clients.find(&client);
        let Some(counted) = slot.and_then(|slot| self.clients.value_mut(slot)) else { return };
        for figures in [counted, &mut self.all] {
            match head {
                Head::First => figures.headed += 1,
                Head::Late => {
                    figures.headed += 1;
                    figures.headless = figures.headless.saturating_sub(1);
                }
                Head::Missing => figures.headless += 1,
            }
        }
    }

    /// Hands on what was counted since the last tick.
    pub fn flush(&mut self, counters: &mut Counters, sink: &mut impl FnMut(Record<'_>)) {
        // What was lost before the first frame belongs to the second that it begins.
        let Some(start) = self.start.filter(|_| !self.is_empty) else { return };
        let (time, least) = (Timestamp(start), self.limits.least);
        let mut told = 0;
        let mut tell = |tick: Tick| {
            told += 1;
            sink(Record::Tick(&tick));
        };
        let hosts = |table: &LimitedMap<_, _>| u32::try_from(table.len()).unwrap_or(u32::MAX);
        (self.sensor.clients, self.sensor.servers) = (hosts(&self.clients), hosts(&self.servers));
        for (role, table) in [(Role::Server, &mut self.servers), (Role::Client, &mut self.clients)]
        {
            while let Some(slot) = table.oldest() {
                let (address, figures) = (table.key(slot).copied(), table.value(slot).copied());
                match figures.filter(|figures| figures.activity() >= least) {
                    Some(figures) => tell(Tick { time, role, address, figures, sensor: None }),
                    None => self.sensor.quiet += 1,
                }
                table.release(slot);
            }
        }
        let (figures, sensor) = (self.all, Some(self.sensor));
        tell(Tick { time, role: Role::Sensor, address: None, figures, sensor });
        counters.record_ticks += told;
        counters.record_total += told;
        self.all = TickFigures::default();
        self.sensor = SensorFigures::default();
        self.is_empty = true;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: TickLimits = TickLimits { hosts: 4, least: 3, seed: 1 };

    fn host(n: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, n))
    }

    struct Bench {
        ticks: Ticks,
        counters: Counters,
        told: Vec<Tick>,
    }

    impl Bench {
        fn new() -> Self {
            Self { ticks: Ticks::new(LIMITS), counters: Counters::default(), told: Vec::new() }
        }

        fn query(&mut self, millis: i64, client: u8) {
            let Self { ticks, counters, told } = self;
            ticks.frame(Timestamp(millis * 1000), counters, &mut |record| {
                if let Record::Tick(tick) = record {
                    told.push(*tick);
                }
            });
            let query = TickFigures { queries: 1, query_bytes: 40, ..TickFigures::default() };
            ticks.count(host(client), host(53), &query);
        }

        fn flush(&mut self) {
            let Self { ticks, counters, told } = self;
            ticks.flush(counters, &mut |record| {
                if let Record::Tick(tick) = record {
                    told.push(*tick);
                }
            });
        }
    }

    #[test]
    fn fragments_count_for_who_asks_and_a_late_head_takes_one_back() {
        let mut bench = Bench::new();
        for millis in [1000, 1100, 1200] {
            bench.query(millis, 1);
        }
        for head in [Head::Missing, Head::Missing, Head::Late, Head::First] {
            bench.ticks.fragment(host(1), head);
            bench.ticks.fragment(host(2), head);
        }
        bench.flush();
        let told: Vec<_> = bench
            .told
            .iter()
            .map(|tick| (tick.role, tick.figures.headless, tick.figures.headed))
            .collect();
        assert_eq!(told, [(Role::Server, 0, 0), (Role::Client, 1, 2), (Role::Sensor, 1, 2)]);
    }

    #[test]
    fn busy_hosts_get_their_tick_and_quiet_ones_are_in_the_sensors() {
        let mut bench = Bench::new();
        for millis in [1000, 1300, 1900, 1999] {
            bench.query(millis, 1);
        }
        bench.query(1950, 2);
        bench.query(2000, 2);
        let told: Vec<_> =
            bench.told.iter().map(|t| (t.role, t.address, t.figures.queries)).collect();
        assert_eq!(
            told,
            [
                (Role::Server, Some(host(53)), 5),
                (Role::Client, Some(host(1)), 4),
                (Role::Sensor, None, 5)
            ]
        );
        let sensor = bench.told[2].sensor.unwrap();
        assert_eq!((sensor.frames, sensor.clients, sensor.quiet), (5, 2, 1));
        assert!(bench.told.iter().all(|tick| tick.time == Timestamp(1_000_000)));
        assert_eq!(bench.counters.record_ticks, 3);
    }

    #[test]
    fn a_flood_of_addresses_is_counted_together_and_stays_within_the_bound() {
        let mut bench = Bench::new();
        for client in 0..=255 {
            bench.query(0, client);
        }
        bench.flush();
        let sensor = bench.told.last().unwrap();
        assert_eq!(sensor.figures.queries, 256);
        assert_eq!(sensor.sensor.unwrap().beyond, 252);
        assert_eq!(bench.told[0].figures.queries, 256, "the server has its tick all the same");
    }

    #[test]
    fn a_stamp_from_the_future_does_not_hold_up_what_follows() {
        let mut bench = Bench::new();
        bench.query(1000, 1);
        bench.query(900_000_000, 1);
        bench.query(1500, 1);
        bench.query(2500, 1);
        bench.flush();
        let times: Vec<_> = bench
            .told
            .iter()
            .filter(|tick| tick.role == Role::Sensor)
            .map(|tick| tick.time.micros() / 1_000_000)
            .collect();
        assert_eq!(times, [1, 900_000, 1, 2]);
    }

    #[test]
    fn what_the_source_lost_stands_in_the_second_it_was_learnt() {
        let mut bench = Bench::new();
        bench.ticks.lost(Losses { kernel: 5, interface: 1 });
        bench.query(0, 1);
        bench.ticks.lost(Losses { kernel: 7, interface: 1 });
        bench.query(1000, 1);
        bench.ticks.lost(Losses { kernel: 8, interface: 1 });
        bench.flush();
        let lost: Vec<_> = bench
            .told
            .iter()
            .filter_map(|tick| Some((tick.time.micros(), tick.sensor?.dropped_kernel)))
            .collect();
        assert_eq!(lost, [(0, 7), (1_000_000, 1)]);
    }

    #[test]
    fn where_no_frame_came_there_is_no_second_to_tell_of() {
        let mut bench = Bench::new();
        bench.ticks.lost(Losses::default());
        bench.flush();
        bench.ticks.lost(Losses { kernel: 5, interface: 1 });
        bench.flush();
        assert_eq!(bench.told, []);
    }
}
