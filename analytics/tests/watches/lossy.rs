//! Ordinary traffic through a capture that loses packets, or sees them twice: no watch takes that for
//! an attack.

use geophone_sensor::capture::{CaptureFile, FrameSource};
use geophone_sensor::pipeline::{Detail, Pipeline};

use crate::lab::Lab;

/// What is told of a capture whose packet of each number is seen so often.
fn told(capture: &str, times: impl Fn(u32) -> u32) -> Lab {
    let mut lab = Lab::new();
    let mut pipeline = Pipeline::new(&crate::alone::config().sensor, Detail::default());
    let mut source = CaptureFile::open(&crate::alone::capture(capture)).unwrap();
    let mut n = 0;
    while let Some(frame) = source.next_frame().unwrap() {
        n += 1;
        for _ in 0..times(n) {
            pipeline.frame(&frame, &mut |record| lab.take(&record));
        }
    }
    pipeline.finish(&mut |record| lab.take(&record));
    assert!(n > 10, "{capture}: {n} packets");
    lab
}

#[test]
fn lost_questions_and_answers_are_no_attack() {
    for capture in ["ordinary-load.pcap", "ordinary-bind.pcap", "ordinary-unbound.pcap"] {
        for lost in [7, 20, 50] {
            told(capture, |n| u32::from(n % lost != 0)).silent();
        }
    }
}

#[test]
fn packets_that_two_mirror_ports_saw_are_no_attack() {
    for capture in ["ordinary-load.pcap", "ordinary-bind.pcap", "ordinary-unbound.pcap"] {
        told(capture, |_| 2).silent();
        told(capture, |n| 1 + u32::from(n % 3 == 0)).silent();
    }
}

#[test]
fn attacks_are_told_through_a_capture_that_loses_one_packet_in_ten() {
    for (attack, rule) in [
        ("poison-guess", "cache-poisoning"),
        ("poison-ports", "cache-poisoning"),
        ("rebinding", "dns-rebinding"),
        ("rogue-many", "rogue-resolver"),
        ("leak", "name-leak"),
        ("generated", "dga"),
        ("beacon", "c2-beacon"),
        ("vpn", "non-dns"),
        ("malformed", "malformed-dns"),
    ] {
        let capture = format!("../attacks/{attack}.pcap.gz");
        told(&capture, |n| u32::from(n % 10 != 3)).one_of(rule);
    }
}
