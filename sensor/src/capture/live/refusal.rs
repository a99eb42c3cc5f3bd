//! Why an interface cannot be opened, in words that name the cure.

use std::env;
use std::fs;
use std::os::fd::AsRawFd as _;

use pcap::{Active, Capture};

use super::interface;
use crate::capture::CaptureError;
use crate::capture::link::{LinkType, SUPPORTED};

/// Octets of a MiB.
const MIB: u64 = 1024 * 1024;
/// libpcap makes rings of whole blocks, at most one more or less than asked.
const BLOCK_BYTES: u64 = 256 * 1024;

/// Returns libpcap's own words.
pub(super) fn words(cause: &pcap::Error) -> String {
    match cause {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The interface is not there.
pub(super) fn no_such_interface(name: &str) -> CaptureError {
    CaptureError::NoSuchInterface { interface: name.to_owned(), known: interface::known() }
}

/// libpcap could not open the interface.
pub(super) fn of_open(name: &str, ring: u64, cause: &pcap::Error) -> CaptureError {
    let cause = words(cause);
    let interface = name.to_owned();
    if cause.contains("ermission") || cause.contains("not permitted") {
        let program = env::current_exe().map_or_else(
            |_| "$(command -v geophone-sensor)".to_owned(),
            |path| path.display().to_string(),
        );
        return CaptureError::NoPermission { interface, program };
    }
    if cause.contains("No such device") {
        return no_such_interface(name);
    }
    if cause.contains("not up") || cause.contains("Network is down") {
        return CaptureError::InterfaceDown { interface };
    }
    if cause.contains("rx ring") {
        return CaptureError::RingTooLarge { interface, mib: ring / MIB, room: cause };
    }
    CaptureError::OpenInterface { interface, cause }
}

/// A call of the system failed for a reason nobody expects.
pub(super) fn system(name: &str, cause: &std::io::Error) -> CaptureError {
    CaptureError::OpenInterface { interface: name.to_owned(), cause: cause.to_string() }
}

/// The handles of one interface cannot share its frames.
pub(super) fn fanout(name: &str, cause: nix::errno::Errno) -> CaptureError {
    CaptureError::OpenInterface {
        interface: name.to_owned(),
        cause: format!(
            "its frames cannot be shared among several workers (PACKET_FANOUT): {cause}; use one worker"
        ),
    }
}

/// A link type that cannot be read.
pub(super) fn link_type(name: &str, number: u16) -> CaptureError {
    CaptureError::LinkTypeOfInterface {
        interface: name.to_owned(),
        number,
        name: LinkType::name_of(number),
        supported: SUPPORTED,
    }
}

/// A filter libpcap does not take.
pub(super) fn filter(name: &str, filter: &str, cause: &pcap::Error) -> CaptureError {
    CaptureError::Filter {
        interface: name.to_owned(),
        filter: filter.to_owned(),
        cause: words(cause),
    }
}

/// A filter the kernel does not take.
pub(super) fn long_filter(name: &str, filter: &str, own: bool) -> CaptureError {
    let (filter, cure) = if own {
        (filter, "shorten it")
    } else {
        ("default", "watch fewer ports or give a filter")
    };
    CaptureError::Filter {
        interface: name.to_owned(),
        filter: filter.to_owned(),
        cause: format!("more than 4096 instructions, which the kernel does not take; {cure}"),
    }
}

/// Refuses a ring that, with those before it, does not fit what is free: the kernel would swap, or
/// kill somebody.
pub(super) fn check_memory(name: &str, ring: u64, all: u64) -> Result<(), CaptureError> {
    let Some(available) = available_memory() else { return Ok(()) };
    if all <= available {
        return Ok(());
    }
    let room = format!("{} MiB of memory are available", available / MIB);
    Err(CaptureError::RingTooLarge { interface: name.to_owned(), mib: ring / MIB, room })
}

/// Refuses a ring smaller than asked: short of memory, libpcap makes a smaller one in silence.
pub(super) fn check_ring(
    name: &str,
    capture: &Capture<Active>,
    ring: u64,
) -> Result<(), CaptureError> {
    match ring_bytes(capture) {
        Some(made) if made.saturating_add(BLOCK_BYTES) < ring => {
            let room = format!("the kernel gave {} MiB", made / MIB);
            Err(CaptureError::RingTooLarge { interface: name.to_owned(), mib: ring / MIB, room })
        }
        _ => Ok(()),
    }
}

/// Octets that can be had without swapping, where the system says so.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Octets of the ring as it is mapped, where the system says so.
fn ring_bytes(capture: &Capture<Active>) -> Option<u64> {
    let socket = fs::read_link(format!("/proc/self/fd/{}", capture.as_raw_fd())).ok()?;
    let inode = socket.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.split_ascii_whitespace().nth(4) == Some(inode))?;
    let (from, to) = line.split_ascii_whitespace().next()?.split_once('-')?;
    let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
    to.checked_sub(from)
}
