//! What a pump is told, and how it behaves.

use std::time::Duration;

/// How messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// From an interface, which does not wait: what has no room is dropped, and counted.
    Live,
    /// From files, which wait for room.
    Replay,
}

/// What the thread is told to do.
pub(crate) enum Order {
    /// Send these messages, one behind the other, so many.
    Batch(Vec<u8>, u64),
    /// So many messages were dropped before they got here.
    Dropped(u64),
}

/// How a pump behaves.
pub(crate) struct Habits {
    pub(crate) pace: Pace,
    /// How long nothing may move, at the end or where a replay waits, before it is given up.
    pub(crate) patience: Duration,
    /// Who is told of outages.
    pub(crate) say: Box<dyn Fn(&str) + Send>,
}
