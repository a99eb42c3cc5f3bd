//! What a pcapng file says about one interface: how its frames are to be read, and what it lost.
//!
//! Source: draft-ietf-opsawg-pcapng, Interface Description Block and Interface Statistics Block.

use super::order::Order;
use super::{LinkType, Losses};
use crate::time::Timestamp;

/// An interface of one section.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Octets kept of each frame; 0 means all.
    pub(super) snap_length: u32,
    /// The latest of its statistics.
    pub(super) losses: Losses,
    resolution: Resolution,
    /// Seconds to add to every stamp (`if_tsoffset`).
    offset: i64,
}

/// What a unit of the stamps is (`if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// So many microseconds.
    Micros(u64),
    /// So many to the microsecond.
    PerMicro(u64),
    /// 2 to this power to the second.
    PerSecond(u32),
}

/// What an interface statistics block says of losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Statistics {
    interface: Option<u64>,
    kernel: Option<u64>,
}

const END_OF_OPTIONS: u16 = 0;
const TS_RESOLUTION: u16 = 9;
const TS_OFFSET: u16 = 14;
const INTERFACE_DROPS: u16 = 5;
const SYSTEM_DROPS: u16 = 7;

impl Interface {
    /// Reads the options of an interface description; those of a wrong length are passed over.
    pub(super) fn new(link: LinkType, snap_length: u32, order: Order, options: &[u8]) -> Self {
        let mut interface = Self {
            link,
            snap_length,
            losses: Losses::default(),
            resolution: Resolution::Micros(1),
            offset: 0,
        };
        for (code, value) in Options(order, options) {
            match (code, value) {
                (TS_RESOLUTION, [resolution]) => {
                    interface.resolution = Resolution::from_octet(*resolution);
                }
                (TS_OFFSET, [_, _, _, _, _, _, _, _]) => interface.offset = order.i64(value, 0),
                _ => {}
            }
        }
        interface
    }

    /// Returns the moment of a stamp of this interface; beyond what a timestamp can say, its ends.
    #[inline]
    pub(super) fn time(&self, stamp: u64) -> Timestamp {
        let micros = self.resolution.micros(stamp) + i128::from(self.offset) * 1_000_000;
        let end = if micros < 0 { i64::MIN } else { i64::MAX };
        Timestamp(i64::try_from(micros).unwrap_or(end))
    }

    /// Takes over the counters that the statistics have.
    pub(super) fn note(&mut self, statistics: &Statistics) {
        self.losses.interface = statistics.interface.unwrap_or(self.losses.interface);
        self.losses.kernel = statistics.kernel.unwrap_or(self.losses.kernel);
    }
}

impl Resolution {
    /// The upper bit says power of 2 or 10, the others which negative one.
    fn from_octet(octet: u8) -> Self {
        let exponent = u32::from(octet & 0x7f);
        match octet {
            0x80.. => Self::PerSecond(exponent),
            0..=6 => Self::Micros(10_u64.pow(6 - exponent)),
            // Where 64 bits cannot say it, they cannot hold a microsecond either.
            _ => 10_u64.checked_pow(exponent - 6).map_or(Self::Micros(0), Self::PerMicro),
        }
    }

    /// Returns whole microseconds; at most 2^84.
    #[inline]
    fn micros(self, stamp: u64) -> i128 {
        match self {
            Self::Micros(1) => i128::from(stamp),
            Self::Micros(micros) => i128::from(stamp) * i128::from(micros),
            Self::PerMicro(units) => i128::from(stamp / units),
            Self::PerSecond(exponent) => (i128::from(stamp) * 1_000_000) >> exponent,
        }
    }
}

impl Statistics {
    /// Reads the options of an interface statistics block.
    pub(super) fn read(order: Order, options: &[u8]) -> Self {
        let mut statistics = Self::default();
        for (code, value) in Options(order, options) {
            match (code, value.len()) {
                (INTERFACE_DROPS, 8) => statistics.interface = Some(order.u64(value, 0)),
                (SYSTEM_DROPS, 8) => statistics.kernel = Some(order.u64(value, 0)),
                _ => {}
            }
        }
        statistics
    }
}

/// Options of a block: code, length, value, padded to four octets. One that does not fit ends them.
struct Options<'a>(Order, &'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.1.split_first_chunk::<4>()?;
        let code = self.0.u16(header, 0);
        let length = usize::from(self.0.u16(header, 2));
        if code == END_OF_OPTIONS {
            return None;
        }
        let value = rest.get(..length)?;
        self.1 = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let mut octets = code.to_be_bytes().to_vec();
        octets.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        octets.extend(value);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    fn interface(resolution: u8, offset: i64) -> Interface {
        let options =
            [option(1, b"hello"), option(9, &[resolution]), option(14, &offset.to_be_bytes())];
        Interface::new(LinkType::Ethernet, 0, Order::Big, &options.concat())
    }

    #[test]
    fn stamps_are_in_the_unit_of_the_interface() {
        for (resolution, stamp, micros) in [
            (0, 7, 7_000_000),
            (3, 7, 7_000),
            (6, 7, 7),
            (9, 7_999, 7),
            (12, 7_999_999, 7),
            (127, u64::MAX, 0),
            (0x80, 7, 7_000_000),
            (0x80 | 10, 1024 + 512, 1_500_000),
            (0x80 | 32, 1 << 31, 500_000),
            (0xff, u64::MAX, 0),
        ] {
            assert_eq!(interface(resolution, 0).time(stamp).micros(), micros, "{resolution}");
        }
    }

    #[test]
    fn an_offset_reaches_before_1970_and_the_ends_of_time_hold() {
        assert_eq!(interface(6, -2).time(1), Timestamp(-1_999_999));
        assert_eq!(interface(0, i64::MAX).time(u64::MAX), Timestamp(i64::MAX));
        assert_eq!(interface(6, i64::MIN).time(0), Timestamp(i64::MIN));
        assert_eq!(interface(6, 5_000_000_000).time(1), Timestamp(5_000_000_000_000_001));
    }

    #[test]
    fn counters_that_are_missing_stay_as_they_were() {
        let mut interface = interface(6, 0);
        let both = [option(5, &3_u64.to_be_bytes()), option(7, &4_u64.to_be_bytes())].concat();
        interface.note(&Statistics::read(Order::Big, &both));
        interface.note(&Statistics::read(Order::Big, &option(7, &9_u64.to_be_bytes())));
        interface.note(&Statistics::read(Order::Big, &option(5, &[1, 2])));
        assert_eq!(interface.losses, Losses { kernel: 9, interface: 3 });
    }

    proptest! {
        #[test]
        fn any_options_and_stamps_are_read(
            octets in proptest::collection::vec(any::<u8>(), 0..80),
            stamp in any::<u64>(),
            resolution in any::<u8>(),
            offset in any::<i64>(),
        ) {
            Statistics::read(Order::Little, &octets);
            Interface::new(LinkType::RawIp, 0, Order::Little, &octets).time(stamp);
            interface(resolution, offset).time(stamp);
        }
    }
}
