//! The link types whose frames can be read.

use pcap::Linktype;

/// How the first octets of a frame are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkType {
    /// A four-octet address family, then IP (BSD null and loop).
    BsdNull,
    /// Ethernet II, VLAN tags included.
    Ethernet,
    /// Linux "cooked" capture, version 1.
    LinuxCooked1,
    /// Linux "cooked" capture, version 2.
    LinuxCooked2,
    /// IPv4 or IPv6 without a link header.
    RawIp,
}

/// The supported link types, for messages.
pub(super) const SUPPORTED: &str = "Ethernet (1), raw IP (12, 14, 101, 228, 229), Linux cooked (113, 276), BSD null and loop (0, 108)";

impl LinkType {
    /// Maps a DLT or LINKTYPE number; `None` where it is not supported.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::BsdNull),
            1 => Some(Self::Ethernet),
            // 12 and 14: DLT_RAW as different systems number it; 101: LINKTYPE_RAW.
            12 | 14 | 101 | 228 | 229 => Some(Self::RawIp),
            113 => Some(Self::LinuxCooked1),
            276 => Some(Self::LinuxCooked2),
            _ => None,
        }
    }

    /// Returns libpcap's name of a link type number.
    pub(super) fn name_of(number: i32) -> String {
        Linktype(number).get_name().unwrap_or_else(|_| "unknown".to_owned())
    }
}
