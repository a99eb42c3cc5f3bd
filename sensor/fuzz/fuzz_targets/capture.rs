//! One capture file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| geophone_sensor_fuzz::capture::run(data));
