//! The auditor survives what it audits: hostile servers, hostile repositories, hostile strings.
//!
//! Each case runs the real binary against something that means it harm, and asserts that it ends within its deadline and
//! 64 MiB above its usual memory, without a panic, without running foreign code, without a word to anyone but the target,
//! with a report that is valid in every format, and with the outcome that the case names, which is never a pass.
//! `docs/hostile.md` is the table of all cases, made from [`case::ALL`]; `HOSTILE_BLESS=1` writes it.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

mod case;
mod confined;
mod formats;
mod network;
mod output;
mod payload;
mod repository;
mod rig;
mod server;
mod state;
