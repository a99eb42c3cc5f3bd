//! From frames to transactions, one layer a module.

pub mod fragment;
mod layer;
mod link;
pub mod message;
pub mod path;
pub mod rdata;
pub mod segment;
pub mod stream;
pub mod streams;
mod tunnel;
pub(crate) mod wire;
mod wlan;
