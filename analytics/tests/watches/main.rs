//! Every watch through the whole analytics, on records made by hand: what it is for opens one alert
//! within its bound, and what looks like it but is none stays silent.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests may fail loudly, and each watch uses its part of it"
)]

#[path = "../support/alone.rs"]
mod alone;
mod amplification;
mod c2_beacon;
mod cache_poisoning;
mod closing;
mod dga;
mod dns_rebinding;
mod encrypted_dns;
mod families;
mod lab;
mod lossy;
mod malformed_dns;
mod name_leak;
mod non_dns;
mod nxdomain_flood;
mod open_resolver;
mod query;
mod query_flood;
mod reverse_sweep;
mod rogue_resolver;
mod tcp_exhaustion;
mod version_probe;
mod zone_transfer;
