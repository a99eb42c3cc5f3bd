//! Names that are drawn but can be spoken, or nearly all of which is written.

use super::Lcg;

/// Each name has its first four letters from sums of the letters of the one before.
pub(super) fn banjori(n: u32) -> String {
    let mut label = *b"lanternbearingestuaryfolk";
    let shift = |a: u8, b: u8| b'a' + (a - b'a' + b - b'a') % 26;
    for _ in 0..=n {
        label[0] = shift(label[0], label[3]);
        label[1] = shift(shift(label[0], label[1]), b'b');
        label[2] = shift(label[0], label[2]);
        label[3] = shift(label[1], label[3]);
    }
    format!("{}.com", std::str::from_utf8(&label).unwrap())
}

pub(super) fn simda(n: u32) -> String {
    let mut lcg = Lcg::new(0x51da + n * 12_289);
    let length = 7 + lcg.below(5);
    let label: String = (0..length)
        .map(|at| match at % 2 {
            0 => lcg.letters(b"qwrtpsdfghjklzxcvbnm", 1),
            _ => lcg.letters(b"eyuioa", 1),
        })
        .collect();
    format!("{label}.{}", ["com", "eu", "info", "net"][usize::try_from(lcg.below(4)).unwrap()])
}
