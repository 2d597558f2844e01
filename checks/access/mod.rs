//! The policy's section on the MCP server and its API.

pub mod cors_origins;
pub mod error_disclosure;
pub mod input_validation;
mod origins;
#[cfg(test)]
pub(crate) mod stage;
mod trials;
