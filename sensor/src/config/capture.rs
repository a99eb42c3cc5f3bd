//! What a live capture is asked to do: the `[capture]` table, and what is typed over it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The settings of a live capture. Every flag of the command line has a key here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureConfig {
    /// Interfaces to capture on, where none is named on the command line; `any` for all.
    pub interfaces: Vec<String>,
    /// A filter in libpcap's language instead of the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// MiB of the ring of an interface, shared by its workers.
    pub ring_mib: u32,
    /// Octets kept of a frame.
    pub snaplen: u32,
    /// Whether frames for other machines are taken, as on a mirror port.
    pub promiscuous: bool,
    /// Capturing threads an interface; its frames are spread over them (`PACKET_FANOUT`).
    pub workers: u32,
    /// The user to become once the interfaces are open, where started as root.
    pub user: String,
    /// A file to record the captured frames to, as pcapng.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
    /// Tenths of a percent of the frames lost from which a warning is given.
    pub warn_loss_permille: u32,
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            filter: None,
            ring_mib: 64,
            snaplen: 262_144,
            promiscuous: true,
            workers: 1,
            user: "nobody".to_owned(),
            record: None,
            warn_loss_permille: 10,
        }
    }
}
