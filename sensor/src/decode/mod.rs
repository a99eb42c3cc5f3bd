//! From frames to transactions, one layer a module.

pub mod foreign;
pub mod fragment;
pub mod handshake;
pub mod heard;
mod layer;
mod link;
pub mod message;
pub mod path;
pub mod rdata;
pub mod segment;
mod stream;
pub mod streams;
mod tunnel;
pub(crate) mod wire;
mod wlan;
