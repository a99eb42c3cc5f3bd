//! `malformed-dns`: messages that no honest program writes.

use geophone_sensor::defect::Defect;

use crate::lab::Lab;
use crate::query::ask;

const RULE: &str = "malformed-dns";

#[test]
fn a_fuzzer_tries_one_thing_after_the_other() {
    let kinds = [Defect::CompressionForward, Defect::LabelReserved, Defect::NameCut];
    let mut lab = Lab::new();
    for n in 0..60_u16 {
        let query = ask("203.0.113.9", "192.0.2.53", "a.example.org").unanswered();
        lab.hear(f64::from(n) / 5.0, query.broken(&[kinds[usize::from(n) % 3]]));
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["203.0.113.9", "192.0.2.53", "compression_forward", "label_reserved"]);
    alert.shows(&["defective", "defect_kinds"]);
}

#[test]
fn one_exploit_many_times() {
    let mut lab = Lab::new();
    for n in 0..400 {
        let query = ask("203.0.113.9", "192.0.2.53", "a.example.org").unanswered();
        lab.hear(f64::from(n) / 50.0, query.broken(&[Defect::RdataLength]));
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["defective"]);
}

#[test]
fn a_broken_packet_now_and_then_is_a_broken_cable() {
    let mut lab = Lab::new();
    for n in 0..50 {
        let query = ask("10.0.0.9", "10.0.0.53", "www.example.org").broken(&[Defect::NameCut]);
        lab.hear(f64::from(n) * 60.0, query);
    }
    lab.silent();
}

#[test]
fn what_the_capture_cut_is_not_the_senders_doing() {
    let mut lab = Lab::new();
    for n in 0..500 {
        let query = ask("10.0.0.9", "10.0.0.53", &format!("www.site{n}.org"));
        let cut = [Defect::CutByCapture, Defect::RdataCut, Defect::CountsExceed];
        lab.hear(f64::from(n) / 10.0, query.broken(&cut));
    }
    lab.silent();
}

#[test]
fn habits_of_honest_programs() {
    let mut lab = Lab::new();
    for n in 0..500 {
        let query = ask("10.0.0.9", "10.0.0.53", &format!("www.site{n}.org"));
        let habits = [Defect::ReservedBit, Defect::OptMisplaced, Defect::TrailingBytes];
        lab.hear(f64::from(n) / 10.0, query.broken(&habits));
    }
    lab.silent();
}

#[test]
fn an_answer_that_was_cut_to_fit_ends_anywhere() {
    let mut lab = Lab::new();
    for n in 0..500 {
        let query = ask("10.0.0.9", "10.0.0.53", &format!("www.site{n}.org")).cut_to_fit();
        let query = query.broken(&[Defect::RdataCut, Defect::CountsExceed]);
        lab.hear(f64::from(n) / 10.0, query);
    }
    lab.silent();
}
