//! The abuses of port 53 that are not about what one client tells one domain.
//!
//! A *watch* follows one kind of abuse. It says of every record whose case it belongs to
//! ([`About`]: a client, a server, a zone), keeps figures of that case, and turns them into features
//! that the scorecard of its rule weighs. It sees nothing but the record, the site and its own case,
//! so cases can be kept wherever their owner is: whoever reads a record *notices* whose case it is,
//! the owner *takes* it.

mod about;
mod amplification;
mod bins;
mod c2_beacon;
mod cache_poisoning;
mod cases;
mod dga;
mod distinct;
mod dns_rebinding;
mod encrypted_dns;
mod flow;
mod guess;
mod habit;
mod kin;
mod largest;
mod malformed_dns;
mod name_leak;
mod non_dns;
mod nxdomain_flood;
mod open_resolver;
mod operator;
mod outage;
mod query_flood;
mod recent;
mod reverse_sweep;
mod rogue_resolver;
mod seen;
mod site;
mod tcp_exhaustion;
mod turns;
mod unpaired;
mod version_probe;
mod watch;
mod watches;
mod zone_transfer;

pub(crate) use about::Notice;
pub(crate) use flow::Flow;
pub use guess::{Duty, Guess};
pub(crate) use guess::{GuessImage, Guesses, Sign};
pub use habit::{HostHabits, UsualRate};
pub(crate) use outage::Outage;
pub(crate) use seen::{Roles, Seen};
pub(crate) use site::Site;
pub(crate) use turns::{Turns, TurnsImage};
pub(crate) use watches::{AbuseImage, Abuses, Look};
