//! Interfaces that carry nothing but what a test sends.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part of this module"
)]

use std::fs;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use pcap::{Active, Capture};

/// A pair of interfaces joined back to back; gone when dropped.
pub(crate) struct Veth {
    pub(crate) near: String,
    pub(crate) far: String,
}

impl Veth {
    /// Makes a pair, or says what the lack of it leaves uncovered.
    pub(crate) fn new(covered: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("gp{}x{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let pair = Self { near: format!("{name}a"), far: format!("{name}b") };
        if !pair.make() {
            println!("not covered, for lack of root or veth: {covered}");
            return None;
        }
        Some(pair)
    }

    pub(crate) fn make(&self) -> bool {
        let Self { near, far } = self;
        if !ip(&format!("link add {near} type veth peer name {far}")) {
            return false;
        }
        for end in [near, far] {
            // Without IPv6 the kernel itself has nothing to say.
            let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{end}/disable_ipv6"), "1");
            assert!(ip(&format!("link set {end} mtu 9000 up")));
        }
        self.wait_until_up();
        true
    }

    pub(crate) fn wait_until_up(&self) {
        for end in [&self.near, &self.far] {
            let state = format!("/sys/class/net/{end}/operstate");
            let is_up = || fs::read_to_string(&state).is_ok_and(|state| state.trim() == "up");
            while !is_up() {
                thread::yield_now();
            }
        }
    }

    pub(crate) fn sender(&self) -> Capture<Active> {
        Capture::from_device(self.far.as_str()).unwrap().open().unwrap()
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        let _ = ip(&format!("link del {}", self.near));
    }
}

pub(crate) fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}
