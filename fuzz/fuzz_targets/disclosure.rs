#![no_main]
//! See `disclosure` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("disclosure", bytes));
