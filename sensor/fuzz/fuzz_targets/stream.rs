//! TCP segments from a description.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| geophone_sensor_fuzz::stream::run(data));
