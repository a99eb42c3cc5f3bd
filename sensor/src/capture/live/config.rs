//! What a live capture is asked to do.

use std::net::IpAddr;

use super::{filter, interface};
use crate::capture::{CaptureError, LinkType};

/// Handles one interface may be split over.
const MAX_WORKERS: u32 = 64;
/// MiB of the largest ring libpcap makes: it counts octets in 31 bits.
const MAX_RING_MIB: u32 = 2047;
/// Octets of the least and the largest snap length.
const SNAPLENS: std::ops::RangeInclusive<u32> = 64..=262_144;

/// What to capture, and with how much memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveConfig {
    /// Interfaces by name; `any` stands for all together.
    pub interfaces: Vec<String>,
    /// A filter in libpcap's language instead of the default one, which lets pass whatever a message
    /// on one of the ports can be found in: tunnels and fragments, and other traffic hardly ever.
    pub filter: Option<String>,
    /// MiB of the ring of an interface, shared by its workers.
    pub ring_mib: u32,
    /// Octets kept of a frame. The default is libpcap's largest: a ring of this version keeps only
    /// what a frame has, so it costs nothing, and segments the network card put together are
    /// longer than 65,535 octets with their headers.
    pub snaplen: u32,
    /// Whether frames for other machines are wanted, as on a mirror port.
    pub promiscuous: bool,
    /// Handles, and threads, an interface.
    pub workers: u32,
    /// Ports of the default filter.
    pub ports: Vec<u16>,
    /// Hosts of which it lets pass what goes to their port of HTTPS, too, where nothing but a few tags
    /// stands before IP.
    pub hosts: Vec<IpAddr>,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            filter: None,
            ring_mib: 64,
            snaplen: 262_144,
            promiscuous: true,
            workers: 1,
            ports: vec![53],
            hosts: Vec::new(),
        }
    }
}

impl LiveConfig {
    /// Returns the filter for interfaces of `link` where none is given; an empty one lets
    /// everything pass.
    #[must_use]
    pub fn default_filter(&self, link: LinkType) -> String {
        filter::default_filter(&self.ports, &self.hosts, link)
    }

    /// Refuses settings that cannot work.
    pub(super) fn check(&self) -> Result<(), CaptureError> {
        let Self { interfaces, workers, ring_mib, snaplen, ports, .. } = self;
        let refuse = |what: String| Err(CaptureError::LiveConfig { what });
        if interfaces.is_empty() {
            return refuse(format!(
                "no interface is named; name one with -i: there are {}",
                interface::known()
            ));
        }
        if let Some(twice) = interfaces
            .iter()
            .enumerate()
            .find(|(at, name)| interfaces.iter().take(*at).any(|x| x == *name))
        {
            return refuse(format!("interface \"{}\" is named twice; name it once", twice.1));
        }
        if !(1..=MAX_WORKERS).contains(workers) {
            return refuse(format!("{workers} workers an interface; choose 1 to {MAX_WORKERS}"));
        }
        let share = ring_mib / workers;
        if !(1..=MAX_RING_MIB).contains(&share) {
            return refuse(format!(
                "a ring of {ring_mib} MiB in all; choose 1 to {MAX_RING_MIB} MiB for each of {workers} workers"
            ));
        }
        if !SNAPLENS.contains(snaplen) {
            return refuse(format!("a snap length of {snaplen} octets; choose 64 to 262144"));
        }
        if self.filter.is_none() && ports.is_empty() {
            return refuse("no port is watched and no filter is given; name a port".to_owned());
        }
        Ok(())
    }
}
