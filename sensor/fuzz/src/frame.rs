//! Frames of any octets, through the whole sensor.
//!
//! Form: two link types, the octets the snap length leaves (in fours; 0: all), then frames: their
//! length (the high bit chooses the second link type), the time since the last, their octets.

use geophone_sensor::capture::LinkType;
use geophone_sensor::pipeline::Detail;

use crate::bench::{Bench, small_tables};
use crate::octets::Octets;
use crate::record::survives;

/// LINKTYPE numbers, those read most first; `seeds.py` knows this order.
pub const LINKS: [u16; 27] = [
    1, 101, 113, 276, 0, 9, 50, 51, 104, 105, 10, 100, 117, 119, 127, 129, 7, 149, 163, 166, 192,
    197, 219, 239, 253, 258, 147,
];

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut rest = Octets(data);
    let links = [link(rest.u8()), link(rest.u8())];
    let snap = match usize::from(rest.u8()) * 4 {
        0 => usize::MAX,
        snap => snap,
    };
    let mut bench = Bench::new(&small_tables(), Detail::AnswersInWords);
    while !rest.is_empty() {
        let head = rest.u16();
        bench.pass(rest.u8());
        let data = rest.take(usize::from(head & 0x7fff));
        let wire_length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let kept = &data[..data.len().min(snap)];
        bench.frame(links[usize::from(head >> 15)], kept, wire_length, &mut |r| survives(&r));
    }
    bench.finish(&mut |record| survives(&record));
}

fn link(choice: u8) -> LinkType {
    LinkType::from_number(LINKS[usize::from(choice) % LINKS.len()])
}
