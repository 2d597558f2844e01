#![no_main]
//! See `dotenv` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("dotenv", bytes));
