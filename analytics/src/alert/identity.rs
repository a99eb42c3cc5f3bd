//! The identity of an alert: the same for the same thing found in the same traffic.

/// Computes FNV-1a of 128 bits over the parts, as 32 hexadecimal digits.
///
/// Names things, protects nothing; stable across versions and machines.
pub(super) fn identity(parts: &[&[u8]]) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = OFFSET;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(identity(&[b"ab", b"c"]), identity(&[b"a", b"bc"]));
        assert_eq!(identity(&[]), "6c62272e07bb014262b821756295c58d");
    }
}
