//! `non-dns`: what uses port 53 and speaks no DNS.

use geophone_sensor::decode::foreign::Protocol;
use geophone_sensor::decode::path::Path;
use geophone_sensor::record::{NotDns, Record, Transport};

use crate::lab::{Lab, time};

const RULE: &str = "non-dns";

fn send(lab: &mut Lab, second: f64, protocol: Protocol, from_client: bool, bytes: u64) {
    let payload = NotDns {
        time: time(second),
        transport: Transport::Udp,
        client: "10.0.0.9".parse().unwrap(),
        server: "203.0.113.53".parse().unwrap(),
        client_port: 40_000,
        server_port: 53,
        from_client,
        path: Path::default(),
        protocol,
        bytes,
        head: vec![4, 0, 0, 0],
    };
    lab.take(&Record::NotDns(&payload));
}

#[test]
fn a_vpn_gets_out_through_port_53() {
    let mut lab = Lab::new();
    for n in 0..300 {
        send(&mut lab, f64::from(n) / 10.0, Protocol::Wireguard, n % 2 == 0, 148);
    }
    let alert = lab.one(RULE).within(0.0, 10.0);
    alert.says(&["10.0.0.9", "203.0.113.53", "wireguard", "up and", "down"]);
    alert.shows(&["tunnel_protocol", "two_way"]);
}

#[test]
fn something_nobody_knows_with_much_to_say_both_ways() {
    let mut lab = Lab::new();
    for n in 0..4_000 {
        send(&mut lab, f64::from(n) / 400.0, Protocol::Other, n % 3 == 0, 1_000);
    }
    lab.one(RULE).within(0.0, 10.0).shows(&["two_way", "not_dns_payloads", "not_dns_bytes"]);
}

#[test]
fn a_stray_packet() {
    let mut lab = Lab::new();
    for n in 0..3 {
        send(&mut lab, f64::from(n) * 300.0, Protocol::Other, true, 60);
    }
    lab.silent();
}

#[test]
fn a_port_scanner_that_nobody_answers() {
    let mut lab = Lab::new();
    for n in 0..20 {
        let probe = [Protocol::Tls, Protocol::Http, Protocol::Short, Protocol::Ssh][n % 4];
        send(&mut lab, f64::from(u32::try_from(n).unwrap()), probe, true, 60);
    }
    lab.silent();
}
