#![no_main]
//! See `evidence` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("evidence", bytes));
