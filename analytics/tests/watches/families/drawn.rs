//! Letters drawn one by one.

use super::Lcg;

const A_TO_Y: &[u8] = b"abcdefghijklmnopqrstuvwxy";
const A_TO_Z: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const MANY: [&str; 16] = [
    "biz", "click", "com", "eu", "in", "info", "ki", "net", "nu", "org", "pw", "ru", "su", "tv",
    "work", "xyz",
];

/// Letters of one length for a day, other lengths for other domains.
pub(super) fn conficker(n: u32) -> String {
    let mut lcg = Lcg::new(0x1009 + n * 977);
    let length = 5 + lcg.below(7);
    let label = lcg.letters(A_TO_Z, length);
    format!("{label}.{}", ["com", "net", "org", "info", "biz"][usize::try_from(n).unwrap() % 5])
}

/// The suffix goes round, the letters do without the last.
pub(super) fn cryptolocker(n: u32) -> String {
    let mut lcg = Lcg::new(0x0c10 + n * 7_919);
    let length = 12 + lcg.below(4);
    let label = lcg.letters(A_TO_Y, length);
    let suffixes = ["com", "net", "biz", "ru", "org", "co.uk", "info"];
    format!("{label}.{}", suffixes[usize::try_from(n).unwrap() % 7])
}

pub(super) fn locky(n: u32) -> String {
    let mut lcg = Lcg::new(0x10c1 + n * 31_337);
    let length = 5 + lcg.below(11);
    let label = lcg.letters(A_TO_Y, length);
    format!("{label}.{}", lcg.among(&MANY))
}

pub(super) fn necurs(n: u32) -> String {
    let mut lcg = Lcg::new(0x0ec5 + n * 104_729);
    let length = 7 + lcg.below(15);
    let label = lcg.letters(A_TO_Y, length);
    format!("{label}.{}", lcg.among(&MANY))
}

pub(super) fn ramnit(n: u32) -> String {
    let mut lcg = Lcg::new(0x7a31 + n * 65_537);
    let length = 8 + lcg.below(12);
    format!("{}.com", lcg.letters(A_TO_Y, length))
}

pub(super) fn tinba(n: u32) -> String {
    let mut lcg = Lcg::new(0x71ba + n * 8_191);
    format!("{}.com", lcg.letters(A_TO_Y, 12))
}
