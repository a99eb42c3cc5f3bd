//! Traffic that hides something, shaped after tools and their published descriptions.
//!
//! The domains are made up for this test and the packets never leave the process.

use super::wire::{A, CNAME, MX, NULL, Reply, TXT, Traffic};

/// Base 32 as encoders of DNS tunnels write it (RFC 4648 section 6, in lower case).
const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
/// Base 64 (RFC 4648 section 4).
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a label that iodine fills (its `encoding.c` puts a dot after 57).
const IODINE_LABEL: usize = 57;

/// iodine: NULL queries full of base 32, each answered with a packet; pings while it is idle.
pub(super) fn iodine(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for n in 0..240_u32 {
        let ping = n < 8 || n % 12 == 0;
        let size = if ping { 12 } else { 180 };
        let data = traffic.letters(size, BASE32);
        let name = format!("{}{}.selftest-ferry.com", if ping { 'p' } else { '0' }, split(&data));
        let size = if ping { 4 } else { 220 };
        let answer = Reply::Data(traffic.octets(size));
        traffic.ask(&name, NULL, if ping { 4 } else { 180 * 5 / 8 }, &answer);
        traffic.pause_millis(if ping { 200 } else { 40 });
    }
    traffic
}

/// dnscat2: packets of 9 octets and data, in hexadecimal, by TXT, CNAME and MX in turn; polls
/// once a second, and now and then what a command printed.
pub(super) fn dnscat2(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    let session = traffic.hex(2);
    for n in 0..180_u32 {
        let (up, down) = if n % 15 == 14 { (60, 30) } else { (0, 0) };
        let name = format!("{}.selftest-cat.net", packet(&mut traffic, &session, up));
        let answer = packet(&mut traffic, &session, down);
        let (qtype, reply) = match traffic.below(3) {
            0 => (TXT, Reply::Data(answer.replace('.', "").into_bytes())),
            1 => (CNAME, Reply::Name(format!("{answer}.selftest-cat.net"))),
            _ => (MX, Reply::Name(format!("{answer}.selftest-cat.net"))),
        };
        traffic.ask(&name, qtype, count(9 + up), &reply);
        traffic.pause_millis(1000);
    }
    traffic
}

/// dnscat2 without a domain: the names begin with its own word and end in data.
pub(super) fn dnscat2_direct(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    let session = traffic.hex(2);
    for _ in 0..120 {
        let name = format!("dnscat.{}", packet(&mut traffic, &session, 20));
        let answer = packet(&mut traffic, &session, 10).replace('.', "");
        traffic.ask(&name, TXT, 29, &Reply::Data(answer.into_bytes()));
        traffic.pause_millis(1000);
    }
    traffic
}

/// Message type, ids, numbers and data; labels of at most 60 characters.
fn packet(traffic: &mut Traffic, session: &str, data: usize) -> String {
    let hex = format!("{}01{session}{}", traffic.hex(2), traffic.hex(4 + data));
    let labels: Vec<_> = chunks(&hex, 60);
    labels.join(".")
}

/// One query a minute with 16 octets in hexadecimal, for six hours: 23 kB a day.
pub(super) fn slow(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for _ in 0..360 {
        let name = format!("{}.selftest-drip.org", traffic.hex(16));
        traffic.ask(&name, A, 16, &Reply::Address);
        traffic.pause_millis(60_000);
    }
    traffic
}

/// Ten domains in turn, so that each carries little: one query every twenty seconds.
pub(super) fn rotating(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for n in 0..400_u32 {
        let name = format!("{}.selftest-relay{}.com", traffic.hex(12), n % 10);
        traffic.ask(&name, A, 12, &Reply::Address);
        traffic.pause_millis(20_000);
    }
    traffic
}

/// A program fetched in pieces of text; the names say nothing but the number of the piece.
pub(super) fn download(host: u8) -> Traffic {
    let mut traffic = Traffic::of_client(host);
    for n in 0..160_u32 {
        let piece = traffic.letters(248, BASE64);
        let name = format!("{n}.stage.selftest-depot.net");
        traffic.ask(&name, TXT, 248, &Reply::Data(piece.into_bytes()));
        traffic.pause_millis(400);
    }
    traffic
}

fn split(data: &str) -> String {
    chunks(data, IODINE_LABEL).join(".")
}

/// Cuts text, which is ASCII, into parts of `n` characters.
fn chunks(text: &str, n: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(n).map(|part| part.iter().collect()).collect()
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or_default()
}
