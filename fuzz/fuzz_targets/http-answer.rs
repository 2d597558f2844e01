#![no_main]
//! See `http-answer` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("http-answer", bytes));
