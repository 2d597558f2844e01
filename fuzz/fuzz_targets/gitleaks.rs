#![no_main]
//! See `gitleaks` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("gitleaks", bytes));
