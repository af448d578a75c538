//! fuzz/src/mqtt.rs, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| light_nara_fuzz::mqtt::run(data));
