//! Names as the tools make them, and names that nobody's tool makes.

use geophone_sensor::feature::NameReader;
use geophone_sensor::name::Name;
use proptest::prelude::*;

use super::*;

fn transaction(name: &str, qtype: u16) -> Transaction {
    let qname = Name::parse(name).unwrap();
    let (domain_at, features) = NameReader::default().read(&qname);
    Transaction { qname, domain_at, name: features, qtype, ..Transaction::default() }
}

fn track<S: AsRef<str>>(names: impl IntoIterator<Item = S>, qtype: u16) -> ToolTracker {
    let mut tracker = ToolTracker::default();
    for name in names {
        tracker.add(&transaction(name.as_ref(), qtype));
    }
    tracker
}

fn encode(data: &[u8], alphabet: &[u8], width: u32) -> String {
    let bits = data.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let digit = |chunk: &[u8]| {
        let padded = chunk.iter().copied().chain(std::iter::repeat(0)).take(width as usize);
        char::from(alphabet[padded.fold(0, |sum, bit| sum << 1 | usize::from(bit))])
    };
    bits.chunks(width as usize).map(digit).collect()
}

const RFC32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
const IODINE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz012345";
const SLIVER32: &[u8] = b"ab1c2d3e4f5g6h7j8k9m0npqrtuvwxyz";

/// Octets that look random and are always the same.
fn noise(seed: u32, n: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect()
}

fn named(tracker: &ToolTracker) -> (Option<&'static str>, String) {
    let verdict = tracker.verdict().expect("a verdict");
    assert!(verdict.matching >= LEAST_MARKED && verdict.matching <= verdict.total, "{verdict:?}");
    (verdict.tool.name(), verdict.mode)
}

#[test]
fn a_tracker_takes_at_most_256_octets() {
    assert!(size_of::<ToolTracker>() <= 256, "{}", size_of::<ToolTracker>());
}

#[test]
fn iodine_is_told_by_its_two_counters() {
    let steps = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let data = (0..40_u8).map(|n| {
        let header: String = encode(&noise(n.into(), 2), IODINE32, 5).chars().take(3).collect();
        let counter = char::from(steps[usize::from(n) % 36]);
        format!("2{}{counter}{}.t.example.com", header, encode(&noise(n.into(), 20), IODINE32, 5))
    });
    let pings = (0..10_u8).map(|n| {
        format!(
            "p{}.t.example.com",
            encode(&[2, n, 0x31, 0xf8_u8.wrapping_add(n * 2)], IODINE32, 5)
        )
    });
    let handshake = ["vaaaakaqcuy", "sahavo", "oavavp"].map(|name| format!("{name}.t.example.com"));
    let tracker = track(handshake.into_iter().chain(data).chain(pings), 16);
    assert_eq!(named(&tracker), (Some("iodine"), "TXT, base128 up, base128 down".to_owned()));
    assert!(tracker.signature() > 0.9);
}

#[test]
fn dnscat2_is_told_by_type_and_session_with_and_without_a_domain() {
    let name = |n: u32| {
        let id = u32::from_be_bytes(noise(n, 4).try_into().unwrap()) >> 16;
        format!("{id:04x}01ec07{:012x}{n:04x}", u64::from(n) * 7_919)
    };
    let under = track((0..12).map(|n| name(n) + ".example.com"), 16);
    assert_eq!(named(&under), (Some("dnscat2"), "TXT, under a domain".to_owned()));
    let mut direct = ToolTracker::without_domain();
    for n in 0..12 {
        direct.add(&transaction(&format!("dnscat.{}", name(n)), 5));
    }
    assert_eq!(named(&direct), (Some("dnscat2"), "CNAME, direct".to_owned()));
}

#[test]
fn dns2tcp_dnstt_and_sliver_are_told_by_what_their_names_decode_to() {
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let dns2tcp = (1..14_u8).map(|n| {
        format!("{}.example.com", encode(&[0xb2, 0x35, 0, n, 0, n, 8, n, 77, 3], base64, 6))
    });
    assert_eq!(named(&track(dns2tcp, 25)).0, Some("dns2tcp"));
    let dnstt = (0..12_u32).map(|n| {
        let (id, padding) = (noise(1, 8), noise(n, 3));
        let name = [&id[..], &[0xe3], &padding, &[20], &noise(n + 99, 20)].concat();
        format!("{}.t.example.com", encode(&name, RFC32, 5))
    });
    assert_eq!(named(&track(dnstt, 16)).0, Some("dnstt"));
    let sliver = (0..12_u32).map(|n| {
        let name = [&[8, 8, 0x10, 0x80 | 7, 3, 0x20][..], &noise(n, 20)].concat();
        format!("{}.example.com", encode(&name, SLIVER32, 5))
    });
    assert_eq!(named(&track(sliver, 1)).0, Some("Sliver"));
}

#[test]
fn tools_with_marks_or_counters_are_told_by_them() {
    let ozyman = (0..12).map(|n| format!("{n}-604{n}.id-1605.down.t.example.com"));
    assert_eq!(named(&track(ozyman, 5)).0, Some("ozymandns"));
    let tuns = (0..12).map(|n| format!("r{}.t.example.com", 16_000 + n));
    assert_eq!(named(&track(tuns, 5)).0, Some("TUNS"));
    let beacon = (0..12).map(|n| format!("api.{n:x}7311917.19997cf2.t.example.com"));
    assert_eq!(named(&track(beacon, 16)), (Some("Cobalt Strike"), "TXT, beacon".to_owned()));
    let posts =
        (0..12).map(|n| format!("post.2{n:x}942880f.9a3e1.{n:x}9842910.19997cf2.example.com"));
    assert_eq!(named(&track(posts, 1)).0, Some("Cobalt Strike"));
    let pieces =
        (0..12_u32).map(|n| format!("{n}.{}.example.com", encode(&noise(n, 20), RFC32, 5)));
    assert_eq!(named(&track(pieces, 16)).0, Some("DNSExfiltrator"));
    let script = (1..13_u32).map(|n| format!("{:08x}4d6f6e74.{n}.example.com", n * 40_503));
    assert_eq!(named(&track(script, 1)).0, Some("numbered hex script"));
    let digits = b"razupgnv2w01eos4t38h7yqidxmkljc6b9f5";
    let saitama = (0..30_usize).map(|n| {
        let data = encode(&noise(u32::try_from(n).unwrap(), 12), RFC32, 5);
        format!("{data}ov{}.example.com", char::from(digits[n]))
    });
    assert_eq!(named(&track(saitama, 1)).0, Some("Saitama-like"));
}

#[test]
fn where_no_tool_is_known_the_alphabet_is_named_and_no_signature_given() {
    let hex = (0..20_u32)
        .map(|n| format!("{}.example.com", encode(&noise(n, 16), b"0123456789abcdef", 4)));
    let tracker = track(hex, 1);
    assert_eq!(named(&tracker), (None, "hex names".to_owned()));
    assert!(tracker.signature() < f64::EPSILON);
    let words = track((0..20).map(|n| format!("holiday-pictures-{}.example.com", n % 7)), 1);
    assert_eq!(words.verdict().and_then(|verdict| verdict.tool.name()), None);
}

#[test]
fn too_few_names_say_nothing() {
    let few = track((0..7).map(|n| format!("r{}.t.example.com", 16_000 + n)), 5);
    assert_eq!((few.verdict(), few.signature().to_bits()), (None, 0));
}

proptest! {
    /// Hosts with numbers, hashes and random labels are no tool's names.
    #[test]
    fn ordinary_and_random_names_are_no_tool(seed in 0_u32..1_000_000, form in 0_u8..9) {
        let names = (0..60_u32).map(|n| {
            let data = noise(seed.wrapping_add(n), 16);
            let label = match form {
                0 => format!("server{n:03}"),
                6 => format!("client{n:02}"),
                7 => format!("edge{}x", n % 10),
                8 => format!("{:08x}.{:x}", u32::from(data[0]) << 20 | n, 0x1999_7cf2 ^ (n / 9)),
                1 => encode(&data, b"0123456789abcdef", 4),
                2 => encode(&data, RFC32, 5),
                3 => encode(&data[..5], b"abcdefghijklmnop", 4),
                4 => format!("e{}.dsc{}.g", u32::from(data[0]) * 13 + n, char::from(b'a' + data[1] % 26)),
                _ => format!("{}.{}.{}.{}.zen", data[0], data[1], data[2], data[3]),
            };
            label + ".example.com"
        });
        let tracker = track(names, if seed % 2 == 0 { 1 } else { 16 });
        let tool = tracker.verdict().and_then(|verdict| verdict.tool.name());
        prop_assert_eq!(tool, None);
    }
}
