//! What a packet was wrapped in on its way to the tap: VLAN tags and tunnels.

use serde::{Deserialize, Serialize};

/// Tunnels inside one another that are followed; a frame with more is counted, not read.
pub const MAX_TUNNELS: usize = 6;

/// No tag.
const NO_VLAN: u16 = u16::MAX;
/// A tunnel without a number of its own.
const NO_ID: u32 = u32::MAX;

macro_rules! tunnels {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// The kinds of tunnel that are followed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum TunnelKind { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl TunnelKind {
            /// Every kind, in the order of its name.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name that records and alerts carry.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

tunnels! {
    /// ERSPAN type I, II or III (draft-foschiano-erspan); the number is the session.
    Erspan => "erspan",
    /// Ethernet in IP (RFC 3378).
    EtherIp => "etherip",
    /// Geneve (RFC 8926); the number is the VNI.
    Geneve => "geneve",
    /// GRE (RFC 2784, RFC 2890, RFC 2637), also in UDP (RFC 8086); the number is the key.
    Gre => "gre",
    /// GTP-U (3GPP TS 29.281); the number is the TEID.
    GtpU => "gtp-u",
    /// IPv4 in IP (RFC 2003, RFC 2473).
    IpIp => "ipip",
    /// L2TP version 2 (RFC 2661); the number is tunnel and session, 16 bits each.
    L2tp => "l2tp",
    /// MPLS label stack (RFC 3032); the number is the innermost label.
    Mpls => "mpls",
    /// Provider backbone bridge (IEEE 802.1ah); the number is the I-SID.
    Pbb => "pbb",
    /// PPP over Ethernet (RFC 2516); the number is the session.
    Pppoe => "pppoe",
    /// IPv6 in IP (RFC 4213, RFC 2473).
    SixInFour => "6in4",
    /// Teredo (RFC 4380).
    Teredo => "teredo",
    /// TaZmen sniffer protocol, by which access points mirror.
    Tzsp => "tzsp",
    /// VXLAN and VXLAN-GPE (RFC 7348, draft-ietf-nvo3-vxlan-gpe); the number is the VNI.
    Vxlan => "vxlan",
}

/// One tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tunnel {
    /// The protocol.
    pub kind: TunnelKind,
    /// Its number: VNI, key, session, label; `None` where the protocol has none.
    pub id: Option<u32>,
}

/// VLAN tags and tunnels around a packet, small enough to be copied with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Path {
    vlan: u16,
    inner_vlan: u16,
    kinds: [Option<TunnelKind>; MAX_TUNNELS],
    ids: [u32; MAX_TUNNELS],
}

impl Default for Path {
    fn default() -> Self {
        Self {
            vlan: NO_VLAN,
            inner_vlan: NO_VLAN,
            kinds: [None; MAX_TUNNELS],
            ids: [NO_ID; MAX_TUNNELS],
        }
    }
}

impl Path {
    /// Makes a path of tags and tunnels; tunnels beyond [`MAX_TUNNELS`] are left out.
    #[must_use]
    pub fn new(vlan: Option<u16>, inner_vlan: Option<u16>, tunnels: &[Tunnel]) -> Self {
        let (vlan, inner_vlan) = (vlan.unwrap_or(NO_VLAN), inner_vlan.unwrap_or(NO_VLAN));
        let mut path = Self { vlan, inner_vlan, ..Self::default() };
        for tunnel in tunnels {
            path.enter(tunnel.kind, tunnel.id);
        }
        path
    }

    /// Returns the VLAN id of the mirrored frame: the outer tag of the innermost Ethernet header
    /// that has one.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        (self.vlan != NO_VLAN).then_some(self.vlan)
    }

    /// Returns the VLAN id of the tag behind that one (IEEE 802.1ad).
    #[must_use]
    pub fn inner_vlan(&self) -> Option<u16> {
        (self.inner_vlan != NO_VLAN).then_some(self.inner_vlan)
    }

    /// Returns the tunnels from the outermost to the innermost.
    pub fn tunnels(&self) -> impl Iterator<Item = Tunnel> {
        let ids = self.ids.iter().map(|id| (*id != NO_ID).then_some(*id));
        self.kinds.iter().map_while(|kind| *kind).zip(ids).map(|(kind, id)| Tunnel { kind, id })
    }

    /// Tells whether there is a tunnel.
    #[must_use]
    pub fn is_tunnelled(&self) -> bool {
        self.kinds.first().is_some_and(Option::is_some)
    }

    /// Notes the tags of an Ethernet header; those of an outer one are forgotten.
    pub(super) fn tag(&mut self, vlan: u16, inner: Option<u16>) {
        self.vlan = vlan & 0x0fff;
        self.inner_vlan = inner.map_or(NO_VLAN, |inner| inner & 0x0fff);
    }

    /// Notes a tunnel; tells whether it may be followed.
    pub(super) fn enter(&mut self, kind: TunnelKind, id: Option<u32>) -> bool {
        let Some(free) = self.kinds.iter().position(Option::is_none) else { return false };
        if let (Some(slot), Some(number)) = (self.kinds.get_mut(free), self.ids.get_mut(free)) {
            *slot = Some(kind);
            *number = id.unwrap_or(NO_ID);
        }
        true
    }
}

impl std::fmt::Debug for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Path")
            .field("vlan", &self.vlan())
            .field("inner_vlan", &self.inner_vlan())
            .field("tunnels", &self.tunnels().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_back_what_it_was_made_of_and_knows_its_bound() {
        let tunnels = [
            Tunnel { kind: TunnelKind::Erspan, id: Some(7) },
            Tunnel { kind: TunnelKind::IpIp, id: None },
        ];
        let mut path = Path::new(Some(0), Some(4094), &tunnels);
        assert_eq!((path.vlan(), path.inner_vlan()), (Some(0), Some(4094)));
        assert_eq!(path.tunnels().collect::<Vec<_>>(), tunnels);
        for _ in tunnels.len()..MAX_TUNNELS {
            assert!(path.enter(TunnelKind::IpIp, None));
        }
        assert!(!path.enter(TunnelKind::IpIp, None));
        assert_eq!(path.tunnels().count(), MAX_TUNNELS);
        assert!(!Path::default().is_tunnelled() && Path::default().vlan().is_none());
    }

    #[test]
    fn a_path_is_small() {
        assert!(size_of::<Path>() <= 36);
    }
}
