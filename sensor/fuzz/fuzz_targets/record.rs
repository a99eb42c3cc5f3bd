//! One line that may be a record.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| geophone_sensor_fuzz::record::run(data));
