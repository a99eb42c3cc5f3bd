//! From frames to transactions, one layer a module.

pub mod foreign;
pub mod fragment;
mod framing;
pub mod handshake;
pub mod head;
pub mod heard;
mod layer;
mod link;
pub mod message;
pub mod path;
mod place;
pub mod rdata;
pub mod segment;
mod stream;
pub mod streams;
mod tunnel;
pub(crate) mod wire;
mod wlan;
