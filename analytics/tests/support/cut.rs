//! A network that can be cut: a namespace whose loopback leads to brokers, until it is taken down.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "each test file uses its part of this module, and tests may fail loudly"
)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::lab::{Doomed, Lab};

/// The namespace: a user's own, so that it takes no root, and what keeps it open.
pub(crate) struct Cut {
    holder: Doomed,
    _relays: [Doomed; 2],
    _folder: tempfile::TempDir,
}

/// Starts `command` and waits until it says that it is ready.
fn start(mut command: Command) -> Option<Doomed> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let child = Doomed(child);
    (line == "ready\n").then_some(child)
}

impl Cut {
    /// Makes one that leads to the brokers; `None` where that is not to be had.
    pub(crate) fn new(lab: &Lab) -> Option<Self> {
        if !lab.is_real() {
            return None;
        }
        let mut holder = Command::new("unshare");
        holder.args(["--user", "--map-root-user", "--net", "--kill-child", "sh", "-c"]);
        // Ends with whoever holds its standard input.
        holder.arg("ip link set lo up && echo ready && cat").stdin(Stdio::piped());
        let holder = start(holder)?;
        let folder = tempfile::tempdir().unwrap();
        let relay = |through: &[String], side: &str| {
            let mut command = Command::new(&through[0]);
            command.args(&through[1..]);
            let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/relay.py");
            command.arg(script).arg(side).arg(folder.path());
            for broker in lab.bootstrap.split(',') {
                command.arg(broker.rsplit(':').next().unwrap());
            }
            start(command).unwrap()
        };
        let python = "python3".to_owned();
        let near = relay(std::slice::from_ref(&python), "near");
        let far = relay(&[inside(&holder), vec![python]].concat(), "far");
        Some(Self { holder, _relays: [near, far], _folder: folder })
    }

    /// What runs a command inside.
    pub(crate) fn command(&self) -> Vec<String> {
        inside(&self.holder)
    }

    /// Cuts it: what is sent is lost, and nobody is told.
    pub(crate) fn off(&self) {
        self.set("down");
    }

    /// Mends it.
    pub(crate) fn on(&self) {
        self.set("up");
    }

    fn set(&self, state: &str) {
        let inside = inside(&self.holder);
        let mut command = Command::new(&inside[0]);
        command.args(&inside[1..]).args(["ip", "link", "set", "lo", state]);
        assert!(command.status().unwrap().success());
    }
}

/// What runs a command where `holder` is.
fn inside(holder: &Doomed) -> Vec<String> {
    let pid = holder.0.id().to_string();
    ["nsenter", "--user", "--net", "--preserve-credentials", "--target", &pid]
        .map(str::to_owned)
        .to_vec()
}
