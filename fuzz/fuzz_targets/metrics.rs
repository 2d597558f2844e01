#![no_main]
//! See `metrics` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("metrics", bytes));
