//! A letter and octets that may be a record on its way through Kafka.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| geophone_sensor_fuzz::wire::run(data));
