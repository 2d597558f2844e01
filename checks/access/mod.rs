//! The policy's section on the MCP server and its API.

pub mod rate_limit;
#[cfg(test)]
pub(crate) mod stage;
