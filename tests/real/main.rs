//! The audit against servers and repositories that nobody here wrote, each started by the tests on loopback.
//!
//! `tests/run` installs what they need (nginx, node and the packages of `node/`). Where it is missing a test fails and
//! says what to install: a skipped test would look green.

#![expect(clippy::expect_used, reason = "a test that cannot set up its servers must fail and say why")]

mod harness;

mod client_certificate;
mod everything;
mod exposure;
mod fastmcp;
mod guarded;
mod limiters;
mod logs;
mod monitoring;
mod openapi;
mod repositories;
mod revocation;
mod tls;
mod tlslite;
mod unreachable;
