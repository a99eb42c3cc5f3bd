//! The site: whose the hosts are. Everything may be left out; what is left out is guessed.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The table `[network]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Networks of this site; where none is named, private and link-local addresses are inside.
    pub internal: Vec<IpNet>,
    /// Resolvers that clients are meant to ask.
    pub resolvers: Vec<IpAddr>,
    /// Servers that are authoritative for zones of this site.
    pub authoritative: Vec<IpAddr>,
    /// Networks whose hosts may ask for zone transfers.
    pub secondaries: Vec<IpNet>,
    /// Zones whose names must not be asked of servers outside.
    pub zones: Vec<String>,
    /// Mail servers, which ask for MX, TXT and block lists all day.
    pub mail: Vec<IpAddr>,
}
