//! Byte order of the numbers in a capture file.

/// Byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Most significant octet first.
    Big,
    /// Least significant octet first.
    Little,
}

/// Octets behind the end of the slice read as zero; callers check lengths first.
impl Order {
    #[inline]
    pub(super) fn u16(self, octets: &[u8], at: usize) -> u16 {
        let octets = chunk(octets, at);
        match self {
            Self::Big => u16::from_be_bytes(octets),
            Self::Little => u16::from_le_bytes(octets),
        }
    }

    #[inline]
    pub(super) fn u32(self, octets: &[u8], at: usize) -> u32 {
        let octets = chunk(octets, at);
        match self {
            Self::Big => u32::from_be_bytes(octets),
            Self::Little => u32::from_le_bytes(octets),
        }
    }

    /// Returns the lower half of the 32-bit number at `at`.
    #[inline]
    pub(super) fn low_u16(self, octets: &[u8], at: usize) -> u16 {
        match self {
            Self::Big => self.u16(octets, at + 2),
            Self::Little => self.u16(octets, at),
        }
    }

    #[inline]
    pub(super) fn u64(self, octets: &[u8], at: usize) -> u64 {
        let octets = chunk(octets, at);
        match self {
            Self::Big => u64::from_be_bytes(octets),
            Self::Little => u64::from_le_bytes(octets),
        }
    }

    #[inline]
    pub(super) fn i64(self, octets: &[u8], at: usize) -> i64 {
        self.u64(octets, at).cast_signed()
    }
}

#[inline]
fn chunk<const N: usize>(octets: &[u8], at: usize) -> [u8; N] {
    octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
