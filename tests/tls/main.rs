//! The TLS items against `openssl s_server`, against servers that misbehave, and over a matrix of certificates.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot set up, it cannot test")]

mod chains;
mod matrix;
mod misbehaving;
mod rig;
mod versions;
