#![no_main]
//! See `certificate` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("certificate", bytes));
