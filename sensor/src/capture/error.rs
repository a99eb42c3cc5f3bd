//! What keeps a capture from being read or made: each error names the thing and the cure.

use std::path::PathBuf;

use crate::words::cure;

/// What an operator can mend: an input that is missing, is not a capture, or breaks off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The capture breaks off or contradicts itself after some frames.
    #[error(
        "capture \"{path}\" cannot be read after frame {frames}: {cause}{hint}; \
         what stands before it was read"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Frames read before the damage.
        frames: u64,
        /// What is wrong.
        cause: String,
        /// What to do about it, or nothing.
        hint: &'static str,
    },
    /// A directory in which no file is a capture.
    #[error(
        "no capture files (pcap or pcapng, plain or compressed) in directory \"{path}\"; \
         name a file or another directory"
    )]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A file of no octets.
    #[error("capture \"{path}\" is empty (0 bytes); was the recording stopped before it began?")]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A link type this version cannot read; its frames are delivered all the same.
    /// A filter that libpcap or the kernel does not take.
    #[error(
        "filter for interface \"{interface}\" does not compile: {cause}; pcap-filter(7) tells the \
         language; the filter is: {filter}"
    )]
    Filter {
        /// The interface: what compiles depends on its link type.
        interface: String,
        /// The filter.
        filter: String,
        /// What libpcap said.
        cause: String,
    },
    /// More frames were lost than the operator wants to pass over.
    #[error(
        "{}.{} % of the frames were lost: {kernel} by the kernel, {interface} by the interface; \
         raise --ring-mib or --workers, or narrow the capture with --filter",
        permille / 10,
        permille % 10
    )]
    FramesLost {
        /// Tenths of a percent of the frames since the last such notice.
        permille: u64,
        /// Frames the kernel dropped for want of room in the ring.
        kernel: u64,
        /// Frames the interface or its driver dropped.
        interface: u64,
    },
    /// An interface that was lost is captured again: no failure, but worth a line.
    #[error("interface \"{interface}\" is back and captured again")]
    InterfaceBack {
        /// The interface.
        interface: String,
    },
    /// An interface that is down at the start.
    #[error("interface \"{interface}\" is down; take it up with: ip link set {interface} up")]
    InterfaceDown {
        /// The interface.
        interface: String,
    },
    /// An interface that went away or down; it is captured again when it is back.
    #[error("interface \"{interface}\" is lost: {cause}; waiting for it to come back")]
    InterfaceLost {
        /// The interface.
        interface: String,
        /// What libpcap or the system said.
        cause: String,
    },
    /// A file of a followed directory that is not read; nothing is wrong with the others.
    #[error("left out \"{path}\": {cause}")]
    LeftOut {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A link type this version cannot read.
    #[error(
        "link type {number} ({name}) of capture \"{path}\" is not supported, its frames are only \
         counted; supported are {supported}"
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The number of the link type as it stands in the file.
        number: u16,
        /// Its name.
        name: String,
        /// What would be supported.
        supported: &'static str,
    },
    /// A link type of an interface that this version cannot read.
    #[error(
        "link type {number} ({name}) of interface \"{interface}\" is not supported; supported are {supported}"
    )]
    LinkTypeOfInterface {
        /// The interface.
        interface: String,
        /// The number of the link type as libpcap gives it.
        number: u16,
        /// Its name.
        name: String,
        /// What would be supported.
        supported: &'static str,
    },
    /// Settings of a live capture that cannot work.
    #[error("cannot capture: {what}")]
    LiveConfig {
        /// The setting and what may stand there.
        what: String,
    },
    /// A pattern that matches no file.
    #[error(
        "no file matches \"{pattern}\"; quote a pattern as a whole, or name a file or directory"
    )]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// No right to capture.
    #[error(
        "no permission to capture on \"{interface}\"; \
         run as root, or once: setcap cap_net_raw+ep {program}"
    )]
    NoPermission {
        /// The interface.
        interface: String,
        /// The path of this program.
        program: String,
    },
    /// An interface that does not exist.
    #[error("there is no interface \"{interface}\"; there are {known}")]
    NoSuchInterface {
        /// The interface.
        interface: String,
        /// Those that exist.
        known: String,
    },
    /// A file that is no capture.
    #[error("cannot read \"{path}\" as a capture: {cause}{hint}")]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What it is or lacks.
        cause: String,
        /// What to do about it, or nothing.
        hint: &'static str,
    },
    /// Something else than one directory is to be followed.
    #[error("cannot follow {what}; name the one directory into which captures are written")]
    NotFollowed {
        /// What was named.
        what: String,
    },
    /// A path that cannot be opened.
    #[error("cannot open capture \"{path}\": {source}")]
    Open {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An interface that cannot be opened for another reason.
    #[error("cannot capture on \"{interface}\": {cause}")]
    OpenInterface {
        /// The interface.
        interface: String,
        /// What libpcap or the system said.
        cause: String,
    },
    /// A pattern that is not one.
    #[error(
        "\"{pattern}\" is neither a file nor a pattern: {cause}; write [[] for a bracket in a name"
    )]
    Pattern {
        /// What was typed.
        pattern: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// A recording that cannot be begun.
    #[error("cannot record to \"{path}\": {source}{}", cure(source))]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A recording that could not be written on.
    #[error("recording to \"{path}\" ended: {source}; capturing goes on without it")]
    RecordingEnded {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A ring for which there is no memory.
    #[error(
        "a ring of {mib} MiB for \"{interface}\" is too large: {room}; choose less with --ring-mib"
    )]
    RingTooLarge {
        /// The interface.
        interface: String,
        /// The ring of one handle.
        mib: u64,
        /// What there is.
        room: String,
    },
    /// The system gives no thread for a handle.
    #[error("cannot start a capture thread: {source}")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
}

impl CaptureError {
    /// Tells whether this is news of a capture that goes on, not a failure of it.
    #[must_use]
    pub const fn is_notice(&self) -> bool {
        matches!(
            self,
            Self::FramesLost { .. }
                | Self::InterfaceBack { .. }
                | Self::InterfaceLost { .. }
                | Self::LeftOut { .. }
        )
    }
}
