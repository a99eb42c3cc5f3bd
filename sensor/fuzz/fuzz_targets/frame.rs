//! Frames of any octets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| geophone_sensor_fuzz::frame::run(data));
