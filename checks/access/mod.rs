//! The policy's section on the MCP server and its API.

#[cfg(test)]
pub(crate) mod stage;
