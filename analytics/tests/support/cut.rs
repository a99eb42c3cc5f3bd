//! A network that can be cut: a namespace whose loopback leads to brokers, until it is taken down.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::lab::{Doomed, Lab};

/// The namespace.
pub(crate) struct Cut {
    name: String,
    _relays: [Doomed; 2],
    _folder: tempfile::TempDir,
}

fn ip(arguments: &[&str]) -> bool {
    let done = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

impl Cut {
    /// Makes one that leads to the brokers; `None` where that is not to be had.
    pub(crate) fn new(lab: &Lab) -> Option<Self> {
        let name = format!("gp-cut-{}", std::process::id());
        if !lab.is_real() || !ip(&["netns", "add", &name]) {
            return None;
        }
        assert!(ip(&["-n", &name, "link", "set", "lo", "up"]));
        let folder = tempfile::tempdir().unwrap();
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/relay.py");
        let relay = |command: &mut Command, side: &str| {
            command.arg(&script).arg(side).arg(folder.path());
            for broker in lab.bootstrap.split(',') {
                command.arg(broker.rsplit(':').next().unwrap());
            }
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
            Doomed(child)
        };
        let near = relay(&mut Command::new("python3"), "near");
        let mut inside = Command::new("ip");
        let far = relay(inside.args(["netns", "exec", &name, "python3"]), "far");
        Some(Self { name, _relays: [near, far], _folder: folder })
    }

    /// What runs a command inside.
    pub(crate) fn command(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec()
    }

    /// Cuts it: what is sent is lost, and nobody is told.
    pub(crate) fn off(&self) {
        assert!(ip(&["-n", &self.name, "link", "set", "lo", "down"]));
    }

    /// Mends it.
    pub(crate) fn on(&self) {
        assert!(ip(&["-n", &self.name, "link", "set", "lo", "up"]));
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.name]);
    }
}
