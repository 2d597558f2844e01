#![no_main]
//! See `escape` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("escape", bytes));
