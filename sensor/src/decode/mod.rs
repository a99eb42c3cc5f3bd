//! From frames to transactions, one layer a module.

pub mod fragment;
pub mod message;
pub mod rdata;
pub mod segment;
pub mod stream;
pub mod streams;
pub(crate) mod wire;
