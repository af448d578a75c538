//! fuzz/src/mesh.rs, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| light_nara_fuzz::mesh::run(data));
