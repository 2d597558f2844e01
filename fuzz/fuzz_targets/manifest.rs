#![no_main]
//! See `manifest` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("manifest", bytes));
