#![no_main]
//! See `tls-flight` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("tls-flight", bytes));
