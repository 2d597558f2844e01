#![no_main]
//! See `secrets` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("secrets", bytes));
