#![no_main]
//! See `mcp-message` in src/fuzz.rs.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| watertight::fuzz::run("mcp-message", bytes));
