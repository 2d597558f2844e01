//! Section: AI agents.

pub mod activity_log;
pub mod agent_capabilities;
mod risk;
