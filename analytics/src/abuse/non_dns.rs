//! `non-dns`: what uses port 53 to get out, without speaking DNS.
//!
//! VPNs and SSH on port 53 pass networks that let DNS out. What iodine sends raw is told by
//! `dns-tunnel`. A few stray packets are nobody's tunnel; payloads both ways are.

use geophone_sensor::decode::foreign::Protocol;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::recent::Recent;
use super::seen::Seen;
use super::watch::{Moment, Watch};
use crate::alert::{Suspect, bytes};
use crate::detect::{Feature, Values};

/// The watch.
pub(super) struct NonDns;

/// What is kept of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    payloads: Recent,
    up: u64,
    down: u64,
    taken: u32,
    protocol: Protocol,
}

impl Watch for NonDns {
    const RULE: &'static str = "non-dns";
    const LOCAL: bool = true;
    const HEAP: usize = 0;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        // Those are told by other rules.
        let others = [
            Protocol::IodineRaw,
            Protocol::DnsOverHttps,
            Protocol::DnsOverTls,
            Protocol::DnsOverQuic,
        ];
        let payload = seen.payload().filter(|payload| !others.contains(&payload.protocol))?;
        Some(About::Client(payload.client))
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(payload) = seen.payload() else { return false };
        figures.payloads.add(moment.at, 1, moment.window);
        let way = if payload.from_client { &mut figures.up } else { &mut figures.down };
        *way = way.saturating_add(payload.bytes);
        if carries(payload.protocol) || figures.protocol == Protocol::Other {
            figures.protocol = payload.protocol;
        }
        figures.taken = figures.taken.saturating_add(1);
        figures.taken <= 16 || figures.taken.is_power_of_two()
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        Values::default()
            .with(Feature::NotDnsPayloads, figures.payloads.sum(moment.at, moment.window))
            .with(Feature::NotDnsBytes, number(figures.up.saturating_add(figures.down)))
            .with(Feature::TwoWay, u8::from(figures.up > 0 && figures.down > 0))
            .with(Feature::TunnelProtocol, u8::from(carries(figures.protocol)))
    }

    fn headline(figures: &Figures, suspect: &Suspect, _moment: Moment) -> String {
        format!(
            "{} and port 53 of {} exchanged what is not DNS ({}), {} up and {} down",
            suspect.client,
            suspect.server,
            figures.protocol.name(),
            bytes(figures.up),
            bytes(figures.down),
        )
    }
}

/// Protocols that carry others.
const fn carries(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Dtls
            | Protocol::Openvpn
            | Protocol::Quic
            | Protocol::Ssh
            | Protocol::Tls
            | Protocol::Wireguard
    )
}

#[expect(clippy::cast_precision_loss, reason = "octets are far below 2^52")]
const fn number(octets: u64) -> f64 {
    octets as f64
}
