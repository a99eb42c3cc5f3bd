//! Whether the fragment came in which a datagram's ports stand.

/// What a fragment of UDP says about the head of its datagram, the one with the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// It is the head, and the first fragment.
    First,
    /// It is the head, and others came before it.
    Late,
    /// It is the first fragment, and no head.
    Missing,
}

impl Head {
    /// Returns what a fragment at `offset` says; `headed` tells of those that came before it, if any
    /// did, whether the head was among them.
    pub(super) const fn of(offset: usize, headed: Option<bool>) -> Option<Self> {
        match (headed, offset) {
            (None, 0) => Some(Self::First),
            (None, _) => Some(Self::Missing),
            (Some(false), 0) => Some(Self::Late),
            (Some(_), _) => None,
        }
    }
}
