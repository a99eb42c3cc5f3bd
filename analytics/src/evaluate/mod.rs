//! How well detection does: captures with truth in, honest figures out.

pub mod published;
