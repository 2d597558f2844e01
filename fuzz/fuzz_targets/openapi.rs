#![no_main]
//! See `openapi` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("openapi", bytes));
