//! The policy's section on the MCP server and its API: who is let in, how often, from where, and with what input.

pub mod auth_enforced;
pub mod cors_origins;
pub mod error_disclosure;
pub mod input_validation;
mod origins;
pub mod rate_limit;
#[cfg(test)]
pub(crate) mod stage;
pub mod token_strength;
mod trials;
