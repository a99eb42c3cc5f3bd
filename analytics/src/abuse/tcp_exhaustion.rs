//! `tcp-exhaustion`: connections to TCP port 53 that are opened, or half opened, to be held.
//!
//! A server has room for so many connections (RFC 7766 section 6.2.3). SYN floods fill it with
//! connections that never open (RFC 4987), idle clients with such that never ask.

use std::time::Duration;

use geophone_sensor::record::Role;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::bins::Usual;
use super::recent::Recent;
use super::seen::Seen;
use super::watch::{Moment, Watch};
use crate::alert::Suspect;
use crate::detect::{Feature, Values};

/// The watch.
pub(super) struct TcpExhaustion;

/// The span in which connections that are opened are expected to end.
const IDLE: Duration = Duration::from_secs(30);
/// The span over which few at a time add up, where most of those opened within it do not end.
const LONG: Duration = Duration::from_secs(600);
const MOST: f64 = 0.5;
/// The share of those opened lately that a capture may lose the end of.
const LOST: f64 = 0.1;

/// What is kept of a server.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    syn: Recent,
    half_open: Recent,
    established: Recent,
    closed: Recent,
    /// Over a longer span: servers end what is idle within it (RFC 7766 section 6.2.3).
    opened_lately: Recent,
    closed_lately: Recent,
    opened_long: Recent,
    closed_long: Recent,
    usual: Usual,
    counted: u32,
}

impl Watch for TcpExhaustion {
    const RULE: &'static str = "tcp-exhaustion";
    const HEAP: usize = 0;

    type Figures = Figures;

    fn about(seen: &Seen<'_>) -> Option<About> {
        let tick = seen.tick().filter(|tick| tick.role == Role::Server)?;
        let figures = &tick.figures;
        let moved = figures.tcp_syn + figures.tcp_half_open + figures.tcp_established > 0;
        tick.address.filter(|_| moved).map(About::Server)
    }

    fn take(figures: &mut Figures, seen: &Seen<'_>, moment: Moment) -> bool {
        let Some(tick) = seen.tick() else { return false };
        let counts = &tick.figures;
        let Moment { at, window } = moment;
        if figures.usual.turn(at, window, f64::from(figures.counted)) {
            figures.counted = 0;
        }
        figures.counted = figures.counted.saturating_add(counts.tcp_syn);
        figures.syn.add(at, counts.tcp_syn.into(), window);
        figures.half_open.add(at, counts.tcp_half_open.into(), window);
        figures.established.add(at, counts.tcp_established.into(), window);
        let ended = u64::from(counts.tcp_closed) + u64::from(counts.tcp_reset);
        figures.closed.add(at, ended, window);
        figures.opened_lately.add(at, counts.tcp_established.into(), IDLE);
        figures.closed_lately.add(at, ended, IDLE);
        figures.opened_long.add(at, counts.tcp_established.into(), LONG);
        figures.closed_long.add(at, ended, LONG);
        true
    }

    fn values(figures: &Figures, moment: Moment) -> Values {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        let syn = sum(&figures.syn);
        // Not opened: those known to have failed, and those that are asked for and not answered yet.
        let waiting = (syn - sum(&figures.established) - sum(&figures.closed)).max(0.0);
        Values::default()
            .with(Feature::SynRate, syn / moment.window.as_secs_f64())
            .with(Feature::HalfOpen, sum(&figures.half_open).max(waiting))
            .with(Feature::Held, figures.held(moment))
            .with(Feature::RateRise, figures.usual.rise(syn, 10.0))
    }

    fn headline(figures: &Figures, suspect: &Suspect, moment: Moment) -> String {
        let sum = |recent: &Recent| recent.sum(moment.at, moment.window);
        let held = figures.held(moment);
        if held > sum(&figures.half_open) {
            return format!(
                "{held:.0} TCP connections to {} were opened within {} min at most and not ended",
                suspect.server,
                LONG.as_secs() / 60,
            );
        }
        format!(
            "{} was asked for {:.0} TCP connections within {} s: {:.0} opened, {:.0} known not to",
            suspect.server,
            sum(&figures.syn),
            moment.window.as_secs(),
            sum(&figures.established),
            sum(&figures.half_open),
        )
    }
}

impl Figures {
    /// Connections that were opened lately and not ended.
    fn held(&self, moment: Moment) -> f64 {
        let sum = |recent: &Recent, span| recent.sum(moment.at, span);
        let opened_lately = sum(&self.opened_lately, IDLE);
        let lately = opened_lately - sum(&self.closed_lately, IDLE);
        let lately = if lately > LOST * opened_lately { lately } else { 0.0 };
        let opened = sum(&self.opened_long, LONG);
        let long = opened - sum(&self.closed_long, LONG);
        lately.max(if long >= MOST * opened { long } else { 0.0 }).max(0.0)
    }
}
