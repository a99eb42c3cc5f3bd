//! What the fuzz targets do: each module turns octets into one call after another of the sensor.
//!
//! A find is a panic: of the sensor, or of an assertion here about what it promises. Inputs are
//! read from the front by [`octets::Octets`], in forms that `seeds.py` writes too.

pub mod octets;
pub mod bench;
pub mod capture;
pub mod fragment;
pub mod frame;
pub mod message;
pub mod record;
pub mod stream;
pub mod wire;
