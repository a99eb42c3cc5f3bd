//! Labelled captures: the manifest that says what is in them, and whether it tells the truth.

mod manifest;
mod verify;

pub use manifest::{Capture, DatasetError, Manifest, Truth};
pub use verify::{Fault, verify};
