//! `geophone export`: open alerts as a block list for a resolver, a firewall or an exchange.
//!
//! Works on stored alerts alone and only writes text: it loads nothing, reaches nobody and reads no
//! clock, so an entry runs out in the time of the capture. What it cannot write safely it leaves
//! out, counts and names.

mod alerts;
mod bind;
mod blocked;
mod comment;
mod dnsmasq;
mod domain;
mod entry;
mod hosts;
mod kept;
mod left_out;
mod nft;
mod pihole;
mod popular;
mod rpz;
mod stix;
mod target;
mod unbound;
mod uuid;
mod victims;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use geophone_sensor::time::Timestamp;

pub use self::alerts::Alerts;
use self::comment::{counted, head};
use self::entry::{Entry, entries};
pub use self::kept::{Kept, KeptError};
pub use self::left_out::LeftOut;
use self::target::Target;
use crate::alert::Confidence;
use crate::severity::Severity;

/// What reads the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// BIND: a zone statement a domain, all with one empty zone file.
    Bind,
    /// dnsmasq: a configuration file.
    Dnsmasq,
    /// A hosts file: the domains themselves, nothing below them.
    Hosts,
    /// nftables: a table with sets of addresses.
    Nft,
    /// Pi-hole: a list of domains in Adblock style (FTL 5.22 and later, version 6).
    Pihole,
    /// A response policy zone: BIND, Knot, PowerDNS, Unbound.
    Rpz,
    /// A bundle of indicators (STIX 2.1).
    Stix,
    /// Unbound: a configuration file.
    Unbound,
}

/// Which alerts are taken and what becomes of them.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// Take alerts, too, that closed because nothing new came.
    pub include_closed: bool,
    /// Leave out alerts that ended before.
    pub since: Option<Timestamp>,
    /// Leave out what has run out by then.
    pub now: Option<Timestamp>,
    /// Leave out what is less severe.
    pub min_severity: Severity,
    /// Leave out what is less sure.
    pub min_confidence: Confidence,
    /// The rules whose alerts are taken; all where it is empty.
    pub rules: BTreeSet<String>,
    /// How long an entry holds after the end of its alert.
    pub expires: Duration,
    /// Which of the more dangerous entries are made.
    pub reach: Reach,
    /// What is never blocked.
    pub keep: Vec<Kept>,
    /// The empty zone that a list for BIND names.
    pub empty_zone: PathBuf,
}

/// Entries that can cut off more than a tunnel.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct Reach {
    /// The clients behind alerts about domains and servers, and those at private addresses: one's
    /// own hosts; in a response policy zone, any client.
    pub clients: bool,
    /// Servers at private addresses, and others of one's own.
    pub private_servers: bool,
    /// Domains under suffixes that nobody registers.
    pub undelegated: bool,
    /// Domains that half the world uses.
    pub popular: bool,
    /// Domains that are flooded or forged themselves, and those that clients outside ask here for.
    pub victims: bool,
}

/// A list, and what is not in it.
#[derive(Clone, Debug)]
pub struct Export {
    /// The list as its reader takes it.
    pub text: String,
    /// Entries in it.
    pub n_entries: usize,
    /// How many entries are in it, of how many alerts.
    pub summary: String,
    /// What is not in it.
    pub left_out: LeftOut,
}

/// Why no list can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A line that is no alert.
    #[error(
        "{origin}:{line}: {what}; export reads alerts as `geophone replay --format ecs` writes \
         them, one JSON document a line"
    )]
    Line {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The input cannot be read.
    #[error("cannot read {origin}: {source}")]
    Read {
        /// The file.
        origin: String,
        /// Why.
        source: io::Error,
    },
    /// More alerts than are kept.
    #[error("{origin} and what came before hold too many alerts; give fewer files at once")]
    TooMuch {
        /// The file.
        origin: String,
    },
}

/// What a format's writer gets: nothing in it needs to be looked at again.
struct List<'a> {
    /// Lines that say what this is, fit for a comment.
    head: Vec<String>,
    entries: &'a [Entry],
    settings: &'a ExportSettings,
    /// The latest time that is known: of an alert, or now.
    latest: Timestamp,
}

/// Makes the list for `format` of `alerts`.
#[must_use]
pub fn export(alerts: &Alerts, format: ListFormat, settings: &ExportSettings) -> Export {
    let mut left_out = LeftOut::default();
    let mut entries = entries(alerts, settings, &mut left_out);
    entries.retain(|entry| {
        let fault = format.refuses(&entry.target, settings.reach);
        if let Some(why) = fault {
            left_out.add(why, &entry.target.to_string());
        }
        fault.is_none()
    });
    let latest = alerts.latest().max(settings.now).unwrap_or_default();
    let head = head(format, alerts, &entries, &left_out);
    let list = List { head, entries: &entries, settings, latest };
    let text = match format {
        ListFormat::Bind => bind::write(&list),
        ListFormat::Dnsmasq => dnsmasq::write(&list),
        ListFormat::Hosts => hosts::write(&list),
        ListFormat::Nft => nft::write(&list),
        ListFormat::Pihole => pihole::write(&list),
        ListFormat::Rpz => rpz::write(&list),
        ListFormat::Stix => stix::write(&list),
        ListFormat::Unbound => unbound::write(&list),
    };
    let summary = format!(
        "{} ({}) from {}",
        counted(entries.len(), "entry", "entries"),
        format.name(),
        counted(alerts.len(), "alert", "alerts")
    );
    Export { text, n_entries: entries.len(), summary, left_out }
}

impl ListFormat {
    /// Returns the word that selects it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Dnsmasq => "dnsmasq",
            Self::Hosts => "hosts",
            Self::Nft => "nft",
            Self::Pihole => "pihole",
            Self::Rpz => "rpz",
            Self::Stix => "stix",
            Self::Unbound => "unbound",
        }
    }

    /// Returns why it cannot hold `target`, if it cannot.
    fn refuses(self, target: &Target, reach: Reach) -> Option<left_out::Why> {
        use left_out::Why;
        match (self, target) {
            (Self::Nft, Target::Domain(_)) => Some(Why::DomainInFirewall),
            (Self::Rpz, Target::Domain(domain)) if domain.as_str().len() > rpz::LONGEST => {
                Some(Why::TooLong)
            }
            (_, Target::Domain(_)) | (Self::Nft | Self::Stix, _) => None,
            (Self::Rpz, Target::Client(_)) => (!reach.clients).then_some(Why::ClientUnasked),
            (_, Target::Client(_) | Target::Server(_)) => Some(Why::AddressInDns),
        }
    }
}
