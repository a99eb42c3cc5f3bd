//! What the system says of a network interface.

use std::fs;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nameindex, if_nametoindex};

/// libpcap's name for all interfaces together; it cannot be promiscuous, nor go away.
pub(super) const ANY: &str = "any";

/// Files that hold frames the interface received and did not pass on; libpcap reads the same.
const DROP_FILES: [&str; 2] = ["rx_missed_errors", "rx_fifo_errors"];

/// Returns the kernel's number of an interface; a new one when it went and came again.
pub(super) fn index_of(interface: &str) -> Option<u32> {
    if interface == ANY {
        return Some(0);
    }
    if_nametoindex(interface).ok()
}

/// Tells whether the interface is up; `true` where the system does not say.
pub(super) fn is_up(interface: &str) -> bool {
    if interface == ANY {
        return true;
    }
    let Ok(mut addresses) = getifaddrs() else { return true };
    let found = addresses.find(|address| address.interface_name == interface);
    found.is_none_or(|address| address.flags.contains(InterfaceFlags::IFF_UP))
}

/// Returns the interfaces that exist, for messages.
pub(super) fn known() -> String {
    let Ok(interfaces) = if_nameindex() else { return "not known".to_owned() };
    let names: Vec<String> = interfaces
        .iter()
        .map(|interface| interface.name().to_string_lossy().into_owned())
        .collect();
    names.join(", ")
}

/// Returns the frames the interface dropped since it exists, where sysfs can be read.
///
/// libpcap gives the same figure as `ps_ifdrop`, since the handle was opened, but as 32 bits and
/// for promiscuous handles only.
pub(super) fn drops(interface: &str) -> Option<u64> {
    let folder = Path::new("/sys/class/net").join(interface).join("statistics");
    DROP_FILES.iter().try_fold(0u64, |sum, file| {
        let text = fs::read_to_string(folder.join(file)).ok()?;
        Some(sum.saturating_add(text.trim().parse().ok()?))
    })
}
