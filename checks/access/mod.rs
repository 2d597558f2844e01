//! The policy's section on the MCP server and its API.

pub mod auth_enforced;
#[cfg(test)]
pub(crate) mod stage;
pub mod token_strength;
