//! How the first octets of a frame are to be read.

use pcap::Linktype;

/// The link types that are told apart; the number in brackets is the LINKTYPE of capture files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkType {
    /// ARCNET, with (129) or without (7) the offset field that Linux adds.
    Arcnet {
        /// Whether the offset field is there.
        linux: bool,
    },
    /// A four-octet address family, then IP (BSD null 0 and loop 108).
    BsdNull,
    /// Cisco HDLC (104).
    CiscoHdlc,
    /// Endace's extensible record format (197).
    Erf,
    /// Ethernet II, VLAN tags included (1).
    Ethernet,
    /// FDDI (10).
    Fddi,
    /// IEEE 802.11 (105).
    Ieee80211,
    /// Linux "cooked" capture, version 1 (113).
    LinuxCooked1,
    /// Linux "cooked" capture, version 2 (276).
    LinuxCooked2,
    /// LLC, as RFC 1483 puts it on ATM (100).
    Llc,
    /// MPLS label stack (219).
    Mpls,
    /// Linux netlink messages with the packets of NFLOG and NFQUEUE in them (253).
    Netlink,
    /// Linux netfilter log (239).
    Nflog,
    /// OpenBSD pf log (117).
    Pflog,
    /// Apple's per-packet header before another link type (258, and 149 as macOS wrote it).
    Pktap,
    /// Per-packet information before another link type (192).
    Ppi,
    /// PPP, with or without address and control octets (9, 50, 166 behind a direction octet).
    Ppp {
        /// Octets before the PPP frame.
        skip: u8,
    },
    /// PPPoE session (51).
    PppoeSession,
    /// Prism header, then IEEE 802.11 (119).
    Prism,
    /// Radiotap header, then IEEE 802.11 (127); AVS header, then IEEE 802.11 (163).
    Radiotap {
        /// Whether it is the AVS header.
        avs: bool,
    },
    /// IPv4 or IPv6 without a link header (12, 14, 101, 228, 229).
    RawIp,
    /// Anything else: its frames are counted, not read.
    Other(u16),
}

/// The supported link types, for messages.
pub(super) const SUPPORTED: &str = "Ethernet (1), raw IP (101, 228, 229), Linux cooked (113, 276), \
    BSD null and loop (0, 108), PPP (9, 50, 51, 104, 166), IEEE 802.11 (105, 119, 127, 163, 192), \
    NFLOG (239), NETLINK (253), PKTAP (258), PFLOG (117), ERF (197), LLC (100), MPLS (219), FDDI (10), ARCNET (7, 129)";

impl LinkType {
    /// Maps a LINKTYPE number of a capture file, or a DLT number of libpcap.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 | 108 => Self::BsdNull,
            1 => Self::Ethernet,
            7 => Self::Arcnet { linux: false },
            9 | 50 => Self::Ppp { skip: 0 },
            10 => Self::Fddi,
            51 => Self::PppoeSession,
            // 12 and 14: DLT_RAW as different systems number it; 101: LINKTYPE_RAW.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            // 11: DLT_ATM_RFC1483, which files number 100.
            11 | 100 => Self::Llc,
            104 => Self::CiscoHdlc,
            105 => Self::Ieee80211,
            113 => Self::LinuxCooked1,
            117 => Self::Pflog,
            119 => Self::Prism,
            127 => Self::Radiotap { avs: false },
            129 => Self::Arcnet { linux: true },
            149 | 258 => Self::Pktap,
            163 => Self::Radiotap { avs: true },
            166 => Self::Ppp { skip: 1 },
            192 => Self::Ppi,
            197 => Self::Erf,
            219 => Self::Mpls,
            239 => Self::Nflog,
            253 => Self::Netlink,
            276 => Self::LinuxCooked2,
            other => Self::Other(other),
        }
    }

    /// Returns the LINKTYPE number for capture files, the first where several mean the same.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Arcnet { linux: false } => 7,
            Self::Arcnet { linux: true } => 129,
            Self::BsdNull => 0,
            Self::CiscoHdlc => 104,
            Self::Erf => 197,
            Self::Ethernet => 1,
            Self::Fddi => 10,
            Self::Ieee80211 => 105,
            Self::LinuxCooked1 => 113,
            Self::LinuxCooked2 => 276,
            Self::Llc => 100,
            Self::Mpls => 219,
            Self::Netlink => 253,
            Self::Nflog => 239,
            Self::Pflog => 117,
            Self::Pktap => 258,
            Self::Ppi => 192,
            Self::Ppp { skip: 0 } => 9,
            Self::Ppp { .. } => 166,
            Self::PppoeSession => 51,
            Self::Prism => 119,
            Self::Radiotap { avs: false } => 127,
            Self::Radiotap { avs: true } => 163,
            Self::RawIp => 101,
            Self::Other(number) => number,
        }
    }

    /// Returns libpcap's name of a link type number.
    pub(super) fn name_of(number: u16) -> String {
        Linktype(number.into()).get_name().unwrap_or_else(|_| "unknown".to_owned())
    }
}
