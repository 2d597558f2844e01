#![no_main]
//! See `json-schema` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("json-schema", bytes));
