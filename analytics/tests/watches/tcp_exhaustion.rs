//! `tcp-exhaustion`: connections that are opened, or half opened, to be held.

use geophone_sensor::record::{Role, TickFigures};

use crate::lab::Lab;

const RULE: &str = "tcp-exhaustion";
const SERVER: &str = "192.0.2.53";

#[test]
fn connections_that_never_open() {
    let mut lab = Lab::new();
    for n in 0..60 {
        let tcp_half_open = if n < 10 { 0 } else { 400 };
        let figures = TickFigures { tcp_syn: 400, tcp_half_open, ..TickFigures::default() };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&[SERVER, "TCP connections within 10 s", "opened"]);
    alert.shows(&["syn_rate", "half_open"]);
}

#[test]
fn a_slower_flood_on_a_quiet_server() {
    let mut lab = Lab::new();
    for n in 0..300 {
        let tcp_syn = if n < 200 { 1 } else { 120 };
        let tcp_established = u32::from(n < 200);
        let tcp_closed = tcp_established;
        let figures =
            TickFigures { tcp_syn, tcp_established, tcp_closed, ..TickFigures::default() };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    lab.one(RULE).within(200.0, 10.0).shows(&["syn_rate", "half_open"]);
}

#[test]
fn a_few_at_a_time_are_held_for_minutes() {
    let mut lab = Lab::new();
    for n in 0..400 {
        let tcp_established = if n < 100 { u32::from(n % 9 == 0) } else { 3 };
        let figures = TickFigures {
            tcp_syn: tcp_established,
            tcp_established,
            tcp_closed: u32::from(n % 9 == 0),
            ..TickFigures::default()
        };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    lab.one(RULE).within(100.0, 90.0).says(&["not ended"]).shows(&["held"]);
}

#[test]
fn connections_that_open_ask_and_close() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let figures = TickFigures {
            queries: 300,
            responses: 300,
            tcp_syn: 150,
            tcp_established: 150,
            tcp_closed: 148,
            ..TickFigures::default()
        };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    lab.silent();
}

#[test]
fn a_few_clients_behind_a_bad_line() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let figures = TickFigures { tcp_syn: 6, tcp_half_open: 3, ..TickFigures::default() };
        let figures = TickFigures { tcp_established: 3, tcp_closed: 3, ..figures };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    lab.silent();
}

#[test]
fn as_many_are_held_as_bind_takes() {
    let mut lab = Lab::new();
    for n in 0..120 {
        let opens = if (60..90).contains(&n) { 5 } else { 0 };
        let figures =
            TickFigures { tcp_syn: opens, tcp_established: opens, ..TickFigures::default() };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    lab.one(RULE).within(60.0, 30.0).says(&["not ended"]).shows(&["held"]);
}

#[test]
fn a_capture_that_loses_ends_of_connections() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let figures = TickFigures { queries: 300, responses: 300, ..TickFigures::default() };
        let figures = TickFigures { tcp_syn: 100, tcp_established: 100, tcp_closed: 92, ..figures };
        lab.tick(f64::from(n), Role::Server, SERVER, figures);
    }
    lab.silent();
}
